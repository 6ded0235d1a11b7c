package simulation

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ulule/limiter/v3"

	"example.com/api/config"
)

const (
	// shown is how many events of a run that failed are shown.
	shown = 40
	// enough is how many seeds may fail before the rest is skipped.
	enough = 20
	// replayed is the number of seeds of which one is run twice.
	replayed = 20
	// patience is how much real time a run may take; it usually takes 30 ms.
	patience = 30 * time.Second
)

// Run runs the server with count seeds from first on, and a tenth of them under
// the race detector. The variable SEED names another first seed, which then runs
// alone, and SEEDS sets how many run. A resource is made for each seed; nil makes none.
func Run(t *testing.T, first, count uint64, server Server, newResource func() *Resource) {
	scenarios := loadScenarios(t)
	if underRace {
		count /= 10
	}
	if text := os.Getenv("SEED"); text != "" {
		first, count = number(t, "SEED", text), 1
	}
	if text := os.Getenv("SEEDS"); text != "" {
		count = number(t, "SEEDS", text)
	}
	seeds := make(chan uint64)
	var failed atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) { // not a parallel subtest for each seed: all would wait in memory
		workers.Go(func() {
			for seed := range seeds {
				if !t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) { test(t, seed, scenarios, server, newResource) }) {
					failed.Add(1)
				}
			}
		})
	}
	for seed := first; seed < first+count && failed.Load() < enough; seed++ {
		seeds <- seed
	}
	close(seeds)
	workers.Wait()
}

func test(t *testing.T, seed uint64, scenarios []scenario, server Server, newResource func() *Resource) {
	w := play(t, seed, scenarios, server, newResource)
	if seed%replayed == 0 && w.failure == "" {
		// After SIGTERM, net/http waits for connections in random steps.
		again := play(t, seed, scenarios, server, newResource)
		if difference := firstDifference(byMoment(w.trace[:w.played]), byMoment(again.trace[:again.played])); difference != "" {
			w.fail("played again, the seed tells another story:\n%s", difference)
		}
	}
	if w.failure != "" {
		t.Errorf("%s\n\nreplay with SEED=%d go test -count=1 -run '^%s$' .\n\nthe last events:\n%s\n\nthe last lines of the log:\n%s",
			w.failure, seed, strings.Split(t.Name(), "/")[0], strings.Join(w.trace[max(0, len(w.trace)-shown):], "\n"), w.log.last())
	}
}

// byMoment returns a trace with the events of each moment sorted: the scheduler runs
// goroutines that wake at the same time in any order.
func byMoment(trace []string) []string {
	moment := func(line string) string { return strings.Fields(line)[0] }
	sorted := slices.Clone(trace)
	for start := 0; start < len(sorted); {
		end := start + 1
		for end < len(sorted) && moment(sorted[end]) == moment(sorted[start]) {
			end++
		}
		slices.Sort(sorted[start:end])
		start = end
	}
	return sorted
}

// firstDifference returns the first line in which two traces differ, of both.
func firstDifference(a, b []string) string {
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			return strings.Join(a[min(i, len(a)):min(i+1, len(a))], "") + "\n" + strings.Join(b[min(i, len(b)):min(i+1, len(b))], "")
		}
	}
	return ""
}

func number(t *testing.T, name, text string) uint64 {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s=%s is not a number", name, text)
	}
	return n
}

// play runs one seed.
func play(t *testing.T, seed uint64, scenarios []scenario, server Server, newResource func() *Resource) *world {
	var w *world
	// A goroutine that waits for a mutex stops virtual time. If it waits for one
	// whose holder waits for time to pass, only real time helps.
	watchdog := time.AfterFunc(patience, func() {
		stacks := make([]byte, 1<<20)
		panic(fmt.Sprintf("--- FAIL: %s\nvirtual time stands still: a goroutine holds a lock while it waits\n%s", t.Name(), stacks[:runtime.Stack(stacks, true)]))
	})
	defer watchdog.Stop()
	synctest.Test(t, func(t *testing.T) {
		w = newWorld(seed, scenarios)
		if newResource != nil {
			w.resource = newResource()
			w.database.statements = w.resource.statements
		}
		w.plan()
		w.run(server)
		if w.failure != "" && w.endedAt.IsZero() { // the bubble cannot end, which is a panic
			fmt.Fprintf(os.Stderr, "seed %d: %s\n%s\n%s\n", seed, w.failure, strings.Join(w.trace[max(0, len(w.trace)-shown):], "\n"), strings.Join(goroutines(), "\n\n"))
		}
	})
	return w
}

func newWorld(seed uint64, scenarios []scenario) *world {
	w := &world{
		rng:       newRand(seed),
		start:     time.Now(),
		network:   newNetwork(),
		log:       newLogReader(),
		rates:     make(map[string]limiter.Rate),
		ledger:    newLedger(),
		uncounted: make(map[string]int),
		flooders:  make(map[netip.Addr]bool),
		buffered:  make(map[int]int64),
	}
	w.scenario = scenarios[w.rng.IntN(len(scenarios))]
	w.settings = w.scenario.settings
	for _, policy := range w.settings.Limits.All() {
		if rate, limited := policy.Rate(); limited {
			w.rates[policy.Name()] = rate
		}
	}
	w.database = newCluster(w.network, firstPostgres, secondPostgres)
	w.database.servers[1].readOnly = true
	w.redis = newRedis(w.network, redisAddress)
	return w
}

// loadScenarios reads the settings of each scenario from the environment, as the
// server does.
func loadScenarios(t *testing.T) []scenario {
	kept := os.Environ()
	defer func() {
		os.Clearenv()
		for _, variable := range kept {
			name, value, _ := strings.Cut(variable, "=")
			os.Setenv(name, value)
		}
	}()
	var scenarios []scenario
	for i := range 64 {
		one := scenario{anyOrigin: i&1 != 0, redis: i&2 != 0, proxied: i&4 != 0}
		os.Clearenv()
		for name, value := range one.environment(newRand(uint64(i))) {
			os.Setenv(name, value)
		}
		var err error
		if one.settings, err = config.Load(); err != nil {
			t.Fatal(err)
		}
		scenarios = append(scenarios, one)
	}
	return slices.Clip(scenarios)
}

// environment draws what the three switches leave open. In half of the scenarios, a
// setting has the value that makes its part of the server work hardest.
func (s scenario) environment(rng *rand.Rand) map[string]string {
	pick := func(usual string, others ...string) string {
		if rng.IntN(2) == 0 {
			return usual
		}
		return others[rng.IntN(len(others))]
	}
	variables := map[string]string{
		"APP_ENV":                "production",
		"ALLOWED_ORIGINS":        allowedOrigins,
		"ALLOWED_ORIGIN_REGEX":   allowedOriginRegex,
		"ALLOWED_HOSTS":          apiHost,
		"SESSION_SECRET":         strings.Repeat("0123456789", 4),
		"DATABASE_URL":           "postgres://api:word@" + firstPostgres + "," + secondPostgres + "/app?sslmode=disable&default_query_exec_mode=exec",
		"RATE_LIMIT_DEFAULT":     pick("20-M", "5-S", "1-S", "50-H", "off"),
		"RATE_LIMIT_SEARCH":      pick("30-M", "3-S", "off"),
		"RATE_LIMIT_UPLOAD":      pick("2-M", "1-S", "2-S", "3-H"),
		"RATE_LIMIT_SESSION":     pick("4-S", "1-S", "5-M"),
		"RATE_LIMIT_DOCS":        pick("10-M", "1-S", "1-D"),
		"RATE_LIMIT_MAX_CLIENTS": pick("64", "1", "2", "5", "64", "300"),
		"CORS_ALLOWED_METHODS":   pick("GET,HEAD,POST,PUT,PATCH,DELETE", "*", "DELETE"),
		"CORS_ALLOWED_HEADERS":   pick("Authorization,Content-Type,If-Match,X-Request-ID", "*"),
		"HSTS_MAX_AGE":           pick("8760h", "0", "1h"),
		"MAX_BODY_BYTES":         "262144",
		"MAX_UPLOAD_BYTES":       "262144",
		"MAX_BUFFERED_BYTES":     "65536",
	}
	if s.anyOrigin {
		variables["ALLOWED_ORIGINS"], variables["CORS_ALLOW_CREDENTIALS"] = "*", "false"
		delete(variables, "ALLOWED_ORIGIN_REGEX")
	}
	if s.redis {
		variables["REDIS_URL"] = "redis://" + redisAddress
	}
	if s.proxied {
		variables["TRUSTED_PROXIES"] = "10.9.0.0/24,fd00:9::/64"
		variables["HTTPS_REDIRECT"] = pick("false", "true")
	}
	return variables
}
