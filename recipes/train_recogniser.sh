#!/usr/bin/env bash
# The whole story of the recogniser, from nothing to weights/recogniser. Every stage continues where it stopped: run it again to go on.
#
#   recipes/train_recogniser.sh                                   # two CPU cores: under two hours
#   CLIPS=50000 WORKERS=16 MINUTES=240 THREADS=8 recipes/train_recogniser.sh     # more of everything (not run yet)
#
# It renders labelled shots of the drawn corpus, through codecs and from several sizes, into shards (in the background, while
# training goes on), trains the tagger on the train split, renders the held-out designs of tune, and fits on them how sure each
# answer may be, from which confidence on a field answers, and which footage is too unlike the training to answer at all.
# The report split is never touched. Figures per field: $OUT/tune_report.json.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-.venv/bin/python}
OUT=${OUT:-runs/recogniser}
WEIGHTS=${WEIGHTS:-weights/recogniser}
WORKERS=${WORKERS:-2}
CLIPS=${CLIPS:-8192}
TUNE=${TUNE:-1536}
FIRST=${FIRST:-5000}            # shots to wait for before training starts
MINUTES=${MINUTES:-52}          # of training, all runs together
THREADS=${THREADS:-1}
BATCH=${BATCH:-16}
export OMP_NUM_THREADS=$THREADS
mkdir -p "$OUT"

nice -n 10 $PYTHON -m animatrix.caption.recognise.shards --out "$OUT/train" --split train --count "$CLIPS" --workers "$WORKERS" >"$OUT/render_train.log" 2>&1 &
renderer=$!
$PYTHON -m animatrix.caption.recognise.learn --shards "$OUT/train" --out "$OUT/model" --minutes "$MINUTES" --threads "$THREADS" \
  --batch "$BATCH" --first "$FIRST"
wait $renderer
$PYTHON -m animatrix.caption.recognise.shards --out "$OUT/tune" --split tune --count "$TUNE" --workers "$WORKERS"
$PYTHON -m animatrix.caption.recognise.calibrate --checkpoint "$OUT/model/checkpoint.pt" --train "$OUT/train" --tune "$OUT/tune" \
  --out "$WEIGHTS" --report "$OUT/tune_report.json"
