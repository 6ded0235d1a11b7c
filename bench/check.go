package main

import (
	"bufio"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
)

// check compares the responses of each server with those of the first, so that
// no server is fast because it does less. The names of the headers must be the same,
// and so must the values that do not change with each request. Each server must
// deny the same origin.
func check(s scenario, servers []*server) error {
	var want http.Header
	for i, server := range servers {
		spec := s.servers[i]
		request := s.request(spec)
		response, err := send(server.addr, request.Text)
		if err != nil {
			return fmt.Errorf("%s: %w", server.name, err)
		}
		if response.StatusCode != request.Status && request.Status != http.StatusTooManyRequests { // the first request is within the limit
			return fmt.Errorf("%s: status %d, want %d", server.name, response.StatusCode, request.Status)
		}
		if spec.bare {
			continue
		}
		got := comparableHeaders(response.Header)
		if want == nil {
			want = got
		}
		for _, name := range slices.Sorted(maps.Keys(want)) {
			if strings.Join(got[name], ",") != strings.Join(want[name], ",") {
				return fmt.Errorf("%s: header %s: got %q, want %q", server.name, name, got[name], want[name])
			}
		}
		if request.Status >= http.StatusCreated && spec.body != "" {
			continue // a request from another origin is rejected before its body is read
		}
		denied, err := send(server.addr, strings.Replace(request.Text, origin, "Origin: https://evil.example", 1))
		if err != nil {
			return fmt.Errorf("%s: %w", server.name, err)
		}
		if allowed := denied.Header.Get("Access-Control-Allow-Origin"); allowed != "" {
			return fmt.Errorf("%s: it allows an origin that is not listed: %q", server.name, allowed)
		}
	}
	return nil
}

// comparableHeaders removes what changes with each request, and writes lists in one form.
func comparableHeaders(h http.Header) http.Header {
	h = h.Clone()
	for name, values := range h {
		switch name {
		case "Date", "Content-Length", "Allow": // a body may end in a newline; Gin sends Allow
			delete(h, name)
		case "Etag", "Location", "X-Request-Id", "X-Ratelimit-Remaining", "X-Ratelimit-Reset", "Ratelimit",
			"Access-Control-Allow-Methods", "Access-Control-Allow-Headers": // rs/cors repeats what was asked for
			h[name] = []string{"present"}
		case "Content-Type":
			mediaType, _, _ := strings.Cut(values[0], ";")
			h[name] = []string{mediaType}
		default:
			list := strings.Split(strings.ToLower(strings.ReplaceAll(strings.Join(values, ","), " ", "")), ",")
			slices.Sort(list)
			h[name] = list
		}
	}
	return h
}

func send(addr, text string) (*http.Response, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(text)); err != nil {
		return nil, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return nil, err
	}
	return response, response.Body.Close()
}
