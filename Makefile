# The commands of this project; `make` lists them.
.POSIX:
.PHONY: help dev run seed test test-go test-openapi test-page test-browsers oracle screenshots build

help: ## list the commands
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*##/\t/'

dev: ## run the API and the page that uses it, reload both on change
	@node frontend-dev/dev.mjs

run: ## run the API alone
	go run .

seed: ## put example items into an empty database
	go run . seed

test: test-go test-openapi test-page test-browsers ## run every test

# The race detector needs a C compiler.
test-go:
	go vet ./...
	@race=-race; command -v cc >/dev/null || command -v gcc >/dev/null || { \
	  echo "SKIP the race detector: no C compiler; install gcc"; test -z "$$CI" || exit 1; race=; }; \
	set -x; go test $$race -shuffle=on ./...
	@# go test hides what tests of a package that passes have skipped.
	@for program in redis-server caddy nginx curl; do \
	  command -v $$program >/dev/null || echo "SKIP the tests that need $$program: install it"; done; \
	ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || echo "SKIP the tests on PostgreSQL: install postgresql"; \
	test "$$(id -u)" = 0 || echo "SKIP the test of a full disk: run it as root"

# Node runs the rest. In CI it must be there; elsewhere its lack is said.
NEEDS_NODE = command -v node >/dev/null || { echo "SKIP $@: node is missing; install Node.js 20.19 or later"; test -z "$$CI"; exit; }

test-openapi:
	@$(NEEDS_NODE); cd internal/openapi && npm run --silent lint && npm run --silent check-swagger-ui

test-page:
	@$(NEEDS_NODE); cd frontend-dev && npm ci --no-audit --no-fund && npm run check-generated && npm run typecheck && npm test

test-browsers: test-page
	@$(NEEDS_NODE); cd e2e && npm ci --no-audit --no-fund && npm test

oracle: ## compare corscheck with Chromium and Firefox: CASES=2000 SEED=today
	@sh scripts/oracle.sh

screenshots: ## take pictures of the page at two widths, light and dark
	@cd e2e && npm ci --no-audit --no-fund && npm run screenshots

build: ## build the server as bin/api
	CGO_ENABLED=0 go build -trimpath -tags nomsgpack -ldflags='-s -w' -o bin/api .
