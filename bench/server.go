package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// server is a process under test, on the first core.
type server struct {
	name   string
	addr   string
	cmd    *exec.Cmd
	dir    string
	others []*server // its replicas besides itself
}

// sample is one round of load.
type sample struct {
	CPU        float64 // the server's, in microseconds per request
	Throughput float64 // requests per second
	P50, P99   float64 // in microseconds
}

// pinned returns a command that runs on one core, where the system can do that.
func pinned(core int, name string, args ...string) *exec.Cmd {
	if runtime.GOOS == "linux" {
		return exec.Command("taskset", append([]string{"-c", strconv.Itoa(core), name}, args...)...)
	}
	return exec.Command(name, args...)
}

// start starts a server with its replicas and waits until all of them listen.
func start(work string, s spec) (*server, error) {
	if s.replicas > 1 {
		others := s
		others.replicas--
		replicas, err := start(work, others)
		if err != nil {
			return nil, err
		}
		s.replicas = 1
		first, err := start(work, s)
		if err != nil {
			replicas.stop()
			return nil, err
		}
		first.others = append(replicas.others, replicas)
		return first, nil
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(work, "server") // where this project's server keeps app.db
	if err != nil {
		return nil, err
	}
	if s.items > 0 {
		empty := s
		empty.items = 0
		first, err := start(work, empty) // creates the schema
		if err != nil {
			return nil, err
		}
		first.stop()
		dir = first.dir
		if err := fill(dir, s.items); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, ".env"), []byte(s.file), 0o600); err != nil {
		return nil, err
	}
	binary := filepath.Join(work, "api")
	if s.args != nil {
		binary = filepath.Join(work, "peers")
	} else if s.binary != "" {
		binary = s.binary
	}
	addr := "127.0.0.1:" + port
	cmd := pinned(0, binary, s.args...)
	cmd.Dir = dir
	cmd.Env = append([]string{"GOMAXPROCS=1", "ADDR=" + addr, "PORT=" + port, "PATH=" + os.Getenv("PATH")}, s.env...)
	// A pipe that is read, as a container's log is.
	var output tail
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			return &server{name: s.name, addr: addr, cmd: cmd, dir: dir}, conn.Close()
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("it does not listen: %s", output.end)
		}
	}
}

func (s *server) stop() {
	for _, other := range s.others {
		other.stop()
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// tail keeps the end of what is written to it.
type tail struct{ end []byte }

func (t *tail) Write(p []byte) (int, error) {
	const kept = 2000
	if len(p) >= kept {
		t.end = append(t.end[:0], p[len(p)-kept:]...)
	} else {
		t.end = append(t.end[max(0, len(t.end)+len(p)-kept):], p...)
	}
	return len(p), nil
}

func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	return port, err
}

// load sends requests for the duration and measures the CPU time that the
// server takes for them.
func (s *server) load(r request, duration time.Duration) (sample, error) {
	before, err := s.cpuTime()
	if err != nil {
		return sample{}, err
	}
	text, err := json.Marshal(r)
	if err != nil {
		return sample{}, err
	}
	self, err := os.Executable()
	if err != nil {
		return sample{}, err
	}
	addrs := s.addr
	for _, other := range s.others {
		addrs += "," + other.addr
	}
	generator := pinned(1, self, "load", addrs, duration.String())
	generator.Stdin = bytes.NewReader(text)
	generator.Env = append(os.Environ(), "GOMAXPROCS=1")
	var failure bytes.Buffer
	generator.Stderr = &failure
	output, err := generator.Output()
	if err != nil {
		return sample{}, fmt.Errorf("%w: %s", err, failure.Bytes())
	}
	var l loaded
	if err := json.Unmarshal(output, &l); err != nil {
		return sample{}, err
	}
	after, err := s.cpuTime()
	if err != nil {
		return sample{}, err
	}
	return sample{
		CPU:        float64((after - before).Nanoseconds()) / 1000 / float64(l.Requests),
		Throughput: float64(l.Requests) / duration.Seconds(),
		P50:        l.P50,
		P99:        l.P99,
	}, nil
}

// cpuTime is what the server and its replicas have used so far.
func (s *server) cpuTime() (time.Duration, error) {
	sum, err := cpuTime(s.cmd.Process.Pid)
	for _, other := range s.others {
		used, failure := cpuTime(other.cmd.Process.Pid)
		sum, err = sum+used, errors.Join(err, failure)
	}
	return sum, err
}

// cpuTime is what a process has used so far, in user mode and in the kernel. The
// sum over its threads is in nanoseconds; /proc/PID/stat counts in hundredths of a
// second, which is too coarse for short rounds.
func cpuTime(pid int) (time.Duration, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0, err
	}
	if len(threads) == 0 {
		return 0, errors.New("the server has ended, or this system has no /proc")
	}
	var sum time.Duration
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			return 0, err
		}
		onCPU, _, _ := strings.Cut(string(text), " ")
		n, err := strconv.ParseInt(onCPU, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(n)
	}
	return sum, nil
}

// startRedis starts a Redis that keeps nothing, on the load's core.
func startRedis() (*server, error) {
	host, port, err := net.SplitHostPort(redisAddr)
	if err != nil {
		return nil, err
	}
	cmd := pinned(1, "redis-server", "--bind", host, "--port", port, "--save", "", "--appendonly", "no")
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start redis-server, which this scenario needs: %w", err)
	}
	redis := &server{name: "redis", addr: redisAddr, cmd: cmd}
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", redisAddr)
		if err == nil {
			return redis, conn.Close()
		}
		if time.Now().After(deadline) {
			redis.stop()
			return nil, err
		}
	}
}
