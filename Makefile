# `make` alone lists the targets. Every target sets up what it needs, once.

SHELL := /bin/sh
.DEFAULT_GOAL := help

DATA ?= data/sample
RECIPE ?= sample
RUN ?= runs/$(RECIPE)
# Further flags of the command, for example FLAGS="--training.num-steps 500" of `yt8m train`, or FLAGS=--quick of a benchmark.
FLAGS ?=
# What `make upload` uploads, and where to: COMPETITION=youtube8m, youtube8m-2018 or youtube8m-2019.
FILE ?= submissions/$(notdir $(RUN)).csv
COMPETITION ?=
# Extras of setup.cfg: those of all commands, and those that tests and the documentation need beside. The first environment has `io`,
# too: tensorflow-io, and with it paths of s3:// and the like; and `beam`, which cannot be installed beside protobuf 7.
EXTRAS ?= completion,faiss,kaggle,litert,onnx,parquet,report,scenes,tune,video
EXTRAS_OF_TESTS ?= docs,test

# all = `make test` runs the tests that take long, too.
TESTS ?=
# Flags of pytest, for example TESTS_LEFT_OUT="--ignore tests/integration".
TESTS_LEFT_OUT ?=

YT8M := .venv/bin/yt8m
# All targets share one environment, and each installs what it needs itself. What was installed for another one is kept.
INSTALLED := .venv/.installed
INSTALLED_REPORT := .venv/.installed-report
INSTALLED_VIDEO := .venv/.installed-video
INSTALLED_KAGGLE := .venv/.installed-kaggle
INSTALLED_COMMANDS := .venv/.installed-commands
INSTALLED_TESTS := .venv/.installed-tests
PARTS := $(INSTALLED) $(INSTALLED_REPORT) $(INSTALLED_VIDEO) $(INSTALLED_KAGGLE)
# The newest TensorFlow, which tensorflow-io cannot be loaded beside, and JAX, which needs its NumPy.
NEWEST := .venv-newest
INSTALLED_NEWEST := $(NEWEST)/.installed

# Where `make bench-earlier` keeps the earlier build and its environment (2 GB); by default in the user's cache.
EARLIER_BUILD ?=

# TF Model Garden, to be measured beside.
PEERS := .venv-peers
INSTALLED_PEERS := $(PEERS)/.installed

.PHONY: help install submit train evaluate predict leaderboard own vlog report tensorboard upload data test test-slow test-newest wheel docs bench bench-reading bench-earlier bench-peers bench-ranking bench-scaling bench-download bench-convert bench-clips bench-extract bench-search segments zoo tricks lint format clean

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/:/' | awk -F': *' '{ printf "  make %-14s %s\n", $$1, $$2 }'
	@echo "  Variables: DATA=$(DATA) RECIPE=$(RECIPE) RUN=$(RUN) FLAGS=\"...\""

$(INSTALLED): WITH :=
$(INSTALLED_REPORT): WITH := report
$(INSTALLED_VIDEO): WITH := scenes,video
$(INSTALLED_KAGGLE): WITH := kaggle
$(INSTALLED_COMMANDS): WITH := beam,io,$(EXTRAS)
$(INSTALLED_TESTS): WITH := beam,io,$(EXTRAS),$(EXTRAS_OF_TESTS)
# What a larger installation has in it need not be installed again.
$(INSTALLED_REPORT) $(INSTALLED_VIDEO) $(INSTALLED_KAGGLE): COVERED := $(INSTALLED)
$(INSTALLED_COMMANDS): COVERED := $(PARTS)
$(INSTALLED_TESTS): COVERED := $(PARTS) $(INSTALLED_COMMANDS)

$(PARTS) $(INSTALLED_COMMANDS) $(INSTALLED_TESTS): setup.cfg pyproject.toml constraints.txt setup-environment.sh
	@sh setup-environment.sh .venv "$(WITH)" constraints.txt
	@touch $@ $(COVERED)

# Two installations into one environment at once would break it.
.NOTPARALLEL:

$(INSTALLED_NEWEST): setup.cfg pyproject.toml constraints-newest.txt setup-environment.sh
	@sh setup-environment.sh $(NEWEST) "jax,$(EXTRAS),$(EXTRAS_OF_TESTS)" constraints-newest.txt
	@touch $@

$(INSTALLED_PEERS): constraints-peers.txt $(INSTALLED)
	@.venv/bin/python -m venv --clear $(PEERS)
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --requirement constraints-peers.txt
	@touch $@

data/sample: | $(INSTALLED)
	$(YT8M) synth data/sample

data: data/sample  ## Make the sample data set in data/sample

# Only the sample is made here; data of one's own must be there.
ifeq ($(DATA),data/sample)
NEEDS_DATA := data/sample
endif

install: $(INSTALLED_COMMANDS)  ## Install what all commands need; other targets install what they need themselves

submit: $(INSTALLED) $(NEEDS_DATA)  ## Train, evaluate, predict the test split, write and check the submission
	@$(YT8M) submit $(RECIPE) --data.root $(DATA) --run $(RUN) $(FLAGS)

train: $(INSTALLED) $(NEEDS_DATA)  ## Train RECIPE on DATA, or go on with RUN
	@$(YT8M) train $(RECIPE) --data.root $(DATA) --run $(RUN) $(FLAGS)

evaluate: $(INSTALLED)  ## Score RUN on its validation split
	@$(YT8M) evaluate --run $(RUN)

predict: $(INSTALLED)  ## Write the submission of RUN for its test split
	@$(YT8M) predict --run $(RUN) --out submissions/$(notdir $(RUN)).csv
	@$(YT8M) validate submissions/$(notdir $(RUN)).csv

# RUN stays what it is if it is given; the default belongs to RECIPE.
leaderboard: $(INSTALLED) $(NEEDS_DATA)  ## Train an ensemble of the video-level records in DATA as RUN, score it by folds, write its CSV
	@.venv/bin/python -m benchmarks.leaderboard --data $(DATA) --run $(if $(filter file,$(origin RUN)),runs/leaderboard,$(RUN)) $(FLAGS)

# The way of one's own videos, on made ones. Each step is a command as a user would type it, and is done once.
data/own/videos: | $(INSTALLED_VIDEO)
	$(YT8M) synth data/own/videos --as videos

data/own/records/videos.csv: | data/own/videos
	$(YT8M) extract data/own/videos --labels data/own/videos/labels.csv --out data/own/records

data/own/records/split: | data/own/records/videos.csv
	$(YT8M) split data/own/records --parts train=.6,validate=.2,test=.2 --out data/own/records/split

runs/own/best/model.weights.h5: | data/own/records/split
	$(YT8M) train logistic --data.root data/own/records/split --run runs/own --training.num-steps 100 \
	    --training.batch-size 16 --training.learning-rate 0.003 --training.validate-every-steps 50 --model.normalise rms

data/own/new: | $(INSTALLED_VIDEO)
	$(YT8M) synth data/own/new --as videos --num-videos 3 --seed 1

own: $(INSTALLED_VIDEO) runs/own/best/model.weights.h5 data/own/new  ## Make 60 videos, extract, split, train on them, label new ones, and evaluate: under 5 minutes
	$(YT8M) label data/own/new --run runs/own --csv data/own/labels-over-time.csv --chapters data/own/chapters
	$(YT8M) evaluate --run runs/own --data data/own/records/split/test

data/vlog/films: | $(INSTALLED_VIDEO)
	$(YT8M) synth data/vlog/films --as films

data/vlog/records/videos.csv: | data/vlog/films
	$(YT8M) extract data/vlog/films --out data/vlog/records

data/vlog/clips: | data/vlog/records/videos.csv runs/own/best/model.weights.h5
	$(YT8M) clips data/vlog/records --run runs/own --vocabulary data/own/records/vocabulary.csv --out data/vlog/clips

data/vlog/index: | data/vlog/records/videos.csv runs/own/best/model.weights.h5
	$(YT8M) predict --run runs/own --data data/vlog/records --store data/vlog/predictions
	$(YT8M) search --index data/vlog/index --add data/vlog/records --predictions data/vlog/predictions \
	    --vocabulary data/own/records/vocabulary.csv

vlog: $(INSTALLED_VIDEO) data/vlog/clips data/vlog/index  ## Make films, find their clips, label, index and search them, and show them on a page
	$(YT8M) label data/vlog/records --run runs/own --csv data/vlog/labels-over-time.csv --chapters data/vlog/chapters
	$(YT8M) search --index data/vlog/index --text "stripes whistle" --top 3
	$(YT8M) search --index data/vlog/index --like film0000@12 --top 3
	$(YT8M) browse data/vlog/records --clips data/vlog/clips --labels data/vlog/labels-over-time.csv --title "Made films" \
	    --out data/vlog/index.html

report: $(INSTALLED_REPORT)  ## Write a page on RUN, or on RUNS="runs/a runs/b", for a browser
	@$(YT8M) report $(or $(RUNS),$(RUN))

tensorboard: $(INSTALLED)  ## Show curves, hyper-parameters and precision against recall of all runs beside RUN
	.venv/bin/tensorboard --logdir $(dir $(RUN)) $(FLAGS)

upload: $(INSTALLED_KAGGLE)  ## Check FILE, upload it to COMPETITION on Kaggle and wait for its score
	@$(YT8M) upload $(FILE) --competition "$(COMPETITION)" $(FLAGS)

test: $(INSTALLED_TESTS)  ## Run the tests, but those that take long; with TESTS=all these, too
	.venv/bin/python -m pytest$(if $(filter all,$(TESTS)), -m "")

test-slow: $(INSTALLED_TESTS)  ## Run the tests that `make test` leaves out
	.venv/bin/python -m pytest -m "slow or thorough"

# setup.cfg leaves tests/jax_backend out. pytest 9 does not take a folder that lies in another one as an argument beside it.
test-newest: $(INSTALLED_NEWEST)  ## Run all but the slowest tests on the newest TensorFlow, without tensorflow-io, and the models on JAX
	$(NEWEST)/bin/python -m pytest -m "not slow" --override-ini "norecursedirs=.* build dist *.egg-info" tests $(TESTS_LEFT_OUT)

wheel: $(INSTALLED_TESTS)  ## Build the wheel and the source distribution in dist/
	.venv/bin/python -m build --no-isolation

# --quiet would hide warnings from --strict, which then passes.
docs: $(INSTALLED_TESTS)  ## Build the documentation in site/
	NO_MKDOCS_2_WARNING=1 .venv/bin/python -m mkdocs build --strict

bench: $(INSTALLED_TESTS) bench-reading  ## Measure reading, training, evaluation and metrics; update docs/benchmarks.md
	.venv/bin/python -m benchmarks $(FLAGS)

bench-reading: $(INSTALLED_TESTS)  ## Measure reading beside TensorFlow's raw reading, and its memory; update docs/benchmarks.md
	.venv/bin/python -m benchmarks.reading $(FLAGS)

bench-earlier: $(INSTALLED_TESTS)  ## Measure this build beside an earlier one, kept in EARLIER_BUILD; update docs/benchmarks.md
	.venv/bin/python -m benchmarks.earlier $(if $(EARLIER_BUILD),--build $(EARLIER_BUILD)) $(FLAGS)

bench-peers: $(INSTALLED_TESTS) $(INSTALLED_PEERS)  ## Measure our train step beside TF Model Garden's; update docs/benchmarks.md
	.venv/bin/python -m benchmarks.peers $(FLAGS)

bench-ranking: $(INSTALLED_TESTS)  ## Measure ranking, writing and checking submissions of full size; update docs/benchmarks.md
	.venv/bin/python -m benchmarks.ranking $(FLAGS)

zoo: $(INSTALLED) data/sample  ## Train every recipe on the sample data, 3 seeds (hours); update docs/benchmarks.md
	.venv/bin/python -m benchmarks.zoo $(FLAGS)

bench-scaling: $(INSTALLED_TESTS) data/sample  ## Measure two workers, checkpoints, going on and the loop; update docs/benchmarks.md
	.venv/bin/python -m benchmarks.scaling $(FLAGS)

bench-download: $(INSTALLED_TESTS)  ## Measure yt8m download beside curl, from a server on this machine; update docs/benchmarks.md
	.venv/bin/python -m benchmarks.download $(FLAGS)

bench-convert: $(INSTALLED_TESTS)  ## Measure yt8m convert beside raw reading; update docs/benchmarks.md
	.venv/bin/python -m benchmarks.convert $(FLAGS)

bench-clips: $(INSTALLED_TESTS)  ## Measure cuts found in films, and clusters of clips of the sample; update docs/benchmarks.md
	.venv/bin/python -m benchmarks.clips $(FLAGS)

bench-search: $(INSTALLED_TESTS)  ## Measure yt8m search among 100 000 videos; with FLAGS="--records PATHS" update docs/benchmarks.md
	.venv/bin/python -m benchmarks.search $(FLAGS)

bench-extract: $(INSTALLED_TESTS)  ## Measure yt8m extract beside decoding alone and the network alone; update docs/benchmarks.md
	.venv/bin/python -m benchmarks.extraction $(FLAGS)

segments: $(INSTALLED) data/sample  ## Do the segment challenge on the sample data, 3 seeds (half an hour); update docs/benchmarks.md
	.venv/bin/python -m benchmarks.segments $(FLAGS)

tricks: $(INSTALLED) data/sample  ## Measure what averages and distillation gain, 3 seeds (an hour); update docs/benchmarks.md
	.venv/bin/python -m benchmarks.tricks $(FLAGS)

lint: $(INSTALLED_TESTS)  ## Check style
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

format: $(INSTALLED_TESTS)  ## Mend style
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

clean:  ## Remove the environments, the sample data and the sample run, and those of own and vlog
	rm -rf .venv $(NEWEST) $(PEERS) data/sample runs/sample submissions/sample.csv data/own runs/own data/vlog
