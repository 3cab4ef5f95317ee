"""Does nano do what it is told, in the world it has learned? Directives of its scenes (the ``report`` split)
whose tags no item of its training had, read back by AniCaption field by field, with Wilson intervals.

    python benchmarks/nano_adherence.py --generator "ours:weights/nano" --out runs/adherence
    python benchmarks/nano_adherence.py --generator studio      # how well drawn clips are read: the ceiling

* **adherence**: all tags asked, each measured field judged;
* **swap**: one field's value is exchanged and nothing else, noise included: does the changed field follow,
  do the others stay as they were asked;
* **contradiction**: the narrative says one camera move or cadence and the tag another: which one wins;
* **spans**: on which frame an impact frame is seen, against the one it was asked on.

Generators are those of ``animatrix evaluate bench``. Clips are kept as there; the same command goes on.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from animatrix.evaluate.bench.generators import generator
from animatrix.evaluate.bench.runner import KeptClip
from animatrix.evaluate.bench.sighting import Sighting
from animatrix.evaluate.bench.suite import Item
from animatrix.evaluate.intervals import wilson
from animatrix.knowledge import Directive
from animatrix.media import Clip, contact_sheet
from animatrix.synthetic import Corpus
from animatrix.synthetic.narrative import TAG_WORDS

FIELDS = ("camera_move", "move_speed", "drawing_cadence", "camera_shake", "impact_frame", "palette")
SWAPPED = {
    "camera_move": ("fix", "pan_left", "pan_right", "tilt_up", "tilt_down", "track_up", "track_back"),
    "drawing_cadence": ("ones", "twos", "threes", "fours_or_slower"),
    "palette": ("vivid", "pastel", "monochrome", "natural"),
    "camera_shake": ("steady", "screen_shake"),
}
MOVES_ON_ITS_OWN = {"move_speed"}  # goes with the move: not judged where that was exchanged


@dataclass(frozen=True)
class Case:
    """One clip: what is asked, and the kind of question it belongs to; ``group``: clips of one noise."""

    kind: str
    group: int
    directive: Directive
    changed: str = ""
    said: str = ""

    @property
    def item(self) -> Item:
        """As generators and sightings take it: asked for whole, judged in the measured fields."""
        return Item("", f"{self.kind}-{self.group}", "", "", self.group, self.directive, FIELDS, FIELDS[0])


def unseen(corpus: Corpus, trained: Corpus, shown: int) -> Iterator[tuple[int, Directive]]:
    """Items of ``corpus`` and their directives, without those whose scene and tags are those of one of the
    first ``shown`` items of ``trained``: there the very same picture has been trained on.
    """

    def key(i: int, asked: Directive) -> tuple[int, str]:
        return i % corpus.scenes, json.dumps(asked.canonical()["tags"], sort_keys=True)

    known = {key(i, trained.request(i)) for i in range(shown)}
    for i in itertools.count():
        asked = corpus.request(i)
        if key(i, asked) not in known:
            yield i, asked


def cases(directives: Iterator[tuple[int, Directive]], count: int, swaps: int) -> Iterator[Case]:
    """The questions, the same for every model."""
    rng = np.random.default_rng(20261123)
    for i, asked in itertools.islice(directives, count):
        yield Case("adherence", i, asked)
    found = 0
    for i, asked in directives:
        if found == swaps:
            return
        field = list(SWAPPED)[found % len(SWAPPED)]
        now = asked.values(field)
        others = [v for v in SWAPPED[field] if v not in now]
        if asked.values("impact_frame") != ("none",) or now[0] not in SWAPPED[field]:
            continue
        value = others[int(rng.integers(len(others)))]
        if field == "camera_move" and "fix" in (value, now[0]):  # what a still camera has no speed for
            continue
        plain = asked.canonical()
        plain["tags"] = dict(plain["tags"]) | {field: [{"value": value}]}
        swapped = Directive.model_validate(plain)
        yield Case("before", i, asked, field)
        yield Case("after", i, swapped, field)
        if field in ("camera_move", "drawing_cadence") and value in TAG_WORDS.get(field, {}):
            said = f"{swapped.narrative} {TAG_WORDS[field][now[0]][0]}" if now[0] in TAG_WORDS[field] else ""
            if said:
                yield Case("contradiction", i, swapped.model_copy(update={"narrative": said}), field, now[0])
        found += 1


def sighted(case: Case, clip: Clip) -> dict[str, Any]:
    """What is read of a clip, by field: asked, measured, ok."""
    fields = {name: row for name, row in case.directive.tags.items() if name in FIELDS}
    asked = case.directive.model_copy(update={"tags": fields})
    seen = Sighting(replace(case.item, directive=asked), clip)
    rows = {
        name: {"asked": r["asked"], "measured": r["measured"], "ok": r["ok"]} for name, r in seen.rows.items()
    }
    spans = [
        [t.span[0], t.span[1]] for t in seen.read.get("impact_frame", []) if t.span and t.value != "none"
    ]
    wanted = [[t.span[0], t.span[1]] for t in case.directive.tags.get("impact_frame", ()) if t.span]
    return {"rows": rows, "spans": spans, "wanted": wanted}


def share(right: int, count: int) -> dict[str, Any]:
    low, high = wilson(right, count)
    return {
        "right": right,
        "of": count,
        "share": round(right / max(count, 1), 3),
        "interval": [round(low, 3), round(high, 3)],
    }


def summed(asked: list[Case], seen: list[dict[str, Any]]) -> dict[str, Any]:
    """The table. An abstention is not right: of a clip in which a move cannot be read it was not seen."""
    by_field: dict[str, list[bool | None]] = defaultdict(list)
    by_value: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    events = [0, 0, 0]  # asked, seen within one frame, seen where none was asked
    others: list[bool] = []
    follows: dict[str, list[bool]] = defaultdict(list)
    wins = [0, 0, 0]  # the tag, the words, of
    before: dict[int, dict[str, Any]] = {}
    for case, found in zip(asked, seen, strict=True):
        rows = found["rows"]
        if case.kind == "adherence":
            for name, row in rows.items():
                by_field[name].append(row["ok"])
                by_value[name]["+".join(row["asked"])].append(row["ok"] is True)
            if found["wanted"]:
                events[0] += 1
                events[1] += any(abs(a[0] - b[0]) <= 1 for a in found["wanted"] for b in found["spans"])
            else:
                events[2] += bool(found["spans"])
        elif case.kind == "before":
            before[case.group] = rows
        elif case.kind == "after":
            follows[case.changed].append(bool(rows[case.changed]["ok"]))
            skip = {case.changed} | (MOVES_ON_ITS_OWN if case.changed == "camera_move" else set())
            others += [
                bool(row["ok"])
                for name, row in rows.items()
                if name not in skip and before[case.group][name]["ok"]
            ]
        else:
            wins[2] += 1
            wins[0] += bool(rows[case.changed]["ok"])
            wins[1] += rows[case.changed]["measured"] == [case.said]
    fields = {
        name: share(sum(v is True for v in values), len(values))
        | {"abstained": sum(v is None for v in values)}
        for name, values in sorted(by_field.items())
    }
    shares = [f["share"] for f in fields.values()]
    return {
        "macro": round(float(np.mean(shares)), 3) if shares else None,
        "fields": fields,
        "by value": {
            name: {value: f"{sum(v)} of {len(v)}" for value, v in sorted(values.items())}
            for name, values in sorted(by_value.items())
        },
        "impact frames within one frame": share(events[1], events[0]),
        "impact frames where none was asked": events[2],
        "swap: the changed field follows": {k: share(sum(v), len(v)) for k, v in sorted(follows.items())},
        "swap: what was right stays": share(sum(others), len(others)),
        "contradiction: the tag": share(wins[0], wins[2]),
        "contradiction: the words": share(wins[1], wins[2]),
    }


def add_world(parser: argparse.ArgumentParser) -> None:
    """Options that say which world nano has learned."""
    parser.add_argument("--world", default="little")
    parser.add_argument("--seed", type=int, default=51, help="of the corpus")
    parser.add_argument("--scenes", type=int, default=4)
    parser.add_argument("--split", default="report", choices=["tune", "report"])
    parser.add_argument(
        "--shown",
        type=int,
        default=12288,
        help="items of the train split that it or its artist has learned from",
    )
    parser.add_argument("--frames", type=int, default=25)


def corpora(options: argparse.Namespace) -> tuple[Corpus, Corpus]:
    """What is asked of nano, and what it has learned from."""
    asked_of, trained = (
        Corpus(options.seed, split, frames=frames, world=options.world, scenes=options.scenes)
        for split, frames in ((options.split, options.frames), ("train", 33))
    )
    return asked_of, trained


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--generator", required=True, help="as of animatrix evaluate bench")
    parser.add_argument("--count", type=int, default=204, help="directives")
    parser.add_argument("--swaps", type=int, default=48)
    add_world(parser)
    parser.add_argument("--out", type=Path, default=Path("runs/adherence"))
    parser.add_argument("--sheet", type=Path, help="contact sheet (.png) of the first 24 clips, unpicked")
    options = parser.parse_args()
    asked_of, trained = corpora(options)
    asked = list(cases(unseen(asked_of, trained, options.shown), options.count, options.swaps))
    made_by = generator(options.generator)
    (options.out / "clips").mkdir(parents=True, exist_ok=True)
    clips, seen = [], []
    for case in asked:
        clip = KeptClip(made_by, case.item, options.out / "clips").clip
        seen.append(sighted(case, clip))
        if len(clips) < 24:
            clips.append(clip)
    result = {"generator": options.generator, **summed(asked, seen)}
    (options.out / "result.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))
    if options.sheet is not None:
        contact_sheet(clips, options.sheet, captions=[case.directive.narrative for case in asked[:24]])


if __name__ == "__main__":
    main()
