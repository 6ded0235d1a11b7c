package simulation

import (
	"bufio"
	"crypto/sha1" //nolint:gosec // the names of scripts in Redis
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// redisServer is a model of what the rate limits need from Redis: a script that
// counts in sliding windows. It does not run the script, but does what the script's
// comment promises.
type redisServer struct {
	mu      sync.Mutex
	changed *sync.Cond
	conns   map[*Conn]bool
	scripts map[string]bool
	windows Windows
	down    bool          // refuses connections
	hung    bool          // takes connections and answers nothing
	delay   time.Duration // before each answer
	failure string        // the error for each script, or one of the broken replies; "": none
	skew    time.Duration // of its clock
}

// Windows are the counters in the model of Redis, by key. A test compares them
// with those of the script on a real server.
type Windows map[string]*redisWindow

// redisWindow counts requests by the part of time that they were made in.
type redisWindow struct {
	part   int64
	counts [11]int64 // the newest first
}

func newRedis(n *Network, address string) *redisServer {
	r := &redisServer{conns: make(map[*Conn]bool), scripts: make(map[string]bool), windows: make(Windows)}
	r.changed = sync.NewCond(&r.mu)
	n.hosts[address] = r.accept
	return r
}

func (r *redisServer) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
	r.changed.Broadcast()
}

func (r *redisServer) heal() {
	r.change(func() { r.down, r.hung, r.delay, r.failure = false, false, 0, "" })
}

// kill ends all connections and refuses new ones.
func (r *redisServer) kill() {
	r.change(func() {
		r.down = true
		for c := range r.conns {
			c.abort()
		}
	})
}

// forget empties the database, as a restart without persistence does.
func (r *redisServer) forget() { r.change(func() { clear(r.windows); clear(r.scripts) }) }

func (r *redisServer) accept(conn *Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down {
		return false
	}
	r.conns[conn] = true
	go r.serve(conn)
	return true
}

func (r *redisServer) serve(conn *Conn) {
	defer func() {
		conn.Close()
		r.change(func() { delete(r.conns, conn) })
	}()
	in := bufio.NewReader(conn)
	for {
		command, err := readCommand(in)
		if err != nil {
			return
		}
		r.mu.Lock()
		for r.hung {
			r.changed.Wait()
		}
		delay := r.delay
		r.mu.Unlock()
		if delay > 0 {
			time.Sleep(delay)
		}
		reply := r.run(command)
		if _, err := io.WriteString(conn, reply); err != nil || slices.Contains(brokenReplies()[1:], reply) {
			return
		}
	}
}

// readCommand reads an array of bulk strings.
func readCommand(in *bufio.Reader) ([]string, error) {
	count, err := readLength(in, '*')
	if err != nil {
		return nil, err
	}
	command := make([]string, count)
	for i := range command {
		size, err := readLength(in, '$')
		if err != nil {
			return nil, err
		}
		text := make([]byte, size+2)
		if _, err := io.ReadFull(in, text); err != nil {
			return nil, err
		}
		command[i] = string(text[:size])
	}
	return command, nil
}

func readLength(in *bufio.Reader, kind byte) (int, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return 0, err
	}
	if line[0] != kind {
		return 0, fmt.Errorf("%q does not begin with %c", line, kind)
	}
	return strconv.Atoi(strings.TrimSpace(line[1:]))
}

// brokenReplies are one of another shape, text that is not a reply, and a reply that
// is cut off. After the last two, the server closes the connection.
func brokenReplies() []string {
	return []string{"*2\r\n:1\r\n:1\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n", "*3\r\n:1\r\n:9"}
}

func (r *redisServer) run(command []string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch strings.ToUpper(command[0]) {
	case "HELLO":
		return "%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.0.0\r\n"
	case "PING":
		return "+PONG\r\n"
	case "CLUSTER":
		return "-ERR This instance has cluster support disabled\r\n"
	case "CLIENT", "SELECT":
		return "+OK\r\n"
	case "EVALSHA":
		if r.failure == "" && !r.scripts[command[1]] {
			return "-NOSCRIPT No matching script. Please use EVAL.\r\n"
		}
	case "EVAL":
		r.scripts[scriptSHA(command[1])] = true
	default:
		return "-ERR unknown command\r\n"
	}
	if slices.Contains(brokenReplies(), r.failure) {
		return r.failure
	}
	if r.failure != "" {
		return "-" + r.failure + "\r\n"
	}
	numbers := make([]int64, 3)
	for i := range numbers {
		numbers[i], _ = strconv.ParseInt(command[4+i], 10, 64)
	}
	granted, total, wait := r.windows.Count(command[3], numbers[0], numbers[1], numbers[2], time.Now().Add(r.skew).UnixMicro())
	return fmt.Sprintf("*3\r\n:%d\r\n:%d\r\n:%d\r\n", granted, total, wait)
}

// Count counts n requests under the key if the limit allows them. Length is that
// of a part, now the time since 1970, and wait the time until more may pass, all
// in microseconds.
func (all Windows) Count(key string, n, limit, length, now int64) (granted, total, wait int64) {
	part := now / length
	w := all[key]
	if w == nil {
		w = &redisWindow{part: part}
		all[key] = w
	}
	var counts [11]int64
	for i, made := range w.counts {
		if at := max(int64(i)+part-w.part, 0); at < int64(len(counts)) { // what was made in the future counts as made now
			counts[at] += made
			total += made
		}
	}
	needed := n
	if n <= limit-total {
		granted, needed = 1, 0
		counts[0] += n
		total += n
	}
	if granted == 1 && n > 0 || part < w.part {
		w.part, w.counts = part, counts // otherwise what is stored stays as it is
	}
	left := total
	for i := len(counts) - 1; i >= 0; i-- {
		if counts[i] > 0 {
			left -= counts[i]
			wait = (part+11-int64(i))*length - now
			if needed <= limit-left {
				break
			}
		}
	}
	return granted, total, wait
}

// scriptSHA is how Redis names a script.
func scriptSHA(script string) string { return fmt.Sprintf("%x", sha1.Sum([]byte(script))) } //nolint:gosec // not a secret
