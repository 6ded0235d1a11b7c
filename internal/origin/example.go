package origin

import (
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"
)

const (
	// maxFillings bounds the texts that are tried to find an example.
	maxFillings = 1024
	// maxSteps bounds all searches for an example together, in bytes that are matched
	// times the instructions of the program. A step takes at most 30 ns.
	maxSteps = 4 << 20
)

// example returns an origin that the expression matches by the form, or "" if
// it finds none. If foreign is set, the origin is the clearest example of a domain
// that somebody else can register because of what the form leaves open.
func (j *judge) example(f form, foreign bool) string {
	if j.steps > maxSteps {
		return ""
	}
	parts := f.parts()
	best, bestRank := "", -1
	if foreign {
		bestRank = 0
	}
	for range maxFillings {
		text, open := fill(parts)
		if j.steps += len(text) * j.instructions; j.steps > maxSteps {
			break
		}
		if rank := j.rank(text, open); rank > bestRank {
			best, bestRank = text, rank
			if !foreign {
				break
			}
		}
		if !next(parts) {
			break
		}
	}
	return best
}

// part is a run of tokens of a form that are spelled out, with one text, or
// that are not, with the texts that are tried for them.
type part struct {
	texts  []string
	choice int    // the text that is tried now
	open   []bool // of a run that is spelled out, the bytes that are optional
}

func (f form) parts() []part {
	var parts []part
	for start := 0; start < len(f); {
		end := start
		for end < len(f) && f[end].isOpen() {
			end++
		}
		if end > start {
			parts = append(parts, part{texts: f.fillings(start, end)})
		}
		literal := part{texts: []string{""}}
		for ; end < len(f) && !f[end].isOpen(); end++ {
			if f[end].kind == one {
				literal.texts[0] += f[end].set.String()
				literal.open = append(literal.open, f[end].optional && !f[end].set.has('.'))
			}
		}
		parts = append(parts, literal)
		start = end
	}
	return parts
}

func (t token) isOpen() bool { return t.kind == many || t.kind == one && t.set.size() != 1 }

// fill joins the chosen texts. It also returns which bytes the form leaves open or
// optional. A dot counts as spelled out, because a pattern that does not escape it
// still means a dot.
func fill(parts []part) (text string, open []bool) {
	var filled strings.Builder
	for _, p := range parts {
		chosen := p.texts[p.choice]
		filled.WriteString(chosen)
		if p.open != nil {
			open = append(open, p.open...)
			continue
		}
		for _, b := range []byte(chosen) {
			open = append(open, b != '.')
		}
	}
	return filled.String(), open
}

// next chooses the next combination of texts, like a counter that has a digit for
// each part. It reports false after the last combination.
func next(parts []part) bool {
	for i := len(parts) - 1; i >= 0; i-- {
		p := &parts[i]
		if p.choice++; p.choice < len(p.texts) {
			return true
		}
		p.choice = 0
	}
	return false
}

// fillings returns texts that look like an attacker's, and the plainest ones.
func (f form) fillings(start, end int) []string {
	run := f[start:end]
	var all letters
	least, most := 0, len(run)
	for _, t := range run {
		all = all.union(t.set)
		switch {
		case t.kind == many:
			most = maxLength
		case !t.optional && t.set.size() > 0: // a set without ASCII adds nothing to plainest
			least++
		}
	}
	before, _ := f[:start].literal()
	texts := []string{".evil.example", "evil.example", "evil", "x", ".", "http", "7", "203.0.113.7"}
	for _, beginning := range []string{"https://evil", "https://x"} {
		if rest, found := strings.CutPrefix(beginning, before); found {
			texts = append(texts, rest)
		}
	}
	texts = append(texts, run.plainest())
	texts = append(texts, all.String()[:min(1, all.size())])
	texts = slices.DeleteFunc(texts, func(text string) bool {
		return len(text) < least || len(text) > most || strings.ContainsFunc(text, func(r rune) bool { return !all.has(byte(r)) })
	})
	return distinct(texts)
}

// plainest returns the shortest text of a run, with dots where they may stand in
// a long one, because a label of a host has at most 63 bytes.
func (f form) plainest() string {
	var text strings.Builder
	for i, t := range f {
		if t.kind != one || t.set.size() == 0 {
			continue
		}
		if i%32 == 31 && t.set.has('.') {
			text.WriteByte('.')
		} else {
			text.WriteByte(t.set.String()[0])
		}
	}
	return text.String()
}

// rank returns -1 for a text that is not an origin or is not matched, and 0 for one
// that was probably meant. The rank is higher if the form leaves open the scheme,
// the part that an owner registers, or the boundary before it. It is highest for a
// domain that looks like one that somebody could buy.
func (j *judge) rank(text string, open []bool) int {
	o, err := parse(text)
	if err != nil || !j.expression.MatchString(text) {
		return -1
	}
	least := 0
	switch {
	case open[0] && o.isWeb():
		least = 2
	case open[0]:
		least = 1
	}
	domain := o.Host
	if !isAddress(o.Host) {
		domain = registrable(o.Host)
	}
	start := len(o.Scheme) + len("://")
	boundary := max(start, start+len(o.Host)-len(domain)-1)
	if !slices.Contains(open[boundary:start+len(o.Host)], true) {
		return least
	}
	if _, icann := publicsuffix.PublicSuffix(domain); !icann {
		return 1
	}
	return 10 - min(strings.Count(o.Host, "."), 8)
}

// distinct returns the texts without repetitions.
func distinct(texts []string) []string {
	var all []string
	for _, text := range texts {
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}
