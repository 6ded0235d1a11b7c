# The commands of this project; `make` lists them.
.POSIX:
.PHONY: help dev run seed test test-go test-template test-openapi test-page test-browsers oracle screenshots build

# These commands fail without Node.js.
REQUIRE_NODE = command -v node >/dev/null || { echo "make $@: Node.js is missing; install Node.js 20.19 or later" >&2; exit 1; }

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-14s %s\n", $$1, $$2 }' Makefile

dev: ## run the API and the page that calls it; reload both on change
	@$(REQUIRE_NODE); node frontend-dev/dev.mjs

run: ## run only the API
	go run .

seed: ## add example items to an empty database
	go run . seed

test: test-go test-openapi test-page test-browsers test-template ## run every test

# The race detector needs a C compiler.
test-go:
	go vet ./...
	@race=-race; command -v cc >/dev/null || command -v gcc >/dev/null || { \
	  echo "SKIP the race detector: no C compiler; install gcc"; test -z "$$CI" || exit 1; race=; }; \
	set -x; go test $$race -shuffle=on $$(go list ./... | grep -v /tests/template)
	@# go test hides what tests of a package that passes have skipped.
	@for program in redis-server caddy nginx curl; do \
	  command -v $$program >/dev/null || echo "SKIP the tests that need $$program: install it"; done; \
	ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || echo "SKIP the tests on PostgreSQL: install postgresql"; \
	test "$$(id -u)" = 0 || echo "SKIP the test of a full disk: run it as root"

# What docs/make-it-yours.md makes of a copy passes its tests. Not beside the
# others: these run all of them again, twice.
test-template:
	go test -count=1 -timeout 20m ./tests/template

# Node runs the rest. In CI it must be there; elsewhere its lack is said.
NEEDS_NODE = command -v node >/dev/null || { echo "SKIP $@: node is missing; install Node.js 20.19 or later"; test -z "$$CI"; exit; }

test-openapi:
	@$(NEEDS_NODE); cd internal/openapi && npm run --silent lint && npm run --silent check-swagger-ui

test-page:
	@$(NEEDS_NODE); cd frontend-dev && npm ci --no-audit --no-fund && npm run check-generated && npm run typecheck && npm test

test-browsers: test-page
	@$(NEEDS_NODE); cd e2e && npm ci --no-audit --no-fund && npm test

oracle: ## compare corscheck with Chromium and Firefox (CASES=2000 SEED=today)
	@sh scripts/oracle.sh

screenshots: ## take screenshots of the page at two widths, light and dark
	@$(REQUIRE_NODE); cd e2e && npm ci --no-audit --no-fund && npm run screenshots

build: ## build the server as bin/api
	CGO_ENABLED=0 go build -trimpath -tags nomsgpack -ldflags='-s -w' -o bin/api .
