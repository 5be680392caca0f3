package file_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/producers"
	"github.com/loglode/loglode/producers/file"
	"github.com/loglode/loglode/producers/file/feed"
	"github.com/loglode/loglode/producers/producertest"
)

func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, data, 0o644))
	return path
}

func gz(t *testing.T, parts ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, p := range parts {
		w := gzip.NewWriter(&b)
		_, err := io.WriteString(w, p)
		require.NoError(t, err)
		require.NoError(t, w.Close())
	}
	return b.Bytes()
}

func zst(t *testing.T, text string) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	return z.EncodeAll([]byte(text), nil)
}

// cri is n lines of a container log; several share a time.
func cri(n int) (text string, messages []string) {
	r := rand.New(rand.NewPCG(7, 7))
	var b strings.Builder
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i := range n {
		if i%3 == 0 {
			at = at.Add(time.Millisecond)
		}
		m := fmt.Sprintf("request %d took %x ms", i/2, r.Uint64())
		messages = append(messages, m)
		fmt.Fprintf(&b, "%s stdout F %s\n", at.Format("2006-01-02T15:04:05.000000000Z"), m)
	}
	return b.String(), messages
}

// requireSame compares multisets: lanes have no order among themselves.
func requireSame(t *testing.T, want, got []string) {
	t.Helper()
	require.Equal(t, slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got)))
}

func loader(t *testing.T, w *producertest.World, change func(*file.Options)) *file.Loader {
	o := file.Options{Intake: w.Intake(t), Ledger: w.Ledger(), Bomb: feed.DefaultBombLimit}
	if change != nil {
		change(&o)
	}
	return file.New(o)
}

func hint(t *testing.T, err error) string {
	t.Helper()
	var h *pipeline.HintError
	require.ErrorAs(t, err, &h, "%v", err)
	return h.Hint
}

func TestLoad(t *testing.T) {
	text, messages := cri(3000)
	half := len(text) / 2
	for name, data := range map[string][]byte{
		"plain.log":   []byte(text),
		"open.log":    []byte(strings.TrimSuffix(text, "\n")),
		"windows.log": []byte(strings.ReplaceAll(text, "\n", "\r\n")),
		"misnamed":    gz(t, text[:half], text[half:]),
		"x.log.zst":   zst(t, text),
	} {
		t.Run(name, func(t *testing.T) {
			var w producertest.World
			var last, total int64
			l := loader(t, &w, func(o *file.Options) {
				o.Progress = func(r, n int64) {
					require.GreaterOrEqual(t, r, last)
					last, total = r, n
				}
			})
			path := write(t, name, data)
			receipt, err := l.Load(t.Context(), path)
			require.NoError(t, err)
			require.EqualValues(t, 3000, receipt.Lines)
			require.EqualValues(t, 3000, receipt.Published)
			require.NotEmpty(t, receipt.Positions)
			require.Equal(t, messages, w.Stream.Messages(t))
			require.EqualValues(t, len(data), last)
			require.EqualValues(t, len(data), total)

			last = 0
			_, err = l.Load(t.Context(), path)
			require.NoError(t, err)
			require.Len(t, w.Stream.Entries(t), 6000)
			require.Len(t, w.Stream.Distinct(t), 3000, "a second load gives no new ones")
		})
	}
}

func TestLoadIsTheSameHoweverItIsCompressedAndCut(t *testing.T) {
	text, _ := cri(5000)
	var want []string
	for i, data := range [][]byte{[]byte(text), gz(t, text), zst(t, text)} {
		w := producertest.World{RecordBytes: 1000 << (4 * i), WaveBytes: 100_000}
		_, err := loader(t, &w, nil).Load(t.Context(), write(t, "app.log", data))
		require.NoError(t, err)
		var got []string
		for _, e := range w.Stream.Distinct(t) {
			got = append(got, e.ID.String())
		}
		require.Len(t, got, 5000)
		if want == nil {
			want = got
		}
		requireSame(t, want, got)
	}
}

// TestLoadAgainAfterAnyFault cuts a load off at every durable step, both before
// and after the step took effect, and loads the file again.
func TestLoadAgainAfterAnyFault(t *testing.T) {
	text, messages := cri(600)
	path := write(t, "a.log", []byte(text+"no time 1\nno time 2\n"))
	messages = append(messages, "no time 1", "no time 2")
	for at := 1; ; at++ {
		step, reached := 0, false
		for keep := range 3 {
			w := producertest.World{RecordBytes: 3000, WaveBytes: 9000}
			step = 0
			fault := func() producertest.Fault {
				if step++; step == at {
					reached = true
					return producertest.Fault{Err: producertest.ErrFault, Keep: keep}
				}
				return producertest.Fault{}
			}
			w.State.Fault = func([]pipeline.StateItem) producertest.Fault { return fault() }
			w.Stream.Fault = func([]producers.Outgoing) producertest.Fault { return fault() }
			if _, err := loader(t, &w, nil).Load(t.Context(), path); err != nil {
				require.ErrorIs(t, err, producertest.ErrFault)
			}
			w.State.Fault, w.Stream.Fault = nil, nil
			_, err := loader(t, &w, nil).Load(t.Context(), path)
			require.NoError(t, err)
			requireSame(t, messages, w.Stream.Messages(t))
		}
		if !reached {
			require.Greater(t, at, 10, "there were waves")
			return
		}
	}
}

func TestLoadResource(t *testing.T) {
	id := strings.Repeat("0af1", 16)
	for path, want := range map[string]pipeline.Resource{
		"web-1_shop_nginx-" + id + ".log": {Pod: "web-1", Namespace: "shop", Container: "nginx"},
		"shop_web-1_u-1/nginx/0.log":      {Pod: "web-1", PodUID: "u-1", Namespace: "shop", Container: "nginx"},
		"app.log":                         {Container: "app"},
		"app.log.1":                       {Container: "app"},
		"app.log.2.gz":                    {Container: "app"},
		"app-20260102.jsonl":              {Container: "app"},
		"app.log-20260102.gz":             {Container: "app"},
		"kube-apiserver.log.20260102-10":  {Container: "kube-apiserver"},
		"notes.v2":                        {Container: "notes.v2"},
		".log":                            {Container: ".log"},
		"syslog":                          {Container: "syslog"},
	} {
		var w producertest.World
		_, err := loader(t, &w, nil).Load(t.Context(), write(t, path, []byte("a line\n")))
		require.NoError(t, err)
		require.Equal(t, want, *w.Stream.Entries(t)[0].Resource, path)
	}
	t.Run("stdin", func(t *testing.T) {
		for name, want := range map[string]string{"": "stdin", "/var/log/app.log.1": "app"} {
			var w producertest.World
			l := loader(t, &w, func(o *file.Options) { o.Stdin, o.Name = strings.NewReader("a line\n"), name })
			_, err := l.Load(t.Context(), file.Stdin)
			require.NoError(t, err)
			require.Equal(t, pipeline.Resource{Container: want}, *w.Stream.Entries(t)[0].Resource)
		}
	})
	t.Run("flags win", func(t *testing.T) {
		var w producertest.World
		l := loader(t, &w, func(o *file.Options) { o.Defaults = pipeline.Resource{Cluster: "c", Container: "given"} })
		_, err := l.Load(t.Context(), write(t, "app.log", []byte("a line\n")))
		require.NoError(t, err)
		require.Equal(t, pipeline.Resource{Cluster: "c", Container: "given"}, *w.Stream.Entries(t)[0].Resource)
	})
}

func TestLoadStdin(t *testing.T) {
	event := func(i int) string {
		return fmt.Sprintf(`{"metadata":{"name":"e%d","namespace":"shop","uid":"u%d","resourceVersion":"%d"},"involvedObject":{"kind":"Pod","name":"p"},"reason":"BackOff","message":"m"}`, i, i, i)
	}
	var list bytes.Buffer
	require.NoError(t, json.Indent(&list, []byte(`{"apiVersion":"v1","items":[`+event(1)+","+event(2)+`],"kind":"List"}`), "", "    "))
	for name, c := range map[string]struct {
		in   []byte
		want []string
	}{
		"lines":            {[]byte("one\ntwo"), []string{"one", "two"}},
		"gzip":             {gz(t, "one\ntwo"), []string{"one", "two"}},
		"kubectl":          {list.Bytes(), []string{event(1), event(2)}},
		"kubectl, gzip":    {gz(t, list.String()), []string{event(1), event(2)}},
		"array":            {[]byte(`[{"time":"2026-01-02T03:04:05Z","stream":"stdout","log":"a","kubernetes":{"pod_name":"p"}}, {"x":1}]`), []string{"a", `{"x":1}`}},
		"broken array":     {[]byte("[{\"x\":1},\n{\"x\":2\nend\n"), []string{`[{"x":1},`, `{"x":2`, "end"}},
		"broken document":  {[]byte("{\n\"x\":1\noops\n"), []string{"{", `"x":1`, "oops"}},
		"nothing":          {nil, nil},
		"a log of braces":  {[]byte("[INFO] up\n[WARN] down\n"), []string{"[INFO] up", "[WARN] down"}},
		"documents in row": {[]byte("{\n\"x\":1\n}\n{\n\"x\":2\n}\n"), []string{`{"x":1}`, `{"x":2}`}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var w producertest.World
			_, err := loader(t, &w, func(o *file.Options) { o.Stdin, o.TempDir = bytes.NewReader(c.in), dir }).Load(t.Context(), file.Stdin)
			require.NoError(t, err)
			requireSame(t, c.want, w.Stream.Messages(t))
			left, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Empty(t, left, "temporary files")

			var v producertest.World
			_, err = loader(t, &v, nil).Load(t.Context(), write(t, "in", c.in))
			require.NoError(t, err)
			requireSame(t, c.want, v.Stream.Messages(t))
		})
	}
}

func TestLoadDamaged(t *testing.T) {
	text, messages := cri(10_000)
	whole := map[string][]byte{"gz": gz(t, text), "zst": zst(t, text)}
	for name, data := range whole {
		flipped := bytes.Clone(data)
		copy(flipped[len(flipped)/2:], "XXXXXXXXXXXXXXXXXXXXXXXXXXXX")
		for damage, data := range map[string][]byte{"truncated": data[:len(data)*2/3], "corrupt": flipped} {
			t.Run(name+" "+damage, func(t *testing.T) {
				var w producertest.World
				l := loader(t, &w, nil)
				receipt, err := l.Load(t.Context(), write(t, "a.log", data))
				require.ErrorContains(t, err, "lines before it are in")
				require.NotEmpty(t, hint(t, err))
				got := w.Stream.Messages(t)
				require.EqualValues(t, len(got), receipt.Published)
				require.Greater(t, len(got), 1000)
				require.Equal(t, messages[:1000], got[:1000])

				_, err = l.Load(t.Context(), write(t, "a.log", whole[name]))
				require.NoError(t, err)
				if damage == "truncated" { // mended: nothing doubled, no half line left behind
					requireSame(t, messages, w.Stream.Messages(t))
				}
			})
		}
	}
	t.Run("an array in a truncated file", func(t *testing.T) {
		var b strings.Builder
		b.WriteString("[")
		for i := range 20_000 {
			fmt.Fprintf(&b, "{\"n\":%d,\"r\":\"%x\"},\n", i, rand.Uint64())
		}
		data := gz(t, b.String()+"{}]")
		for _, stdin := range []bool{false, true} {
			var w producertest.World
			path := write(t, "a.json.gz", data[:len(data)/2])
			l := loader(t, &w, func(o *file.Options) { o.Stdin = bytes.NewReader(data[:len(data)/2]) })
			if stdin {
				path = file.Stdin
			}
			receipt, err := l.Load(t.Context(), path)
			require.ErrorContains(t, err, "ends too early")
			require.Greater(t, receipt.Published, int64(5000))
			require.True(t, strings.HasPrefix(w.Stream.Messages(t)[17], `{"n":17,`))
		}
	})
	t.Run("no header", func(t *testing.T) {
		_, err := loader(t, &producertest.World{}, nil).Load(t.Context(), write(t, "a.gz", []byte("\x1f\x8bgarbage garbage")))
		require.ErrorContains(t, err, "corrupt")
		require.Contains(t, hint(t, err), "gzip -t")
	})
}

func TestLoadWrongInput(t *testing.T) {
	var w producertest.World
	dir := t.TempDir()
	locked := write(t, "locked.log", []byte("secret\n"))
	require.NoError(t, os.Chmod(locked, 0))
	for path, want := range map[string]string{
		dir:                                "directory",
		filepath.Join(dir, "none.log"):     "no such file",
		write(t, "wtmp", []byte("a\x00b")): "binary",
		write(t, "utf16", []byte{0xff, 0xfe, 'a', 0}): "UTF-16",
		locked: "permission denied",
	} {
		if path == locked && os.Geteuid() == 0 {
			continue // root may read everything
		}
		_, err := loader(t, &w, nil).Load(t.Context(), path)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, path)
		require.NotEmpty(t, hint(t, err))
	}
	require.Empty(t, w.Stream.Entries(t))
}

func TestLoadUgly(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want []string
	}{
		"a hole of NULs, as copytruncate leaves": {strings.Repeat("\x00", 9000) + "first\nsecond\n", []string{"first", "second"}},
		"not UTF-8":                              {"caf\xe9\n", []string{"caf\uFFFD"}},
	} {
		t.Run(name, func(t *testing.T) {
			var w producertest.World
			_, err := loader(t, &w, nil).Load(t.Context(), write(t, "a.log", []byte(c.in)))
			require.NoError(t, err)
			require.Equal(t, c.want, w.Stream.Messages(t))
		})
	}
	t.Run("binary, when asked for", func(t *testing.T) {
		var w producertest.World
		l := loader(t, &w, func(o *file.Options) { o.Binary = file.IndexBinary })
		_, err := l.Load(t.Context(), write(t, "wtmp", []byte("a\x00b\n\x7fc")))
		require.NoError(t, err)
		require.Equal(t, []string{"a\x00b", "\x7fc"}, w.Stream.Messages(t))
	})
	t.Run("a line of 20 MB", func(t *testing.T) {
		var w producertest.World
		in := "before\n" + strings.Repeat("x", 20<<20) + "\nafter\n"
		receipt, err := loader(t, &w, nil).Load(t.Context(), write(t, "a.log", []byte(in)))
		require.NoError(t, err)
		require.Equal(t, []string{"before", "after"}, w.Stream.Messages(t))
		require.Equal(t, map[string]int64{"too_long": 1}, receipt.Rejected)
		letters := w.Letters.All()
		require.Len(t, letters, 1)
		require.Equal(t, strings.Repeat("x", 4096), string(letters[0].Data))
	})
	t.Run("a bomb", func(t *testing.T) {
		var w producertest.World
		l := loader(t, &w, func(o *file.Options) { o.Bomb = feed.BombLimit{Bytes: 1 << 20, Ratio: 200} })
		receipt, err := l.Load(t.Context(), write(t, "a.gz", gz(t, "fine\n"+strings.Repeat("0", 30<<20))))
		require.ErrorIs(t, err, feed.ErrBomb)
		require.NotEmpty(t, hint(t, err))
		require.EqualValues(t, 1, receipt.Published)
		require.Equal(t, []string{"fine"}, w.Stream.Messages(t))
	})
}

func TestLoadEndsWithItsContext(t *testing.T) {
	text, messages := cri(2000)
	path := write(t, "a.log", []byte(text))
	w := producertest.World{RecordBytes: 2000, WaveBytes: 8000}
	ctx, cancel := context.WithCancel(t.Context())
	w.Stream.Fault = func([]producers.Outgoing) producertest.Fault {
		cancel()
		return producertest.Fault{}
	}
	receipt, err := loader(t, &w, nil).Load(ctx, path)
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, receipt.Published)
	w.Stream.Fault = nil
	_, err = loader(t, &w, nil).Load(t.Context(), path)
	require.NoError(t, err)
	requireSame(t, messages, w.Stream.Messages(t))
}

// TestLoadStdinEndsWithItsContext: a pipe that nobody writes to.
func TestLoadStdinEndsWithItsContext(t *testing.T) {
	r, held, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	defer held.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := loader(t, &producertest.World{}, func(o *file.Options) { o.Stdin = r }).Load(ctx, file.Stdin)
		done <- err
	}()
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
}

func TestLoadReadFault(t *testing.T) {
	var w producertest.World
	broken := errors.New("input/output error")
	in := io.MultiReader(strings.NewReader("a\nb\nhalf"), iotest.ErrReader(broken))
	receipt, err := loader(t, &w, func(o *file.Options) { o.Stdin = in }).Load(t.Context(), file.Stdin)
	require.ErrorIs(t, err, broken)
	require.EqualValues(t, 2, receipt.Published)
	require.Equal(t, []string{"a", "b"}, w.Stream.Messages(t))
}

// A file that is too short to be known by its first bytes alone grows.
func TestLoadAFileThatHasGrown(t *testing.T) {
	var w producertest.World
	path := write(t, "app.log", []byte("first\nsecond\n"))
	for _, more := range []string{"", "third\n", strings.Repeat("x", 2000) + "\n", "last\n"} {
		file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = file.WriteString(more)
		require.NoError(t, err)
		require.NoError(t, file.Close())
		_, err = loader(t, &w, nil).Load(t.Context(), path)
		require.NoError(t, err)
	}
	require.Len(t, w.Stream.Distinct(t), 5)
	// Another file in its place is another one.
	require.NoError(t, os.WriteFile(path, []byte("first\nother\n"), 0o600))
	_, err := loader(t, &w, nil).Load(t.Context(), path)
	require.NoError(t, err)
	require.Len(t, w.Stream.Distinct(t), 7)
}
