package policy

import (
	"fmt"
	"strings"
)

// form is how a glob compares.
type form uint8

const (
	unset form = iota // matches anything
	exact
	prefix   // text*
	suffix   // *text
	contains // *text*
)

// glob is a value with a * at its beginning, its end, or both.
type glob struct {
	form form
	text string
}

func parseGlob(field, s string) (glob, error) {
	g := glob{form: exact, text: s}
	switch text, open := strings.CutPrefix(s, "*"); {
	case s == "":
		return glob{}, nil
	case s == "*":
		g = glob{form: contains}
	case open && strings.HasSuffix(text, "*"):
		g = glob{contains, text[:len(text)-1]}
	case open:
		g = glob{suffix, text}
	case strings.HasSuffix(s, "*"):
		g = glob{prefix, s[:len(s)-1]}
	}
	if strings.Contains(g.text, "*") {
		return glob{}, fmt.Errorf("%s %q: a * may stand at the beginning and the end only", field, s)
	}
	return g, nil
}

func (g glob) set() bool { return g.form != unset }

func (g glob) match(s string) bool {
	switch g.form {
	case exact:
		return s == g.text
	case prefix:
		return strings.HasPrefix(s, g.text)
	case suffix:
		return strings.HasSuffix(s, g.text)
	case contains:
		return strings.Contains(s, g.text)
	}
	return true
}

// pair is a key that must be there, perhaps with a value.
type pair struct {
	key   string
	value glob
}

func parsePair(field, s string) (pair, error) {
	if s == "" {
		return pair{}, nil
	}
	key, value, hasValue := strings.Cut(s, "=")
	switch {
	case key == "":
		return pair{}, fmt.Errorf("%s %q has no key", field, s)
	case strings.Contains(key, "*"):
		return pair{}, fmt.Errorf("%s %q: only the value may hold a *", field, s)
	case hasValue && value == "":
		return pair{key, glob{form: exact}}, nil
	}
	g, err := parseGlob(field, value)
	return pair{key, g}, err
}

func (p pair) match(m map[string]string) bool {
	if p.key == "" {
		return true
	}
	v, ok := m[p.key]
	return ok && p.value.match(v)
}
