#!/usr/bin/env bash
# The whole story of nano, from nothing to a pipeline folder: text encoder, autoencoder, transformer with tag encoder. Every stage goes on
# where it stopped: run it again. About twelve hours of one CPU core; the transformer is most of it.
set -euo pipefail
cd "$(dirname "$0")/.."
BIN=${BIN:-.venv/bin}
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}    # threads of a small step wait for each other; the second core renders
# Big tensors come and go every step: huge pages that are kept spare the page faults, an eighth of the time and more (glibc only).
export GLIBC_TUNABLES=${GLIBC_TUNABLES:-glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=17179869184}
$BIN/animatrix train recipes/nano_text.yaml
if [ ! -d runs/nano1/vae/vae ]; then
  $BIN/animatrix train recipes/nano_vae.yaml
  mkdir -p runs/nano1/vae && cp -r runs/nano1/autoencode/export/vae runs/nano1/vae/vae
fi
$BIN/animatrix train recipes/nano_flow.yaml
$BIN/animatrix train recipes/nano_more.yaml --stop-after "${MORE:-180}"     # minutes; run again, it goes on
$BIN/animatrix train recipes/nano_more.yaml --export runs/nano1/more/export
$BIN/animatrix train recipes/nano_last.yaml
# The little world. Our own weights came to it by detours that this leaves out: docs/results.md, docs/decisions/007-where-and-what.md.
$BIN/animatrix train recipes/nano_little.yaml
$BIN/animatrix train recipes/nano_deformed.yaml
$BIN/animatrix train recipes/nano_decoder.yaml    # its export/vae in runs/nano1/deformed/export: nano v1
# A layout first, then the picture (docs/decisions/010-a-layout-first.md): from nano v1, `weights/nano` of commit f3ec4f5.
$BIN/animatrix train recipes/nano_layout.yaml
$BIN/python recipes/nano_stand.py runs/nano1/deformed/export runs/nano3/start
$BIN/torchrun --nproc-per-node 2 -m animatrix.cli train recipes/nano_stand.yaml    # its export: nano v1.1
# And a draft between them (docs/decisions/011-a-draft.md): from nano v1.1, `weights/nano` of commit 8fcada0.
$BIN/animatrix train recipes/nano_draft.yaml
$BIN/python recipes/nano_drafted.py weights/nano runs/nano5/start
$BIN/torchrun --nproc-per-node 2 -m animatrix.cli train recipes/nano_drafted.yaml    # its export: nano v1.2
# And what a timesheet holds (docs/decisions/012-the-timesheet.md): the artists of nano v1.2, `weights/nano` of commit 0e77e51, with impact frames and shakes.
$BIN/animatrix train recipes/nano_strikes.yaml    # its export/draft_artist: nano v1.3's
$BIN/python recipes/nano_shakes.py weights/nano/layout_artist runs/nano6/layout_artist    # a layout artist trained anew has them
