"""Rows of the tag encoder are keyed by taxonomy ids and survive a growing taxonomy."""

from __future__ import annotations

import pytest
import torch

from animatrix import AniMatrixError, Directive, TagEncoder, Taxonomy
from animatrix.model.tags import tag_rows


def directive(frames=33, fps=24, **tags):
    return Directive.model_validate({"narrative": "x", "tags": tags, "frames": frames, "fps": fps})


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return TagEncoder(dim=16, num_layers=1, num_heads=2).eval()


def test_every_field_and_value_has_its_own_row():
    taxonomy = Taxonomy.default()
    fields, values = tag_rows(taxonomy)
    assert len(fields) == len(set(fields)) == len(taxonomy.fields)
    assert {f"{f}={v}" for f, spec in taxonomy.fields.items() for v in spec.values} <= set(values)
    assert "impact_frame=none" in values and "camera_move=none" not in values


def test_tokens_tell_field_value_and_span_apart(encoder):
    def tokens(**tags):
        with torch.no_grad():
            return encoder(encoder.tokenize([directive(**tags)])).tokens[0, 0]

    base = tokens(impact_frame="white_frame@4-5")
    for other in (tokens(impact_frame="black_frame@4-5"), tokens(impact_frame="white_frame@20-21")):
        assert not torch.allclose(base, other, atol=1e-3)


def test_span_is_a_fraction_of_the_shot_whatever_the_rate(encoder):
    at_24 = encoder.tokenize([directive(impact_frame="white_frame@8-9")])
    at_12 = encoder.tokenize([directive(frames=17, fps=12, impact_frame="white_frame@8-9")])
    assert at_24.span[0, 0, 0] == pytest.approx(8 / 33)
    assert at_12.span[0, 0, 0] == pytest.approx(4 / 17)


def test_empty_set_is_exact_zero(encoder):
    with torch.no_grad():
        embeds = encoder(encoder.tokenize([directive()]))
    assert not embeds.tokens.any() and not embeds.pooled.any()


def test_padding_does_not_change_tokens(encoder):
    d = directive(camera_move="pan_left", palette="vivid")
    with torch.no_grad():
        tight, wide = encoder(encoder.tokenize([d])), encoder(encoder.tokenize([d], width=9))
    assert torch.allclose(tight.tokens, wide.tokens[:, :2], atol=1e-6)
    assert torch.allclose(tight.pooled, wide.pooled, atol=1e-6)


def test_more_tags_than_the_model_takes_is_refused(encoder):
    with pytest.raises(AniMatrixError, match="2 tags in one directive; this model takes 1"):
        encoder.tokenize([directive(camera_move="pan_left", palette="vivid")], limit=1)


def test_older_weights_refuse_a_value_they_lack_then_extend(encoder, tmp_path):
    taxonomy = Taxonomy.default()
    fields, values = tag_rows(taxonomy)
    old = TagEncoder(
        dim=16,
        num_layers=1,
        num_heads=2,
        field_rows=fields,
        value_rows=[v for v in values if v != "camera_move=pan_left"],
        taxonomy_version="0.9.0",
    ).eval()
    d = directive(camera_move="pan_left")
    with pytest.raises(AniMatrixError, match=r"camera_move=pan_left is not known.*0\.9\.0"):
        old.tokenize([d])
    row = old.tokenize([directive(palette="vivid")])
    with torch.no_grad():
        before = old(row).tokens
        old.extend(taxonomy)
        assert torch.equal(old(old.tokenize([directive(palette="vivid")])).tokens, before)
    old.tokenize([d])
    old.save_pretrained(tmp_path)
    again = TagEncoder.from_pretrained(tmp_path)
    assert again.config.value_rows[-1] == "camera_move=pan_left"
    assert again.config.taxonomy_version == taxonomy.version
