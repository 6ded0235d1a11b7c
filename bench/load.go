package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// connections is how many clients wait for a response at the same time.
const connections = 64

// placeholder stands for the address of a client, in as many bytes.
const placeholder = "2001:0db8:0000:0000::1"

// request is what the load generator sends.
type request struct {
	Text    string
	Status  int // of every response
	Clients int // 0: the text is sent as it is
}

// loaded is what the load generator prints.
type loaded struct {
	Requests int
	P50, P99 float64 // in microseconds
}

// load sends the request that it reads from standard input over and over on each
// connection. The connections take turns with the addresses, which are separated by
// commas. It is a process of its own, so that it can have a core of its own.
func load(addrs, forHowLong string) error {
	var r request
	if err := json.NewDecoder(os.Stdin).Decode(&r); err != nil {
		return err
	}
	duration, err := time.ParseDuration(forHowLong)
	if err != nil {
		return err
	}
	servers := strings.Split(addrs, ",")
	deadline := time.Now().Add(duration)
	latencies := make([][]time.Duration, connections)
	errs := make([]error, connections)
	var all sync.WaitGroup
	for i := range connections {
		all.Go(func() { latencies[i], errs[i] = repeat(servers[i%len(servers)], r, i, deadline) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	sorted := slices.Concat(latencies...)
	slices.Sort(sorted)
	if len(sorted) == 0 {
		return errors.New("no response")
	}
	at := func(share float64) float64 {
		return float64(sorted[int(share*float64(len(sorted)-1))].Nanoseconds()) / 1000
	}
	return json.NewEncoder(os.Stdout).Encode(loaded{Requests: len(sorted), P50: at(0.5), P99: at(0.99)})
}

func repeat(addr string, r request, connection int, deadline time.Time) ([]time.Duration, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(deadline.Add(5 * time.Second)); err != nil {
		return nil, err
	}
	var latencies []time.Duration
	text, buffer := []byte(r.Text), make([]byte, 64<<10)
	address := bytes.Index(text, []byte(placeholder))
	want := "HTTP/1.1 " + strconv.Itoa(r.Status)
	// Each connection goes through its own share of the clients.
	share := max(r.Clients/connections, 1)
	for n, start := 0, time.Now(); start.Before(deadline); n++ {
		if r.Clients > 0 {
			client := connection*share + n%share
			// Clients 16 apart are in one /48: a million are in 62,500 networks.
			copy(text[address+len("2001:"):], fmt.Sprintf("%04x:%04x:%04x", client>>20, client>>4&0xffff, client&15))
		}
		if _, err := conn.Write(text); err != nil {
			return nil, err
		}
		if err := readResponse(conn, buffer, want); err != nil {
			return nil, err
		}
		end := time.Now()
		latencies = append(latencies, end.Sub(start))
		start = end
	}
	return latencies, nil
}

// readResponse reads one response, of which nothing is left on the connection.
func readResponse(conn net.Conn, buffer []byte, want string) error {
	length, chunked := 0, false
	for size := -1; size < 0 || length < size; {
		n, err := conn.Read(buffer[length:])
		if err != nil {
			return fmt.Errorf("after %q: %w", buffer[:length], err)
		}
		length += n
		if end := bytes.Index(buffer[:length], []byte("\r\n\r\n")); size < 0 && end >= 0 {
			head := buffer[:end+2]
			if string(head[:len(want)]) != want {
				return fmt.Errorf("want %s, got %q", want, head)
			}
			size = end + 4
			if _, rest, found := bytes.Cut(head, []byte("Content-Length: ")); found {
				value, _, _ := bytes.Cut(rest, []byte("\r\n"))
				body, err := strconv.Atoi(string(value))
				if err != nil {
					return err
				}
				size += body
			} else if bytes.Contains(head, []byte("Transfer-Encoding: chunked\r\n")) {
				chunked, size = true, -1
			}
		}
		if chunked && bytes.HasSuffix(buffer[:length], []byte("\r\n0\r\n\r\n")) {
			return nil
		}
		if length == len(buffer) {
			return io.ErrShortBuffer
		}
	}
	return nil
}
