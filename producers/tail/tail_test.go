package tail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/producers"
	"github.com/loglode/loglode/producers/producertest"
	"github.com/loglode/loglode/producers/tail"
)

// bench is a directory, what is durable, a clock, and a Tailer that can be
// killed.
type bench struct {
	t     *testing.T
	dir   string
	world producertest.World
	now   time.Time
	log   bytes.Buffer
	seen  observer
	set   func(*tail.Options)
	*tail.Tailer
}

type observer struct {
	files int
	lag   int64
	lost  []string
}

func (o *observer) TailFiles(n int)    { o.files = n }
func (o *observer) TailLag(n int64)    { o.lag = n }
func (o *observer) Lost(reason string) { o.lost = append(o.lost, reason) }

func newBench(t *testing.T, set func(*tail.Options)) *bench {
	b := &bench{t: t, dir: t.TempDir(), now: time.Now(), set: set}
	b.world.Now = func() time.Time { return b.now }
	b.restart()
	return b
}

// restart kills the Tailer, if there is one, and starts another.
func (b *bench) restart() {
	if b.Tailer != nil {
		b.Kill()
	}
	o := tail.Options{
		Globs: []string{b.path("*.log")}, Intake: b.world.Intake(b.t), Ledger: b.world.Ledger(), State: &b.world.State,
		Now: b.world.Now, Observer: &b.seen, Logger: slog.New(slog.NewTextHandler(&b.log, nil)),
		ScanInterval: time.Nanosecond,
	}
	if b.set != nil {
		b.set(&o)
	}
	var err error
	b.Tailer, err = tail.New(o)
	require.NoError(b.t, err)
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// write appends to a file, as the clock says.
func (b *bench) write(name, text string) {
	f, err := os.OpenFile(b.path(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	require.NoError(b.t, err)
	_, err = f.WriteString(text)
	require.NoError(b.t, err)
	require.NoError(b.t, f.Close())
	b.touch(name)
}

func (b *bench) touch(name string) { require.NoError(b.t, os.Chtimes(b.path(name), b.now, b.now)) }

func (b *bench) rename(from, to string) { require.NoError(b.t, os.Rename(b.path(from), b.path(to))) }

// step runs steps until there is nothing more to read now.
func (b *bench) step() {
	b.t.Helper()
	for range 1000 {
		b.now = b.now.Add(time.Microsecond)
		more, err := b.Step(b.t.Context())
		require.NoError(b.t, err)
		if !more {
			return
		}
	}
	require.Fail(b.t, "there is always more", "%s", &b.log)
}

// pass lets time pass, polling now and then.
func (b *bench) pass(d time.Duration) {
	b.t.Helper()
	for range 4 {
		b.now = b.now.Add(d / 4)
		b.step()
	}
}

func (b *bench) want(messages ...string) {
	b.t.Helper()
	got := b.world.Stream.Messages(b.t)
	require.Equal(b.t, slices.Sorted(slices.Values(messages)), slices.Sorted(slices.Values(got)), "%s", &b.log)
}

func TestStepFollowsAFile(t *testing.T) {
	b := newBench(t, nil)
	b.step()
	b.want()
	b.write("late.log", "one\ntw")
	b.step()
	b.want("one")
	b.step()
	b.write("late.log", "o\nthree\r\n\n")
	b.step()
	b.want("one", "two", "three")
	require.Equal(t, observer{files: 1}, b.seen)
	require.Equal(t, "late", b.world.Stream.Entries(t)[0].Resource.Container)
	require.Len(t, b.world.Stream.Entries(t), 3, "nothing is sent twice without a crash")
}

func TestStepReadsEveryFileInBoundedTurns(t *testing.T) {
	b := newBench(t, func(o *tail.Options) { o.TurnBytes = 100 << 10; o.MaxOpen = 3 })
	var want []string
	for f := range 10 {
		for i := range 3000 {
			want = append(want, fmt.Sprintf("file %d line %d with some text behind it", f, i))
		}
		b.write(fmt.Sprintf("%d.log", f), strings.Join(want[len(want)-3000:], "\n")+"\n")
	}
	more, err := b.Step(t.Context())
	require.NoError(t, err)
	require.True(t, more)
	require.Less(t, len(b.world.Stream.Entries(t)), 6000)
	b.step()
	b.want(want...)
	require.Equal(t, observer{files: 10}, b.seen)
	open, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	count := 0
	for _, fd := range open {
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && strings.HasPrefix(to, b.dir) {
			count++
		}
	}
	require.Equal(t, 3, count)
}

func TestStepIsIdleWhenNothingIsNew(t *testing.T) {
	b := newBench(t, nil)
	b.write("a.log", "one\npartial")
	b.step()
	puts, calls := b.world.State.Puts(), b.world.Stream.Calls()
	b.pass(time.Minute)
	require.Equal(t, puts, b.world.State.Puts())
	require.Equal(t, calls, b.world.Stream.Calls())
}

func TestStepJoins(t *testing.T) {
	const trace = "java.lang.IllegalStateException: boom\n\tat com.shop.Orders.place(Orders.java:42)\n"
	const rest = "\tat com.shop.Main.main(Main.java:7)"
	b := newBench(t, nil)
	b.write("a.log", "before\n"+trace)
	b.step()
	b.want("before")
	b.now = b.now.Add(500 * time.Millisecond)
	b.write("a.log", rest+"\n")
	b.step()
	b.want("before")
	b.pass(2 * time.Second)
	b.want("before", trace+rest)
	b.restart()
	b.pass(2 * time.Second)
	b.want("before", trace+rest)
}

// TestStepJoinsInAChain: what is held back cuts an entry, and where that begins
// cuts another.
func TestStepJoinsInAChain(t *testing.T) {
	lines := strings.SplitAfter(criChain("2026-11-20T12:00:00.000000000Z"), "\n")
	for n := range len(lines) {
		t.Run(fmt.Sprint(n, " lines first"), func(t *testing.T) {
			b := newBench(t, nil)
			b.write("a.log", strings.Join(lines[:n], ""))
			b.step()
			b.restart()
			b.step()
			b.write("a.log", strings.Join(lines[n:], ""))
			b.pass(2 * time.Second)
			b.want("one end", "two end", "three end")
		})
	}
}

// criChain is three lines in parts, each of which begins within the one before
// and ends behind it.
func criChain(stamp string) string {
	var lines strings.Builder
	for _, rest := range []string{"stderr P one ", "stdout P two ", "stderr F end", "stderr P three ", "stdout F end", "stderr F end"} {
		lines.WriteString(stamp + " " + rest + "\n")
	}
	return lines.String()
}

// TestStepJoinsAmongOthers: a busy container does not hold another's lines
// back for ever, nor cut its traces.
func TestStepJoinsAmongOthers(t *testing.T) {
	b := newBench(t, nil)
	line := func(stream, tag, text string) string {
		return b.now.UTC().Format("2006-01-02T15:04:05.000000000Z ") + stream + " " + tag + " " + text + "\n"
	}
	b.write("a.log", line("stderr", "P", "half "))
	var want []string
	for i := range 5 {
		b.now = b.now.Add(100 * time.Millisecond)
		b.write("a.log", line("stdout", "F", fmt.Sprint("line ", i)))
		b.step()
		want = append(want, fmt.Sprint("line ", i))
	}
	b.want()
	b.write("a.log", line("stderr", "F", "whole"))
	b.step()
	want = append(want, "half whole")
	b.want(want...)
	require.Len(t, b.world.Stream.Entries(t), 6)

	b.write("a.log", line("stderr", "P", "never more"))
	for i := range 100 {
		b.now = b.now.Add(100 * time.Millisecond)
		b.write("a.log", line("stdout", "F", fmt.Sprint("more ", i)))
		b.step()
	}
	require.Contains(t, b.world.Stream.Messages(t), "never more")
	require.Contains(t, b.world.Stream.Messages(t), "more 40")
}

func TestStepLongLines(t *testing.T) {
	b := newBench(t, func(o *tail.Options) { o.MaxLine = 8 << 10; o.TurnBytes = 64 << 10 })
	long := strings.Repeat("x", 40<<20)
	b.write("a.log", "before\n"+strings.Repeat("y", 8<<10)+"\n"+strings.Repeat("z", 8<<10+1)+"\nbetween\n"+long)
	b.step()
	b.want("before", strings.Repeat("y", 8<<10), "between")
	require.Len(t, b.world.Letters.All(), 1)
	b.write("a.log", "\nafter\n")
	b.step()
	b.want("before", strings.Repeat("y", 8<<10), "between", "after")
	letters := b.world.Letters.All()
	require.Len(t, letters, 2)
	for _, l := range letters {
		require.Equal(t, "too_long", l.Reason)
		require.Len(t, l.Data, 4096)
	}
	b.restart()
	b.step()
	require.Len(t, b.world.Letters.All(), 2, "the same letters again")
}

func TestStepHoles(t *testing.T) {
	b := newBench(t, func(o *tail.Options) { o.MaxLine = 8 << 10 })
	b.write("a.log", "one\n"+strings.Repeat("\x00", 20<<20))
	b.step()
	b.want("one")
	b.write("a.log", "two")
	b.step()
	b.write("a.log", "\nthree\n")
	b.step()
	b.want("one", "two", "three")
	require.Empty(t, b.world.Letters.All())
}

func TestStepRotation(t *testing.T) {
	for name, rotate := range map[string]func(*bench){
		"rename": func(b *bench) {
			b.rename("a.log", "a.log.1")
			b.write("a.log", "new\n")
			b.write("a.log.1", "late\nlast, no newline")
		},
		"delete": func(b *bench) {
			b.write("a.log", "late\nlast, no newline")
			b.step() // open since the step before
			require.NoError(b.t, os.Remove(b.path("a.log")))
			b.write("a.log", "new\n")
		},
		"rename twice": func(b *bench) {
			b.write("a.log", "late\n")
			b.rename("a.log", "a.log.1")
			b.write("a.log", "last, no newline")
			b.step()
			b.rename("a.log.1", "a.log.2")
			b.rename("a.log", "a.log.1")
			b.write("a.log", "new\n")
		},
	} {
		for _, glob := range []string{"*.log", "*"} {
			t.Run(name+" "+glob, func(t *testing.T) {
				b := newBench(t, nil)
				b.set = func(o *tail.Options) { o.Globs = []string{b.path(glob)} }
				b.restart()
				b.write("a.log", "old\n")
				b.step()
				rotate(b)
				b.step()
				b.pass(time.Minute)
				if glob == "*" && strings.HasPrefix(name, "rename") {
					// It still matches: it is not over, and its last line may grow.
					b.want("old", "new", "late")
				} else {
					b.want("old", "new", "late", "last, no newline")
				}
				require.Empty(t, b.seen.lost)
				b.restart()
				b.pass(time.Minute)
				require.Empty(t, b.seen.lost, "%s", &b.log)
				require.Len(t, b.world.Stream.Distinct(t), 4-map[bool]int{true: 1}[glob == "*" && strings.HasPrefix(name, "rename")])
			})
		}
	}
}

// TestStepOldGenerationFirst: what a file got before its rotation is sent
// before what came after it, so that times do not run backwards.
func TestStepOldGenerationFirst(t *testing.T) {
	b := newBench(t, func(o *tail.Options) { o.TurnBytes = 64 << 10 })
	at := b.now.UTC().Truncate(time.Second)
	line := func(i int) string {
		return at.Add(time.Duration(i/3)*time.Microsecond).Format("2006-01-02T15:04:05.000000000Z") + " stdout F the same text\n"
	}
	for i := range 5000 {
		if i == 4001 {
			b.rename("a.log", "a.log.1")
		}
		if i == 2000 || i == 4100 {
			_, err := b.Step(t.Context())
			require.NoError(t, err)
		}
		b.write("a.log", line(i))
	}
	b.step()
	entries := b.world.Stream.Entries(t)
	require.Len(t, entries, 5000)
	require.Len(t, b.world.Stream.Distinct(t), 5000)
	for _, e := range entries {
		require.Empty(t, e.Origin, "a time ran backwards")
	}
}

func TestStepTruncation(t *testing.T) {
	for name, text := range map[string]string{"shorter": "new\n", "longer": "new and longer than all that was there\n", "the same length": "new line\n"} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			b.write("a.log", "old line\n")
			b.step()
			require.NoError(t, os.Truncate(b.path("a.log"), 0))
			b.write("a.log", text)
			b.step()
			b.want(append([]string{"old line"}, strings.Split(strings.TrimSpace(text), "\n")...)...)
			b.restart()
			b.step()
			b.want(append([]string{"old line"}, strings.Split(strings.TrimSpace(text), "\n")...)...)
			require.Equal(t, 2, b.world.State.Len("tail-files"), "the old generation is forgotten")
		})
	}
}

func TestStepWhileDown(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*bench)
		want   []string
		lost   []string
	}{
		"grown":   {func(b *bench) { b.write("a.log", "more\n") }, []string{"more"}, nil},
		"rotated": {func(b *bench) { b.write("a.log", "more\n"); b.rename("a.log", "a.log.1"); b.write("a.log", "new\n") }, []string{"more", "new"}, nil},
		"rotated twice": {func(b *bench) {
			b.write("a.log", "more\n")
			b.rename("a.log", "a.log.1")
			b.now = b.now.Add(time.Minute)
			b.write("a.log", "between\n")
			b.rename("a.log.1", "a.log.2")
			b.rename("a.log", "a.log.1")
			b.now = b.now.Add(time.Minute)
			b.write("a.log", "new\n")
		}, []string{"more", "between", "new"}, nil},
		"rotated as kubelet does": {func(b *bench) {
			b.write("a.log", "more\n")
			b.rename("a.log", "a.log.20260102-030405")
			b.write("a.log", "new\n")
		}, []string{"more", "new"}, nil},
		"compressed": {func(b *bench) {
			require.NoError(b.t, os.Remove(b.path("a.log")))
			b.now = b.now.Add(time.Minute)
			b.write("a.log.1.gz", "\x1f\x8b...")
			b.write("a.log", "new\n")
		}, []string{"new"}, []string{tail.ReasonRotated, tail.ReasonRotated}},
		"deleted":     {func(b *bench) { require.NoError(b.t, os.Remove(b.path("a.log"))) }, nil, []string{tail.ReasonRotated}},
		"truncated":   {func(b *bench) { require.NoError(b.t, os.Truncate(b.path("a.log"), 0)); b.write("a.log", "new\n") }, []string{"new"}, []string{tail.ReasonTruncated}},
		"a neighbour": {func(b *bench) { b.now = b.now.Add(time.Minute); b.write("a.log.err", "no rotation\n") }, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			b.write("a.log", "old\n")
			b.step()
			b.now = b.now.Add(time.Minute)
			c.change(b)
			b.restart()
			b.step()
			b.want(append([]string{"old"}, c.want...)...)
			require.Equal(t, c.lost, b.seen.lost, "%s", &b.log)
			b.pass(time.Minute)
			b.want(append([]string{"old"}, c.want...)...)
			b.restart()
			b.pass(time.Minute)
			b.want(append([]string{"old"}, c.want...)...)
			require.Equal(t, c.lost, b.seen.lost, "said once")
		})
	}
}

func TestFromEnd(t *testing.T) {
	b := newBench(t, func(o *tail.Options) { o.From = tail.End })
	b.write("a.log", "old\nbegun")
	b.write("b.log", "old\n")
	b.step()
	b.write("a.log", " and ended\n")
	b.write("b.log", "new\n")
	b.write("late.log", "late\n")
	b.step()
	b.want("begun and ended", "new", "late")
	b.write("later.log", "while down\n")
	b.restart()
	b.step()
	b.want("begun and ended", "new", "late", "while down")
}

func TestLinksGlobsAndOtherFiles(t *testing.T) {
	b := newBench(t, nil)
	id := strings.Repeat("0af1", 16)
	pod := filepath.Join("pods", "shop_web-1_u-1", "nginx")
	require.NoError(t, os.MkdirAll(b.path(pod), 0o755))
	require.NoError(t, os.MkdirAll(b.path("containers"), 0o755))
	b.write(filepath.Join(pod, "0.log"), "2026-01-02T03:04:05Z stdout F hello\n")
	require.NoError(t, os.Symlink(b.path(filepath.Join(pod, "0.log")), b.path("containers/web-1_shop_nginx-"+id+".log")))
	require.NoError(t, os.Symlink(b.dir, b.path("containers/circle")))
	require.NoError(t, os.Mkdir(b.path("dir.log"), 0o755))
	b.write("a.log.gz", "\x1f\x8b")
	b.set = func(o *tail.Options) {
		o.Globs = []string{b.path("containers/*.log"), b.path("**/*.log"), b.path("*.gz"), b.path("none/*")}
	}
	b.restart()
	b.step()
	b.want("hello")
	require.Equal(t, pipeline.Resource{Namespace: "shop", Pod: "web-1", PodUID: "u-1", Container: "nginx"}, *b.world.Stream.Entries(t)[0].Resource)
	b.step()
	require.Equal(t, 1, strings.Count(b.log.String(), "compressed"))

	// As kubelet rotates: the link stays, what it leads to is replaced.
	b.rename(filepath.Join(pod, "0.log"), filepath.Join(pod, "0.log.20260102-030406"))
	b.write(filepath.Join(pod, "0.log.20260102-030406"), "2026-01-02T03:04:06Z stdout F last\n")
	b.write(filepath.Join(pod, "0.log"), "2026-01-02T03:04:07Z stdout F first\n")
	b.restart()
	b.step()
	b.want("hello", "last", "first")
}

func TestNewRefuses(t *testing.T) {
	for _, o := range []tail.Options{{Globs: []string{"/var/log/[a"}}, {Globs: []string{""}}, {Globs: []string{"/a/**b/c"}}, {From: "middle"}} {
		_, err := tail.New(o)
		var hint *pipeline.HintError
		require.ErrorAs(t, err, &hint)
	}
}

// TestStepFileThatCannotBeRead stands for one without permission, which root
// does not know: a file of another's that fails to open.
func TestStepFileThatCannotBeRead(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Log("root may read everything: only that the others go on is seen")
	}
	b := newBench(t, nil)
	b.write("a.log", "one\n")
	b.write("b.log", "two\n")
	require.NoError(t, os.Chmod(b.path("a.log"), 0))
	b.step()
	require.Contains(t, b.world.Stream.Messages(t), "two")
	require.NoError(t, os.Chmod(b.path("a.log"), 0o644))
	b.step()
	b.want("one", "two")
}

func TestRunStopsAndSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(o *tail.Options) { o.Now = time.Now })
		require.NoError(t, os.WriteFile(b.path("a.log"), []byte("one\ntwo\n"), 0o644))
		failures := 2
		b.world.Stream.Fault = func([]producers.Outgoing) producertest.Fault {
			if failures--; failures >= 0 {
				return producertest.Fault{Err: errors.New("away")}
			}
			return producertest.Fault{}
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- b.Run(ctx) }()
		time.Sleep(10 * time.Second)
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
		b.want("one", "two")
		require.Equal(t, 1, strings.Count(b.log.String(), "tailing failed"), "%s", &b.log)
		sent := len(b.world.Stream.Entries(t))
		b.restart()
		b.step()
		require.Len(t, b.world.Stream.Entries(t), sent, "a clean stop leaves nothing to repeat")
	})
}

// TestKilledAtAnyMoment writes, rotates, truncates and deletes files at random,
// lets state and stream fail at random, before, in the middle of and after their
// work, and kills the Tailer, sometimes while it does. Whatever happens, every
// entry is in the stream in the end, and each under one ID.
func TestKilledAtAnyMoment(t *testing.T) {
	for seed := range uint64(seeds()) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { newChaos(t, seed).run() })
	}
}

// seeds is how many runs there are: more in a soak, LOGLODE_SEEDS.
func seeds() int {
	if n, err := strconv.Atoi(os.Getenv("LOGLODE_SEEDS")); err == nil {
		return n
	}
	return 60
}

type chaos struct {
	*bench
	r          *rand.Rand
	writers    []*writer
	want       []string
	faults     bool
	generation int
}

// writer writes one log. Its lines wait in buffer until they are written, in
// pieces of any length.
type writer struct {
	name     string
	format   func(c *chaos) (lines string, messages []string)
	buffer   string
	rotation int
}

func newChaos(t *testing.T, seed uint64) *chaos {
	c := &chaos{r: rand.New(rand.NewPCG(seed, 11)), faults: true}
	glob := []string{"*.log", "*"}[seed%2]
	c.bench = newBench(t, nil)
	c.world.RecordBytes = []int{300, 2000, 0}[seed%3]
	c.world.WaveBytes = []int{500, 0}[seed/4%2]
	c.set = func(o *tail.Options) {
		o.Globs = []string{c.path(glob)}
		o.MaxOpen = []int{1, 512}[seed/2%2]
	}
	c.restart()
	c.writers = []*writer{{name: "cri.log", format: criUnit}, {name: "plain.log", format: plainUnit}, {name: "json.log", format: jsonUnit}}
	c.world.State.Fault = func([]pipeline.StateItem) producertest.Fault { return c.fault(2) }
	c.world.Stream.Fault = func(rs []producers.Outgoing) producertest.Fault { return c.fault(len(rs) + 1) }
	return c
}

func (c *chaos) fault(keep int) producertest.Fault {
	if c.faults && c.r.IntN(6) == 0 {
		return producertest.Fault{Err: producertest.ErrFault, Keep: c.r.IntN(keep)}
	}
	return producertest.Fault{}
}

// stamp is a time that many lines share.
func (c *chaos) stamp() string {
	return c.now.Truncate(20 * time.Millisecond).UTC().Format("2006-01-02T15:04:05.000000000Z")
}

func plainUnit(c *chaos) (string, []string) {
	m := fmt.Sprint("plain line ", c.r.IntN(3))
	return m + "\n", []string{m}
}

// criUnit is a line, a line in parts, or a trace, with lines of the other stream
// in between.
func criUnit(c *chaos) (string, []string) {
	line := func(stream, tag, text string) string {
		return fmt.Sprintf("%s %s %s %s\n", c.stamp(), stream, tag, text)
	}
	m := fmt.Sprint("cri line ", c.r.IntN(3))
	other := fmt.Sprint("other ", c.r.IntN(3))
	switch c.r.IntN(6) {
	case 0:
		return line("stderr", "P", "begin ") + line("stdout", "F", other) + line("stderr", "P", "middle ") + line("stdout", "F", m) + line("stderr", "F", "end"),
			[]string{"begin middle end", other, m}
	case 1: // one begins within the other and ends behind it
		return line("stderr", "P", "first ") + line("stdout", "P", "second ") + line("stderr", "F", m) + line("stdout", "F", other),
			[]string{"first " + m, "second " + other}
	case 2:
		trace := []string{"java.lang.IllegalStateException: " + m, "\tat com.shop.Orders.place(Orders.java:42)", "\tat com.shop.Main.main(Main.java:7)"}
		return line("stderr", "F", trace[0]) + line("stdout", "F", other) + line("stderr", "F", trace[1]) + line("stderr", "F", trace[2]) + line("stderr", "F", "done"),
			[]string{strings.Join(trace, "\n"), other, "done"}
	case 3:
		return criChain(c.stamp()), []string{"one end", "two end", "three end"}
	}
	return line("stdout", "F", m), []string{m}
}

func jsonUnit(c *chaos) (string, []string) {
	m := fmt.Sprint("json line ", c.r.IntN(3))
	return fmt.Sprintf(`{"time":%q,"stream":"stdout","log":%q,"kubernetes":{"pod_name":"p%d","namespace_name":"shop","container_name":"c"}}`+"\n", c.stamp(), m, c.r.IntN(3)), []string{m}
}

func (c *chaos) run() {
	for range 120 {
		w := c.writers[c.r.IntN(len(c.writers))]
		action := c.r.IntN(16)
		fmt.Fprintf(&c.log, "ACTION %d %s %d\n", action, w.name, c.now.UnixNano())
		switch action {
		case 0, 1, 2, 3, 4:
			for range c.r.IntN(6) {
				lines, messages := w.format(c)
				w.buffer += lines
				c.want = append(c.want, messages...)
				c.now = c.now.Add(5 * time.Millisecond)
			}
			c.flush(w, c.r.IntN(len(w.buffer)+1))
		case 5:
			c.flush(w, len(w.buffer))
		case 6, 7, 8, 9:
			c.try()
		case 10, 11:
			c.try()
			c.restart()
		case 12:
			if _, err := os.Stat(c.path(w.name)); err == nil {
				c.look()                  // a file that comes and goes between two looks is not seen
				c.flush(w, len(w.buffer)) // a unit is not cut in two by its file's end
				w.rotation++
				c.rename(w.name, fmt.Sprintf("%s.%d", w.name, w.rotation))
				c.now = c.now.Add(20 * time.Millisecond)
			}
		case 13:
			c.drain()
			if c.r.IntN(2) == 0 {
				if os.Truncate(c.path(w.name), 0) == nil { // it may not be there yet
					c.touch(w.name)
				}
			} else {
				_ = os.Remove(c.path(w.name))
			}
			// A file that begins as the one before it is taken for it.
			c.generation++
			if w.name == "plain.log" {
				c.want = append(c.want, fmt.Sprintf("%d. generation", c.generation))
				w.buffer = c.want[len(c.want)-1] + "\n"
			}
			c.now = c.now.Add(20 * time.Millisecond)
		case 14:
			c.restart()
		case 15:
			c.drain()
			c.now = c.now.Add(time.Minute)
		}
	}
	c.drain()
	c.restart()
	c.drain()
	c.bench.want(c.want...)
	require.Empty(c.t, c.world.Letters.All())
}

func (c *chaos) flush(w *writer, n int) {
	if n > 0 {
		c.write(w.name, w.buffer[:n])
		w.buffer = w.buffer[n:]
	}
}

// try does one step, which may fail.
func (c *chaos) try() {
	c.now = c.now.Add(time.Millisecond)
	if _, err := c.Step(c.t.Context()); err != nil {
		require.ErrorIs(c.t, err, producertest.ErrFault)
	}
}

// look does a step without faults.
func (c *chaos) look() {
	faults := c.faults
	c.faults = false
	c.try()
	c.faults = faults
}

// drain writes and reads everything, so that a file may be cut off, and lets
// what is held back go.
func (c *chaos) drain() {
	for _, w := range c.writers {
		c.flush(w, len(w.buffer))
	}
	faults := c.faults
	c.faults = false
	c.pass(20 * time.Second)
	c.faults = faults
}
