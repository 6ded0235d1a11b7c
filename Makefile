# The commands of this project; `make` lists them.
.POSIX:
.PHONY: help dev run seed check lint fmt vulncheck audit test test-go test-template test-openapi test-page test-browsers chaos oracle screenshots bench rename build image

# Each command names the program that it lacks. An old Go cannot read go.mod.
REQUIRE_GO = command -v go >/dev/null || { echo "make $@: Go is missing; install Go 1.26 or later from https://go.dev/dl" >&2; exit 1; }; \
	go list -m >/dev/null || { echo "make $@: $$(GOTOOLCHAIN=local go env GOVERSION) is too old; install Go 1.26 or later from https://go.dev/dl, or, with Go 1.21 or later, set GOTOOLCHAIN=auto" >&2; exit 1; }
NODE = Node.js 20.19 or later with npm, from https://nodejs.org
HAVE_NODE = { command -v npm && node -e '[a, b] = process.versions.node.split("."); process.exit(a > 20 || a == 20 && b > 18 ? 0 : 1)'; } >/dev/null
REQUIRE_NODE = $(HAVE_NODE) || { echo "make $@: install $(NODE)" >&2; exit 1; }

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-14s %s\n", $$1, $$2 }' Makefile

dev: ## run the API and the page that calls it; reload both on change
	@$(REQUIRE_NODE); exec node frontend-dev/dev.mjs

run: ## run only the API
	@$(REQUIRE_GO); exec go run .

seed: ## add example items to an empty database
	@$(REQUIRE_GO); exec go run . seed

check: ## run what CI runs, and say how long each part took
	@sh scripts/parts.sh lint vulncheck test

lint: ## check the code, the scripts and the workflows without running them
	@sh scripts/lint.sh

fmt: ## format the code
	go tool -modfile=tools/go.mod golangci-lint fmt
	@$(REQUIRE_NODE); $(MAKE) -s tools/node_modules && tools/node_modules/.bin/biome check --write

tools/node_modules: tools/package-lock.json
	cd tools && npm ci --ignore-scripts --no-audit --no-fund && touch node_modules

vulncheck:
	@go -C tools run ./vulncheck ..

audit: vulncheck ## look for known vulnerabilities in the dependencies
	@$(REQUIRE_NODE); sh scripts/audit.sh

test: ## run every test, and say how long each part took
	@sh scripts/parts.sh test-go test-openapi test-page test-browsers test-template

# The race detector needs a C compiler. CI also shuffles the tests; go test does not
# do that here, because it would not reuse the results of unchanged packages.
test-go:
	@$(REQUIRE_GO)
	go vet ./...
	@race=-race; echo '#include <stdlib.h>' | $$(go env CC) -E - >/dev/null 2>&1 || { \
	  echo "SKIP the race detector: no C compiler with its headers; install gcc (and musl-dev on Alpine)"; test -z "$$CI" || exit 1; race=; }; \
	set -x; go test $$race $${CI:+-shuffle=on} $$(go list ./... | grep -v /tests/template)
	@# The race detector adds allocations, simulates a tenth of the seeds, and takes long to measure memory.
	go test -run '^(TestAllocations|TestSimulation|TestMemoryPerClient)' . ./internal/ratelimit
	@# go test hides what tests of a package that passes have skipped.
	@for program in redis-server caddy nginx curl promtool; do \
	  command -v $$program >/dev/null || echo "SKIP the tests that need $$program: install it"; done; \
	sh scripts/postgres.sh >/dev/null || echo "SKIP the tests on PostgreSQL: install postgresql"; \
	test "$$(id -u)" = 0 || echo "SKIP the test of a full disk: run it as root"

# Follows docs/make-it-yours.md in copies, whose tests must pass. It runs alone,
# because it runs all other tests again, twice.
test-template:
	@$(REQUIRE_GO); go test -count=1 -timeout 20m ./tests/template

# Node.js runs the rest. Without it, the tests are skipped, except in CI.
NEEDS_NODE = $(HAVE_NODE) || { echo "SKIP $@: install $(NODE)"; test -z "$$CI"; exit; }

test-openapi:
	@$(NEEDS_NODE); $(MAKE) -s internal/openapi/node_modules && cd internal/openapi && npm run --silent lint && npm run --silent check-swagger-ui

test-page:
	@$(NEEDS_NODE); $(MAKE) -s frontend-dev/node_modules && cd frontend-dev && npm run check-generated && npm run typecheck && npm test

test-browsers:
	@$(NEEDS_NODE); $(MAKE) -s frontend-dev/node_modules e2e/node_modules && \
	go build -o bin/tested . && cd e2e && API_BINARY=$$PWD/../bin/tested npm test

internal/openapi/node_modules: internal/openapi/package-lock.json
	cd internal/openapi && npm ci --ignore-scripts --no-audit --no-fund && touch node_modules

frontend-dev/node_modules: frontend-dev/package-lock.json
	cd frontend-dev && npm ci --no-audit --no-fund && touch node_modules

e2e/node_modules: e2e/package-lock.json
	cd e2e && npm ci --no-audit --no-fund && touch node_modules

chaos: ## repeat the tests in docs/reliability.md, and simulate (ROUNDS=10 SEEDS=20000)
	@sh scripts/chaos.sh

oracle: ## compare corscheck with Chromium and Firefox (CASES=2000 SEED=today)
	@sh scripts/oracle.sh

bench: ## measure what a request costs, compared with other servers (ten minutes)
	cd bench && go run . -write

screenshots: ## take screenshots of the page at two widths, light and dark
	@$(REQUIRE_NODE); cd e2e && npm ci --no-audit --no-fund && npm run screenshots

rename: ## give the project your own module path and name (MODULE=… NAME=…)
	@$(REQUIRE_GO); exec go run ./cmd/rename '$(MODULE)' '$(NAME)'

build: ## build the server as bin/reference-api
	@$(REQUIRE_GO)
	CGO_ENABLED=0 go build -trimpath -tags nomsgpack -ldflags='-s -w' -o bin/reference-api .

image: ## build the container image reference-api
	@command -v docker >/dev/null || { echo "make $@: install Docker 23 or later, or run podman build -t reference-api ." >&2; exit 1; }
	docker build -t reference-api .
