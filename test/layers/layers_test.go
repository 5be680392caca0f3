package layers

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSourcesKeepTheLayers(t *testing.T) {
	violations, err := Check("../..")
	require.NoError(t, err)
	require.Empty(t, violations)
}

// tree writes Go files into a new folder.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return root
}

func TestViolationsAreFound(t *testing.T) {
	const module = `"` + Module + `/`
	for name, c := range map[string]struct {
		file, text, want string
	}{
		"the core and its own parts":          {"pipeline/x.go", "// Package pipeline x\npackage pipeline\nimport _ " + module + `pipeline/wire"`, "pipeline/x.go imports pipeline/wire: pipeline may not"},
		"the core and a store":                {"pipeline/wire/x.go", "// Package wire x\npackage wire\nimport _ " + module + `indexing/sqlite"`, "pipeline/wire/x.go imports indexing/sqlite: pipeline/... may not"},
		"also in a test":                      {"pipeline/wire/x_test.go", "// Package wire x\npackage wire\nimport _ " + module + `indexing/sqlite"`, "pipeline/wire/x_test.go imports indexing/sqlite: pipeline/... may not"},
		"two sides of the stream":             {"producers/jetstream/x.go", "// Package jetstream x\npackage jetstream\nimport _ " + module + `consumers/jetstream"`, "producers/jetstream/x.go imports consumers/jetstream: producers/... may not"},
		"internal and a main":                 {"internal/a/x.go", "// Package a x\npackage a\nimport _ " + module + `cmd/loglode"`, "internal/a/x.go imports cmd/loglode: internal/... may not"},
		"a name that only begins like a row":  {"pipelines/x.go", "// Package pipelines x\npackage pipelines\nimport _ " + module + `pipeline"`, "pipelines/x.go lies in a folder that the import table does not name"},
		"a vendor outside its leaf":           {"query/x.go", "// Package query x\npackage query\nimport _ \"modernc.org/sqlite\"", "query/x.go imports modernc.org/sqlite, which belongs into indexing/sqlite, test/bench/..."},
		"a vendor that nobody decided on":     {"query/x.go", "// Package query x\npackage query\nimport _ \"example.org/left-pad\"", "query/x.go imports example.org/left-pad, which the table of vendors does not name"},
		"a vendor with a similar name":        {"query/x.go", "// Package query x\npackage query\nimport _ \"github.com/zeebo/xxh3x\"", "query/x.go imports github.com/zeebo/xxh3x, which the table of vendors does not name"},
		"a test's library in the product":     {"query/x.go", "// Package query x\npackage query\nimport _ \"github.com/stretchr/testify/require\"", "query/x.go imports github.com/stretchr/testify/require, which is for tests"},
		"cgo":                                 {"query/x.go", "// Package query x\npackage query\nimport \"C\"", "query/x.go uses cgo: the binary is built without it"},
		"no package comment":                  {"query/x.go", "package query", "query has no package comment"},
		"no comment on a main":                {"cmd/loglode/main.go", "package main", "cmd/loglode has no package comment"},
		"a comment that names something else": {"query/x.go", "// This is query.\npackage query", "query has no package comment"},
		"a comment apart from its package":    {"query/x.go", "// Package query x\n\npackage query", "query has no package comment"},
	} {
		t.Run(name, func(t *testing.T) {
			violations, err := Check(tree(t, map[string]string{c.file: c.text}))
			require.NoError(t, err)
			require.Equal(t, []string{c.want}, violations)
		})
	}
}

func TestWhatTheTableAllows(t *testing.T) {
	const module = `"` + Module + `/`
	violations, err := Check(tree(t, map[string]string{
		"pipeline/x.go":               "// Package pipeline x\npackage pipeline\nimport (\n\"fmt\"\n\"github.com/zeebo/xxh3\"\n)",
		"pipeline/more.go":            "package pipeline",
		"pipeline/x_test.go":          "package pipeline_test\nimport (\n\"github.com/stretchr/testify/require\"\n" + module + "pipeline\"\n)",
		"pipeline/wire/x.go":          "// Package wire x\npackage wire\nimport (\n" + module + "pipeline\"\n" + module + "pipeline/parse\"\n\"github.com/klauspost/compress/zstd\"\n)",
		"producers/jetstream/x.go":    "// Package jetstream x\npackage jetstream\nimport (\n" + module + "producers\"\n\"github.com/nats-io/nats.go/jetstream\"\n)",
		"indexing/indextest/x.go":     "// Package indextest x\npackage indextest\nimport _ \"github.com/stretchr/testify/require\"",
		"internal/app/x.go":           "// Package app x\npackage app\nimport _ " + module + "indexing/sqlite\"",
		"cmd/loglode/main.go":         "// loglode is the one binary.\npackage main\nimport _ " + module + "internal/app\"",
		"fluentbit-plugin/main.go":    "// A plugin.\npackage main\nimport \"C\"",
		"other/go.mod":                "module example.org/other",
		"other/x.go":                  "package other\nimport _ \"example.org/anything\"",
		".cache/x.go":                 "package cache\nimport _ \"example.org/anything\"",
		"pipeline/testdata/broken.go": "not Go at all",
	}))
	require.NoError(t, err)
	require.Empty(t, violations)
}

func TestSourcesThatCannotBeRead(t *testing.T) {
	_, err := Check(tree(t, map[string]string{"query/x.go": "not Go at all"}))
	require.ErrorContains(t, err, "read sources")
}
