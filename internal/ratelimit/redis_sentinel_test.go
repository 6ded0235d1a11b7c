package ratelimit_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/api/internal/ratelimit"
)

func TestCheckURLOfSentinel(t *testing.T) {
	t.Parallel()
	const form, master = "not a Redis URL", "needs master=NAME"
	for url, want := range map[string]string{
		"redis-sentinel://h?master=m":                                             "",
		"redis-sentinel://h:/0?master=m":                                          "",
		"redis-sentinel://u:hunter2@h:26379/3?master=m&addr=i:26379&addr=[::1]:1": "",
		"rediss-sentinel://:hunter2@[fd00::1]/0?master=my-primary.1":              "",
		"redis-sentinel://h?master=m&db=2":                                        "",
		"redis-sentinel://:hunter2@h:26379":                                       master,
		"redis-sentinel://:hunter2@h:26379/0?master=":                             master,
		"redis-sentinel://:hunter2@h:26379?master=m&master=hunter2":               master,
		"redis-sentinel://:hunter2@h:26379?addr=i:26379":                          master,
		"redis-sentinel://:hunter2@h:26379/hunter2?master=m":                      form,
		"redis-sentinel://:hunter2@h:26379/?master=m":                             "",
		"redis-sentinel://:hunter2@h:26379/-1?master=m":                           form,
		"redis-sentinel://:hunter2@h:26379/0?master=m&addr=hunter2":               form,
		"redis-sentinel://:hunter2@h:0/0?master=m":                                form,
		"redis-sentinel://:hunter2@h,i:26379/0?master=m&master_set=hunter2":       form,
		"redis-sentinel://:hunter2@h:26379?master_set=hunter2":                    form,
		"redis-sentinel://:hunter2@h:26379?master=m&skip_verify=1":                form,
		"redis-sentinel://:hunter2@h:26379?master=m#hunter2":                      form,
		"redis-sentinel:hunter2?master=m":                                         form,
		"redis+sentinel://:hunter2@h?master=m":                                    form,
		"unix-sentinel:///hunter2?master=m":                                       form,
		"redis://:hunter2@h:26379?master=m":                                       form,
		"unix:///run/hunter2.sock?master=m":                                       form,
	} {
		err := ratelimit.CheckURL(url)
		switch {
		case (err == nil) != (want == ""), err != nil && !strings.Contains(err.Error(), want):
			t.Errorf("CheckURL(%q): %v, want %q", url, err, want)
		case err != nil && strings.Contains(err.Error(), "hunter2"):
			t.Errorf("CheckURL(%q): %v shows the secret", url, err)
		}
	}
}

// startSentinel returns a Sentinel that monitors the primary under the name
// "counters" and decides on its own. More is what else its configuration says.
func startSentinel(t *testing.T, port int, more ...string) *redisServer {
	t.Helper()
	config := filepath.Join(t.TempDir(), "sentinel.conf")
	lines := append([]string{
		fmt.Sprintf("sentinel monitor counters 127.0.0.1 %d 1", port),
		"sentinel down-after-milliseconds counters 1000",
		"sentinel failover-timeout counters 5000",
	}, more...)
	if err := os.WriteFile(config, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newRedisServer(t)
	s.args = append(append([]string{config}, s.args...), "--sentinel")
	s.start(t)
	return s
}

// sentinelURL is the URL for a Sentinel at the address.
func sentinelURL(address, more string) string {
	return "redis-sentinel://" + address + "/0?master=counters" + more
}

// startReplica returns a replica that has caught up.
func startReplica(t *testing.T, primary *redisServer) *redisServer {
	t.Helper()
	s := startRedis(t, "--replicaof", "127.0.0.1 "+strconv.Itoa(primary.port))
	replicates(t, s)
	return s
}

func replicates(t *testing.T, s *redisServer) {
	t.Helper()
	eventually(t, 60*time.Second, "the replica has caught up", func() bool {
		return strings.Contains(s.do(t, "INFO", "replication"), "master_link_status:up")
	})
}

// After a failover, the new primary is used, whether the former one is gone or
// goes on as if nothing had happened.
func TestRedisSentinelFailover(t *testing.T) {
	one := startRedis(t)
	two := startReplica(t, one)
	sentinel := startSentinel(t, one.port)
	dead := newRedisServer(t) // a Sentinel that is not running
	store, log := newRedis(t, sentinelURL(dead.address(), "&addr="+sentinel.address()))
	await(t, store, "up", 5*time.Second)
	granted(t, store, "blocked", rate(5, time.Hour), 6)
	load := startLoad(t, store, 8, 2*time.Millisecond)

	promoted := func(s *redisServer) {
		t.Helper()
		eventually(t, 60*time.Second, "Sentinel promotes the replica", func() bool {
			return strings.Contains(sentinel.do(t, "INFO", "sentinel"), "address="+s.address()+",")
		})
		before := s.commands(t)["evalsha"]
		took := eventually(t, recovery, "the new primary is used", func() bool { return s.commands(t)["evalsha"] > before+10 })
		t.Logf("used %s after it was promoted", took.Round(time.Millisecond))
		if count(t, store, "blocked", rate(5, time.Hour)) {
			t.Error("a client that was over its limit passed")
		}
	}
	eventually(t, 60*time.Second, "Sentinel knows a replica and begins", func() bool {
		_, err := sentinel.try("SENTINEL", "FAILOVER", "counters")
		return err == nil
	})
	promoted(two)
	if role := one.do(t, "INFO", "replication"); !strings.Contains(role, "role:master") {
		t.Log("the former primary was demoted before it was left") // on a machine that is very slow
	}

	eventually(t, 60*time.Second, "the former primary replicates", func() bool {
		return strings.Contains(one.do(t, "INFO", "replication"), "master_link_status:up") &&
			strings.Contains(sentinel.do(t, "SENTINEL", "CKQUORUM", "counters"), "OK")
	})
	two.kill()
	down := await(t, store, "down", recovery)
	checkAlone(t, store)
	promoted(one)
	await(t, store, "up", recovery)
	load.end(t)
	t.Logf("down after %s", down.Round(time.Millisecond))
	logged(t, log)
}

// Without any Sentinel, the primary that was named last is used until it fails.
// The log then says what is wrong with each Sentinel.
func TestRedisSentinelsAreGone(t *testing.T) {
	server := startRedis(t)
	sentinel := startSentinel(t, server.port)
	undisturbed(t, func(a *attempt) {
		store := a.newRedis(sentinelURL(sentinel.address(), ""))
		sentinel.kill()
		before := server.commands(t)["evalsha"]
		for until := time.Now().Add(1200 * time.Millisecond); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
			count(a, store, "a", rate(1<<40, time.Hour))
		}
		if asked := server.commands(t)["evalsha"] - before; asked < 10 {
			a.Errorf("Redis was asked %d times", asked)
		}
		sentinel.start(t)
	})
	for url, want := range map[string]string{
		sentinelURL(sentinel.address(), "x"):                                `does not monitor a primary named \"countersx\"`,
		sentinelURL("127.0.0.2", ""):                                        "the Sentinel at 127.0.0.2:26379 ", // the port of Sentinels
		sentinelURL(server.address(), ""):                                   "is not a Sentinel",
		sentinelURL(newRedisServer(t).address(), "&addr="+server.address()): "connection refused",
	} {
		refused(t, url, want)
	}
}

// The log says what a Sentinel replied that does not name a primary.
func TestRedisSentinelReplies(t *testing.T) {
	for reply, want := range map[string]string{
		"*1\r\n$1\r\na\r\n":                        "something other than a host and a port",
		"*3\r\n$1\r\na\r\n:1\r\n:2\r\n":            "something other than a host and a port",
		"*2\r\n$2\r\n/a\r\n$1\r\n1\r\n":            "something other than a host and a port",
		"*2\r\n$1\r\na\r\n$1\r\n0\r\n":             "something other than a host and a port",
		"*-1\r\n":                                  "does not monitor",
		"-NOPERM this user has no permissions\r\n": "cannot be asked: NOPERM this user",
	} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				go func() {
					defer conn.Close()
					for buffer := make([]byte, 4096); ; {
						n, err := conn.Read(buffer)
						if err != nil {
							return
						}
						answer := "-ERR unknown command 'HELLO'\r\n"
						if strings.Contains(string(buffer[:n]), "SENTINEL") {
							answer = reply
						}
						_, _ = io.WriteString(conn, answer)
					}
				}()
			}
		}()
		refused(t, sentinelURL(listener.Addr().String(), ""), want)
	}
}

// tap is a proxy that records what clients send.
type tap struct {
	net.Listener
	made atomic.Int64 // connections
	sent logBuffer
}

// newTap forwards to a server, or, without one, leaves clients without replies.
func newTap(t *testing.T, to *redisServer) *tap {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	p := &tap{Listener: listener}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			defer client.Close()
			p.made.Add(1)
			if to == nil {
				continue
			}
			server, err := net.Dial("tcp", to.address())
			if err != nil {
				client.Close()
				continue
			}
			go func() {
				_, _ = io.Copy(client, server)
				client.Close()
			}()
			go func() {
				_, _ = io.Copy(io.MultiWriter(&p.sent, server), client)
				server.Close()
			}()
		}
	}()
	return p
}

// A Sentinel that accepts connections and does not answer is asked once, and
// last from then on.
func TestRedisSentinelHangs(t *testing.T) {
	server := startRedis(t)
	sentinel := startSentinel(t, server.port)
	hung := newTap(t, nil).Addr().String()
	refused(t, sentinelURL(hung, ""), "the Sentinel at "+hung+" cannot be asked")
	undisturbed(t, func(a *attempt) {
		one, two := newTap(t, nil), newTap(t, sentinel)
		a.newRedis(sentinelURL(one.Addr().String(), "&addr="+two.Addr().String()))
		eventually(a, 20*time.Second, "Sentinel is asked again", func() bool { return two.made.Load() > 3 })
		if asked := one.made.Load(); asked != 1 {
			a.Errorf("the Sentinel that hangs was asked %d times, want 1", asked)
		}
	})
}

// The password is that of Redis. A Sentinel gets it only if it requires one.
func TestRedisSentinelPassword(t *testing.T) {
	server := startRedis(t, "--requirepass", "right")
	without := newTap(t, startSentinel(t, server.port, "sentinel auth-pass counters right"))
	with := newTap(t, startSentinel(t, server.port, "sentinel auth-pass counters right", "requirepass right"))
	login := func(p *tap, password string) string {
		return strings.Replace(sentinelURL(p.Addr().String(), ""), "//", "//:"+password+"@", 1)
	}
	undisturbed(t, func(a *attempt) {
		passed := 0
		for _, p := range []*tap{without, with} {
			passed += granted(a, a.newRedis(login(p, "right")), a.name, rate(10, time.Hour), 8)
		}
		if passed != 10 {
			a.Errorf("%d passed, want 10 together", passed)
		}
	})
	if text := without.sent.String(); !strings.Contains(text, "counters") || strings.Contains(text, "right") {
		t.Errorf("sent to a Sentinel without a password: %q", text)
	}
	for _, p := range []*tap{without, with} {
		if text := refused(t, login(p, "hunter2"), "WRONGPASS"); strings.Contains(text, "hunter2") {
			t.Errorf("logged the password: %s", text)
		}
	}
	refused(t, sentinelURL(with.Addr().String(), ""), "NOAUTH")
}

// With rediss-sentinel, Sentinel and Redis are reached by TLS. The database is
// that of the URL; a Sentinel has none.
func TestRedisSentinelTLS(t *testing.T) {
	secure := func() (port int, args []string) {
		port = freePort(t)
		return port, []string{"--tls-port", strconv.Itoa(port), "--tls-auth-clients", "no", "--tls-replication", "yes",
			"--tls-ca-cert-file", filepath.Join(certificates, "ca.pem"),
			"--tls-cert-file", filepath.Join(certificates, "server.pem"),
			"--tls-key-file", filepath.Join(certificates, "server.key")}
	}
	redisPort, args := secure()
	server := startRedis(t, args...)
	sentinelPort, args := secure()
	var lines []string
	for i := 0; i < len(args); i += 2 {
		lines = append(lines, strings.TrimPrefix(args[i], "--")+" "+args[i+1])
	}
	startSentinel(t, redisPort, lines...)
	undisturbed(t, func(a *attempt) {
		url := fmt.Sprintf("rediss-sentinel://localhost:%d/3?master=counters", sentinelPort)
		if passed := granted(a, a.newRedis(url), a.name, rate(10, time.Hour), 20); passed != 10 {
			a.Errorf("%d passed, want 10", passed)
		}
	})
	if keys := server.do(t, "INFO", "keyspace"); !strings.Contains(keys, "db3:") || strings.Contains(keys, "db0:") {
		t.Errorf("counted in %s, want database 3", keys)
	}
}
