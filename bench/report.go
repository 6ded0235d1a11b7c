package main

import (
	"fmt"
	"os"
	"strings"
)

// result is a scenario with its samples, by server.
type result struct {
	scenario scenario
	samples  [][]sample
}

// row is what one server needed; the numbers are medians.
type row struct {
	name            string
	cpu, spread     float64 // microseconds per request; half the distance of the quartiles divided by the median
	ratio           float64 // the first server's CPU time divided by this one's
	throughput, p99 float64
}

func (r result) rows() []row {
	var rows []row
	for i, samples := range r.samples {
		column := func(of func(sample) float64) []float64 {
			var values []float64
			for _, s := range samples {
				values = append(values, of(s))
			}
			return values
		}
		cpu := column(func(s sample) float64 { return s.CPU })
		var ratios []float64 // one per round, because what slows the machine down slows both servers
		for round := range cpu {
			ratios = append(ratios, r.samples[0][round].CPU/cpu[round])
		}
		rows = append(rows, row{
			name:       r.scenario.servers[i].name,
			cpu:        median(cpu),
			spread:     (quantile(cpu, 0.75) - quantile(cpu, 0.25)) / 2 / median(cpu),
			ratio:      median(ratios),
			throughput: median(column(func(s sample) float64 { return s.Throughput })),
			p99:        median(column(func(s sample) float64 { return s.P99 })),
		})
	}
	return rows
}

// text returns the result as a Markdown table.
func (r result) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n**%s**\n\n", r.scenario.title)
	b.WriteString("| server | CPU µs per request | ± | the first row costs | requests/s | p99 ms |\n| --- | --: | --: | --: | --: | --: |\n")
	for _, row := range r.rows() {
		fmt.Fprintf(&b, "| %s | %.1f | %.0f%% | %.2f × | %.0f | %.1f |\n", row.name, row.cpu, 100*row.spread, row.ratio, row.throughput, row.p99/1000)
	}
	return b.String()
}

// writeReport puts the tables between the markers of docs/performance.md and
// draws its two charts.
func writeReport(results []result, process string) error {
	const path, begin, end = "../docs/performance.md", "<!-- begin measured -->\n", "<!-- end measured -->\n"
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(page), begin)
	_, after, foundEnd := strings.Cut(rest, end)
	if !found || !foundEnd {
		return fmt.Errorf("%s lacks the lines %q and %q", path, begin, end)
	}
	var tables strings.Builder
	for _, r := range results {
		tables.WriteString(r.text())
	}
	tables.WriteString(process)
	if err := os.WriteFile(path, []byte(before+begin+tables.String()+"\n"+end+after), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile("../docs/performance.svg", []byte(bars(results)), 0o644); err != nil {
		return err
	}
	return os.WriteFile("../docs/performance-growth.svg", []byte(curves(results)), 0o644)
}
