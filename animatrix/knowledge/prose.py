"""A directive as fluent prose, for models that read only text.

The narrative comes first, then one sentence per asked field in taxonomy order. Ranges become times in
seconds, because no text encoder counts frames. Names of people never appear: only labels and our own words
are used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge.english import WORDS
from animatrix.knowledge.phrases import ABSENT, SENTENCES
from animatrix.knowledge.tags import Tag
from animatrix.knowledge.taxonomy import LANGUAGES, Field, Taxonomy
from animatrix.knowledge.timing import REFERENCE_RATE

if TYPE_CHECKING:
    from animatrix.knowledge.directive import Directive

_STOP = {"en": ".", "ja": "。", "zh": "。"}
_GAP = {"en": " ", "ja": "", "zh": ""}
_FALLBACK = {"en": "{label}: {v}", "ja": "{label}は{v}", "zh": "{label}为{v}"}
# Sentence ends that need no further stop.
_ENDINGS = tuple(".!?。！？…\"'」』”")
# Labels keep capitals that carry meaning (TV, CG, 3DCG, T.U.), not those that only open a heading.
_ACRONYM = re.compile(r"^(?:[A-Z0-9]{2,}|[A-Z]\.|\d)")


def describe(directive: Directive, taxonomy: Taxonomy, lang: str = "en") -> str:
    """Narrative and tags in ``lang`` (en, ja or zh); raises ``bad-option`` for another language."""
    if lang not in LANGUAGES:
        raise AniMatrixError(
            Code.BAD_OPTION, f"no prose in {lang!r}", f"choose one of {', '.join(LANGUAGES)}"
        )
    sentences = [_closed(directive.narrative, lang)] if directive.narrative else []
    for field_id, tags in directive.tags.items():
        sentence = _sentence(taxonomy.fields[field_id], tags, lang)
        if sentence:
            sentences.append(sentence)
    return _GAP[lang].join(sentences).rstrip()


def _sentence(field: Field, tags: Iterable[Tag], lang: str) -> str:
    tags = tuple(tags)
    if any(tag.value == "unknown" for tag in tags):
        return ""
    label = _plain(field.label[lang]) if lang == "en" else field.label[lang]
    if any(tag.value == "none" for tag in tags):
        return ABSENT[lang].format(label=label) + _STOP[lang]
    # In order of time, so that "then" is true; whole-shot tags come first.
    ordered = sorted(tags, key=lambda tag: tag.span or (-1, -1))
    successive = field.cardinality == "one" and len(ordered) > 1
    values = _listed([_timed(_word(field, tag.value, lang), tag, lang) for tag in ordered], lang, successive)
    template = SENTENCES[field.id][LANGUAGES.index(lang)] if field.id in SENTENCES else _FALLBACK[lang]
    heading = field.label[lang]
    return template.format(v=values, label=heading) + _STOP[lang]


def _word(field: Field, value_id: str, lang: str) -> str:
    if lang == "en":
        said = WORDS.get(field.id, {}).get(value_id)
        return said or _plain(field.values[value_id].label["en"])
    return field.values[value_id].label[lang]


def _plain(label: str) -> str:
    label = label.replace(" / ", " or ")
    return label if _ACRONYM.match(label) else label[:1].lower() + label[1:]


def _timed(word: str, tag: Tag, lang: str) -> str:
    if tag.span is None:
        return word
    first, last = tag.span
    start, end = first / REFERENCE_RATE, (last + 1) / REFERENCE_RATE
    brief = end - start < 0.2
    if lang == "en":
        return f"{word} at {start:.1f} seconds" if brief else f"{word} from {start:.1f} to {end:.1f} seconds"
    if lang == "ja":
        return f"{word}({start:.1f}秒目)" if brief else f"{word}({start:.1f}〜{end:.1f}秒)"
    return f"{word}（第{start:.1f}秒）" if brief else f"{word}（{start:.1f}至{end:.1f}秒）"


def _listed(words: list[str], lang: str, successive: bool) -> str:
    if lang == "en":
        if successive:
            return ", then ".join(words)
        return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]
    if lang == "ja":
        return ("、続いて" if successive else "と").join(words)
    return ("，随后" if successive else "、").join(words)


def _closed(narrative: str, lang: str) -> str:
    """The narrative as a finished sentence, in its own script whatever the language of the rest."""
    latin = narrative[-1].isascii()
    if not narrative.endswith(_ENDINGS):
        narrative += "." if latin else _STOP["ja" if lang == "en" else lang]
    return narrative + " " if latin and lang != "en" else narrative
