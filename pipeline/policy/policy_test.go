package policy

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/memo"
)

func subject(level pipeline.Level) *Subject {
	return &Subject{
		Resource:    &pipeline.Resource{Namespace: "kube-system", Labels: map[string]string{"app": "coredns-1", "empty": ""}},
		Annotations: map[string]string{"fluentbit.io/exclude": "true", "team": "net-core"},
		Service:     func() string { return "coredns" },
		Level:       func() pipeline.Level { return level },
	}
}

func TestDrop(t *testing.T) {
	const debug, unknown = pipeline.LevelDebug, pipeline.LevelUnknown
	for _, c := range []struct {
		name  string
		rule  Rule
		level pipeline.Level
		want  bool
	}{
		{"namespace", Rule{Namespace: "kube-system"}, unknown, true},
		{"namespace differs", Rule{Namespace: "kube"}, unknown, false},
		{"namespace prefix", Rule{Namespace: "kube-*"}, unknown, true},
		{"namespace prefix differs", Rule{Namespace: "system*"}, unknown, false},
		{"namespace suffix", Rule{Namespace: "*-system"}, unknown, true},
		{"namespace suffix differs", Rule{Namespace: "*kube"}, unknown, false},
		{"namespace middle", Rule{Namespace: "*e-s*"}, unknown, true},
		{"namespace any", Rule{Namespace: "*"}, unknown, true},
		{"service", Rule{Service: "core*"}, unknown, true},
		{"service differs", Rule{Service: "web"}, unknown, false},
		{"label key", Rule{Label: "app"}, unknown, true},
		{"label missing", Rule{Label: "tier"}, unknown, false},
		{"label value", Rule{Label: "app=coredns-1"}, unknown, true},
		{"label glob", Rule{Label: "app=core*"}, unknown, true},
		{"label differs", Rule{Label: "app=coredns"}, unknown, false},
		{"label empty", Rule{Label: "empty="}, unknown, true},
		{"label not empty", Rule{Label: "app="}, unknown, false},
		{"annotation", Rule{Annotation: "team=*core"}, unknown, true},
		{"annotation key", Rule{Annotation: "team"}, unknown, true},
		{"annotation differs", Rule{Annotation: "team=web"}, unknown, false},
		{"level", Rule{Level: "debug"}, debug, true},
		{"level below", Rule{Level: "Info"}, debug, true},
		{"level above", Rule{Level: "trace"}, debug, false},
		{"level unknown", Rule{Level: "fatal"}, unknown, false},
		{"all", Rule{Namespace: "kube-*", Service: "coredns", Label: "app", Level: "debug", Annotation: "team"}, debug, true},
		{"all but the service", Rule{Namespace: "kube-*", Service: "x", Label: "app", Level: "debug", Annotation: "team"}, debug, false},
		{"all but the label", Rule{Namespace: "kube-*", Service: "coredns", Label: "x", Level: "debug", Annotation: "team"}, debug, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.rule.Name = "r"
			p, err := New([]Rule{c.rule})
			require.NoError(t, err)
			s := subject(c.level)
			for range 2 { // the second answer comes from the cache
				rule, drop := p.Drop(s)
				require.Equal(t, c.want, drop)
				require.Equal(t, c.want, rule == "r")
			}
		})
	}
}

func TestFirstRuleThatMatchesCounts(t *testing.T) {
	p, err := New([]Rule{{Name: "web", Namespace: "web"}, {Name: "debug", Level: "debug"}, {Name: "kube", Namespace: "kube-*"}})
	require.NoError(t, err)
	rule, drop := p.Drop(subject(pipeline.LevelDebug))
	require.True(t, drop)
	require.Equal(t, "debug", rule)
	rule, drop = p.Drop(subject(pipeline.LevelError))
	require.True(t, drop)
	require.Equal(t, "kube", rule)
}

func TestDefault(t *testing.T) {
	p, err := New(Default())
	require.NoError(t, err)
	rule, drop := p.Drop(subject(pipeline.LevelInfo))
	require.True(t, drop)
	require.Equal(t, "fluentbit.io/exclude", rule)
	s := subject(pipeline.LevelInfo)
	s.Annotations = map[string]string{"fluentbit.io/exclude": "false"}
	_, drop = p.Drop(s)
	require.False(t, drop)
}

func TestWhatIsMissingDoesNotMatch(t *testing.T) {
	p, err := New([]Rule{{Name: "a", Namespace: "x"}, {Name: "b", Service: "*"}, {Name: "c", Level: "fatal"}, {Name: "d", Label: "x"}, {Name: "e", Annotation: "x"}})
	require.NoError(t, err)
	_, drop := p.Drop(&Subject{})
	require.False(t, drop)
}

func TestNoRulesCostNothing(t *testing.T) {
	p, err := New(nil)
	require.NoError(t, err)
	s := subject(pipeline.LevelDebug)
	s.Service = func() string { t.Error("asked"); return "" }
	_, drop := p.Drop(s)
	require.False(t, drop)

	p, err = New([]Rule{{Name: "a", Namespace: "web"}, {Name: "b", Service: "x", Label: "y"}})
	require.NoError(t, err)
	_, drop = p.Drop(s) // no rule's resource matches: nothing else is asked
	require.False(t, drop)
	require.Zero(t, testing.AllocsPerRun(100, func() { p.Drop(s) }))
}

func TestNewReportsAllFaults(t *testing.T) {
	_, err := New([]Rule{
		{Namespace: "x"}, {Name: "nothing"}, {Name: "level", Level: "loud"}, {Name: "twice", Service: "a"}, {Name: "twice", Service: "b"},
		{Name: "star", Namespace: "a*b"}, {Name: "key", Label: "=x"}, {Name: "keystar", Annotation: "a*=x"}, {Name: "two", Level: "loud", Service: "a*b*"},
	})
	require.Error(t, err)
	for _, part := range []string{
		`1 "": it has no name`, `2 "nothing": it has no condition`, `3 "level": level "loud"`, `5 "twice": the name is used twice`,
		`6 "star": namespace "a*b"`, `7 "key": label "=x" has no key`, `8 "keystar": annotation`, `9 "two": service "a*b*"`,
	} {
		require.ErrorContains(t, err, part)
	}
	require.NotContains(t, err.Error(), `4 "twice"`)
}

func TestCacheIsBounded(t *testing.T) {
	p, err := New([]Rule{{Name: "even", Label: "n=*0"}})
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for i := range 3 * memo.Slots {
				s := Subject{Resource: &pipeline.Resource{Labels: map[string]string{"n": fmt.Sprint(i)}}}
				if _, drop := p.Drop(&s); drop != (i%10 == 0) {
					t.Errorf("%d: %v", i, drop)
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkDrop(b *testing.B) {
	p, err := New(append(Default(), Rule{Name: "a", Namespace: "web"}, Rule{Name: "b", Label: "x=y"}))
	require.NoError(b, err)
	s := subject(pipeline.LevelInfo)
	s.Annotations = nil
	b.ReportAllocs()
	for b.Loop() {
		p.Drop(s)
	}
}
