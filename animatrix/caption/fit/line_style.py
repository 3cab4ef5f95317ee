"""Fit line style and shading treatment from what lines and paint look like.

    python -m animatrix.caption.fit.stills --count 900
    python -m animatrix.caption.fit.line_style [--fields line_style,shading_treatment] [--keep FILE]

Writes ``animatrix/caption/measure/fitted/<field>.json`` and prints a three-fold check over whole shots.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2

from animatrix.caption.fit.linear import fit_table, held_out, report, write_table
from animatrix.caption.fit.stills import FOLDER, drawn
from animatrix.caption.measure.inking import ink_features
from animatrix.media.door import written_whole

COMMAND = "python -m animatrix.caption.fit.line_style"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--fields", default="line_style,shading_treatment")
    parser.add_argument("--keep", type=Path, help="keep the features here, and read those that are kept")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    kept = json.loads(options.keep.read_text()) if options.keep and options.keep.exists() else {}
    stills = []
    for still in drawn(options.folder):
        features = kept.get(str(still.number)) or ink_features(still.rgb)
        kept[str(still.number)] = features
        stills.append((still, features))
    if options.keep:
        with written_whole(options.keep) as temporary:
            temporary.write_text(json.dumps(kept), encoding="utf-8")
    for field in options.fields.split(","):
        rows = [(found, value, s.number) for s, found in stills if (value := s.one(field))]
        features, truth, numbers = zip(*rows, strict=True)
        print(f"{field}: {len(truth)} pictures")
        report(held_out(features, truth, numbers, curved=True), truth)
        write_table(field, fit_table(features, truth, curved=True), COMMAND, len(truth))


if __name__ == "__main__":
    main()
