"""The recogniser's network: a few frames seen sharply, all frames seen small, one row of answers.

    slow: S chosen frames, luma with two luma differences and chroma -> residual 3x3 convolutions -> [S, D]
    fast: all T frames at a quarter of the size -> two strided convolutions -> temporal convolutions -> [T, F]
    both -> one transformer layer over the chosen frames -> mean and maximum -> answers [width]
    fast + nearest chosen frame -> when each value is to be seen [T, width]

Shapes: B shots, S chosen frames, T frames, H x W pixels (multiples of 16), D and F features.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PATCH = 4  # the first convolution sees squares of so many pixels
PLANES = 3 * PATCH**2 + 2 * (PATCH // 2) ** 2  # luma, two differences, two chroma planes of half size


@dataclass(frozen=True)
class Widths:
    """Channels of the three stages, their residual blocks, features of the fast path, and of the trunk."""

    stages: tuple[int, int, int] = (64, 128, 160)
    blocks: tuple[int, int, int] = (1, 2, 2)
    fast: int = 96
    trunk: int = 256


@dataclass(frozen=True)
class Sight:
    """One batch as the network sees it.

    luma: ``[B,S,3,H,W]`` (the frame, change since the frame before, change to three frames on), chroma:
    ``[B,S,2,H/2,W/2]``, small: ``[B,T,5,H/4,W/4]`` (luma, chroma, signed and absolute change), all about
    [-2, 2]; chosen: ``int [B,S]`` frame numbers; seen: ``bool [B,T]`` False for padding; rate: ``[B]``
    log2 of fps / 24.
    """

    luma: Tensor
    chroma: Tensor
    small: Tensor
    chosen: Tensor
    seen: Tensor
    rate: Tensor


@dataclass(frozen=True)
class Row:
    """``answers`` logits [B,width]; ``when`` logits [B,T,width]; ``look`` [B,K] features for familiarity."""

    answers: Tensor
    when: Tensor
    look: Tensor


def _norm(c: int) -> nn.Module:
    return nn.BatchNorm2d(c)


class Residual(nn.Module):
    """x + conv(relu(conv(x))), 3x3, each followed by batch normalisation (He et al., 2016)."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.one, self.one_norm = nn.Conv2d(c, c, 3, padding=1, bias=False), _norm(c)
        self.two, self.two_norm = nn.Conv2d(c, c, 3, padding=1, bias=False), _norm(c)
        nn.init.zeros_(self.two_norm.get_parameter("weight"))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.two_norm(self.two(F.relu(self.one_norm(self.one(x))))))


class Down(nn.Module):
    """Half the size, other channels."""

    def __init__(self, a: int, b: int, stride: int = 2) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(a, b, 3, stride, 1, bias=False), _norm(b)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(x)))


class Mixer(nn.Module):
    """One pre-norm transformer layer over the chosen frames ``[B,S,D]``."""

    def __init__(self, d: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.qkv, self.out = nn.LayerNorm(d), nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.feed = nn.Sequential(nn.LayerNorm(d), nn.Linear(d, 2 * d), nn.GELU(), nn.Linear(2 * d, d))

    def forward(self, x: Tensor) -> Tensor:
        b, s, d = x.shape
        q, k, v = self.qkv(self.norm(x)).view(b, s, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, s, d)
        x = x + self.out(mixed)
        return x + self.feed(x)


class Tagger(nn.Module):
    """Rows of answers for shots; see the module's text."""

    def __init__(self, width: int, w: Widths = Widths()) -> None:
        super().__init__()
        a, b, c = w.stages
        self.widths = w
        self.stem = Down(PLANES, a, stride=1)
        self.near = nn.Sequential(*[Residual(a) for _ in range(w.blocks[0])])
        self.to_middle = Down(a, b)
        self.middle = nn.Sequential(*[Residual(b) for _ in range(w.blocks[1])])
        self.to_far = Down(b + 2, c)  # + where in the frame: shot scale and framing are about that
        self.far = nn.Sequential(*[Residual(c) for _ in range(w.blocks[2])])
        self.frame = nn.Linear(2 * c + 2 * a, c)
        self.small = nn.Sequential(Down(5, 24), Down(24, 48))
        self.small_frame = nn.Linear(48 * 15, w.fast)
        self.fast_in = nn.Linear(1, w.fast)
        self.times = nn.ModuleList(nn.Conv1d(w.fast, w.fast, 5, padding=2 * g, dilation=g) for g in (1, 2, 4))
        self.place = nn.Linear(w.fast + 6, c)
        self.mixer = Mixer(c)
        self.trunk = nn.Sequential(
            nn.LayerNorm(2 * c + 2 * w.fast), nn.Linear(2 * c + 2 * w.fast, w.trunk), nn.GELU()
        )
        self.answers = nn.Linear(w.trunk, width)
        self.when_slow = nn.Linear(c, w.fast)
        self.when = nn.Linear(w.fast, width)

    def channels_last(self) -> Tagger:
        """Itself with convolution weights laid out as CPU convolutions like them best."""
        for p in self.parameters():
            if p.ndim == 4:
                p.data = p.data.contiguous(memory_format=torch.channels_last)
        return self

    @property
    def look_size(self) -> int:
        a, _, c = self.widths.stages
        return 2 * a + 2 * c

    def forward(self, s: Sight) -> Row:
        frames, look = self._slow(s)
        fast = self._fast(s)
        b, n = s.chosen.shape
        nearby = torch.take_along_dim(fast, s.chosen[..., None], 1)
        length = s.seen.sum(1, keepdim=True).clamp(min=2)
        where = s.chosen / (length - 1)
        turns = torch.stack(
            [where, torch.sin(torch.pi * where), torch.cos(torch.pi * where), s.rate[:, None].expand(b, n)],
            -1,
        )
        first_last = torch.stack([s.chosen == 0, s.chosen == length - 1], -1)
        frames = frames + self.place(torch.cat([nearby, turns, first_last.to(frames.dtype)], -1))
        frames = self.mixer(frames)
        hidden = fast.masked_fill(~s.seen[..., None], 0)
        highest = fast.masked_fill(~s.seen[..., None], -1e4)
        pooled = torch.cat([frames.mean(1), frames.amax(1), hidden.sum(1) / length, highest.amax(1)], -1)
        gaps = (torch.arange(fast.shape[1])[None, :, None] - s.chosen[:, None, :]).abs()
        nearest = torch.take_along_dim(self.when_slow(frames), gaps.argmin(-1)[..., None], 1)
        return Row(self.answers(self.trunk(pooled)), self.when(F.relu(fast + nearest)), look)

    def _slow(self, s: Sight) -> tuple[Tensor, Tensor]:
        """Frame features [B,S,D], and what the frames look like in early and late layers [B,K]."""
        b, n = s.luma.shape[:2]
        x = torch.cat(
            [
                F.pixel_unshuffle(s.luma.flatten(0, 1), PATCH),
                F.pixel_unshuffle(s.chroma.flatten(0, 1), PATCH // 2),
            ],
            1,
        ).contiguous(memory_format=torch.channels_last)
        x = early = self.near(self.stem(x))
        x = self.middle(self.to_middle(x))
        h, w = x.shape[-2:]
        rows = torch.linspace(-1, 1, h).view(1, 1, h, 1).expand(x.shape[0], 1, h, w)
        columns = torch.linspace(-1, 1, w).view(1, 1, 1, w).expand(x.shape[0], 1, h, w)
        x = self.far(self.to_far(torch.cat([x, rows.to(x), columns.to(x)], 1)))
        late = torch.cat([x.mean((2, 3)), x.amax((2, 3))], -1)
        early_means = torch.cat([early.mean((2, 3)), early.amax((2, 3))], -1)
        both = torch.cat([late, early_means], -1)
        return self.frame(both).view(b, n, -1), both.float().view(b, n, -1).mean(1)

    def _fast(self, s: Sight) -> Tensor:
        """Features of every frame ``[B,T,F]`` with what happens before and after it."""
        b, t = s.small.shape[:2]
        x = self.small(s.small.flatten(0, 1).contiguous(memory_format=torch.channels_last))
        x = F.adaptive_avg_pool2d(x.float(), (3, 5)).flatten(1)
        x = self.small_frame(x).view(b, t, -1) + self.fast_in(s.rate[:, None, None])
        x = x.masked_fill(~s.seen[..., None], 0).transpose(1, 2)
        for conv in self.times:
            x = x + F.relu(conv(x)) * s.seen[:, None]
        return x.transpose(1, 2)
