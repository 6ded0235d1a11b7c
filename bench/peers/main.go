// Command peers serves GET /api/hello the way that other programs do, so that
// the cost of this project's server can be compared with theirs:
//
//	peers NAME
//
// It reads ADDR, the address to listen on; ACCESS_LOG, which turns on the access
// log that people of that framework use if it is not empty; and REDIS_ADDR, a
// Redis to count in.
package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// options are what every peer reads from its environment.
type options struct {
	addr      string
	accessLog bool
	redisAddr string // empty: count in the process
}

func main() {
	peers := map[string]func(options) error{
		"bare-nethttp": bareNetHTTP,
		"by-hand":      byHand,
		"bare-gin":     bareGin,
		"gin":          usualGin,
		"chi":          usualChi,
		"echo":         usualEcho,
		"fiber":        usualFiber,
	}
	if len(os.Args) != 2 || peers[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: peers NAME, one of", strings.Join(slices.Sorted(maps.Keys(peers)), ", "))
		os.Exit(2)
	}
	err := peers[os.Args[1]](options{
		addr:      os.Getenv("ADDR"),
		accessLog: os.Getenv("ACCESS_LOG") != "",
		redisAddr: os.Getenv("REDIS_ADDR"),
	})
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
