#!/usr/bin/env bash
# The whole story of nano, from nothing to a pipeline folder. Every stage continues where it stopped: run it again to go on.
#
#   recipes/train_nano.sh                        # two CPU cores: about an hour and a half, a modest model
#   WORKERS=16 CLIPS=100000 VAE_MINUTES=5 MINUTES=18 BATCH=256 VAE_BATCH=64 recipes/train_nano.sh      # one H100
#
# It renders the synthetic corpus (in the background, while training goes on), trains the text encoder on the narratives,
# the autoencoder on the frames, then transformer and tag encoder on latents. Result: $OUT/nano/pipeline, to be copied to weights/nano.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-.venv/bin/python}
OUT=${OUT:-runs/nano}
WORKERS=${WORKERS:-2}
CLIPS=${CLIPS:-4096}
FIRST=${FIRST:-2048}            # clips to wait for before the autoencoder starts
TEXT_MINUTES=${TEXT_MINUTES:-3}
VAE_MINUTES=${VAE_MINUTES:-20}
VAE_BATCH=${VAE_BATCH:-8}
MINUTES=${MINUTES:-60}
LEG_MINUTES=${LEG_MINUTES:-100000}
BATCH=${BATCH:-16}
mkdir -p "$OUT/shards"

$PYTHON -m animatrix.train.shards --out "$OUT/shards" --count "$CLIPS" --workers "$WORKERS" >"$OUT/shards.log" 2>&1 &
renderer=$!
[ -d "$OUT/text/tokenizer" ] || $PYTHON -m animatrix.train.text_train --out "$OUT/text" --minutes "$TEXT_MINUTES"
until [ "$(ls "$OUT"/shards/shard-*.npy 2>/dev/null | wc -l)" -ge $((FIRST / 64)) ]; do
  kill -0 $renderer || { cat "$OUT/shards.log"; exit 1; }
  sleep 1
done
[ -d "$OUT/vae/vae" ] || $PYTHON -m animatrix.train.vae_train --shards "$OUT/shards" --out "$OUT/vae" \
  --minutes "$VAE_MINUTES" --batch "$VAE_BATCH"
$PYTHON -m animatrix.train.transformer_train --shards "$OUT/shards" --vae "$OUT/vae/vae" --text "$OUT/text" \
  --out "$OUT/transformer" --minutes "$MINUTES" --leg-minutes "$LEG_MINUTES" --batch "$BATCH" --min-clips "$FIRST"
wait $renderer
