# All commands of the project; CI calls only these. "make help" lists them.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS := -s -w -X github.com/loglode/loglode/internal/telemetry.release=$(VERSION)
PACK = $(abspath $(or $(LOGLODE_PACK),../shared/devpack))
# Packages that start goroutines or lock: what the race detector can find something in.
CONCURRENT = $(shell grep -rlE '^[[:space:]]*go |errgroup|"sync(/atomic)?"' --include='*.go' --exclude-dir=.cache . | xargs -n1 dirname | sort -u)

.PHONY: help demo run test race lint bench soak eval generate build need-go
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-10s %s\n", $$1, $$2 }' Makefile

demo: need-go ## a small made-up cluster in trouble, live, and the first answer; Ctrl-C ends it, nothing stays
	go run ./cmd/loglode demo

run: need-go ## run all of loglode in one process; data in ./loglode-data, http://127.0.0.1:7280
	go run ./cmd/loglode up

test: need-go ## vet and run all tests, on an OpenSearch that tools/servers starts and ends; needs a JDK and Maven
	go vet ./... && tools/servers run go test -timeout 20m ./...

race: need-go ## run the tests of concurrent packages under the race detector; needs a C compiler
	@tools/need cc && CGO_ENABLED=1 tools/servers run go test -race $(CONCURRENT)

lint: need-go ## gofmt, vet, golangci-lint, generated files up to date
	@tools/lint

bench: need-go ## measure each stage and the whole; on the corpus if LOGLODE_PACK names its folder
	tools/servers run go test -run xxx -bench . -benchmem -timeout 60m ./test/bench/...

soak: need-go ## kill, reopen and break requests at seeded random moments, for long; LOGLODE_SEED repeats a run
	LOGLODE_SOAK=1 tools/servers run go test -count=1 -timeout 120m -run 'Killed|WhateverFails|Secured' -v ./test/e2e/... ./indexing/opensearch/

eval: need-go ## measure search, patterns and answers on the pack LOGLODE_PACK (default ../shared/devpack), and account for every line of its corpus
	@tools/need pack && tools/servers run go run ./test/eval --pack $(PACK) --floor test/eval/floor.json && LOGLODE_PACK=$(PACK) go test -tags pack -count=1 -timeout 60m -v ./test/eval/corpus/...

generate: need-go ## write docs/configuration.md from the Config struct
	go run ./tools/configdoc > docs/configuration.md.new && mv docs/configuration.md.new docs/configuration.md

build: need-go ## build the static binary, bin/loglode
	CGO_ENABLED=0 go build -trimpath -ldflags "$(LDFLAGS)" -o bin/loglode ./cmd/loglode

need-go:
	@tools/need go
