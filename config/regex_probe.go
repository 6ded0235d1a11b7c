package config

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"example.com/api/internal/origin"
)

// How many texts are made from a pattern to try it with: so many, and so many
// more for each of its parts, as each must come up often enough.
const (
	probes        = 4096
	probesPerPart = 32
)

// unsafeRegex tries the pattern with texts made from itself and says which
// origin it admits that nobody can have meant, or "". What a pattern spells
// out is meant; what it leaves open (a class, a dot, a repetition) is up to an
// attacker, who must not be able to choose the domain that is registered.
func unsafeRegex(pattern string, expression *regexp.Regexp, secure bool) string {
	for _, stranger := range []string{"null", "https://evil.example", "http://evil.example", "https://evil.example:8443"} {
		if expression.MatchString(stranger) {
			return admits(stranger)
		}
	}
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return "does not compile: " + err.Error()
	}
	// A fixed seed: the same settings start, or do not, every time.
	generator := rand.New(rand.NewPCG(1, 2))
	all := parts(tree)
	spelledOut := texts(tree) <= mostSpelledOut
	tried := make(map[*syntax.Regexp]bool) // the parts that stood in an origin
	found, foundRank := "", 0
	for range probes + probesPerPart*len(all) {
		p := probe{spelledOut: spelledOut}
		p.append(tree, generator)
		o, err := origin.Parse(string(p.text))
		if err != nil || !expression.MatchString(string(p.text)) {
			continue
		}
		for _, part := range p.parts {
			tried[part] = true
		}
		if secure && o.Scheme == "http" && !o.IsLoopback() {
			return fmt.Sprintf("lets %s in, plain http: with credentials in production anybody on the way reads them; write https://", o)
		}
		if rank := p.strangeness(o); rank > foundRank {
			found, foundRank = string(p.text), rank
		}
	}
	if found != "" {
		return admits(found)
	}
	if !tried[tree] {
		return "matches no origin that a browser sends, as far as could be tried; write scheme, host and port and nothing behind, such as https://[a-z0-9-]+\\.example\\.com"
	}
	// What was never tried may let anybody in.
	for _, part := range all {
		if !tried[part] {
			return fmt.Sprintf("has the part %s, of which no origin that a browser sends could be made to try it with; leave it out, or spell more of it out", part)
		}
	}
	return ""
}

// mostSpelledOut is how many origins a pattern can list one by one, and
// mostLetters how many letters in one place: with more, as in [0-9], nobody has
// registered them all, and somebody could look for one that is free.
const (
	mostSpelledOut = 8
	mostLetters    = 4
)

// tooLong is more bytes than any origin has: nested repetitions would make a
// text that grows with each level as a power.
const tooLong = 300

// texts is how many texts a node matches, more than mostSpelledOut for many.
func texts(node *syntax.Regexp) int {
	const many = mostSpelledOut + 1
	n := 1
	switch node.Op {
	case syntax.OpCharClass:
		n = 0
		for i := 0; i < len(node.Rune); i += 2 {
			n += int(node.Rune[i+1]-node.Rune[i]) + 1
		}
		if n > mostLetters {
			return many
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL, syntax.OpStar, syntax.OpPlus:
		return many
	case syntax.OpConcat, syntax.OpCapture:
		for _, sub := range node.Sub {
			n = min(n*texts(sub), many)
		}
	case syntax.OpAlternate:
		n = 0
		for _, sub := range node.Sub {
			n += texts(sub)
		}
	case syntax.OpQuest:
		n = texts(node.Sub[0]) + 1
	case syntax.OpRepeat:
		if node.Max != node.Min {
			return many
		}
		for range node.Min {
			n = min(n*texts(node.Sub[0]), many)
		}
	}
	return min(n, many)
}

// mayEndLabel is whether a class stands for a boundary or for a letter, so that
// app[.x]example.com is another domain.
func mayEndLabel(class *syntax.Regexp) bool {
	return inClass(class, '.') || inClass(class, '-') || inClass(class, ':') || inClass(class, '/')
}

// parts lists a pattern's nodes, outer ones first.
func parts(node *syntax.Regexp) []*syntax.Regexp {
	all := []*syntax.Regexp{node}
	for _, sub := range node.Sub {
		all = append(all, parts(sub)...)
	}
	return all
}

func admits(stranger string) string {
	return fmt.Sprintf("lets %s in, which nobody listed; spell the domain out and escape its dots, such as https://[a-z0-9-]+\\.example\\.com", stranger)
}

// probe is a text that a pattern matches, and the parts that it was made
// from. open marks the bytes that the pattern did not spell out.
type probe struct {
	text  []byte
	open  []bool
	parts []*syntax.Regexp
	// spelledOut: so few texts match that the letters of a class were meant.
	// The parser makes a class of what was written as (de|dk), too.
	spelledOut bool
}

func (p *probe) add(text string, open bool) {
	for i := range len(text) {
		p.text = append(p.text, text[i])
		p.open = append(p.open, open)
	}
}

// addOpen adds a character that the pattern left open. A dot is what was meant
// by most: https://app.example.com is no stranger to itself.
func (p *probe) addOpen(character string) { p.add(character, character != ".") }

// append makes a text for one node of the pattern, taking each choice by lot.
func (p *probe) append(node *syntax.Regexp, generator *rand.Rand) {
	p.parts = append(p.parts, node)
	switch node.Op {
	case syntax.OpLiteral:
		p.add(strings.ToLower(string(node.Rune)), false)
	case syntax.OpCharClass:
		if character := pick(node, generator); p.spelledOut && !mayEndLabel(node) {
			p.add(character, false)
		} else {
			p.addOpen(character)
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		p.addOpen(string("xxx7.-:/"[generator.IntN(8)]))
	case syntax.OpConcat, syntax.OpCapture:
		for _, sub := range node.Sub {
			p.append(sub, generator)
		}
	case syntax.OpAlternate:
		p.append(node.Sub[generator.IntN(len(node.Sub))], generator)
	case syntax.OpQuest:
		p.repeat(node.Sub[0], 0, 1, generator)
	case syntax.OpStar:
		p.repeat(node.Sub[0], 0, unbounded, generator)
	case syntax.OpPlus:
		p.repeat(node.Sub[0], 1, unbounded, generator)
	case syntax.OpRepeat:
		switch node.Max {
		case node.Min: // just so often: nothing is open
			p.times(node.Sub[0], node.Min, generator)
		case -1:
			p.repeat(node.Sub[0], node.Min, unbounded, generator)
		default:
			p.repeat(node.Sub[0], node.Min, node.Max, generator)
		}
	}
	// The rest, anchors and the like, match no text of their own.
}

// unbounded is how often a text may stand in a repetition without an end.
const unbounded = math.MaxInt

// repeat writes the node as often as it may stand there, by lot, or a word
// where anything goes.
func (p *probe) repeat(node *syntax.Regexp, least, most int, generator *rand.Rand) {
	times := least + generator.IntN(min(most-least, 5)+1)
	if times == 0 && len(p.text) > 0 && node.Op == syntax.OpLiteral && (string(node.Rune) == "." || string(node.Rune) == "-") {
		// Without its dot www\.?example.com is a domain of somebody else.
		p.open[len(p.text)-1] = true
	}
	if words := p.words(node, least, most); len(words) > 0 && generator.IntN(2) == 0 {
		p.parts = append(p.parts, node)
		p.add(words[generator.IntN(len(words))], true)
		return
	}
	start := len(p.text)
	p.times(node, times, generator)
	// How often a text stands there is open too. A dot at its end stays what
	// was spelled out: it is the boundary in (www\.)?example\.com.
	end := len(p.text)
	if end > start && p.text[end-1] == '.' {
		end--
	}
	for i := start; i < end; i++ {
		p.open[i] = true
	}
}

// words are those that the node can be repeated to: one that reads as what it
// is, https://evilexample.com, an address, and what the start of an origin lacks.
func (p *probe) words(node *syntax.Regexp, least, most int) []string {
	words := []string{"evil", "203.0.113.7"}
	for _, start := range []string{"https", "https://", "https://evil"} {
		if rest, found := strings.CutPrefix(start, string(p.text)); found {
			words = append(words, rest)
		}
	}
	return slices.DeleteFunc(words, func(word string) bool {
		return len(word) < max(least, 1) || len(word) > most || !takes(node, word)
	})
}

// times writes so many texts for a node; in half the cases they are the same,
// as many that differ are hardly ever a host name.
func (p *probe) times(node *syntax.Regexp, times int, generator *rand.Rand) {
	if times == 0 {
		return
	}
	start := len(p.text)
	p.append(node, generator)
	text, open := p.text[start:], p.open[start:]
	same := generator.IntN(2) == 0
	for range times - 1 {
		if len(p.text) > tooLong {
			return
		}
		if same {
			p.text, p.open = append(p.text, text...), append(p.open, open...)
		} else {
			p.append(node, generator)
		}
	}
}

// takes reports whether the node is one character that may be each of the word's.
func takes(node *syntax.Regexp, word string) bool {
	if node.Op == syntax.OpAnyChar || node.Op == syntax.OpAnyCharNotNL {
		return true
	}
	if node.Op != syntax.OpCharClass {
		return false
	}
	for _, r := range word {
		if !inClass(node, r) {
			return false
		}
	}
	return true
}

func inClass(node *syntax.Regexp, r rune) bool {
	for i := 0; i < len(node.Rune); i += 2 {
		if node.Rune[i] <= r && r <= node.Rune[i+1] {
			return true
		}
	}
	return false
}

// pick takes a character that can stand in an origin where the class has one.
func pick(class *syntax.Regexp, generator *rand.Rand) string {
	var fitting []rune
	for _, r := range "xae7019.-:" {
		if inClass(class, r) {
			fitting = append(fitting, r)
		}
	}
	if len(fitting) == 0 && len(class.Rune) > 0 {
		fitting = class.Rune[:1]
	}
	if len(fitting) == 0 {
		return ""
	}
	return string(fitting[generator.IntN(len(fitting))])
}

// strangeness is 0 for an origin that was meant. It is more where the pattern
// leaves the scheme open from its first letter, and where the open part reaches
// into what an owner registers (the domain one label below a public suffix, the
// whole host where there is none, an IP address outside private networks) or
// into the boundary before it; the most for a domain that reads like one that
// somebody could buy.
func (p *probe) strangeness(o origin.Origin) int {
	least := 0
	if o.IsLoopback() {
		return 0
	}
	if p.open[0] {
		least = 1
	}
	hostAt := len(o.Scheme) + len("://")
	domain := registrable(o.Host)
	if addr, err := netip.ParseAddr(strings.Trim(o.Host, "[]")); err == nil {
		if addr.IsPrivate() || addr.IsLoopback() {
			return least
		}
		domain = o.Host
	}
	boundary := max(hostAt, hostAt+len(o.Host)-len(domain)-1)
	for i := range p.open {
		if p.open[i] && i >= boundary && i < hostAt+len(o.Host) {
			if _, icann := publicsuffix.PublicSuffix(domain); !icann {
				return 1
			}
			return 10 - min(strings.Count(o.Host, "."), 8)
		}
	}
	return least
}
