package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// bars draws a bar for each server of the scenarios that compare servers.
func bars(results []result) string {
	const (
		width, bar, gap = 720, 18, 6
		names, numbers  = 170, 70 // pixels left and right of the bars
	)
	longest := 0.0
	for _, r := range results {
		if r.scenario.charted {
			for _, row := range r.rows() {
				longest = max(longest, row.cpu)
			}
		}
	}
	var b strings.Builder
	y := 10
	for _, r := range results {
		if !r.scenario.charted {
			continue
		}
		y += 22
		fmt.Fprintf(&b, "<text class=\"title\" x=\"10\" y=\"%d\">%s</text>\n", y, strings.ReplaceAll(r.scenario.title, "`", ""))
		y += 10
		for i, row := range r.rows() {
			class := "peer"
			if i == 0 {
				class = "ours"
			}
			length := row.cpu / longest * (width - names - numbers)
			fmt.Fprintf(&b, "<text class=\"name\" x=\"%d\" y=\"%d\">%s</text><rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.0f\" height=\"%d\" rx=\"2\"/><text x=\"%.0f\" y=\"%d\">%.1f µs</text>\n",
				names-8, y+13, row.name, class, names, y, length, bar, names+length+6, y+13, row.cpu)
			y += bar + gap
		}
		y += 8
	}
	return drawing(width, y, "CPU time for each request, by server", b.String())
}

// curves draws how the CPU time of a request grows with what a scenario varies: a
// panel for each scenario, with a logarithmic x axis and a y axis from 0.
func curves(results []result) string {
	const (
		width, columns           = 720, 2
		panelWidth, panelHeight  = width / columns, 190
		left, right, top, bottom = 20, 20, 50, 150 // of the axes, in a panel
	)
	var b strings.Builder
	panels := 0
	for _, r := range results {
		if r.scenario.grows == "" {
			continue
		}
		x0, y0 := float64(panels%columns*panelWidth), float64(panels/columns*panelHeight)
		panels++
		var amounts, costs []float64
		for i, row := range r.rows() {
			if amount := r.scenario.servers[i].amount; amount > 0 {
				amounts, costs = append(amounts, float64(amount)), append(costs, row.cpu)
			}
		}
		fmt.Fprintf(&b, "<text class=\"title\" x=\"%.0f\" y=\"%.0f\">%s</text>\n", x0+left, y0+24, r.scenario.grows)
		fmt.Fprintf(&b, "<path class=\"axis\" d=\"M%.0f %.0fH%.0f\"/>\n", x0+left, y0+bottom, x0+panelWidth-right)
		smallest, decades, highest := amounts[0], math.Log10(slices.Max(amounts)/amounts[0]), slices.Max(costs)
		var points strings.Builder
		for i, cost := range costs {
			x := x0 + left + 24 + math.Log10(amounts[i]/smallest)/decades*(panelWidth-left-right-48)
			y := y0 + bottom - cost/highest*(bottom-top)
			fmt.Fprintf(&points, "%.0f,%.0f ", x, y)
			fmt.Fprintf(&b, "<circle class=\"ours\" cx=\"%.0f\" cy=\"%.0f\" r=\"3\"/><text class=\"number\" x=\"%.0f\" y=\"%.0f\">%s</text><text class=\"number\" x=\"%.0f\" y=\"%.0f\">%s</text>\n",
				x, y, x, y-9, duration(cost), x, y0+bottom+18, short(amounts[i]))
		}
		fmt.Fprintf(&b, "<polyline class=\"curve\" points=\"%s\"/>\n", strings.TrimSpace(points.String()))
	}
	return drawing(width, (panels+columns-1)/columns*panelHeight, "How the CPU time of a request grows", b.String())
}

// duration writes a number of microseconds in a few characters.
func duration(µs float64) string {
	switch {
	case µs >= 1000:
		return fmt.Sprintf("%.1f ms", µs/1000)
	case µs >= 100:
		return fmt.Sprintf("%.0f µs", µs)
	}
	return fmt.Sprintf("%.1f µs", µs)
}

// short writes an amount in a few characters: 1M for 1,000,000 and for 1<<20.
func short(amount float64) string {
	switch {
	case amount >= 1e6:
		return fmt.Sprintf("%.0fM", amount/1e6)
	case amount >= 1e3:
		return fmt.Sprintf("%.0fk", amount/1e3)
	}
	return fmt.Sprintf("%.0f", amount)
}

// drawing returns an SVG image with the colors of a light or a dark page.
func drawing(width, height int, label, shapes string) string {
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-label="%s; docs/performance.md has the numbers">
<style>
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600 }
.name { text-anchor: end }
.number { font-size: 11px; text-anchor: middle }
.ours { fill: #0969da }
.peer { fill: #8c959f }
.axis { stroke: #8c959f }
.curve { fill: none; stroke: #0969da; stroke-width: 2 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .ours { fill: #4493f8 } .peer { fill: #656c76 } .curve { stroke: #4493f8 } }
</style>
%s</svg>
`, width, height, width, height, label, shapes)
}
