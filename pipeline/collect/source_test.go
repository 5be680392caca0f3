package collect_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/loglode/loglode/pipeline/collect"
	"github.com/stretchr/testify/require"
)

// source feeds lines to a Collector and keeps what comes out.
type source struct {
	c       *collect.Collector
	numbers *collect.Numberer
	entries []collect.Entry
	offset  int64
	starts  []int64 // of each line fed
}

func newSource(o collect.Options) *source {
	s := &source{numbers: collect.NewNumberer("file", nil)}
	if o.Numbers != nil {
		s.numbers = o.Numbers
	}
	o.Numbers = s.numbers
	o.Emit = func(e *collect.Entry) error {
		s.entries = append(s.entries, *e)
		return nil
	}
	s.c = collect.New(o)
	return s
}

func (s *source) line(t require.TestingT, text string) {
	start := s.offset
	s.starts = append(s.starts, start)
	s.offset += int64(len(text)) + 1
	require.NoError(t, s.c.Line([]byte(text), start, s.offset))
}

func (s *source) flush(t require.TestingT) { require.NoError(t, s.c.Flush()) }

func (s *source) messages() []string {
	var out []string
	for _, e := range s.entries {
		out = append(out, e.Message)
	}
	return out
}

// collected feeds lines to the end.
func collected(t *testing.T, o collect.Options, lines ...string) []collect.Entry {
	t.Helper()
	s := newSource(o)
	for _, l := range lines {
		s.line(t, l)
	}
	s.flush(t)
	return s.entries
}

func stamp(s string) int64 {
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return at.UnixNano()
}

func itoa(i int) string { return strconv.Itoa(i) }
