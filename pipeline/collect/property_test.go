package collect_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/collect"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// texts are what the property tests make logs of: lines that begin traces, go
// on with them, might, and do neither.
var texts = []string{
	"a plain line", "word", "", "  indented: yaml", "ERROR failed", "java.io.IOException: x", "Error: y", "\tat a.b.C.d(C.java:1)",
	"Caused by: a.B: c", "  its message", "    at f (/a.js:1:2) {", "  code: 1", "}", "Traceback (most recent call last):",
	`  File "a.py", line 1, in f`, "    f()", "KeyError: 1", "During handling of the above exception, another exception occurred:",
	"panic: x", "\tpanic: y", "[signal SIGSEGV: x]", "goroutine 1 [running]:", "main.main()", "\t/a/b.go:1 +0x1", "created by main.main",
	"exit status 2", "rax    0x0", "F0803 09:18:00.000000       1 a.go:1] fatal",
	"key: -----BEGIN RSA PRIVATE KEY-----", "Proc-Type: 4,ENCRYPTED", "MIIEowIBAAKCAQEA5y0nC2q9", "  Q0==", "-----END RSA PRIVATE KEY-----",
}

// logLine is one line of a generated log, in one of the shapes.
type logLine struct {
	context string // container and stream
	text    string
	raw     string
}

func drawLog(t *rapid.T) []logLine {
	n := rapid.IntRange(0, 60).Draw(t, "lines")
	second := 0
	lines := make([]logLine, n)
	for i := range lines {
		text := rapid.SampledFrom(texts).Draw(t, "text")
		second += rapid.SampledFrom([]int{0, 0, 0, 0, 0, 1, 6}).Draw(t, "seconds")
		stamp := fmt.Sprintf("2021-08-03T%02d:%02d:%02dZ", 9+second/3600, second/60%60, second%60)
		stream := rapid.SampledFrom([]string{"stdout", "stderr"}).Draw(t, "stream")
		pod := rapid.SampledFrom([]string{"p", "q"}).Draw(t, "pod")
		l := logLine{text: text}
		switch rapid.IntRange(0, 3).Draw(t, "shape") {
		case 0:
			l.context, l.raw = "file/"+stream, stamp+" "+stream+" F "+text
		case 1:
			l.context, l.raw = "file/"+stream, stamp+" "+stream+" P "+text
		case 2:
			l.context, l.raw = pod+"/"+stream, fmt.Sprintf(`{"time":%q,"stream":%q,"log":%q,"kubernetes":{"pod_name":%q}}`, stamp, stream, text, pod)
		case 3:
			l.context, l.raw = "file/", text
		}
		lines[i] = l
	}
	return lines
}

// feed runs a log through a Collector; between the lines it calls between.
func feed(t require.TestingT, lines []logLine, between func(*source)) *source {
	s := newSource(collect.Options{Defaults: pipeline.Resource{Pod: "file"}, MaxLine: maxLine})
	for _, l := range lines {
		s.line(t, l.raw)
		between(s)
	}
	s.flush(t)
	return s
}

// requireAll holds that every line is in exactly one entry: the lines of an
// entry's context that begin within its byte range are its lines, and their
// texts, put together, its message.
func requireAll(t require.TestingT, lines []logLine, s *source) {
	taken := make([]int, len(lines))
	last := map[string]int64{}
	for _, e := range s.entries {
		context := e.Resource.Pod + "/" + e.Stream
		require.LessOrEqual(t, last[context], e.Start, "entries of %s overlap or are out of order", context)
		last[context] = e.End
		var text strings.Builder
		count := 0
		for i, l := range lines {
			if l.context != context || s.starts[i] < e.Start || s.starts[i] >= e.End {
				continue
			}
			taken[i]++
			count++
			text.WriteString(l.text)
		}
		require.Equal(t, count, e.Lines)
		require.Equal(t, text.String(), strings.ReplaceAll(e.Message, "\n", ""))
		require.LessOrEqual(t, len(e.Message), maxLine)
	}
	skipped := int64(0)
	for i, n := range taken {
		if n == 0 && lines[i].context == "file/" && lines[i].text == "" {
			skipped++
			continue
		}
		require.Equal(t, 1, n, "line %d", i)
	}
	require.Equal(t, s.c.Blank, skipped)
}

const maxLine = 200 // above every line, below most traces

func TestEveryLineIsInOneEntry(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := drawLog(t)
		requireAll(t, lines, feed(t, lines, func(*source) {}))
	})
}

// TestPendingIsWhereNothingIsLost: reading again from Pending, on top of what
// came out before, gives every line.
func TestPendingIsWhereNothingIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := drawLog(t)
		feed(t, lines, func(s *source) {
			end := int64(0)
			for _, e := range s.entries {
				end += int64(e.Lines)
			}
			start, ok := s.c.Pending()
			fed := int64(len(s.starts))
			if !ok {
				require.Equal(t, fed, end+s.c.Blank, "nothing is held back")
				return
			}
			require.LessOrEqual(t, end+s.c.Blank, fed)
			require.Contains(t, s.starts, start)
			for i, at := range s.starts {
				if at >= start {
					break
				}
				require.True(t, isOut(s, lines[i], at), "line %d is before Pending and not out", i)
			}
		})
	})
}

func isOut(s *source, l logLine, at int64) bool {
	for _, e := range s.entries {
		if e.Resource.Pod+"/"+e.Stream == l.context && at >= e.Start && at < e.End {
			return true
		}
	}
	return l.context == "file/" && l.text == ""
}

// TestContextsAreIndependent: what a container's lines become does not depend
// on the lines of others between them, nor on when they are read.
func TestContextsAreIndependent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := drawLog(t)
		all := feed(t, lines, func(*source) {})
		for _, context := range []string{"p/stdout", "file/stderr"} {
			alone := slices.DeleteFunc(slices.Clone(lines), func(l logLine) bool { return l.context != context })
			var want, got []string
			for _, e := range feed(t, alone, func(*source) {}).entries {
				want = append(want, fmt.Sprintf("%d %d %t %q", e.Time, e.Occurrence, e.InKey, e.Message))
			}
			for _, e := range all.entries {
				if e.Resource.Pod+"/"+e.Stream == context {
					got = append(got, fmt.Sprintf("%d %d %t %q", e.Time, e.Occurrence, e.InKey, e.Message))
				}
			}
			require.Equal(t, want, got)
		}
	})
}

func FuzzLine(f *testing.F) {
	for i, text := range texts {
		f.Add([]byte(text), []byte("2021-08-03T09:18:00Z stdout P "+text), uint8(i))
	}
	f.Add([]byte(event), []byte(`{"kind":"List","items":[`+event+`]}`), uint8(0))
	f.Add([]byte(`{"log":"a","stream":"stdout","time":"2021-08-03T09:18:00Z"}`), []byte(`{"_p":"P","log":"\ud800","kubernetes":{"labels":{"a":1},"ownerReferences":[{"name":"a-b"}]}}`), uint8(1))
	f.Add([]byte(`{"__REALTIME_TIMESTAMP":"1627982280848696","MESSAGE":[1,2]}`), []byte("\xff\xfe\x00"), uint8(2))
	f.Fuzz(func(t *testing.T, a, b []byte, order uint8) {
		lines := 0
		c := collect.New(collect.Options{Format: collect.Format(order % 5), MaxLine: 2000, Emit: func(e *collect.Entry) error {
			lines += e.Lines
			require.NotNil(t, e.Resource)
			require.True(t, utf8.ValidString(e.Message))
			require.Less(t, e.Start, e.End)
			if e.Kind == pipeline.KindEvent {
				lines = 0 // a list gives several entries for its line
			}
			return nil
		}})
		before := [2][]byte{slices.Clone(a), slices.Clone(b)}
		for i := range int64(8) {
			text := a
			if order>>i&1 == 1 {
				text = b
			}
			require.NoError(t, c.Line(text, i, i+1))
		}
		require.NoError(t, c.Flush())
		require.Equal(t, before, [2][]byte{a, b}, "the source's bytes are not ours")
		require.LessOrEqual(t, lines+int(c.Blank), 8)
		_, ok := c.Pending()
		require.False(t, ok)
	})
}
