package config

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
)

func noEnv() []string { return nil }

func environ(vars ...string) func() []string { return func() []string { return vars } }

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "loglode.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestDefaultsAreValidAndNeedNothing(t *testing.T) {
	cfg, err := load("", noEnv, nil)
	require.NoError(t, err)
	require.Equal(t, Default(), *cfg)
	require.Empty(t, cfg.Stream.NATSURL)
	require.Equal(t, Duration(0), cfg.Index.Retention)
}

func TestLayersOverrideEachOther(t *testing.T) {
	path := writeFile(t, `
cluster: from-file
server:
  listen: 127.0.0.1:1
  max_body: 1048576
sources:
  tail:
    globs: [/a/*.log, /b/*.log]
    join_idle: 0
index:
  retention: 30d
drop:
  - {name: noisy, namespace: kube-system, level: debug}
`)
	cfg, err := load(path, environ(
		"LOGLODE_CLUSTER=from-env",
		"LOGLODE_SERVER__LISTEN=127.0.0.1:2",
		"LOGLODE_STREAM__PARTITIONS=8",
		"LOGLODE_REDACTION__RULES=[{name: badge, pattern: 'B-(\\d+)', group: 1}]",
		"OTHER_CLUSTER=no",
	), map[string]any{
		"server.listen":      "127.0.0.1:3",
		"sources.tail.globs": []string{"/c/*.log"},
	})
	require.NoError(t, err)
	require.Equal(t, "from-env", cfg.Cluster)
	require.Equal(t, "127.0.0.1:3", cfg.Server.Listen)
	require.Equal(t, MiB, cfg.Server.MaxBody)
	require.Equal(t, []string{"/c/*.log"}, cfg.Sources.Tail.Globs, "a list replaces the one before")
	require.Equal(t, Duration(0), cfg.Sources.Tail.JoinIdle)
	require.Equal(t, 30*24*time.Hour, cfg.Index.Retention.Std())
	require.Equal(t, 8, cfg.Stream.Partitions)
	require.Equal(t, []DropRule{{Name: "noisy", Namespace: "kube-system", Level: "debug"}}, cfg.Drop)
	require.Equal(t, []RedactionRule{{Name: "badge", Pattern: `B-(\d+)`, Group: 1}}, cfg.Redaction.Rules)
	require.Equal(t, Default().Sources.Tail.MaxLine, cfg.Sources.Tail.MaxLine, "a key that nobody sets keeps its default")
}

func TestListsInTheEnvironment(t *testing.T) {
	cfg, err := load("", environ("LOGLODE_SOURCES__TAIL__GLOBS=/a/*.log,/b.log"), nil)
	require.NoError(t, err)
	require.Equal(t, []string{"/a/*.log", "/b.log"}, cfg.Sources.Tail.Globs)
}

func TestVariablesThatKubernetesSetsAreIgnored(t *testing.T) {
	cfg, err := load("", environ("LOGLODE_PORT=tcp://10.0.0.1:7280", "LOGLODE_SERVICE_HOST=10.0.0.1", "LOGLODE_PORT_7280_TCP=x"), nil)
	require.NoError(t, err)
	require.Equal(t, Default(), *cfg)
}

func TestEmptySectionsKeepTheirDefaults(t *testing.T) {
	cfg, err := load(writeFile(t, "server:\nsources:\n  tail:\n"), noEnv, nil)
	require.NoError(t, err)
	require.Equal(t, Default(), *cfg)
}

func TestEveryFaultIsReportedAtOnceWithItsOrigin(t *testing.T) {
	path := writeFile(t, `
server:
  listn: 127.0.0.1:1
  max_body: 12 parsecs
  idle_timeout: 50
stream:
  partitions: many
  keep_bytes: 2GiB
redaction: [a]
drop:
  - {name: everything}
  - {name: everything, namspace: x, level: loud}
`)
	_, err := load(path, environ("LOGLODE_SERVER__TOKEN_FILE=x", "LOGLODE_LOG__LEVEL=chatty"), map[string]any{"server.listen": "0.0.0.0:7280"})
	var faults Faults
	require.ErrorAs(t, err, &faults)
	var got []string
	for _, f := range faults {
		got = append(got, f.String())
	}
	from := " (from " + path + ")"
	require.ElementsMatch(t, []string{
		"server.listn: unknown key; the nearest known one is server.listen" + from,
		"drop[1].namspace: unknown key; the nearest known one is drop[1].namespace" + from,
		"server.token_file: unknown key; the nearest known one is server.tokens_file (from LOGLODE_SERVER__TOKEN_FILE)",
		`server.max_body: size "12 parsecs" is not a number with one of the units KiB, MiB, GiB, TiB, KB, MB, GB, TB, such as 64MiB` + from,
		`server.idle_timeout: duration "50" is not a number with one of the units ms, s, m, h, d, w, such as 250ms or 30d` + from,
		`stream.partitions: "many" is not a whole number` + from,
		`redaction: expected a map or struct, got "slice"` + from,
		"server.listen: 0.0.0.0:7280 can be reached from other machines, which needs server.tokens_file; without one listen on 127.0.0.1 (from a flag)",
		"stream.keep_bytes: 2GiB is more than half of stream.max_bytes, 2GiB: unfinished records need room" + from,
		"drop[0]: has no condition, it would drop everything" + from,
		`drop[1].name: "everything" stands twice` + from,
		`drop[1].level: level "loud" is none of trace, debug, info, warn, error, fatal` + from,
		`log.level: "chatty" is none of debug, info, warn, error (from LOGLODE_LOG__LEVEL)`,
	}, got)
	var hint *pipeline.HintError
	require.ErrorAs(t, err, &hint)
	require.Contains(t, hint.Hint, "config check")
}

func TestFilesThatCannotBeRead(t *testing.T) {
	_, err := load(filepath.Join(t.TempDir(), "absent.yaml"), noEnv, nil)
	require.ErrorContains(t, err, "absent.yaml")
	var hint *pipeline.HintError
	require.ErrorAs(t, err, &hint)
	require.Contains(t, hint.Hint, "--config")

	_, err = load(writeFile(t, "server: ["), noEnv, nil)
	require.ErrorContains(t, err, "read configuration")
	_, err = load(writeFile(t, "just text"), noEnv, nil)
	require.ErrorContains(t, err, "read configuration")
}

func TestValidateFindsEachFault(t *testing.T) {
	for key, change := range map[string]func(*Config){
		"data":                       func(c *Config) { c.Data = "" },
		"cluster":                    func(c *Config) { c.Cluster = " " },
		"server.listen":              func(c *Config) { c.Server.Listen = "7280" },
		"server.max_body":            func(c *Config) { c.Server.MaxBody = 65 * MiB },
		"server.max_body_decoded":    func(c *Config) { c.Server.MaxBodyDecoded = 2 * GiB },
		"server.read_timeout":        func(c *Config) { c.Server.ReadTimeout = 0 },
		"server.idle_timeout":        func(c *Config) { c.Server.IdleTimeout = 0 },
		"sources.tail.globs[0]":      func(c *Config) { c.Sources.Tail.Globs = []string{"[a"} },
		"sources.tail.poll_interval": func(c *Config) { c.Sources.Tail.PollInterval = 0 },
		"sources.tail.join_idle":     func(c *Config) { c.Sources.Tail.JoinIdle = Duration(time.Hour) },
		"sources.tail.max_line":      func(c *Config) { c.Sources.Tail.MaxLine = 80 },
		"sources.tail.from":          func(c *Config) { c.Sources.Tail.From = "middle" },
		"stream.nats_url":            func(c *Config) { c.Stream.NATSURL = "http://nats:4222" },
		"stream.nats_credentials":    func(c *Config) { c.Stream.NATSCredentials = "nats.creds" },
		"stream.replicas":            func(c *Config) { c.Stream.Replicas = 3 },
		"stream.partitions":          func(c *Config) { c.Stream.Partitions = 0 },
		"stream.record_bytes":        func(c *Config) { c.Stream.RecordBytes = GiB },
		"stream.max_bytes":           func(c *Config) { c.Stream.MaxBytes, c.Stream.KeepBytes = MiB, 0 },
		"stream.keep_bytes":          func(c *Config) { c.Stream.KeepBytes = 2 * GiB },
		"index.retention":            func(c *Config) { c.Index.Retention = -1 },
		"index.max_bytes":            func(c *Config) { c.Index.MaxBytes = -1 },
		"index.batch_entries":        func(c *Config) { c.Index.BatchEntries = 0 },
		"redaction.disable[0]":       func(c *Config) { c.Redaction.Disable = []string{""} },
		"redaction.rules[0].name":    func(c *Config) { c.Redaction.Rules = []RedactionRule{{Name: "No!", Pattern: "x"}} },
		"redaction.rules[0].pattern": func(c *Config) { c.Redaction.Rules = []RedactionRule{{Name: "a", Pattern: "("}} },
		"redaction.rules[0].group":   func(c *Config) { c.Redaction.Rules = []RedactionRule{{Name: "a", Pattern: "(x)", Group: 2}} },
		"drop[0]":                    func(c *Config) { c.Drop = []DropRule{{Name: "a"}} },
		"drop[0].name":               func(c *Config) { c.Drop = []DropRule{{Namespace: "a"}} },
		"drop[0].level":              func(c *Config) { c.Drop = []DropRule{{Name: "a", Level: "loud"}} },
		"dead_letters.retention":     func(c *Config) { c.DeadLetters.Retention = -1 },
		"disk.min_free":              func(c *Config) { c.Disk.MinFree = -1 },
		"log.level":                  func(c *Config) { c.Log.Level = "" },
		"log.format":                 func(c *Config) { c.Log.Format = "xml" },
		"memory.limit":               func(c *Config) { c.Memory.Limit = MiB },
	} {
		t.Run(key, func(t *testing.T) {
			cfg := Default()
			change(&cfg)
			var faults Faults
			require.ErrorAs(t, cfg.Validate(), &faults)
			require.Len(t, faults, 1, "%v", faults)
			require.Equal(t, key, faults[0].Key)
		})
	}
}

func TestListenOnlyOnLoopbackWithoutTokens(t *testing.T) {
	for listen, ok := range map[string]bool{
		"127.0.0.1:7280": true, "localhost:0": true, "[::1]:7280": true, "127.9.9.9:1": true, "[::ffff:127.0.0.1]:1": true,
		":7280": false, "0.0.0.0:7280": false, "[::]:7280": false, "10.0.0.1:7280": false, "example.org:7280": false, "localhost.evil.org:80": false,
	} {
		cfg := Default()
		cfg.Server.Listen = listen
		require.Equal(t, ok, cfg.Validate() == nil, listen)
		cfg.Server.TokensFile = "tokens.yaml"
		require.NoError(t, cfg.Validate(), listen)
	}
}

func TestPasswordsAreNotShown(t *testing.T) {
	cfg := Default()
	cfg.Stream.NATSURL = "nats://user:hunter2@a:4222,nats://user:hunter2@b:4222"
	require.NoError(t, cfg.Validate())
	text, err := cfg.YAML()
	require.NoError(t, err)
	require.NotContains(t, string(text), "hunter2")
	cfg.Stream.NATSURL = "nats://user:hunter2@a:4222, nats://user:hunter2@b:port"
	require.NotContains(t, cfg.Validate().Error(), "hunter2")
}

func TestPrintedConfigurationLoadsAgain(t *testing.T) {
	want := Default()
	want.Cluster = "123" // must stay text
	want.Index.Retention = Duration(36 * time.Hour)
	want.Sources.Tail.Globs = []string{"/var/log/containers/*.log", "*"}
	want.Redaction.Rules = []RedactionRule{{Name: "badge", Pattern: `x: "\d+" # no comment`}}
	text, err := want.YAML()
	require.NoError(t, err)
	got, err := load(writeFile(t, string(text)), noEnv, nil)
	require.NoError(t, err, string(text))
	require.Empty(t, got.Drop)
	got.Drop, got.Redaction.Disable = nil, nil
	require.Equal(t, want, *got)
}

func TestEveryFieldIsDocumented(t *testing.T) {
	for _, f := range Fields() {
		require.NotEmpty(t, f.Doc, f.Key)
		require.NotContains(t, f.Key, "..", "a field has no koanf tag")
		require.False(t, f.Key[len(f.Key)-1] == '.', "a field has no koanf tag: %s", f.Key)
	}
}

func TestRightNameInTheWrongSection(t *testing.T) {
	_, err := load(writeFile(t, "tail:\n  globs: [a]\nretention: 3d\n"), noEnv, nil)
	require.ErrorContains(t, err, "tail: unknown key; the nearest known one is sources.tail")
	require.ErrorContains(t, err, "retention: unknown key; the nearest known one is index.retention")
}
