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

// healthTimeout is shorter than the time that a container runtime gives the check,
// so that the check can report the reason before it is killed.
const healthTimeout = 2 * time.Second

// healthcheck checks that the server that runs with these settings on this machine
// is alive. The program does this itself because an image without a shell has no
// curl. It does not check readiness: a runtime that restarts unhealthy containers
// would otherwise kill a server that is draining.
func healthcheck(ctx context.Context, s config.Settings) error {
	if s.Port == 0 {
		return fmt.Errorf("healthcheck: PORT=0 picks a free port at each start, so the port is not known: set PORT to a number")
	}
	host := s.Host
	if address, err := netip.ParseAddr(host); host == "" || err == nil && address.IsUnspecified() {
		host = "localhost" // the server listens on all addresses, and IPv4 or IPv6 may be missing
	}
	url := "http://" + net.JoinHostPort(host, strconv.Itoa(s.Port)) + "/healthz"
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("healthcheck (HOST, PORT): %w", err)
	}
	client := http.Client{Transport: new(http.Transport)} // ignores HTTP_PROXY
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("healthcheck: %w", err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("healthcheck: %s responded with %s, not 200: does another program listen there?", url, response.Status)
	}
	return nil
}
