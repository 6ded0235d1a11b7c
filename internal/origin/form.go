package origin

import (
	"math/bits"
	"regexp/syntax"
	"slices"
	"unicode"
)

const (
	// maxForms bounds the number of forms that a pattern is expanded to. A pattern
	// that would exceed it is rejected.
	maxForms = 1024
	// maxTokens bounds the memory of the forms in the same way.
	maxTokens = 1 << 16
	// maxListed is how many texts the classes of a pattern may list: d[ek] lists two,
	// and the parser turns (de|dk) into it. Nobody registers more domains than that
	// for one pattern, so with a longer list an attacker would find a free domain.
	maxListed = 16
	// maxRange is how many consecutive characters count as listed if the pattern
	// has classes, because [0-9] means any digit.
	maxRange = 4
)

// form is one way to match a pattern: it chooses an alternative, and takes or leaves
// out an optional part. Together, the forms match at least what the pattern
// matches.
type form []token

// token is one part of a form.
type token struct {
	kind     kind
	set      letters // the characters that may stand here
	optional bool    // stands in a part that the pattern makes optional
	tooMany  bool    // stands for a part that has more forms than the bounds allow
}

type kind int

const (
	one     kind = iota // one character of the set
	many                // any number of characters of the set, or none
	leftOut             // nothing: a part that begins with one of the set is left out here
)

// letters is a set of ASCII characters; no other ones stand in an origin.
type letters [2]uint64

func (l *letters) add(r rune) {
	if r <= unicode.MaxASCII {
		l[r/64] |= 1 << (r % 64)
	}
}

func (l letters) has(b byte) bool { return b <= unicode.MaxASCII && l[b/64]&(1<<(b%64)) != 0 }

func (l letters) union(other letters) letters { return letters{l[0] | other[0], l[1] | other[1]} }

func (l letters) intersect(other letters) letters { return letters{l[0] & other[0], l[1] & other[1]} }

// longestRange counts the characters of the set that are next to each other.
func (l letters) longestRange() int {
	longest, row := 0, 0
	for b := range byte(unicode.MaxASCII + 1) {
		if row++; !l.has(b) {
			row = 0
		}
		longest = max(longest, row)
	}
	return longest
}

func (l letters) size() int { return bits.OnesCount64(l[0]) + bits.OnesCount64(l[1]) }

// lettersOf returns the set of the characters in s.
func lettersOf(s string) letters {
	var l letters
	for _, r := range s {
		l.add(r)
	}
	return l
}

const (
	lowerCase = "abcdefghijklmnopqrstuvwxyz"
	digits    = "0123456789"
)

// String returns the characters; those that look best in an example come first.
func (l letters) String() string {
	text := make([]byte, 0, l.size())
	for _, b := range []byte("xae7" + lowerCase + digits) {
		if l.has(b) {
			text = append(text, b)
			l[b/64] &^= 1 << (b % 64)
		}
	}
	for b := range byte(unicode.MaxASCII + 1) {
		if l.has(b) {
			text = append(text, b)
		}
	}
	return string(text)
}

// withoutCase drops the upper-case letters whose lower-case letters are in the set,
// as with (?i), because a web origin has no upper-case letters.
func (l letters) withoutCase() letters {
	const upperCase = uint64(1<<26-1) << 1 // 'A' is 65, the second bit of the second word
	l[1] &^= l[1] >> 32 & upperCase
	return l
}

// expand returns the forms of a pattern. Anchors and the like match no text.
func expand(node *syntax.Regexp) []form {
	switch node.Op {
	case syntax.OpNoMatch:
		return nil
	case syntax.OpLiteral, syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return []form{characters(node)}
	case syntax.OpCapture:
		return expand(node.Sub[0])
	case syntax.OpConcat:
		return concatenate(node.Sub)
	case syntax.OpAlternate:
		var all []form
		for _, sub := range node.Sub {
			if all = append(all, expand(sub)...); len(all) > maxForms {
				return tooManyForms()
			}
		}
		return all
	case syntax.OpQuest:
		return optional(expand(node.Sub[0]))
	case syntax.OpStar:
		return repeated(node.Sub[0], 0)
	case syntax.OpPlus:
		return repeated(node.Sub[0], 1)
	case syntax.OpRepeat:
		return counted(node)
	}
	return []form{{}}
}

// characters is the form of a literal or a class.
func characters(node *syntax.Regexp) form {
	switch node.Op {
	case syntax.OpLiteral:
		f := make(form, 0, len(node.Rune))
		for _, r := range node.Rune {
			if node.Flags&syntax.FoldCase != 0 {
				r = unicode.ToLower(r)
			}
			f = append(f, token{set: lettersOf(string(r))})
		}
		return f
	case syntax.OpCharClass:
		var set letters
		for i := 0; i < len(node.Rune); i += 2 {
			for r := node.Rune[i]; r <= min(node.Rune[i+1], unicode.MaxASCII); r++ {
				set.add(r)
			}
		}
		return form{{set: set.withoutCase()}}
	}
	return form{{set: anyCharacter}}
}

// open is the form that matches any text of the characters.
func open(set letters) form { return form{{kind: many, set: set}} }

// anyCharacter is what . matches.
var anyCharacter = letters{^uint64(0), ^uint64(0)}.withoutCase()

func concatenate(nodes []*syntax.Regexp) []form {
	all := []form{{}}
	for _, node := range nodes {
		all = join(all, expand(node))
	}
	return all
}

// tooManyForms returns the form that replaces forms beyond the bounds.
func tooManyForms() []form { return []form{{{kind: many, set: anyCharacter, tooMany: true}}} }

func hasTooMany(forms []form) bool {
	return slices.ContainsFunc(forms, func(f form) bool {
		return slices.ContainsFunc(f, func(t token) bool { return t.tooMany })
	})
}

func longest(forms []form) int {
	tokens := 0
	for _, f := range forms {
		tokens = max(tokens, len(f))
	}
	return tokens
}

// length returns the least number of characters of a match.
func (f form) length() int {
	n := 0
	for _, t := range f {
		if t.kind == one {
			n++
		}
	}
	return n
}

// join returns each head before each tail, except those that are longer than
// any origin.
func join(heads, tails []form) []form {
	n := len(heads) * len(tails)
	if n > maxForms || n*(longest(heads)+longest(tails)) > maxTokens {
		return tooManyForms()
	}
	var all []form
	for _, head := range heads {
		for _, tail := range tails {
			if head.length()+tail.length() > maxLength {
				continue
			}
			all = append(all, append(slices.Clip(head), tail...))
		}
	}
	return all
}

// optional returns the forms, marked, and the one in which they are left out.
func optional(forms []form) []form {
	var first letters
	all := make([]form, 0, len(forms)+1)
	for _, f := range forms {
		marked := make(form, len(f))
		for i, t := range f {
			t.optional = true
			marked[i] = t
		}
		if len(f) > 0 {
			first = first.union(f[0].set)
		}
		all = append(all, marked)
	}
	return append(all, form{{kind: leftOut, set: first}})
}

// repeated expands only the last repetition and treats those before it as open:
// the last one may end in the dot before a domain, as in
// ([a-z]+\.)*example\.com.
func repeated(node *syntax.Regexp, least int) []form {
	all := expand(node)
	if len(all) == 1 && len(all[0]) == 1 {
		t := all[0][0]
		t.kind = many
		more := []form{{t}}
		if least == 0 {
			return more
		}
		return join(all, more)
	}
	all = join([]form{open(anyCharacter)}, all)
	if least == 0 {
		return optional(all)
	}
	return all
}

// counted expands {min,max}. A large range is treated as one without a maximum.
func counted(node *syntax.Regexp) []form {
	const largeRange = 8
	sub := node.Sub[0]
	once := expand(sub)
	all := []form{{}}
	switch {
	case node.Max < 0 || node.Max-node.Min > largeRange || len(once) == 1 && len(once[0]) == 1 && node.Max > node.Min:
		all = repeated(sub, 0)
	default:
		for range node.Max - node.Min {
			all = optional(join(once, all))
		}
	}
	for range node.Min {
		all = join(once, all)
	}
	return all
}
