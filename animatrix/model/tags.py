"""The trainable tag encoder: production variables to vectors, field and value kept apart.

A tag token is ``field embedding + value embedding + span embedding``; tokens then attend to each other, with
no positional order, because tags are a *set*. A register token that every set contains carries the pooled
summary.

Rows are keyed by taxonomy ids and saved with the weights, so a later taxonomy that only adds values loads old
weights and appends rows (see :meth:`TagEncoder.extend`). ``unspecified`` is the absence of a tag; ``none`` is
a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Directive, Taxonomy


class TagBatch(NamedTuple):
    """Tags of a batch as integers.

    field, value: int64 [B,T] row numbers; span: float [B,T,2] start and end as fractions of the shot (end
        exclusive);
    whole: bool [B,T], true where no span was given; mask: bool [B,T], true where there is a tag.
    """

    field: Tensor
    value: Tensor
    span: Tensor
    whole: Tensor
    mask: Tensor

    def to(self, device: torch.device | str) -> TagBatch:
        return TagBatch(*(x.to(device) for x in self))


class TagEmbeds(NamedTuple):
    """To the transformer: tokens [B,T,D], pooled [B,D], span [B,T,2], spanned [B,T], mask [B,T]."""

    tokens: Tensor
    pooled: Tensor
    span: Tensor
    spanned: Tensor
    mask: Tensor


def no_tags(batch: int, dim: int, like: Tensor) -> TagEmbeds:
    """Embeds of ``batch`` empty sets: every path adds zeros. For where the same layers must always run."""
    off = torch.zeros(batch, 1, dtype=torch.bool, device=like.device)
    zeros = like.new_zeros(batch, 1, dim)
    return TagEmbeds(zeros, zeros[:, 0], like.new_zeros(batch, 1, 2), off, off)


def tag_rows(taxonomy: Taxonomy) -> tuple[list[str], list[str]]:
    """Row ids of every field and every ``field=value``, ``field=none`` where it is allowed."""
    fields = list(taxonomy.fields)
    values = [
        f"{name}={value}"
        for name, field in taxonomy.fields.items()
        for value in [*field.values, *(["none"] if field.allows_none else [])]
    ]
    return fields, values


class SetAttention(nn.Module):
    """Pre-norm self-attention and feed-forward over a set [B,N,D]. Plain linears, so that offload, fp8 and
    LoRA hooks fire.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attn = nn.LayerNorm(dim)
        self.to_qkv = nn.Linear(dim, 3 * dim)
        self.to_out = nn.Linear(dim, dim)
        self.norm_ff = nn.LayerNorm(dim)
        self.ff_in = nn.Linear(dim, 2 * dim)
        self.ff_out = nn.Linear(2 * dim, dim)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        q, k, v = (
            t.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for t in self.to_qkv(self.norm_attn(x)).chunk(3, dim=-1)
        )
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :])
        x = x + self.to_out(y.transpose(1, 2).flatten(2))
        return x + self.ff_out(F.gelu(self.ff_in(self.norm_ff(x))))


class TagEncoder(ModelMixin, ConfigMixin):
    """Directive tags to :class:`TagEmbeds`; run once per request.

    Args:
        dim: width of a tag token.
        num_layers, num_heads: of the set attention.
        span_frequencies: octaves of the Fourier features of a span's ends; 6 resolve a 64th of the shot.
        field_rows, value_rows: row ids, from :func:`tag_rows`. Their order is the order of the embedding
            rows.
        taxonomy_version: of the taxonomy the rows came from.
    """

    _supports_gradient_checkpointing = False

    @register_to_config
    def __init__(
        self,
        dim: int = 128,
        num_layers: int = 2,
        num_heads: int = 4,
        span_frequencies: int = 6,
        field_rows: list[str] | None = None,
        value_rows: list[str] | None = None,
        taxonomy_version: str = "",
    ) -> None:
        super().__init__()
        if field_rows is None or value_rows is None:
            taxonomy = Taxonomy.default()
            field_rows, value_rows = tag_rows(taxonomy)
            taxonomy_version = taxonomy.version
            self.register_to_config(
                field_rows=field_rows, value_rows=value_rows, taxonomy_version=taxonomy_version
            )
        self.field_embed = nn.Embedding(len(field_rows), dim)
        self.value_embed = nn.Embedding(len(value_rows), dim)
        nn.init.normal_(self.field_embed.weight, std=0.5)
        nn.init.normal_(self.value_embed.weight, std=0.5)
        self.span_in = nn.Linear(4 * span_frequencies, dim)
        self.whole_embed = nn.Parameter(torch.zeros(dim))
        self.register = nn.Parameter(torch.randn(dim) * 0.5)
        self.layers = nn.ModuleList(SetAttention(dim, num_heads) for _ in range(num_layers))
        self.norm_final = nn.LayerNorm(dim)

    @classmethod
    def from_pretrained(cls, path: Any, *, taxonomy: Taxonomy | None = None, **kwargs: Any) -> TagEncoder:
        """diffusers' ``from_pretrained``, for weights that ``taxonomy`` (default: the shipped one) covers.

        Raises:
            AniMatrixError: TAXONOMY_VERSION, as :meth:`check_rows`.
        """
        encoder = super().from_pretrained(path, **kwargs)
        encoder.check_rows(taxonomy)
        return encoder

    def check_rows(self, taxonomy: Taxonomy | None = None) -> None:
        """Refuse rows that ``taxonomy`` (default: the shipped one) does not have.

        Raises:
            AniMatrixError: TAXONOMY_VERSION, naming the first.
        """
        taxonomy = Taxonomy.default() if taxonomy is None else taxonomy
        known = [set(rows) for rows in tag_rows(taxonomy)]
        for rows, ours in zip((self.config.field_rows, self.config.value_rows), known, strict=True):
            for row in rows:
                if row not in ours:
                    raise AniMatrixError(
                        Code.TAXONOMY_VERSION,
                        f"the weights know {row}, which taxonomy {taxonomy.version} does not have; they were "
                        f"made for {self.config.taxonomy_version}",
                        "update animatrix, or use weights of its taxonomy",
                    )

    @property
    def _rows(self) -> tuple[dict[str, int], dict[str, int]]:
        return (
            {name: i for i, name in enumerate(self.config.field_rows)},
            {name: i for i, name in enumerate(self.config.value_rows)},
        )

    def tokenize(
        self, directives: Sequence[Directive], width: int | None = None, limit: int | None = None
    ) -> TagBatch:
        """Directives to integers, padded to ``width`` tags (default: the longest set, at least one).

        Raises:
            AniMatrixError: TAXONOMY_VERSION when a tag has no row in these weights; BAD_OPTION for more than
                ``limit`` tags.
        """
        fields, values = self._rows
        rows: list[list[tuple[int, int, float, float, bool]]] = []
        for d in directives:
            row = []
            for name, tags in d.tags.items():
                for tag in tags:
                    key = f"{name}={tag.value}"
                    if key not in values:
                        raise AniMatrixError(
                            Code.TAXONOMY_VERSION,
                            f"tag {key} is not known to these weights, made for taxonomy "
                            f"{self.config.taxonomy_version}",
                            f"the directive is of taxonomy {d.taxonomy_version}; retrain or remove the tag",
                        )
                    first, last = (0, d.frames - 1) if tag.span is None else d.span_frames(tag)
                    row.append(
                        (fields[name], values[key], first / d.frames, (last + 1) / d.frames, tag.span is None)
                    )
            rows.append(row)
        longest = max(len(r) for r in rows)
        limit = width if limit is None else limit
        if limit is not None and longest > limit:
            raise AniMatrixError(
                Code.BAD_OPTION, f"{longest} tags in one directive; this model takes {limit}", "ask for fewer"
            )
        width = max(1, longest) if width is None else width
        field = torch.zeros(len(rows), width, dtype=torch.long)
        value, mask = field.clone(), torch.zeros(len(rows), width, dtype=torch.bool)
        whole, span = mask.clone(), torch.zeros(len(rows), width, 2)
        for b, row in enumerate(rows):
            for t, (f, v, start, end, is_whole) in enumerate(row):
                field[b, t], value[b, t], whole[b, t], mask[b, t] = f, v, is_whole, True
                span[b, t, 0], span[b, t, 1] = start, end
        return TagBatch(field, value, span, whole, mask)

    def forward(self, batch: TagBatch) -> TagEmbeds:
        """Integers to embeddings. A sample without tags gets exact zeros, so that it equals a request with no
        tag channel.
        """
        dtype = self.register.dtype
        octaves = 2.0 ** torch.arange(self.config.span_frequencies, device=batch.span.device) * torch.pi
        angles = (batch.span[..., None].float() * octaves).flatten(-2)
        spanned = (batch.mask & ~batch.whole)[..., None]
        span_BTD = self.span_in(torch.cat([angles.sin(), angles.cos()], -1).to(dtype))
        x = self.field_embed(batch.field) + self.value_embed(batch.value)
        x = x + torch.where(spanned, span_BTD, self.whole_embed)
        x = torch.cat([self.register.expand(len(x), 1, -1), x], dim=1)
        mask = F.pad(batch.mask, (1, 0), value=True)
        for layer in self.layers:
            x = layer(x, mask)
        x = self.norm_final(x)
        any_tag = batch.mask.any(1, keepdim=True)
        return TagEmbeds(
            tokens=x[:, 1:] * batch.mask[..., None],
            pooled=x[:, 0] * any_tag,
            span=batch.span,
            spanned=spanned[..., 0],
            mask=batch.mask,
        )

    def extend(self, taxonomy: Taxonomy) -> None:
        """Append rows for what ``taxonomy`` has and these weights lack; existing rows keep their place and
        weights.
        """
        fields, values = tag_rows(taxonomy)
        self._append("field_embed", "field_rows", fields)
        self._append("value_embed", "value_rows", values)
        self.register_to_config(taxonomy_version=taxonomy.version)

    def _append(self, table: str, rows: str, wanted: Iterable[str]) -> None:
        have = list(self.config[rows])
        new = [name for name in wanted if name not in set(have)]
        if not new:
            return
        old: nn.Embedding = getattr(self, table)
        grown = nn.Embedding(len(have) + len(new), old.embedding_dim, dtype=old.weight.dtype)
        with torch.no_grad():
            # A new row starts at the mean of the old ones: a neutral tag, not a random one.
            grown.weight[: len(have)] = old.weight
            grown.weight[len(have) :] = old.weight.mean(0)
        setattr(self, table, grown.to(old.weight.device))
        self.register_to_config(**{rows: have + new})
