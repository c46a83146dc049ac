# batchctl needs Go, gcc (SQLite is written in C) and make, nothing else.
.DEFAULT_GOAL := help

GO       ?= go
DATE     ?= 2021-01-01
ROWS     ?= 200000
ROUNDS   ?= 7
RUNS     ?= 20
CRASH    ?=
FUZZTIME ?= 60s
FUZZ     ?=
BATCHCTL := build/batchctl
DB       := build/batchctl.db
# The tag that ships is tested as well: SQLite is compiled for no other.
TAGS     := sqlite_omit_load_extension
# A checkout that git will not read is built without its commit.
VCS      := $(shell git rev-parse HEAD >/dev/null 2>&1 && echo auto || echo false)
GOBUILD   = $(GO) build -trimpath -buildvcs=$(VCS) -tags $(TAGS)
LINT     := $(GO) tool -modfile=internal/tools/go.mod golangci-lint

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: build ## settle DATE (2021-01-01) from testdata into build/, and show it
	@code=0; $(BATCHCTL) --db $(DB) run dailySettlement 'requestDate(date)=$(DATE)' -o table || code=$$?; \
	case $$code in \
	0) echo; echo "Done. History: $(BATCHCTL) --db $(DB) executions" ;; \
	5) echo; echo "$(DATE) is already complete (exit code 5); nothing was done. Another day: make run DATE=2021-01-03"; \
	   echo "2021-01-02 holds a broken record and 2021-01-04 a wrong total, for you to see how a day fails." ;; \
	*) exit $$code ;; \
	esac

.PHONY: build
build: compiler ## build build/batchctl
	@mkdir -p build
	$(GOBUILD) -o $(BATCHCTL) ./cmd/batchctl

.PHONY: test
test: compiler ## run all tests
	$(GO) test -tags $(TAGS) ./...

.PHONY: lint
lint: compiler ## run the linters (builds them at the first time: some minutes)
	$(LINT) run --allow-parallel-runners ./...
	$(LINT) config verify

.PHONY: bench
bench: build ## measure against programs written by hand, as ratios
	$(GOBUILD) -o build/floor ./internal/bench/startup/floor
	@$(BATCHCTL) --db build/bench.db run dailySettlement requestDate=2021-01-03 || test $$? -eq 5
	$(GO) run -tags $(TAGS) ./internal/bench/settle -rows $(ROWS) -rounds $(ROUNDS)
	$(GO) run -tags $(TAGS) ./internal/bench/startup -rounds $(ROUNDS) -runs $(RUNS)

.PHONY: bench-features
bench-features: compiler ## measure what is there and not used, as ratios to a plain step
	$(GO) run -tags $(TAGS) ./internal/bench/features -rows $(ROWS) -rounds $(ROUNDS)

.PHONY: crash
crash: compiler ## kill real processes at random instants and compare what is left
	$(GO) test -tags 'crash faults $(TAGS)' -count 1 -timeout 60m -v ./internal/crashtest $(CRASH)

.PHONY: fuzz
fuzz: compiler ## try odd inputs on everything that parses, FUZZTIME (60s) each
	@grep -r --include='*_test.go' '^func Fuzz' internal | sort | \
	sed 's|\(.*\)/[^/]*:func \(Fuzz[A-Za-z0-9]*\).*|\1 \2|' | while read -r dir name; do \
	  echo "$$dir $$name"; \
	  $(GO) test -tags $(TAGS) ./$$dir -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) $(FUZZ) || exit 1; \
	done

.PHONY: cover
cover: compiler ## show how much of core and store the tests reach
	@mkdir -p build
	$(GO) test -tags $(TAGS) -coverpkg=./internal/core/...,./internal/store/... -coverprofile=build/cover.out \
		./internal/core/... ./internal/store/... ./internal/jobs/... >/dev/null
	@$(GO) tool cover -func=build/cover.out | tail -n 1

.PHONY: memory
memory: build ## measure the peak memory of a long day against a short one
	$(GO) run -tags $(TAGS) ./internal/bench/memory -batchctl $(BATCHCTL)

.PHONY: crash-short
crash-short: compiler ## make crash in less than five minutes; fail writes below SQLite
	@begun=$$(date +%s); set -ex; \
	$(GO) test -tags 'crash faults $(TAGS)' -count 1 -timeout 15m -v ./internal/crashtest \
	  -kills 25 -rows 3000 -shared 10s -brief $(CRASH); \
	$(GO) test -tags 'faultvfs $(TAGS)' -count 1 -timeout 15m -v ./internal/store/faultvfs -stride 7; \
	{ set +x; } 2>/dev/null; echo "crash-short took $$(($$(date +%s) - begun)) s"

.PHONY: generate
generate: ## write testdata/transactions anew
	$(GO) run ./internal/sample/gentransactions -out testdata/transactions

.PHONY: clean
clean: ## remove build/
	rm -rf build

# Without a compiler Go switches cgo off in silence and the build fails a minute
# later, far from the cause.
.PHONY: compiler
compiler:
	@command -v $(GO) >/dev/null || { echo "make: Go is missing: install Go 1.26 or newer" >&2; exit 1; }
	@cc=$$($(GO) env CC); cc=$${cc:-gcc}; command -v $${cc%% *} >/dev/null || \
	  { echo "make: $${cc%% *} is missing: SQLite is compiled from C; install gcc (Debian: apt-get install gcc libc6-dev) or set CC" >&2; exit 1; }
	@test "$$($(GO) env CGO_ENABLED)" = 1 || \
	  { echo "make: CGO_ENABLED is not 1: SQLite is compiled from C; run CGO_ENABLED=1 make ..." >&2; exit 1; }
	@cc=$$($(GO) env CC); echo '#include <stdlib.h>' | $${cc:-gcc} -x c -fsyntax-only - 2>/dev/null || \
	  { echo "make: $$cc finds no C headers: install them (Debian: apt-get install libc6-dev)" >&2; exit 1; }
