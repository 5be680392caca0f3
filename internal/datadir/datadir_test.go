package datadir

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
)

func open(t *testing.T, path string) *Dir {
	t.Helper()
	d, err := Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

func hint(t *testing.T, err error) string {
	t.Helper()
	var h *pipeline.HintError
	require.ErrorAs(t, err, &h)
	return h.Hint
}

func TestOpenCreatesAPrivateDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b")
	d := open(t, path)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	for _, part := range []string{d.Stream(), d.Days(), d.Catalogue(), d.KeyFile()} {
		require.Equal(t, d.Path(), filepath.Dir(part))
		require.NoFileExists(t, part)
	}
}

func TestASecondOpenNamesTheHolder(t *testing.T) {
	path := t.TempDir()
	d := open(t, path)
	_, err := Open(path)
	var held *HeldError
	require.ErrorAs(t, err, &held)
	require.Equal(t, os.Getpid(), held.Holder.PID)
	require.NotContains(t, hint(t, err), "--url")

	require.NoError(t, d.SetURL("http://127.0.0.1:7280"))
	_, err = Open(path)
	require.ErrorContains(t, err, "at http://127.0.0.1:7280")
	require.Contains(t, hint(t, err), "use --url http://127.0.0.1:7280 to talk to it")

	require.NoError(t, d.SetURL("http://[::1]:1"))
	_, err = Open(path)
	require.ErrorContains(t, err, "at http://[::1]:1")
	text, err := os.ReadFile(filepath.Join(path, "lock"))
	require.NoError(t, err)
	require.True(t, json.Valid(text), "a shorter text replaces all of a longer one: %s", text)
}

func TestInspectTakesAndCreatesNothing(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "absent")
	_, held, err := Inspect(absent)
	require.NoError(t, err)
	require.False(t, held)
	require.NoDirExists(t, absent)

	path := t.TempDir()
	d, err := Open(path)
	require.NoError(t, err)
	require.NoError(t, d.SetURL("http://127.0.0.1:7280"))
	holder, held, err := Inspect(path)
	require.NoError(t, err)
	require.True(t, held)
	require.Equal(t, "http://127.0.0.1:7280", holder.URL)
	require.WithinDuration(t, time.Now(), holder.Since, time.Minute)

	require.NoError(t, d.Close())
	_, held, err = Inspect(path)
	require.NoError(t, err)
	require.False(t, held, "what a former holder wrote does not count")
	open(t, path)
}

// A process that is killed leaves no lock behind: TestHelperHoldsTheDirectory
// is the process.
func TestAKilledHolderLeavesTheDirectoryFree(t *testing.T) {
	path := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestHelperHoldsTheDirectory$")
	cmd.Env = append(os.Environ(), "LOGLODE_TEST_HOLD="+path)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "held\n", line)

	_, err = Open(path)
	var held *HeldError
	require.ErrorAs(t, err, &held)
	require.Equal(t, cmd.Process.Pid, held.Holder.PID)

	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	open(t, path)
}

func TestHelperHoldsTheDirectory(t *testing.T) {
	path := os.Getenv("LOGLODE_TEST_HOLD")
	if path == "" {
		return
	}
	_, err := Open(path)
	require.NoError(t, err)
	_, err = os.Stdout.WriteString("held\n")
	require.NoError(t, err)
	select {} // until it is killed
}

func TestLayout(t *testing.T) {
	for text, want := range map[string]string{
		"1\n": "",
		"2\n": "has layout 2, this program knows up to 1",
		"":    "does not hold a layout version",
		"x":   "does not hold a layout version",
	} {
		path := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(path, "layout"), []byte(text), 0o600))
		d, err := Open(path)
		if want == "" {
			require.NoError(t, err)
			require.NoError(t, d.Close())
			continue
		}
		require.ErrorContains(t, err, want)
		require.NotEmpty(t, hint(t, err))
		_, held, err := Inspect(path)
		require.NoError(t, err)
		require.False(t, held, "a refused directory is given up")
	}
}

func TestDirectoriesThatCannotBeUsed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := Open(file)
	require.ErrorContains(t, err, "create data directory")
	require.Contains(t, hint(t, err), "--data")
	_, err = Open(filepath.Join(file, "below"))
	require.Contains(t, hint(t, err), "--data")

	require.Contains(t, hint(t, withAccessHint(&os.PathError{Op: "mkdir", Path: "/x", Err: os.ErrPermission})), "writable for user")
}

func TestKeyIsGeneratedOnce(t *testing.T) {
	d := open(t, t.TempDir())
	key, err := d.Key("")
	require.NoError(t, err)
	require.Len(t, key, KeySize)
	info, err := os.Stat(d.KeyFile())
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	require.NoError(t, os.Mkdir(d.Stream(), 0o700))
	again, err := d.Key("")
	require.NoError(t, err)
	require.Equal(t, key, again)

	other, err := open(t, t.TempDir()).Key("")
	require.NoError(t, err)
	require.NotEqual(t, key, other)

	left, err := filepath.Glob(filepath.Join(d.Path(), ".tmp-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestKeyElsewhere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("0f", KeySize)+"\n"), 0o600))
	d := open(t, t.TempDir())
	key, err := d.Key(path)
	require.NoError(t, err)
	require.Equal(t, []byte(strings.Repeat("\x0f", KeySize)), key)
	require.NoFileExists(t, d.KeyFile())
}

func TestADamagedOrLostKeyIsNotReplaced(t *testing.T) {
	d := open(t, t.TempDir())
	require.NoError(t, os.WriteFile(d.KeyFile(), []byte("0f0f"), 0o600))
	_, err := d.Key("")
	require.ErrorContains(t, err, "is not 64 hexadecimal digits")
	require.NotEmpty(t, hint(t, err))

	require.NoError(t, os.Remove(d.KeyFile()))
	require.NoError(t, os.WriteFile(d.Catalogue(), nil, 0o600))
	_, err = d.Key("")
	require.ErrorContains(t, err, "is missing")
	require.Contains(t, hint(t, err), "openssl rand -hex 32")
	require.NoFileExists(t, d.KeyFile())
}

func TestTwoProcessesThatCreateOneKeyAgree(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	first, err := createKey(path)
	require.NoError(t, err)
	second, err := createKey(path)
	require.NoError(t, err)
	require.Equal(t, first, second)
}

func TestGuard(t *testing.T) {
	const GiB = 1 << 30
	for _, c := range []struct {
		name    string
		minFree int64
		space   Space
		ok      bool
	}{
		{"5 % of a small disk, enough", 0, Space{Free: GiB / 2, Total: 10 * GiB}, true},
		{"5 % of a small disk, too little", 0, Space{Free: GiB/2 - 1, Total: 10 * GiB}, false},
		{"a large disk needs 1 GiB", 0, Space{Free: GiB, Total: 1000 * GiB}, true},
		{"a large disk with less", 0, Space{Free: GiB - 1, Total: 1000 * GiB}, false},
		{"configured, enough", 100, Space{Free: 100, Total: GiB}, true},
		{"configured, too little", 100, Space{Free: 99, Total: GiB}, false},
		{"over-used by others", 100, Space{Free: -5, Total: GiB}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := NewGuard("/data", c.minFree, func(string) (Space, error) { return c.space, nil }).Check()
			if c.ok {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, pipeline.ErrTryLater)
			require.Contains(t, hint(t, err), "index.max_bytes")
		})
	}
}

func TestGuardLooksOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		var fail error
		g := NewGuard("/data", 1, func(string) (Space, error) {
			looks++
			return Space{Free: int64(2 - looks), Total: 2}, fail
		})
		require.NoError(t, g.Check())
		time.Sleep(guardInterval - time.Nanosecond)
		require.NoError(t, g.Check())
		require.Equal(t, 1, looks)
		time.Sleep(time.Nanosecond)
		require.ErrorIs(t, g.Check(), pipeline.ErrTryLater)
		fail = errors.New("stale handle")
		time.Sleep(guardInterval)
		err := g.Check()
		require.ErrorIs(t, err, pipeline.ErrTryLater)
		require.ErrorIs(t, err, fail)
	})
}

func TestStatfs(t *testing.T) {
	s, err := Statfs(t.TempDir())
	require.NoError(t, err)
	require.Positive(t, s.Total)
	require.LessOrEqual(t, s.Free, s.Total)
	_, err = Statfs(filepath.Join(t.TempDir(), "absent"))
	require.Error(t, err)
}
