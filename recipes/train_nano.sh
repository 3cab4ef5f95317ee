#!/usr/bin/env bash
# The whole story of nano, from nothing to a pipeline folder. Every stage continues where it stopped: run it again to go on.
#
#   recipes/train_nano.sh                        # two CPU cores: about an hour and a half, a modest model
#   WORKERS=16 CLIPS=100000 VAE_MINUTES=5 MINUTES=18 BATCH=256 VAE_BATCH=64 recipes/train_nano.sh      # one GPU (not run yet)
#
# It renders the synthetic corpus (in the background, while training goes on), trains the text encoder on the narratives, takes
# the components of the frames as encoder, trains transformer and tag encoder on its latents, then the decoder.
# Result: $OUT/transformer/pipeline, to be copied to weights/nano.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-.venv/bin/python}
OUT=${OUT:-runs/nano}
WORKERS=${WORKERS:-2}
CLIPS=${CLIPS:-5120}
FIRST=${FIRST:-1024}            # clips to wait for before training starts
TEXT_MINUTES=${TEXT_MINUTES:-6}
VAE_MINUTES=${VAE_MINUTES:-15}
VAE_BATCH=${VAE_BATCH:-6}
MINUTES=${MINUTES:-66}
LEG_MINUTES=${LEG_MINUTES:-100000}
BATCH=${BATCH:-16}
STILLS=${STILLS:-0.55}
LR=${LR:-3e-3}
mkdir -p "$OUT/shards"

$PYTHON -m animatrix.train.shards --out "$OUT/shards" --count "$CLIPS" --workers "$WORKERS" >"$OUT/shards.log" 2>&1 &
renderer=$!
[ -d "$OUT/text/tokenizer" ] || $PYTHON -m animatrix.train.text_train --out "$OUT/text" --minutes "$TEXT_MINUTES"
until [ "$(ls "$OUT"/shards/shard-*.npy 2>/dev/null | wc -l)" -ge $((FIRST / 64)) ]; do
  kill -0 $renderer || { cat "$OUT/shards.log"; exit 1; }
  sleep 1
done
transformer() {
  $PYTHON -m animatrix.train.transformer_train --shards "$OUT/shards" --vae "$OUT/vae/vae" --text "$OUT/text" \
    --out "$OUT/transformer" --minutes "$MINUTES" --stills "$STILLS" --leg-minutes "$LEG_MINUTES" --batch "$BATCH" \
    --lr "$LR" --min-clips "$FIRST"
}
vae() { $PYTHON -m animatrix.train.vae_train --shards "$OUT/shards" --out "$OUT/vae" --minutes "$1" --batch "$VAE_BATCH"; }
[ -d "$OUT/vae/vae" ] || vae 0     # the encoder: components, fixed from here on
transformer
wait $renderer
vae "$VAE_MINUTES"                 # the decoder
transformer                        # nothing left to train: writes the pipeline with the finished decoder
