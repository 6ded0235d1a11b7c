# The commands of this project; `make` lists them.
.POSIX:
.PHONY: help dev run test build

help: ## list the commands
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*##/\t/'

dev: ## run the API and the page that uses it, reload both on change
	@node frontend-dev/dev.mjs

run: ## run the API alone
	go run .

test: ## run every test
	go vet ./...
	go test -race -shuffle=on ./...

build: ## build the server as bin/api
	CGO_ENABLED=0 go build -trimpath -tags nomsgpack -ldflags='-s -w' -o bin/api .
