package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"example.com/api/config"
)

// healthTimeout is less than the time that a container's runtime gives the
// check, so that the reason is seen.
const healthTimeout = 2 * time.Second

// healthcheck asks the server that runs with these settings on this machine
// whether it lives: an image without a shell has no curl. It asks for life and
// not for readiness, or a runtime that restarts what is unhealthy would kill
// a server that drains.
func healthcheck(ctx context.Context, s config.Settings) error {
	if s.Port == 0 {
		return fmt.Errorf("healthcheck: PORT=0 picks a free port at each start: set PORT to a number")
	}
	host := s.Host
	if address, err := netip.ParseAddr(host); host == "" || err == nil && address.IsUnspecified() {
		host = "localhost" // it listens on all; of IPv4 and IPv6 one may be missing
	}
	url := "http://" + net.JoinHostPort(host, strconv.Itoa(s.Port)) + "/healthz"
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("healthcheck (HOST, PORT): %w", err)
	}
	client := http.Client{Transport: new(http.Transport)} // no proxy of the environment
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("healthcheck: %w", err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("healthcheck: %s answered %s, not 200: does another program listen there?", url, response.Status)
	}
	return nil
}
