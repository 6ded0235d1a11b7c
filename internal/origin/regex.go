package origin

import (
	"fmt"
	"net/netip"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
)

// This is the rule for ALLOWED_ORIGIN_REGEX: once its alternatives are written out,
// a pattern may leave open only the port, and what stands before a literal dot and
// a registered domain.
//
// This is enough because Policy.Allows matches the expression only with what parse
// accepts. After a literal https://, an open part cannot end the host. Before a
// literal dot and a registered domain, it can only be a name that the owner of the
// domain gives. The pattern of an app must spell its scheme out; what follows is not
// a name that anyone registers.

const (
	// examplePattern is what every remedy shows.
	examplePattern = `https://[a-z0-9-]+\.example\.com`
	// maxPattern bounds the bytes of a pattern, and the instructions of the program
	// that it compiles to. With them, it bounds the time that startup takes, and what
	// it costs to match the Origin of a request.
	maxPattern = 2000
)

// parseRegex compiles a pattern that must match a whole origin. It also returns
// what the pattern allows by mistake. If there is a mistake, the expression is nil.
func parseRegex(pattern string, secure bool) (expression *regexp.Regexp, warning, mistake *Mistake) {
	wrong := func(problem, remedy string) *Mistake {
		return &Mistake{Value: pattern, Problem: problem, Remedy: remedy}
	}
	tooLarge := func(what string) *Mistake {
		return wrong(what+", and cannot be checked", "list exact origins and https://*.example.com in ALLOWED_ORIGINS, or write + or * instead of optional parts and counts")
	}
	if len(pattern) > maxPattern {
		return nil, nil, tooLarge(fmt.Sprintf("has %d bytes, more than %d", len(pattern), maxPattern))
	}
	// Parsed alone first, so that "a)|(b" cannot break out of the anchors.
	tree, err := syntax.Parse(pattern, syntax.Perl)
	var program *syntax.Prog
	if err == nil {
		program, err = syntax.Compile(tree.Simplify())
	}
	if err == nil && len(program.Inst) > maxPattern {
		return nil, nil, tooLarge(fmt.Sprintf("compiles to %d instructions, more than %d", len(program.Inst), maxPattern))
	}
	if err == nil {
		expression, err = regexp.Compile(`\A(?:` + pattern + `)\z`)
	}
	if err != nil {
		return nil, nil, wrong("does not compile: "+err.Error(), "write a pattern such as "+examplePattern)
	}
	if expression.MatchString("null") {
		return nil, nil, wrong("lets null in, which sandboxed frames, local files and redirected requests of any site send", "spell out the scheme and the domain, such as "+examplePattern)
	}
	forms := expand(tree)
	if hasTooMany(forms) {
		return nil, nil, tooLarge(fmt.Sprintf("has more than %d combinations of alternatives and optional parts", maxForms))
	}
	j := judge{expression: expression, secure: secure, mostInRow: maxRange, instructions: len(program.Inst)}
	if !hasClass.MatchString(pattern) {
		j.mostInRow = maxListed // the parser makes a class of (1|2|3|4|5), too
	}
	for _, f := range forms {
		j.form(f)
	}
	switch {
	case j.worst == preview && !secure:
		return expression, wrong(j.problem, "in production with credentials, this stops startup; "+j.remedy), nil
	case j.worst > safe:
		if entry, _ := parsePattern(pattern); entry.Subdomains {
			j.remedy = "write it into ALLOWED_ORIGINS, where * stands for subdomains"
		}
		if strings.HasPrefix(pattern, "/") {
			j.remedy = "leave out the slashes around the pattern and the flags after them, which belong to JavaScript"
		}
		return nil, nil, wrong(j.problem, j.remedy)
	case !j.matchesAny:
		return nil, nil, wrong("matches no origin that a browser sends", "write scheme, host and port and nothing else, such as "+examplePattern)
	}
	return expression, nil, nil
}

// hasClass matches the patterns in which a character class is written.
var hasClass = regexp.MustCompile(`\[|\\[dDwWsSpP]`)

// verdict is the worst that a form allows; later values are worse. Only preview is
// tolerated, and only if the settings need not be secure.
type verdict int

const (
	safe       verdict = iota
	preview            // names of strangers on a shared host, partly spelled out
	impossible         // what no browser sends
	plain              // http where that is not allowed
	optionally         // a domain that an optional part changes
	hosting            // every name on a shared host
	stranger           // a domain that anyone can register
)

// judge finds the worst form of a pattern.
type judge struct {
	expression *regexp.Regexp
	secure     bool // production with credentials
	mostInRow  int  // how many consecutive characters count as listed
	matchesAny bool // an origin was found that is matched

	instructions int // of the program that the expression compiles to
	steps        int // that the searches for examples have taken

	worst           verdict
	problem, remedy string // of the worst form
	named           bool   // the problem names an origin that the expression matches
}

// report keeps the finding if none is worse. The problem is a format for an example.
// The form is rejected even if there is no example, for instance because an anchor
// in the middle of the pattern prevents a match.
func (j *judge) report(v verdict, f form, problem, remedy string) {
	// Of the optional parts, the last form leaves the part out, and says more.
	if v < j.worst || v == j.worst && j.named && v != optionally {
		return
	}
	if example := j.example(f, v == stranger); example != "" {
		j.worst, j.problem, j.remedy, j.named = v, fmt.Sprintf(problem, example), remedy, true
	} else if v > j.worst {
		j.worst, j.problem, j.remedy, j.named = v, "leaves open who may call", "spell more of it out, such as "+examplePattern, false
	}
}

// reportImpossible is like report, for a form that no origin matches.
func (j *judge) reportImpossible(problem, remedy string) {
	if j.worst < impossible {
		j.worst, j.problem, j.remedy = impossible, problem, remedy
	}
}

func (j *judge) form(f form) {
	if text, ok := f.literal(); ok {
		if _, err := parse(text); err != nil {
			j.reportImpossible(fmt.Sprintf("lists %s: it %s", text, err), remedyForScheme(text))
			return
		}
	}
	scheme, rest, spelledOut := f.scheme()
	if !spelledOut {
		j.report(stranger, f, "lets %s in: it leaves the scheme open", "begin with a scheme that is spelled out, such as https://")
		return
	}
	if _, err := parse(scheme + "://x"); err != nil {
		j.reportImpossible(fmt.Sprintf("lists %s://: it %s", scheme, err), remedyForScheme(scheme+"://"))
		return
	}
	if !j.matchesAny {
		j.matchesAny = j.example(f, false) != ""
	}
	if !isWebScheme(scheme) {
		return
	}
	host, port := rest.splitPort()
	if c, found := host.impossibleCharacter(hostLetters); found {
		j.reportImpossible(fmt.Sprintf("has %s where only the host or a port can stand", c), "leave it out")
		return
	}
	if c, found := port.impossibleCharacter(lettersOf(digits)); found {
		j.reportImpossible(fmt.Sprintf("has %s where only a port can stand", c), "leave it out")
		return
	}
	loopback := j.host(f, host)
	if scheme == "http" && j.secure && !loopback {
		j.report(plain, f, "lets %s in, which "+plainHTTP, "write https://, or set CORS_ALLOW_CREDENTIALS=false")
	}
}

// remedyForScheme says what to do about a text that begins no origin.
func remedyForScheme(text string) string {
	if scheme, _, found := strings.Cut(text, "://"); scheme == "" || !found {
		return "begin with the scheme, such as https://"
	}
	return "leave that out"
}

// host judges the host of the form f, and reports whether it can only be the
// browser's own machine.
func (j *judge) host(f, host form) (loopback bool) {
	if private, loopback := host.privateAddresses(); private {
		return loopback
	}
	ends, start := host.ends(j.mostInRow)
	loopback = true
	for _, end := range ends {
		at := domainStart(end, start == 0)
		if at < 0 {
			j.openDomain(f, host, end, start)
			loopback = false
			continue
		}
		if host.changesAfter(start, at) {
			j.report(optionally, f, "lets %s in: an optional part of the pattern changes the domain", `list each domain that you mean as an alternative, such as (example\.com|example\.net)`)
		}
		loopback = loopback && Origin{Host: end[at:]}.IsLoopback()
	}
	return loopback
}

// openDomain judges a host whose known end does not contain a registered domain
// and the dot before it.
func (j *judge) openDomain(f, host form, end string, start int) {
	for i := range len(end) {
		if end[i] != '.' || !isHostingSuffix(end[i+1:]) {
			continue
		}
		suffix := end[i+1:]
		if name := strings.LastIndex(end[:i], netlifySeparator) + len(netlifySeparator); suffix == "netlify.app" &&
			name >= len(netlifySeparator) && name < i && !host.changesAfter(start, name) {
			return
		}
		if host.spellsLabel(host.position(start, i)) {
			j.report(preview, f, "lets %s in, a name that a stranger can register below "+suffix, "serve previews from a domain of your own ("+examplePattern+"), or set CORS_ALLOW_CREDENTIALS=false")
		} else {
			j.report(hosting, f, "lets %s in: anyone can register a name below "+suffix, "list the names that are yours, or use a domain of your own, such as "+examplePattern)
		}
		return
	}
	remedy := `what is left open must stand before an escaped dot (\.) and a domain of your own, such as ` + examplePattern
	if start > 0 && host[start-1].kind == one && host[start-1].set.has('.') {
		remedy = `write \. for a dot, such as https://app\.example\.com`
	}
	j.report(stranger, f, "lets %s in, which nobody listed", remedy)
}

// netlifySeparator stands before the name of a site in the names of its
// previews. Netlify does not let the name of a site contain it.
const netlifySeparator = "--"

// domainStart returns where the domain that its owner registers begins in the
// end of a host, or -1 if the end does not contain all of it and the dot before.
func domainStart(end string, whole bool) int {
	if whole && isAddress(end) {
		return 0
	}
	if endsInNumber(end) { // part of an address, or nothing
		return -1
	}
	for at := strings.LastIndexByte(end, '.') + 1; at > 0 || whole; at = strings.LastIndexByte(end[:at-1], '.') + 1 {
		if at == 0 || !coversPublicSuffix(end[at:]) {
			return at
		}
	}
	return -1
}

// hostLetters are the characters of a host that is not an IPv6 address.
var hostLetters = lettersOf(lowerCase + digits + "-_.")

// literal returns the text of a form in which nothing is open.
func (f form) literal() (string, bool) {
	var text strings.Builder
	for _, t := range f {
		switch {
		case t.kind == leftOut:
		case t.kind == many || t.set.size() != 1:
			return "", false
		default:
			text.WriteString(t.set.String())
		}
	}
	return text.String(), true
}

// scheme returns the scheme and what follows ://, if that is spelled out.
func (f form) scheme() (scheme string, rest form, spelledOut bool) {
	for i, t := range f {
		if t.kind == leftOut {
			continue
		}
		if t.kind == many || t.set.size() != 1 {
			return "", nil, false
		}
		scheme += t.set.String()
		if name, found := strings.CutSuffix(scheme, "://"); found {
			return name, f[i+1:], true
		}
	}
	return "", nil, false
}

// splitPort splits what follows the scheme at the colon before the port: the
// first one that is spelled out, as an origin has no other outside of brackets.
func (f form) splitPort() (host, port form) {
	bracket := false
	for i, t := range f {
		if t.kind != one || t.set.size() != 1 {
			continue
		}
		switch {
		case t.set.has('['):
			bracket = true
		case t.set.has(']'):
			bracket = false
		case t.set.has(':') && !bracket:
			return f[:i], f[i+1:]
		}
	}
	return f, nil
}

// impossibleCharacter describes a character that must stand in the form
// although it is not one of the allowed ones. A host in brackets may have any.
func (f form) impossibleCharacter(allowed letters) (string, bool) {
	for _, t := range f {
		switch {
		case t.kind != one:
		case t.set == lettersOf("["):
			return "", false
		case t.set.size() == 0:
			return "a character outside ASCII", true
		case t.set.intersect(allowed).size() == 0:
			return strconv.Quote(t.set.String()[:1]), true
		}
	}
	return "", false
}

// ends returns the texts that the host can end with, as far as they are
// spelled out, and the token at which they start: 0 if all of it is.
func (f form) ends(mostInRow int) (texts []string, start int) {
	texts = []string{""}
	for start = len(f); start > 0; start-- {
		t := f[start-1]
		if t.kind == leftOut {
			continue
		}
		listed, ok := t.listed(maxListed/len(texts), mostInRow)
		if !ok {
			return texts, start
		}
		var longer []string
		for _, text := range texts {
			for _, b := range []byte(listed) {
				longer = append(longer, string(b)+text)
			}
		}
		texts = longer
	}
	return texts, 0
}

// listed returns the characters of a token if they are few enough to have been
// meant one by one. A token that has a dot or a colon among other characters
// decides where a domain begins or ends, so it does not count as listed.
func (t token) listed(most, mostInRow int) (string, bool) {
	switch size := t.set.size(); {
	case t.kind == many || size == 0 || size > most || t.set.longestRange() > mostInRow:
		return "", false
	case size > 1 && (t.set.has('.') || t.set.has(':')):
		return "", false
	}
	return t.set.String(), true
}

// position returns the token of character i of an end that starts at the token
// start.
func (f form) position(start, i int) int {
	for ; ; start++ {
		if f[start].kind == leftOut {
			continue
		}
		if i == 0 {
			return start
		}
		i--
	}
}

// changesAfter reports whether an optional part stands, or is left out, behind
// the first i characters of an end that starts at the token start. A part that
// begins with a dot or a colon and is left out behind them all does not change
// the domain.
func (f form) changesAfter(start, i int) bool {
	at := 0
	for k, t := range f[start:] {
		switch {
		case t.kind != leftOut:
			if at >= i && t.optional {
				return true
			}
			at++
		case at > i && (!f[start+k:].isEmpty() || t.set.intersect(hostLetters).size() > 0 && !t.set.has('.')):
			return true
		}
	}
	return false
}

func (f form) isEmpty() bool {
	for _, t := range f {
		if t.kind != leftOut {
			return false
		}
	}
	return true
}

// spellsLabel reports whether the label before token end, a dot, has a letter
// or a digit that is spelled out.
func (f form) spellsLabel(end int) bool {
	for i := end - 1; i >= 0; i-- {
		switch t := f[i]; {
		case t.kind == leftOut:
		case t.set.has('.'):
			return false
		case t.kind == one && t.set.size() == 1 && !t.set.has('-'):
			return true
		}
	}
	return false
}

// privateAddresses reports whether the host can only be an IPv4 address in a
// private network, and whether that can only be this machine's own.
func (f form) privateAddresses() (private, loopback bool) {
	starts, open := []string{""}, false
	for _, t := range f {
		if t.kind == leftOut {
			continue
		}
		set := t.set.intersect(hostLetters)
		if set.size() == 0 || set.intersect(lettersOf(digits+".")) != set {
			return false, false
		}
		listed, ok := t.listed(maxListed/len(starts), maxListed)
		if open = open || !ok; open {
			continue
		}
		var longer []string
		for _, text := range starts {
			for _, b := range []byte(listed) {
				longer = append(longer, text+string(b))
			}
		}
		starts = longer
	}
	loopback = true
	for _, text := range starts {
		octets := strings.Split(text, ".")
		octets = octets[:len(octets)-1] // the last one may go on
		for len(octets) < 4 {
			octets = append(octets, "0")
		}
		// A network that is private from its first address on stays private
		// in the octets that are open: 10.0.0.0/8, 192.168.0.0/16.
		network, _ := netip.ParseAddr(strings.Join(octets, "."))
		if !network.IsPrivate() && !network.IsLoopback() && !network.IsLinkLocalUnicast() {
			return false, false
		}
		loopback = loopback && network.IsLoopback()
	}
	return true, loopback
}
