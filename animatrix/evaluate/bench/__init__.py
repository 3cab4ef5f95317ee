"""The benchmark: is a clip what was asked for, and is it good animation?

suite.py        what is asked: items of a suite, read from data
generators.py   who makes the clips: ours, a diffusers pipeline, a folder, or the studio itself
sighting.py     a clip as metrics see it, everything read from it once
metrics/        what is measured; one file a family
runner.py       clips made and metrics run, by any number of processes, kept by content
results.py      figures with intervals out of single scores, and runs against each other
report.py       the same to look at
"""
