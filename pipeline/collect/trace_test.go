package collect_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loglode/loglode/pipeline/collect"
	"github.com/stretchr/testify/require"
)

// TestTraces feeds the files of testdata/traces line by line; ===== stands
// where one entry must end and the next begin.
func TestTraces(t *testing.T) {
	files, err := filepath.Glob("testdata/traces/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			want := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n=====\n")

			s := newSource(collect.Options{})
			for _, block := range want {
				for text := range strings.SplitSeq(block, "\n") {
					s.line(t, "2021-08-03T09:18:00.1Z stdout F "+text)
				}
			}
			s.flush(t)
			require.Equal(t, want, s.messages())
			for i, e := range s.entries {
				require.Equal(t, 1+strings.Count(want[i], "\n"), e.Lines)
			}
		})
	}
}

func TestTraceOfOneContainerAmongOthers(t *testing.T) {
	s := newSource(collect.Options{})
	s.line(t, `{"time":"2021-08-03T09:18:00Z","stream":"stderr","log":"panic: a","kubernetes":{"pod_name":"a"}}`)
	s.line(t, `{"time":"2021-08-03T09:18:00Z","stream":"stderr","log":"panic: b","kubernetes":{"pod_name":"b"}}`)
	s.line(t, `{"time":"2021-08-03T09:18:00Z","stream":"stdout","log":"of another stream","kubernetes":{"pod_name":"a"}}`)
	start, ok := s.c.Pending()
	require.True(t, ok)
	require.Zero(t, start)
	s.line(t, `{"time":"2021-08-03T09:18:01Z","stream":"stderr","log":"goroutine 1 [running]:","kubernetes":{"pod_name":"a"}}`)
	s.line(t, `{"time":"2021-08-03T09:18:01Z","stream":"stderr","log":"calm again","kubernetes":{"pod_name":"a"}}`)
	start, ok = s.c.Pending()
	require.True(t, ok)
	require.Equal(t, s.starts[1], start, "only b waits")
	s.flush(t)
	require.Equal(t, []string{"of another stream", "panic: a\ngoroutine 1 [running]:", "calm again", "panic: b"}, s.messages())
	require.Equal(t, s.starts[0], s.entries[1].Start)
	require.Equal(t, s.starts[4], s.entries[1].End)
	require.Equal(t, stamp("2021-08-03T09:18:00Z"), s.entries[1].Time)
	_, ok = s.c.Pending()
	require.False(t, ok)
}

func TestTraceLinesFarApartInTimeAreNotJoined(t *testing.T) {
	s := newSource(collect.Options{})
	s.line(t, "2021-08-03T09:18:00Z stderr F panic: a")
	s.line(t, "2021-08-03T09:18:05Z stderr F goroutine 1 [running]:")
	s.line(t, "2021-08-03T09:18:10.000000001Z stderr F main.main()")
	s.line(t, "2021-08-03T09:18:10.000000001Z stderr F \t/app/main.go:7 +0x5b")
	s.line(t, "2021-08-03T09:18:00Z stderr F \t/app/main.go:8 +0x5b")
	s.flush(t)
	require.Equal(t, []string{"panic: a\ngoroutine 1 [running]:", "main.main()\n\t/app/main.go:7 +0x5b", "\t/app/main.go:8 +0x5b"}, s.messages())
}

// TestLinesJoinedElsewhere: a text of several lines was joined before it came.
func TestLinesJoinedElsewhere(t *testing.T) {
	es := collected(t, collect.Options{},
		`{"log":"java.io.IOException: x","kubernetes":{}}`,
		`{"log":"\tat a.b.C.d(C.java:1)\n\tat a.b.C.e(C.java:2)","kubernetes":{}}`,
		`{"log":"\tat a.b.C.f(C.java:3)","kubernetes":{}}`)
	require.Len(t, es, 3)
}

// TestDoubtIsBounded: lines that only a later one could prove do not pile up.
func TestDoubtIsBounded(t *testing.T) {
	s := newSource(collect.Options{})
	s.line(t, "panic: 0")
	for range 11 {
		s.line(t, "\tpanic: again")
	}
	s.line(t, "goroutine 1 [running]:")
	s.flush(t)
	require.Len(t, s.entries, 13)
}

func TestTraceBounds(t *testing.T) {
	frame := "\tat com.shop.Orders.place(Orders.java:42)"
	t.Run("lines", func(t *testing.T) {
		s := newSource(collect.Options{})
		s.line(t, "java.lang.Error: boom")
		for range 2500 {
			s.line(t, frame)
		}
		s.flush(t)
		require.Len(t, s.entries, 3)
		require.Equal(t, []int{1000, 1000, 501}, []int{s.entries[0].Lines, s.entries[1].Lines, s.entries[2].Lines})
	})
	t.Run("bytes", func(t *testing.T) {
		s := newSource(collect.Options{MaxLine: 1000})
		s.line(t, "java.lang.Error: boom")
		for range 100 {
			s.line(t, frame)
		}
		s.flush(t)
		lines := 0
		for _, e := range s.entries {
			require.LessOrEqual(t, len(e.Message), 1000)
			lines += e.Lines
		}
		require.Equal(t, 101, lines)
		require.Len(t, s.entries, 5)
	})
	t.Run("doubtful lines move on with what proves them", func(t *testing.T) {
		s := newSource(collect.Options{MaxLine: 59})
		s.line(t, "goroutine 1 [running]:")
		s.line(t, "main.place(0x1)")
		s.line(t, "\t/app/main.go:7 +0x5b")
		s.flush(t)
		require.Equal(t, []string{"goroutine 1 [running]:", "main.place(0x1)\n\t/app/main.go:7 +0x5b"}, s.messages())
		require.Equal(t, s.starts[1], s.entries[1].Start)
	})
	t.Run("the gap counts from the last line", func(t *testing.T) {
		s := newSource(collect.Options{MaxLine: 95})
		s.line(t, "2021-08-03T09:18:00Z stderr F goroutine 1 [running]: of a program with a long, long name ]:")
		s.line(t, "2021-08-03T09:18:00Z stderr F main.place(0x1)")
		s.line(t, "2021-08-03T09:18:04Z stderr F \t/app/main.go:7 +0x5b")
		s.line(t, "2021-08-03T09:18:08Z stderr F created by main")
		s.flush(t)
		require.Len(t, s.entries, 2)
		require.Equal(t, "main.place(0x1)\n\t/app/main.go:7 +0x5b\ncreated by main", s.entries[1].Message)
	})
	t.Run("contexts", func(t *testing.T) {
		s := newSource(collect.Options{})
		for i := range 5000 {
			s.line(t, `{"time":"2021-08-03T09:18:00Z","stream":"stderr","log":"panic","kubernetes":{"pod_name":"p`+itoa(i)+`"}}`)
		}
		require.Len(t, s.entries, 5000-4096, "the oldest go")
		require.Equal(t, "p0", s.entries[0].Resource.Pod)
		start, _ := s.c.Pending()
		require.Equal(t, s.starts[5000-4096], start)
		s.flush(t)
		require.Len(t, s.entries, 5000)
	})
}

// TestHeldBackOfTheSource: what waits does not keep Pending back for ever.
func TestHeldBackOfTheSource(t *testing.T) {
	const far = 16<<20 + 1
	s := newSource(collect.Options{})
	s.line(t, "2021-08-03T09:18:00Z stderr F panic: a")
	s.line(t, "2021-08-03T09:18:00Z stdout P a part")
	s.offset = s.starts[0] + far - 1
	s.line(t, "text")
	require.Equal(t, []string{"text"}, s.messages())
	s.offset = s.starts[0] + far
	require.NoError(t, s.c.TooLong([]byte("long"), s.offset, s.offset+1))
	require.Equal(t, []string{"text", "panic: a", "long"}, s.messages())
	s.offset = s.starts[1] + far
	s.line(t, "text")
	require.Equal(t, []string{"text", "panic: a", "long", "a part", "text"}, s.messages())
}
