# Targets for people and for CI. "make test" is what CI runs.
GO ?= go
FUZZTIME ?= 30s

.PHONY: help build check test short fuzz bench peers torment

help: ## what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

build: ## the program, in ./liaison
	CGO_ENABLED=0 $(GO) build -trimpath -o liaison ./cmd/liaison

check: ## formatting and vet
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w on these"; exit 1; }
	$(GO) vet ./...

peers: ## install the programs that the tests talk to, where that is allowed
	@.ci/peers

test: peers check ## everything, with the race detector
	$(GO) test -race -timeout 25m ./...

short: ## the quick tests alone
	$(GO) test -short ./...

fuzz: ## every fuzz target for FUZZTIME
	@for p in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
	    echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s $$p || exit 1; \
	  done; done

torment: peers ## forms travel while everything is killed and cut, TORMENT (3m) long in each of four worlds
	TORMENT=$(or $(TORMENT),3m) $(GO) test -run '^TestTorment' -v -count=1 -timeout 24h ./cmd/liaison

bench: ## Go benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...
