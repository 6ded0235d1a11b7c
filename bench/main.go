// Command bench compares the cost of a request of this project's server with
// that of other programs that send the same headers. It writes the tables and the
// chart of docs/performance.md:
//
//	go run . [-rounds N] [-seconds N] [-only SCENARIO] [-against BINARY] [-write]
//
// With -against, each scenario compares the server only with another build of it,
// for example the one before a change.
//
// The server under test has one core, the load generator (and Redis) the other.
// The figure to trust is the CPU time that the server's process takes for a
// request: throughput and latency depend on whatever else the machine does.
// All servers of a scenario run at the same time and are loaded in turn, in many
// short rounds, so that a slow second of the machine slows all of them.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	if len(os.Args) == 4 && os.Args[1] == "load" { // see server.load
		exit(load(os.Args[2], os.Args[3]))
	}
	rounds := flag.Int("rounds", 21, "how often each server is loaded")
	seconds := flag.Float64("seconds", 0.4, "how long each time")
	only := flag.String("only", "", "run only the scenarios whose name contains this")
	against := flag.String("against", "", "compare the server only with this other build of it")
	write := flag.Bool("write", false, "write the tables and the chart into docs/")
	flag.Parse()
	if *write && (*only != "" || *against != "") {
		exit(fmt.Errorf("-write needs every scenario"))
	}
	if runtime.GOOS == "linux" { // this process reads the servers' logs
		if err := exec.Command("taskset", "-a", "-c", "-p", "1", strconv.Itoa(os.Getpid())).Run(); err != nil {
			exit(fmt.Errorf("move to the second core: %w", err))
		}
	}
	exit(run(*rounds, time.Duration(*seconds*float64(time.Second)), *only, *against, *write))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run(rounds int, duration time.Duration, only, against string, write bool) error {
	if runtime.NumCPU() < 2 {
		return fmt.Errorf("two cores are needed: one for the server, one for the load")
	}
	work, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := build(work); err != nil {
		return err
	}
	var results []result
	for _, s := range scenarios() {
		if !strings.Contains(s.name, only) {
			continue
		}
		if against != "" {
			other := s.servers[0]
			other.name, other.binary = "the other build", against
			s.servers = []spec{other, s.servers[0]}
		}
		r, err := measure(work, s, rounds, duration)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		fmt.Print(r.text())
		results = append(results, r)
	}
	if only != "" {
		return nil
	}
	process, err := processText(work, rounds)
	if err != nil {
		return err
	}
	fmt.Print(process)
	if write {
		return writeReport(results, process)
	}
	return nil
}

// build builds the server, as `make build` does, and the peers.
func build(work string) error {
	for _, b := range []struct{ dir, target, output string }{{"..", ".", "api"}, {".", "./peers", "peers"}} {
		cmd := exec.Command("go", "build", "-trimpath", "-tags", "nomsgpack", "-ldflags=-s -w", "-o", filepath.Join(work, b.output), b.target)
		cmd.Dir = b.dir
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("build %s: %w", b.output, err)
		}
	}
	return nil
}

// measure starts the servers of a scenario, compares their responses with those
// of the first, and loads them in turn.
func measure(work string, s scenario, rounds int, duration time.Duration) (result, error) {
	r := result{scenario: s}
	if s.needsRedis {
		redis, err := startRedis()
		if err != nil {
			return r, err
		}
		defer redis.stop()
	}
	servers := make([]*server, len(s.servers))
	for i, spec := range s.servers {
		started, err := start(work, spec)
		if err != nil {
			return r, fmt.Errorf("%s: %w", spec.name, err)
		}
		defer started.stop()
		servers[i] = started
	}
	if err := check(s, servers); err != nil {
		return r, err
	}
	r.samples = make([][]sample, len(servers))
	for round := range rounds + 1 {
		for i := range servers {
			i = (i + round) % len(servers) // so that no server always follows the same one
			sample, err := servers[i].load(s.request(s.servers[i]), duration)
			if err != nil {
				return r, fmt.Errorf("%s: %w", s.servers[i].name, err)
			}
			if round > 0 { // the first warms up
				r.samples[i] = append(r.samples[i], sample)
			}
		}
	}
	return r, nil
}

// median returns the middle value, or the lower of the two.
func median(values []float64) float64 { return quantile(values, 0.5) }

// quantile returns the value below which the share of the values lies.
func quantile(values []float64, share float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(share*float64(len(sorted)-1))]
}
