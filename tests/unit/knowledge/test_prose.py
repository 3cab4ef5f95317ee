"""Prose for models without a tag channel."""

from __future__ import annotations

import re

import pytest
from directive_strategies import directives
from hypothesis import given
from hypothesis import strategies as st

from animatrix.errors import AniMatrixError
from animatrix.knowledge import Directive, Taxonomy
from animatrix.knowledge.english import WORDS
from animatrix.knowledge.phrases import SENTENCES

TAXONOMY = Taxonomy.default()
SHOT = {
    "narrative": "A girl sprints over a rooftop",
    "tags": {
        "drawing_cadence": "twos@0-15+ones@16-32",
        "camera_move": "follow",
        "shot_scale": "full",
        "impact_frame": "inverted_frame@14-15",
        "action": "run@0-20+jump@21-32",
        "manga_symbol": "none",
    },
}


def test_english_is_sentences_with_times_in_seconds():
    assert Directive.model_validate(SHOT).describe() == (
        "A girl sprints over a rooftop. "
        "The animation is on twos from 0.0 to 0.7 seconds, then on ones from 0.7 to 1.4 seconds. "
        "The character runs from 0.0 to 0.9 seconds and jumps from 0.9 to 1.4 seconds. "
        "It is framed as a full shot. "
        "The camera follows the subject while the background streams by. "
        "An impact is punctuated by an inverted frame at 0.6 seconds. "
        "There is no manga symbol."
    )


def test_japanese_and_chinese_keep_the_narrative_and_use_their_own_words():
    directive = Directive.model_validate(SHOT)
    assert directive.describe("ja").startswith(
        "A girl sprints over a rooftop. 作画は2コマ打ち(0.0〜0.7秒)、続いて"
    )
    assert directive.describe("ja").endswith("漫符は使わない。")
    assert directive.describe("zh").startswith(
        "A girl sprints over a rooftop. 作画节奏为一拍二（0.0至0.7秒），随后"
    )
    native = Directive.model_validate({"narrative": "少女が走る。", "tags": {"palette": "vivid"}})
    assert native.describe("ja") == "少女が走る。色は高彩度。"


def test_every_field_has_a_sentence_and_no_phrase_is_left_over():
    assert list(SENTENCES) == list(TAXONOMY.fields)
    for field_id, words in WORDS.items():
        assert words.keys() <= TAXONOMY.fields[field_id].values.keys()
    for english, japanese, chinese in SENTENCES.values():
        assert english.count("{v}") == japanese.count("{v}") == chinese.count("{v}") == 1


@given(directives(narratives=st.just("")), st.sampled_from(("en", "ja", "zh")))
def test_every_asked_field_is_a_finished_sentence(directive, lang):
    text = directive.describe(lang)
    stop = "." if lang == "en" else "。"
    assert text.endswith(stop if directive.tags else ".")
    sentences = re.findall(r"[.。](?=\s|$|[^\d\s])", text)
    assert len(sentences) >= 1 + len(directive.tags)
    assert not re.search(r"[{}_@]", text)


def test_no_persons_name_is_ever_written():
    for value in TAXONOMY.values():
        span = "@1-2" if TAXONOMY.fields[value.field].scope == "frame" else ""
        tags = {value.field: f"{value.id}{span}"}
        directive = Directive.model_validate({"tags": tags}, context={"source": "caption"})
        said = " ".join(directive.describe(lang) for lang in ("en", "ja", "zh")).casefold()
        assert not any(name.casefold() in said for name in value.eponym_aliases)


def test_an_unknown_language_is_refused():
    with pytest.raises(AniMatrixError, match="no prose in 'fr'; choose one of en, ja, zh"):
        Directive.model_validate(SHOT).describe("fr")
