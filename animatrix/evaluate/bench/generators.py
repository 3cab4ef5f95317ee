"""Who makes the clips, behind one small interface, named on the command line by a spec.

    ours:nano                    a pipeline of ours: ``nano``, a folder or a hub id
    ours:nano?tags=off           the narrative alone
    ours:nano?tags=shuffled      every item gets the tags of another item, and is judged by its own
    diffusers:PATH?fps=16        any video pipeline of diffusers; tags are said in the prompt
    folder:PATH                  clips made elsewhere, named by item: ``swap-01-after.mp4``
    studio                       the procedural renderer: what the judges themselves get right

Options after ``?`` are joined by ``&``. What a generator makes of an item depends on nothing but the item and
its ``identity``, so that clips can be kept by content and made in any order by any number of processes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from animatrix.errors import AniMatrixError, Code, did_you_mean
from animatrix.evaluate.bench.suite import Item, load_suites, shuffled_donor
from animatrix.knowledge import Directive
from animatrix.media import Clip, read_clip

TAGS = ("on", "off", "shuffled")
VIDEOS = (".mp4", ".mkv", ".webm", ".mov")
SIZE = (160, 96)


class NotMade(Exception):
    """Why this generator has no clip of an item, where that is no mistake of the user's."""


class Generator(Protocol):
    """Makes clips of items. ``spec`` is what it was named by."""

    spec: str

    def identity(self, item: Item) -> str:
        """Everything besides the item's directive, seed and keyframes that decides the clip's bytes."""
        ...

    def make(self, item: Item) -> Clip:
        """The clip of an item.

        Raises:
            NotMade: where it cannot make such an item at all.
            AniMatrixError: where the user must do something.
        """
        ...


def parsed(spec: str, known: Mapping[str, Any], kind: str) -> tuple[str, dict[str, Any]]:
    """Name and options of ``NAME?a=1&b=2``; options are of the type of their value in ``known``.

    Raises:
        AniMatrixError: BAD_OPTION for an unknown option, or a value of another type.
    """
    name, _, query = spec.partition("?")
    options = dict(known)
    for part in filter(None, query.split("&")):
        key, _, text = part.partition("=")
        if key not in known:
            hint = did_you_mean(key, known) or f"{kind} takes {', '.join(known) or 'no options'}"
            raise AniMatrixError(Code.BAD_OPTION, f"generator {spec!r}: unknown option {key!r}", hint)
        try:
            options[key] = type(known[key])(text)
        except ValueError:
            raise AniMatrixError(
                Code.BAD_OPTION,
                f"generator {spec!r}: {key}={text!r} is not a number",
                f"for example {key}={known[key]}",
            ) from None
    return name, options


def _asked_for(tags: str, item: Item) -> Directive:
    """The item's directive as a generator with these tags is told it."""
    if tags == "off":
        return item.directive.model_copy(update={"tags": {}})
    if tags == "shuffled":
        suite = next(s for s in load_suites([item.suite]))
        mine = next(i for i in suite.items if i.id == item.id)
        return item.directive.model_copy(update={"tags": shuffled_donor(suite, mine).directive.tags})
    return item.directive


def drawn_reference(item: Item) -> Clip:
    """The studio's clip of an item, of held-out designs: lends keyframes, and is the ceiling of the judges.

    Raises:
        AniMatrixError: UNSUPPORTED_VALUE for what it cannot draw.
    """
    from animatrix.synthetic import render

    return render(item.directive, item.seed, SIZE, "held_out")[0]


class Ours:
    """A pipeline of ours, tags as tags. Every clip is made alone and on one thread: the same bytes always.
    Steps and guidance below 0: the model's own.
    """

    OPTIONS: Mapping[str, Any] = {"tags": "on", "steps": -1, "guidance": -1.0, "tag_guidance": -1.0}

    def __init__(self, spec: str, rest: str) -> None:
        from animatrix.generate.run import check_kind, model_path

        self.spec = spec
        self.name, self.options = parsed(rest, self.OPTIONS, "ours")
        if self.options["tags"] not in TAGS:
            wrong = self.options["tags"]
            hint = did_you_mean(wrong, TAGS) or f"use {', '.join(TAGS)}"
            raise AniMatrixError(Code.BAD_OPTION, f"generator {spec!r}: unknown tags={wrong}", hint)
        self.path = model_path(self.name)
        check_kind(self.path)
        self._pipe: Any = None

    def identity(self, item: Item) -> str:
        from animatrix.generate.run import revision

        settings = {k: v for k, v in self.options.items() if k != "tags"}
        told = _asked_for(self.options["tags"], item).canonical_json()
        return f"ours {revision(self.path)} {sorted(settings.items())} {told}"

    def make(self, item: Item) -> Clip:
        import torch
        from PIL import Image

        from animatrix.generate.run import clip_of, load

        if self._pipe is None:
            self._pipe = load(self.name)
            self._pipe.set_progress_bar_config(disable=True)
        pictures = {}
        if item.keyframes:
            drawn = drawn_reference(item).frames
            pictures = {k: Image.fromarray(drawn[k]) for k in item.keyframes}
        steps, guidance, tag_guidance = (
            None if self.options[name] < 0 else self.options[name]
            for name in ("steps", "guidance", "tag_guidance")
        )
        try:
            frames = self._pipe(
                _asked_for(self.options["tags"], item),
                num_inference_steps=steps,
                guidance_scale=guidance,
                tag_guidance_scale=tag_guidance,
                keyframes=pictures,
                generator=torch.Generator().manual_seed(item.seed),
            ).frames[0]
        except AniMatrixError as error:
            if pictures and error.code is Code.BAD_OPTION:  # a model that takes no pictures, or not these
                raise NotMade(error.message) from None
            raise
        return clip_of(frames)


class Diffusers:
    """Any video pipeline of diffusers, called with what its signature takes; tags are said in the prompt."""

    OPTIONS: Mapping[str, Any] = {
        "fps": 24.0, "steps": 24, "guidance": 5.0, "width": 0, "height": 0, "language": "en",
    }  # fmt: skip

    def __init__(self, spec: str, rest: str) -> None:
        self.spec = spec
        path, self.options = parsed(rest, self.OPTIONS, "diffusers")
        self.path = Path(path)
        if not (self.path / "model_index.json").is_file():
            raise AniMatrixError(
                Code.MODEL_MISSING,
                f"generator {spec!r}: no model_index.json in {path or 'it'}",
                "give the folder of a pipeline saved by diffusers",
            )
        self._pipe: Any = None

    def identity(self, item: Item) -> str:
        from animatrix.generate.run import revision

        return f"diffusers {revision(self.path)} {sorted(self.options.items())}"

    def _loaded(self) -> Any:
        if self._pipe is None:
            import diffusers
            import torch

            diffusers.utils.logging.disable_progress_bar()
            try:
                self._pipe = diffusers.DiffusionPipeline.from_pretrained(
                    self.path, dtype=torch.float32, local_files_only=True
                )
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                reason = (str(error).splitlines() or [type(error).__name__])[0][:160]
                raise AniMatrixError(
                    Code.MODEL_MISMATCH, f"generator {self.spec!r} cannot be loaded: {reason}"
                ) from None
            self._pipe.set_progress_bar_config(disable=True)
            if torch.cuda.is_available():
                self._pipe.to("cuda")
        return self._pipe

    def make(self, item: Item) -> Clip:
        import inspect

        import torch
        from PIL import Image

        pipe, o = self._loaded(), self.options
        takes = inspect.signature(pipe.__call__).parameters
        step = getattr(pipe, "vae_scale_factor_temporal", 1) or 1
        frames = round(item.directive.frames * o["fps"] / item.directive.fps)
        asked: dict[str, Any] = {
            "prompt": item.directive.describe(o["language"]),
            "num_frames": (frames - 1 + step // 2) // step * step + 1,
            "num_inference_steps": o["steps"],
            "guidance_scale": o["guidance"],
            "width": o["width"] or None,
            "height": o["height"] or None,
            "output_type": "np",
            "generator": torch.Generator().manual_seed(item.seed),
        }
        if item.keyframes:
            if "image" not in takes or item.keyframes not in ((0,), (0, item.directive.frames - 1)):
                raise NotMade(f"{type(pipe).__name__} takes no pictures at frames {list(item.keyframes)}")
            if len(item.keyframes) > 1 and "last_image" not in takes:
                raise NotMade(f"{type(pipe).__name__} takes no last picture")
            drawn = drawn_reference(item).frames
            asked["image"] = Image.fromarray(drawn[0])
            if len(item.keyframes) > 1:
                asked["last_image"] = Image.fromarray(drawn[-1])
        elif takes.get("image") is not None and takes["image"].default is inspect.Parameter.empty:
            raise NotMade(f"{type(pipe).__name__} starts from a picture, and this item gives none")
        given = {k: v for k, v in asked.items() if k in takes and v is not None}
        made = np.asarray(pipe(**given).frames[0])
        if not np.isfinite(made).all():
            raise NotMade("the model's picture is not finite")
        return Clip(np.round(np.clip(made, 0, 1) * 255).astype(np.uint8), o["fps"])


class Folder:
    """Clips made elsewhere: ``ITEM.mp4`` (or .mkv, .webm, .mov), all of them there before anything starts."""

    def __init__(self, spec: str, rest: str) -> None:
        self.spec = spec
        name, _ = parsed(rest, {}, "folder")
        self.path = Path(name)
        if not self.path.is_dir():
            raise AniMatrixError(Code.FILE_MISSING, f"generator {spec!r}: no such folder: {name}")
        self._files = {p.stem: p for p in sorted(self.path.iterdir()) if p.suffix.lower() in VIDEOS}

    def check(self, items: list[Item]) -> None:
        """Raises FILE_MISSING naming the first item without a clip, and the nearest file there is."""
        missing = [item.id for item in items if item.id not in self._files]
        if missing:
            hint = did_you_mean(missing[0], self._files) or "clips are named by item: ITEM.mp4"
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise AniMatrixError(
                Code.FILE_MISSING, f"{self.path} has no clip of item {missing[0]}{more}", hint
            )

    def identity(self, item: Item) -> str:
        return "folder " + hashlib.sha256(self._files[item.id].read_bytes()).hexdigest()

    def make(self, item: Item) -> Clip:
        return read_clip(self._files[item.id])


class Studio:
    """The renderer: its clips show what is asked exactly, so what is missed there is the judge's own miss."""

    OPTIONS: Mapping[str, Any] = {"tags": "on"}

    def __init__(self, spec: str, rest: str) -> None:
        self.spec = spec
        _, self.options = parsed(rest, self.OPTIONS, "studio")
        if self.options["tags"] not in ("on", "shuffled"):
            raise AniMatrixError(Code.BAD_OPTION, f"generator {spec!r}: the studio draws tags only")

    def identity(self, item: Item) -> str:
        from animatrix.synthetic import studio as drawn_by

        told = _asked_for(self.options["tags"], item).canonical_json()
        code = hashlib.sha256()
        for file in sorted(Path(drawn_by.__file__).parent.glob("*.py")):
            code.update(file.read_bytes())
        return f"studio {code.hexdigest()[:16]} {told}"

    def make(self, item: Item) -> Clip:
        from dataclasses import replace

        told = replace(item, directive=_asked_for(self.options["tags"], item))
        try:
            return drawn_reference(told)
        except AniMatrixError as error:
            raise NotMade(f"the studio cannot draw it: {error.message}") from None


KINDS: dict[str, Callable[[str, str], Generator]] = {
    "ours": Ours,
    "diffusers": Diffusers,
    "folder": Folder,
    "studio": Studio,
}


def generator(spec: str) -> Generator:
    """The generator of a spec; nothing heavy is loaded yet.

    Raises:
        AniMatrixError: BAD_OPTION for an unknown kind or option; MODEL_MISSING, MODEL_MISMATCH, FILE_MISSING.
    """
    kind, _, rest = spec.partition(":")
    head, mark, query = kind.partition("?")  # "studio?tags=shuffled" has no colon
    if head not in KINDS:
        hint = did_you_mean(head, KINDS) or f"use {', '.join(f'{k}:...' for k in KINDS)}"
        raise AniMatrixError(Code.BAD_OPTION, f"unknown generator {spec!r}", hint)
    return KINDS[head](spec, rest or mark + query)
