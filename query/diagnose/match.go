package diagnose

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/loglode/loglode/pipeline"
)

// maxMatched bounds how much of a message is matched, in bytes: what says why a
// line was written stands at its start or, of a stack trace, soon after it.
const maxMatched = 16 << 10

// Table is rules, compiled. It is immutable: its methods may be called at once.
type Table struct {
	rules []compiled
}

type compiled struct {
	Rule
	match, unless *regexp.Regexp
	groups        []string
}

// Match is a rule that found something in an entry.
type Match struct {
	Rule    *Rule
	Subject Object
	Needs   []Object
	Values  map[string]string
	// Start and End are the bytes of the entry's Text that it matched.
	Start, End int
}

// NewTable compiles rules; their order counts. The error names every fault.
func NewTable(rules ...Rule) (*Table, error) {
	t := &Table{rules: make([]compiled, 0, len(rules))}
	var faults []error
	names := map[string]bool{}
	for _, r := range rules {
		c, err := compile(r)
		if err == nil && names[r.Name] {
			err = errors.New("the name stands twice")
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("rule %q: %w", r.Name, err))
			continue
		}
		names[r.Name] = true
		t.rules = append(t.rules, c)
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("compile rules: %w", errors.Join(faults...))
	}
	return t, nil
}

func compile(r Rule) (compiled, error) {
	c := compiled{Rule: r}
	switch {
	case r.Name == "" || strings.Trim(r.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "":
		return c, errors.New("the name is not of lower-case letters, digits and dashes")
	case r.Cause.Meaning() == "":
		return c, fmt.Errorf("cause %q is unknown", r.Cause)
	case r.In == 0:
		return c, errors.New("it reads nothing")
	case r.In&(Logs|Journal) != 0 && len(r.Words) == 0:
		return c, errors.New("a rule of lines needs words")
	case r.Match == "" && len(r.Reasons) == 0:
		return c, errors.New("it matches everything")
	case r.Says == "":
		return c, errors.New("it says nothing")
	}
	for _, w := range r.Words {
		if w == "" || w != strings.ToLower(w) {
			return c, fmt.Errorf("word %q is not in lower case", w)
		}
	}
	var err error
	if c.match, err = regexp.Compile("(?is)" + r.Match); err != nil {
		return c, err
	}
	c.groups = c.match.SubexpNames()
	if r.Unless != "" {
		if c.unless, err = regexp.Compile("(?is)" + r.Unless); err != nil {
			return c, err
		}
	}
	return c, nil
}

// Promises says that a line of a pattern may be found by a rule: a word of one
// stands in its template.
func (t *Table) Promises(template string, level pipeline.Level) bool {
	lower := strings.ToLower(template)
	return slices.ContainsFunc(t.rules, func(c compiled) bool {
		return c.In&(Logs|Journal) != 0 && c.readsLevel(level) && c.hasWord(lower)
	})
}

// Match returns what the rules find in an entry, in the table's order, at most
// one of each depth.
func (t *Table) Match(e *pipeline.Entry) []Match {
	message := Text(e)
	if len(message) > maxMatched {
		message = message[:maxMatched]
	}
	lower := strings.ToLower(message)
	var found []Match
	var depths [Root + 1]bool
	for i := range t.rules {
		c := &t.rules[i]
		if depths[c.Depth] || !c.reads(e) || !c.hasWord(lower) {
			continue
		}
		at := c.match.FindStringSubmatchIndex(message)
		if at == nil || c.unless != nil && c.unless.MatchString(message) {
			continue
		}
		depths[c.Depth] = true
		found = append(found, c.found(e, message, at))
	}
	return found
}

func (c *compiled) reads(e *pipeline.Entry) bool {
	switch e.Kind {
	case pipeline.KindEvent:
		return c.In&Events != 0 && (len(c.Reasons) == 0 || e.Event != nil && slices.Contains(c.Reasons, e.Event.Reason))
	case pipeline.KindNode:
		return c.In&Journal != 0 && c.readsLevel(e.Level)
	}
	return c.In&Logs != 0 && c.readsLevel(e.Level)
}

// readsLevel says whether lines of a level are read. One that names none may be
// of any.
func (c *compiled) readsLevel(level pipeline.Level) bool {
	least := c.Level
	if least == pipeline.LevelUnknown {
		least = pipeline.LevelWarn
	}
	return level == pipeline.LevelUnknown || level >= least
}

func (c *compiled) hasWord(lower string) bool {
	return len(c.Words) == 0 || slices.ContainsFunc(c.Words, func(w string) bool { return strings.Contains(lower, w) })
}

func (c *compiled) found(e *pipeline.Entry, message string, at []int) Match {
	m := Match{Rule: &c.Rule, Values: map[string]string{}, Start: at[0], End: at[1]}
	for i, name := range c.groups {
		if name == "" || at[2*i] < 0 {
			continue
		}
		// A name may stand in several alternatives: that which matched counts.
		if value := strings.Trim(message[at[2*i]:at[2*i+1]], " \t\"'`\\"); value != "" {
			m.Values[name] = value
		}
	}
	m.Subject, m.Needs = resolve(e, m.Values)
	return m
}
