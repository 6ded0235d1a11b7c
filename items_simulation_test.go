package main

import (
	"testing"

	"example.com/api/tests/simulation"
)

// TestSimulationOfItems also creates, reads, changes and deletes items.
func TestSimulationOfItems(t *testing.T) {
	simulation.Run(t, 1001, 500, serveSimulation, simulation.Items)
}
