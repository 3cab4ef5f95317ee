"""The recogniser on disk: half-precision weights, what its rows mean, and how sure it may be of them.

A folder holds ``recogniser.safetensors`` (float16; batch normalisation folded into the convolutions) and
``recogniser.json`` (taxonomy version, values by field id in row order, widths, calibration). Values that the
taxonomy no longer knows are left out when it is read.
"""

from __future__ import annotations

import copy
import json
import os
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from animatrix.caption.recognise.answers import Sheet
from animatrix.caption.recognise.tagger import Down, Residual, Tagger, Widths
from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Taxonomy
from animatrix.media.door import written_whole

TENSORS, STORY = "recogniser.safetensors", "recogniser.json"
NEVER = 2.0  # a threshold that no confidence reaches


@dataclass(frozen=True)
class Surety:
    """How one field's logits become confidences, and from which confidence on it answers.

    ``scale``/``shift``: confidence = softmax(scale * logits) for one value at a time (shift unused), or
    sigmoid(scale * logit + shift); ``none_scale``/``none_shift`` the same for "none". ``usual`` is the most
    common value, answered from ``least_usual`` on; any other from ``least``. NEVER: not reliable enough.
    """

    scale: float = 1.0
    shift: float = 0.0
    none_scale: float = 1.0
    none_shift: float = 0.0
    usual: str = ""
    least_usual: float = 0.5
    least: float = 0.5


@dataclass(frozen=True)
class Gauge:
    """Mahalanobis distance from training shots, and how far out training-like shots lie.

    Features are centred by ``mean`` and divided by ``scale`` [K]; ``axes`` [K,K'] are orthonormal directions
    with ``spread`` [K'] each; what lies outside them counts by its share ``rest``. ``distances``: ascending
    quantiles of held-out shots, at ``shares`` of them lying further out.
    """

    mean: np.ndarray
    scale: np.ndarray
    axes: np.ndarray
    spread: np.ndarray
    rest: float
    distances: tuple[float, ...]
    shares: tuple[float, ...]

    def distance(self, features: np.ndarray) -> np.ndarray:
        """``[N]`` for features ``[N,K]``; about 1 or 2 for a training shot."""
        centred = (features - self.mean) / self.scale
        inside = centred @ self.axes
        outside = np.square(centred - inside @ self.axes.T).sum(1)
        return np.square(inside / self.spread).mean(1) + outside / self.rest

    def share(self, features: np.ndarray) -> np.ndarray:
        """Share of training-like shots that lie further out, ``[N]``; falls on beyond the last of them."""
        d = self.distance(features)
        last, tail = self.distances[-1], self.shares[-1]
        inner = np.interp(d, self.distances, self.shares)
        return np.where(d <= last, inner, tail * (last / np.maximum(d, 1e-9)) ** 2)


@dataclass(frozen=True)
class Familiarity:
    """How usual a shot is by the network's features and by the statistics of its picture."""

    network: Gauge
    picture: Gauge

    def familiar(self, looks: np.ndarray, pictures: np.ndarray) -> np.ndarray:
        """``[N]`` in [0,1]: the smaller of both shares, doubled, since there were two chances to be odd."""
        return np.minimum(1.0, 2 * np.minimum(self.network.share(looks), self.picture.share(pictures)))


@dataclass(frozen=True)
class Recogniser:
    """A network ready to answer, with the meaning and the surety of its answers."""

    model: Tagger
    sheet: Sheet
    surety: dict[str, Surety]
    familiarity: Familiarity
    gate: float
    offset: Tensor  # subtracted from the logits: what weighting rare values in training added
    notes: dict[str, object] = field(default_factory=dict)


def folded(model: Tagger) -> Tagger:
    """A copy in evaluation mode with every batch normalisation folded into its convolution."""
    model = copy.deepcopy(model).eval()
    for part in model.modules():
        if isinstance(part, Down):
            part.conv, part.norm = _fused(part.conv, part.norm)
        elif isinstance(part, Residual):
            part.one, part.one_norm = _fused(part.one, part.one_norm)
            part.two, part.two_norm = _fused(part.two, part.two_norm)
    return model


def _fused(conv: nn.Conv2d, norm: nn.Module) -> tuple[nn.Conv2d, nn.Module]:
    assert isinstance(norm, nn.BatchNorm2d)
    return fuse_conv_bn_eval(conv, norm), nn.Identity()


def weights_folder() -> Path:
    """Where the shipped weights are: ``$ANIMATRIX_WEIGHTS``, the checkout, or the installation's share."""
    named = os.environ.get("ANIMATRIX_WEIGHTS")
    places = [Path(named)] if named else []
    places += [Path(__file__).resolve().parents[3] / "weights"]
    places += [Path(sys.prefix) / "share" / "animatrix" / "weights"]
    return next(
        (p / "recogniser" for p in places if (p / "recogniser" / STORY).is_file()), places[0] / "recogniser"
    )


def save(recogniser: Recogniser, folder: Path) -> None:
    """Write both files; the model must be folded."""
    folder.mkdir(parents=True, exist_ok=True)
    f = recogniser.familiarity
    tensors = {k: v.detach().half().contiguous() for k, v in recogniser.model.state_dict().items()}
    tensors |= {
        "offset": recogniser.offset.float(),
    }
    for name, gauge in (("network", f.network), ("picture", f.picture)):
        tensors[f"familiar.{name}.axes"] = torch.from_numpy(gauge.axes).half()
        for part in ("mean", "scale", "spread"):
            tensors[f"familiar.{name}.{part}"] = torch.from_numpy(getattr(gauge, part)).float()
    story = {
        "taxonomy_version": recogniser.sheet.version,
        "fields": {
            q.id: {"many": q.many, "timed": q.timed, "values": list(q.values)}
            for q in recogniser.sheet.questions
        },
        "widths": asdict(recogniser.model.widths),
        "surety": {k: _rounded(asdict(v)) for k, v in recogniser.surety.items()},
        "familiar": {
            "gate": recogniser.gate,
            "network": _numbers(f.network),
            "picture": _numbers(f.picture),
        },
        "notes": recogniser.notes,
    }
    with written_whole(folder / TENSORS) as temporary:
        save_file(tensors, temporary)
    with written_whole(folder / STORY) as temporary:
        temporary.write_text(json.dumps(story, indent=1, ensure_ascii=False) + "\n")


def _numbers(g: Gauge) -> dict:
    return {"rest": g.rest, "distances": g.distances, "shares": g.shares}


def _gauge(name: str, tensors: dict[str, Tensor], numbers: dict) -> Gauge:
    mean, scale, axes, spread = (
        tensors.pop(f"familiar.{name}.{part}").numpy() for part in ("mean", "scale", "axes", "spread")
    )
    distances, shares = tuple(numbers["distances"]), tuple(numbers["shares"])
    return Gauge(mean, scale, axes, spread, numbers["rest"], distances, shares)


def _rounded(row: dict) -> dict:
    return {k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}


def load(folder: Path) -> Recogniser:
    """Read a folder written by :func:`save`.

    Raises:
        AniMatrixError: FILE_MISSING when there is none, FILE_UNREADABLE when it is not a recogniser.
    """
    if not (folder / STORY).is_file() or not (folder / TENSORS).is_file():
        raise AniMatrixError(
            Code.FILE_MISSING,
            f"no recogniser weights in {folder}",
            "name the folder with recogniser/ in it in ANIMATRIX_WEIGHTS, or run recipes/train_recogniser.sh",
        )
    try:
        story = json.loads((folder / STORY).read_text())
        tensors = {k: v.float() for k, v in load_file(folder / TENSORS).items()}
        sheet = Sheet.read(story["fields"], story["taxonomy_version"])
        w = story["widths"]
        widths = Widths(tuple(w["stages"]), tuple(w["blocks"]), w["fast"], w["trunk"])
        model = folded(Tagger(sheet.width, widths))
        f = story["familiar"]
        familiarity = Familiarity(
            _gauge("network", tensors, f["network"]), _gauge("picture", tensors, f["picture"])
        )
        offset = tensors.pop("offset")
        model.load_state_dict(tensors)
        surety = {k: Surety(**v) for k, v in story["surety"].items()}
    except (OSError, KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
        raise AniMatrixError(
            Code.FILE_UNREADABLE,
            f"not a recogniser: {folder}: {str(error).splitlines()[0][:120]}",
            "fetch weights/recogniser anew",
        ) from None
    return Recogniser(model.channels_last(), sheet, surety, familiarity, f["gate"], offset, story["notes"])


def known(sheet: Sheet, taxonomy: Taxonomy) -> dict[str, frozenset[str]]:
    """Values of each field that the taxonomy still has, with ``none`` where it allows it."""
    return {
        q.id: frozenset(
            v
            for v in q.values
            if q.id in taxonomy.fields
            and (v in taxonomy.fields[q.id].values or (v == "none" and taxonomy.fields[q.id].allows_none))
        )
        for q in sheet.questions
    }
