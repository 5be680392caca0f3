// Package policy drops entries that an operator does not want to keep, and says
// by which rule.
//
//	RawEntry, what is known of it -> Drop -> keep, or (rule, drop): counted by rule
package policy

import (
	"errors"
	"fmt"
	"strings"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/memo"
)

// Rule drops the entries that match all of its fields that are set. A value
// matches exactly; a * at its beginning or end, or both, stands for any text.
type Rule struct {
	// Name is what drops are counted under. It is required and unique.
	Name string `yaml:"name" koanf:"name"`
	// Namespace is the Kubernetes namespace: "kube-*".
	Namespace string `yaml:"namespace,omitempty" koanf:"namespace"`
	// Service is the service of the entry's index: "web", "*-canary".
	Service string `yaml:"service,omitempty" koanf:"service"`
	// Label is a label's key, or key=value: "debug", "app=*-test".
	Label string `yaml:"label,omitempty" koanf:"label"`
	// Level is a level's name: entries of this level and those below match.
	// Entries of unknown level never do.
	Level string `yaml:"level,omitempty" koanf:"level"`
	// Annotation is an annotation's key, or key=value.
	Annotation string `yaml:"annotation,omitempty" koanf:"annotation"`
}

// Default is the rule that holds without configuration: pods annotated
// fluentbit.io/exclude=true, as Fluent Bit's kubernetes filter has it.
func Default() []Rule {
	return []Rule{{Name: "fluentbit.io/exclude", Annotation: "fluentbit.io/exclude=true"}}
}

// Subject is what Drop asks about. Service and Level are called only when a
// rule needs them, at most once for each such rule.
type Subject struct {
	// Resource MUST NOT change after the first call: what follows from it alone
	// is remembered by pointer. It may be nil.
	Resource    *pipeline.Resource
	Annotations map[string]string
	// Service and Level may be nil: then their rules do not match.
	Service func() string
	Level   func() pipeline.Level
}

// Policy decides what is dropped. It is safe for concurrent use.
type Policy struct {
	rules []compiled
	// byResource remembers which rules a resource lets match.
	byResource *memo.Resources[[]int]
}

// compiled is a Rule, ready to match. Fields that are not set match anything.
type compiled struct {
	name       string
	namespace  glob
	service    glob
	label      pair
	annotation pair
	// level is the highest level that matches; LevelUnknown when not set.
	level pipeline.Level
}

// New compiles rules. Its error joins every fault of them.
func New(rules []Rule) (*Policy, error) {
	p := &Policy{byResource: memo.New[[]int]()}
	var faults []error
	seen := map[string]bool{}
	for i, r := range rules {
		c, err := compile(r)
		if r.Name != "" && seen[r.Name] {
			err = errors.Join(err, errors.New("the name is used twice"))
		}
		seen[r.Name] = true
		if err != nil {
			faults = append(faults, fmt.Errorf("drop rule %d %q: %w", i+1, r.Name, err))
			continue
		}
		p.rules = append(p.rules, c)
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return p, nil
}

func compile(r Rule) (compiled, error) {
	c := compiled{name: r.Name}
	var faults []error
	fault := func(err error) {
		if err != nil {
			faults = append(faults, err)
		}
	}
	if r.Name == "" {
		fault(errors.New("it has no name"))
	}
	if r == (Rule{Name: r.Name}) {
		fault(errors.New("it has no condition and would drop everything"))
	}
	var err error
	c.namespace, err = parseGlob("namespace", r.Namespace)
	fault(err)
	c.service, err = parseGlob("service", r.Service)
	fault(err)
	c.label, err = parsePair("label", r.Label)
	fault(err)
	c.annotation, err = parsePair("annotation", r.Annotation)
	fault(err)
	if r.Level != "" {
		if c.level, err = parseLevel(r.Level); err != nil {
			fault(err)
		}
	}
	return c, errors.Join(faults...)
}

// parseLevel reads a level's name as pipeline.Level.String writes it.
func parseLevel(s string) (pipeline.Level, error) {
	for l := pipeline.LevelTrace; l <= pipeline.LevelFatal; l++ {
		if strings.EqualFold(s, l.String()) {
			return l, nil
		}
	}
	return 0, fmt.Errorf("level %q is none of trace, debug, info, warn, error, fatal", s)
}

// Drop says whether an entry is dropped, and by which rule: the first that
// matches.
func (p *Policy) Drop(s *Subject) (rule string, drop bool) {
	if len(p.rules) == 0 {
		return "", false
	}
	for _, i := range p.candidates(s.Resource) {
		if c := &p.rules[i]; c.matchesRest(s) {
			return c.name, true
		}
	}
	return "", false
}

// candidates are the rules whose conditions on the resource hold, in order.
func (p *Policy) candidates(res *pipeline.Resource) []int {
	if res == nil {
		res = &noResource
	}
	if found, ok := p.byResource.Get(res); ok {
		return found
	}
	var found []int
	for i := range p.rules {
		if p.rules[i].matchesResource(res) {
			found = append(found, i)
		}
	}
	p.byResource.Put(res, found)
	return found
}

// noResource stands for a Resource that is missing; it is never written to.
var noResource pipeline.Resource

func (c *compiled) matchesResource(res *pipeline.Resource) bool {
	return c.namespace.match(res.Namespace) && c.label.match(res.Labels)
}

// matchesRest checks what differs from entry to entry, the cheapest first.
func (c *compiled) matchesRest(s *Subject) bool {
	if !c.annotation.match(s.Annotations) {
		return false
	}
	if c.level != pipeline.LevelUnknown {
		if s.Level == nil {
			return false
		}
		if l := s.Level(); l == pipeline.LevelUnknown || l > c.level {
			return false
		}
	}
	return !c.service.set() || s.Service != nil && c.service.match(s.Service())
}
