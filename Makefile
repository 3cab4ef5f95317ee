# `make generate` and `make test` each set everything up first. Nothing outside this folder is touched.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready
NARRATIVE ?= A young woman with long brown hair in a pink dress waves a hand in a snowfield by day.
TAGS ?= --tag camera_move=pan_left --tag drawing_cadence=twos --tag impact_frame=white_frame@14-15

.PHONY: generate test slow check ablation bench clean
generate: $(STAMP)
	@mkdir -p out
	$(BIN)/animatrix generate "$(NARRATIVE)" $(TAGS) --seed 7 --out out/clip.mp4

test: $(STAMP)
	$(BIN)/pytest -q -n 2

slow: $(STAMP)
	$(BIN)/pytest -q -m slow

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Two hours of one core; stop it any time and run it again to go on.
ablation: $(STAMP)
	OMP_NUM_THREADS=1 nice -n 15 $(BIN)/python benchmarks/ablation.py

# The model, the model without tags, and with the tags of other items; hours with all items (ITEMS=200).
MODEL ?= nano
ITEMS ?= 4
bench: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/animatrix evaluate bench --generator "ours:$(MODEL)" --generator "ours:$(MODEL)?tags=off" \
		--generator "ours:$(MODEL)?tags=shuffled" --items $(ITEMS) --processes 2 --out runs/bench

# torch first and pinned, so that no other package can bring a different build.
$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[train,curate,evaluate,dev]"
	@touch $@

clean:
	rm -rf .venv out
