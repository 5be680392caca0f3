//go:build pack

// Package corpus loads the whole corpus of a pack of real logs and holds every
// line to account: LOGLODE_PACK names the pack's folder, `make eval` runs it.
package corpus

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "loglode-eval")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "loglode")
	build := exec.Command("go", "build", "-o", binary, "../../../cmd/loglode")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func pack(t *testing.T, parts ...string) string {
	root := os.Getenv("LOGLODE_PACK")
	require.NotEmpty(t, root, "LOGLODE_PACK names the folder of the pack")
	return filepath.Join(append([]string{root}, parts...)...)
}

func run(t *testing.T, env []string, args ...string) []byte {
	t.Helper()
	command := exec.Command(binary, args...)
	command.Env = append(os.Environ(), env...)
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	require.NoError(t, command.Run(), "%v: %s", args, errs.String())
	return out.Bytes()
}

type summary struct{ Lines, Entries, Indexed, Duplicates, Rejected, Dropped int64 }

func load(t *testing.T, env []string, data string, paths ...string) (s summary) {
	t.Helper()
	require.NoError(t, json.Unmarshal(run(t, env, append([]string{"ingest", "-o", "json", "--data", data}, paths...)...), &s))
	return s
}

func clean(t *testing.T, data string) {
	t.Helper()
	var report struct{ Clean bool }
	out := run(t, nil, "audit", "-o", "json", "--data", data)
	require.NoError(t, json.Unmarshal(out, &report))
	require.True(t, report.Clean, string(out))
}

// ids are those of all entries, sorted.
func ids(t *testing.T, data string) []string {
	t.Helper()
	var all []string
	for text := range strings.Lines(string(run(t, nil, "lines", "--all", "-o", "json", "--data", data))) {
		var l struct{ ID string }
		require.NoError(t, json.Unmarshal([]byte(text), &l))
		all = append(all, l.ID)
	}
	slices.Sort(all)
	return all
}

func TestEvalAllOfTheCorpusLoads(t *testing.T) {
	data := t.TempDir()
	paths, err := filepath.Glob(pack(t, "corpus", "*.jsonl.gz"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	s := load(t, nil, data, paths...)
	t.Logf("%+v", s)
	require.Zero(t, s.Rejected)
	require.Equal(t, s.Entries, s.Indexed)
	require.Len(t, slices.Compact(ids(t, data)), int(s.Entries))
	clean(t, data)

	again := load(t, nil, data, paths...)
	require.Zero(t, again.Indexed)
	require.Equal(t, s.Entries, again.Duplicates)
	clean(t, data)
}

func TestEvalRecordSizesDoNotMatter(t *testing.T) {
	path := pack(t, "corpus", "openshift-aws.jsonl.gz")
	var want []string
	for _, size := range []string{"16KiB", "256KiB", "3MiB"} {
		data := t.TempDir()
		s := load(t, []string{"LOGLODE_STREAM__RECORD_BYTES=" + size}, data, path)
		t.Logf("%s: %+v", size, s)
		require.EqualValues(t, s.Entries, s.Indexed)
		got := ids(t, data)
		require.Len(t, slices.Compact(slices.Clone(got)), len(got), "an ID twice")
		require.EqualValues(t, s.Entries, len(got))
		if want == nil {
			want = got
		}
		require.Equal(t, want, got, fmt.Sprint("record size ", size))
		clean(t, data)
	}
}
