package tail_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/collect"
	"github.com/loglode/loglode/producers"
	"github.com/loglode/loglode/producers/file"
	"github.com/loglode/loglode/producers/producertest"
	"github.com/loglode/loglode/producers/tail"
)

// criLine is a line of a container at a second; many lines share one.
func criLine(second int, stream, text string) string {
	at := time.Date(2026, 11, 20, 12, 0, second, 0, time.UTC)
	return at.Format("2006-01-02T15:04:05.000000000Z ") + stream + " F " + text + "\n"
}

// criLines are n lines of two streams, three of a stream to each second, alike.
func criLines(from, n int) string {
	var b strings.Builder
	for i := from; i < from+n; i++ {
		b.WriteString(criLine(i/6, []string{"stdout", "stderr"}[i%2], "the same text, so that a number alone tells lines apart"))
	}
	return b.String()
}

// load is `loglode ingest` of a file, with the Ledger of the Tailer.
func (b *bench) load(ledger *producers.Ledger, name string) {
	b.t.Helper()
	_, err := file.New(file.Options{Intake: b.world.Intake(b.t), Ledger: ledger}).Load(b.t.Context(), b.path(name))
	require.NoError(b.t, err)
}

// wantDistinct wants n entries, each under one ID and told apart by its number.
func (b *bench) wantDistinct(n int) {
	b.t.Helper()
	entries := b.world.Stream.Distinct(b.t)
	for _, e := range entries {
		require.Empty(b.t, e.Origin, "%s", &b.log)
	}
	require.Len(b.t, entries, n)
}

// numbered is a bench whose Ledger is at hand.
func numbered(t *testing.T, glob string) (*bench, func() *producers.Ledger) {
	var ledger *producers.Ledger
	b := newBench(t, nil)
	b.set = func(o *tail.Options) {
		ledger = o.Ledger
		o.Globs = []string{b.path(glob)}
		o.TurnBytes = 64 << 10
	}
	b.restart()
	return b, func() *producers.Ledger { return ledger }
}

const many = 3000 // lines, of more than one batch

func TestAFollowedFileThatWasLoadedIsNotDoubled(t *testing.T) {
	b, ledger := numbered(t, "*.log")
	b.write("a.log", criLines(0, many))
	b.load(ledger(), "a.log")
	b.wantDistinct(many)
	b.step()
	b.wantDistinct(many)
	b.write("a.log", criLines(many, 100))
	b.step()
	b.wantDistinct(many + 100)
}

// Loaded while it is followed, and while loglode was down: the tails lie ahead
// of the file's own marks.
func TestALoadOfAFollowedFileDoublesNothing(t *testing.T) {
	for name, restart := range map[string]func(*bench){
		"running": func(*bench) {}, "killed": func(b *bench) { b.restart() },
	} {
		t.Run(name, func(t *testing.T) {
			b, ledger := numbered(t, "*.log")
			b.write("a.log", criLines(0, 101))
			b.step()
			b.write("a.log", criLines(101, many))
			restart(b)
			b.load(ledger(), "a.log")
			b.step()
			b.wantDistinct(101 + many)
		})
	}
}

func TestAFileThatComesBackIsNotDoubled(t *testing.T) {
	b, _ := numbered(t, "*.log")
	b.write("a.log", criLines(0, many))
	b.step()
	require.NoError(t, os.Mkdir(b.path("away"), 0o755))
	b.rename("a.log", "away/a")
	b.pass(time.Minute)
	require.Zero(t, b.seen.files)
	require.Zero(t, b.world.State.Len("tail-numbers"), "what is not followed is forgotten")
	b.rename("away/a", "a.log")
	b.pass(time.Minute)
	require.Equal(t, 1, b.seen.files)
	b.wantDistinct(many)
}

// copytruncate copies a file that is followed to a name that is followed.
func TestACopyOfAFollowedFileIsNotDoubled(t *testing.T) {
	b, _ := numbered(t, "**")
	dir := "shop_web-1_u-1/nginx/"
	require.NoError(t, os.MkdirAll(b.path(dir), 0o755))
	b.write(dir+"0.log", criLines(0, many-1))
	b.step()
	text, err := os.ReadFile(b.path(dir + "0.log"))
	require.NoError(t, err)
	b.write(dir+"0.log.1", string(text))
	require.NoError(t, os.Truncate(b.path(dir+"0.log"), 0))
	b.write(dir+"0.log", criLines(many-1, 500))
	b.step()
	b.wantDistinct(many - 1 + 500)
}

// Times that go back within a file are told apart from those before, also when
// a restart lies between them, and the batch before it had not their stream.
func TestTimesThatGoBackCollapseNothing(t *testing.T) {
	for name, restart := range map[string]func(*bench){
		"running": func(*bench) {}, "killed": func(b *bench) { b.restart() },
	} {
		t.Run(name, func(t *testing.T) {
			b, _ := numbered(t, "*.log")
			b.write("a.log", criLine(5, "stderr", "x")+criLine(7, "stderr", "x"))
			b.step()
			b.write("a.log", criLine(8, "stdout", "x"))
			b.step()
			restart(b)
			b.write("a.log", criLine(5, "stderr", "x"))
			b.step()
			require.Len(t, b.world.Stream.Distinct(t), 4)
		})
	}
}

// The border of two generations at one time: after a rename, and after a
// truncation, and it is the same after a crash in the batch behind it.
func TestBordersOfGenerationsCollapseNothing(t *testing.T) {
	for name, rotate := range map[string]func(*bench){
		"renamed":   func(b *bench) { b.rename("a.log", "a.log.1") },
		"truncated": func(b *bench) { require.NoError(b.t, os.Truncate(b.path("a.log"), 0)) },
	} {
		t.Run(name, func(t *testing.T) {
			b, _ := numbered(t, "*.log")
			b.write("a.log", criLines(0, 7))
			b.step()
			rotate(b)
			b.write("a.log", criLines(7, 6))
			b.world.Stream.Fault = func([]producers.Outgoing) producertest.Fault {
				return producertest.Fault{Err: producertest.ErrFault, Keep: 1}
			}
			_, err := b.Step(t.Context())
			if name == "truncated" && err == nil { // the first step sees that it was
				_, err = b.Step(t.Context())
			}
			require.ErrorIs(t, err, producertest.ErrFault)
			b.world.Stream.Fault = nil
			b.restart()
			b.step()
			b.wantDistinct(13)
		})
	}
}

// A unit that holds a container while a followed file begins at the same time.
func TestAUnitAtTheSameMomentCollapsesNothing(t *testing.T) {
	b, ledger := numbered(t, "*.log")
	at := time.Date(2026, 11, 20, 12, 0, 5, 0, time.UTC).UnixNano()
	load := func(identity string, meanwhile func()) {
		u, err := ledger().Unit(t.Context(), identity)
		require.NoError(t, err)
		defer u.Close()
		batch := b.world.Intake(t).Batch(u.Read(), u)
		for range 2 {
			e := collect.Entry{RawEntry: pipeline.RawEntry{Time: at, Stream: "stdout", Message: "x", Resource: &pipeline.Resource{Container: "a"}}, Lines: 1}
			u.Numbers().Number(&e)
			require.NoError(t, batch.Add(t.Context(), identity, &e))
		}
		meanwhile()
		_, err = batch.Commit(t.Context())
		require.NoError(t, err)
	}
	load("first", func() {})
	load("second", func() {
		b.write("a.log", strings.Repeat(criLine(5, "stdout", "x"), 3))
		b.step()
	})
	load("third", func() {})
	b.write("a.log", criLine(5, "stdout", "x"))
	b.step()
	require.Len(t, b.world.Stream.Distinct(t), 10)
	b.restart()
	b.step()
	require.Len(t, b.world.Stream.Distinct(t), 10)
}

// An inode is another file's as soon as its own is deleted. Renaming stands for
// that: what nothing was read of has nothing else to be known by.
func TestAnInodeThatAnotherFileGot(t *testing.T) {
	for name, c := range map[string]struct {
		to, container string
		lost          []string
	}{
		"another file":               {"b.log", "b", []string{tail.ReasonTruncated}},
		"a rotation of its own":      {"a.log.1", "a", nil},
		"a file that nobody follows": {"secret.txt", "", []string{tail.ReasonTruncated}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			b.write("a.log", "")
			b.step()
			require.Equal(t, 1, b.seen.files)
			b.rename("a.log", c.to)
			b.write(c.to, "whose?\n")
			b.restart()
			b.pass(time.Minute)
			require.Equal(t, c.lost, b.seen.lost)
			if c.container == "" {
				b.want()
				require.Equal(t, 1, b.world.State.Len("tail-files"), "only that there was a start")
				return
			}
			b.want("whose?")
			require.Equal(t, c.container, b.world.Stream.Entries(t)[0].Resource.Container)
		})
	}
}

func TestMatch(t *testing.T) {
	b := newBench(t, nil)
	require.NoError(t, os.MkdirAll(b.path("pods/web/nginx"), 0o755))
	require.NoError(t, os.Mkdir(b.path("dir.log"), 0o755))
	for _, name := range []string{"a.log", "a.log.gz", "pods/b.log", "pods/web/nginx/0.log"} {
		b.write(name, "x\n")
	}
	require.NoError(t, os.Symlink(b.path("a.log"), b.path("link.log")))
	require.NoError(t, os.Symlink(b.path("nothing"), b.path("dangling.log")))
	for pattern, want := range map[string][]string{
		"**/*.log":  {"a.log", "link.log", "pods/b.log", "pods/web/nginx/0.log"},
		"pods/**":   {"pods/b.log", "pods/web/nginx/0.log"},
		"a.log*":    {"a.log"},
		"nothing/*": {},
	} {
		got, err := tail.Match(b.path(pattern))
		require.NoError(t, err)
		for i := range got {
			got[i], err = filepath.Rel(b.dir, got[i])
			require.NoError(t, err)
		}
		require.Equal(t, fmt.Sprint(want), fmt.Sprint(got), pattern)
	}
	_, err := tail.Match(b.path("[a"))
	var hint *pipeline.HintError
	require.ErrorAs(t, err, &hint)
}

// A file that turns out to be another's holds up nobody that waits for it.
func TestNobodyWaitsForAFileThatIsGone(t *testing.T) {
	b := newBench(t, nil)
	b.write("a.log", "old\n")
	b.step()
	// a.log's inode is now another's, and a.log a new file.
	b.rename("a.log", "a.old")
	require.NoError(t, os.WriteFile(b.path("a.old"), []byte("other\n"), 0o644))
	b.write("a.log", "new\n")
	b.restart()
	b.step()
	b.want("old", "new")
}
