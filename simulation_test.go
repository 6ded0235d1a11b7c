package main

import (
	"context"
	"io"
	"testing"

	"example.com/api/config"
	"example.com/api/tests/simulation"
)

// TestSimulation serves random clients amid random faults; see the package
// simulation. SEEDS=100000 runs more, SEED=7 replays one.
func TestSimulation(t *testing.T) {
	simulation.Run(t, 1, 500, serveSimulation, nil)
}

// serveSimulation is the whole server on a network in memory.
func serveSimulation(ctx context.Context, s config.Settings, n *simulation.Network, stderr io.Writer) error {
	return start(ctx, s, false, network{listen: n.Listen, dial: n.Dial}, stderr)
}
