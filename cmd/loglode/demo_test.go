package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/internal/demo"
	"github.com/loglode/loglode/query"
	"github.com/loglode/loglode/query/diagnose"
)

// demoed runs `loglode demo` in a folder of its own, where its data goes too.
func demoed(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("TMPDIR", dir)
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), append([]string{"demo"}, args...), strings.NewReader(""), &stdout, &stderr)
	require.Empty(t, entries(t, dir), "it leaves nothing behind")
	return code, stdout.String(), stderr.String()
}

// entries are what a folder holds.
func entries(t *testing.T, dir string) []os.DirEntry {
	t.Helper()
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	return list
}

func TestDemoAnswersItsFirstQuestion(t *testing.T) {
	code, out, errs := demoed(t, "--once", "--listen", "127.0.0.1:0", "-o", "json")
	require.Equal(t, exitOK, code, errs)
	var got query.AskResponse
	require.NoError(t, json.Unmarshal([]byte(out), &got))
	require.Equal(t, diagnose.CauseMissingConfigMap, got.Cause)
	require.Contains(t, got.Summary, "ConfigMap cache-service-config does not exist")
	require.Equal(t, "shop", got.Object.Namespace)
	require.Contains(t, got.Evidence[0].Text, `configmap "cache-service-config" not found`)
	require.Contains(t, got.Next[0].Text, "get configmap cache-service-config")
	var order []string
	for _, step := range got.Cascade {
		order = append(order, step.Service)
	}
	require.ElementsMatch(t, []string{"cache-service", "cart", "catalog"}, order)
}

func TestAHealthyDemoNamesNoCause(t *testing.T) {
	code, out, errs := demoed(t, "--once", "--listen", "127.0.0.1:0", "--history", "10m", "--incidents", "none")
	require.Equal(t, exitOK, code, errs)
	require.True(t, strings.HasPrefix(out, "$ loglode ask 'why does the cache service not start?'\n\nThe logs do not hold an answer about "), out)
}

func TestDemoMayBeToldWrongThings(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, taken.Close()) }()
	for args, says := range map[string]string{
		"--incidents aliens":                   `--incidents: incident "aliens" is none of cache-config, payment-oom, bad-rollout, slow-db`,
		"--incidents cache-config,":            `incident "" is none of`,
		"--rate 0":                             "--rate 0 is out of range",
		"--rate NaN":                           "--rate NaN is out of range",
		"--rate many":                          "invalid argument",
		"--history -5m":                        "--history -5m0s is no span of time",
		"--generate --duration 0s":             "--duration 0s is no span of time",
		"--generate --seconds -3":              "--duration -3s is no span of time",
		"--generate --seconds 5 --duration 5s": "say the same",
		"--once --seconds 5":                   "--seconds goes with --generate",
		"--start 2026-03-01T12:00:00Z":         "--start goes with --generate",
		"--generate --listen 127.0.0.1:0":      "--listen does not go with --generate",
		"--generate --once":                    "--once does not go with --generate",
		"--generate --start yesterday":         "is no time of RFC 3339",
		"--generate --incidents x":             `incident "x" is none of`,
		"extra":                                "unknown command",
		"--once -o csv":                        "none of table, wide, json",
		"--once --listen 0.0.0.0:0":            "tokens",
		"--once --config none.yaml --data d/e": "none.yaml",
	} {
		code, out, errs := demoed(t, strings.Fields(args)...)
		require.Equal(t, exitUsage, code, "%s: %s", args, errs)
		require.Contains(t, errs, says, args)
		require.Empty(t, out, args)
	}
	code, _, errs := demoed(t, "--once", "--listen", taken.Addr().String())
	require.Equal(t, exitFailed, code)
	require.Contains(t, errs, "address already in use")
	require.Contains(t, errs, "hint: another program has this port")

	_, _, errs = demoed(t, "--incidents", "aliens")
	require.Contains(t, errs, "hint: all, none, or some of those with commas")
}

func TestDemoTakesSomeIncidents(t *testing.T) {
	code, out, errs := demoed(t, "--generate", "--rate", "5", "--duration", "10m", "--incidents", "payment-oom, slow-db")
	require.Equal(t, exitOK, code, errs)
	require.Contains(t, out, "oom-kill:")
	require.Contains(t, out, "timed out after")
	require.NotContains(t, out, "cache-service-config")
}

// TestDemoKeepsTheDataOfAFolderThatIsNamed asks what is left.
func TestDemoKeepsTheDataOfAFolderThatIsNamed(t *testing.T) {
	data := filepath.Join(t.TempDir(), "kept")
	code, _, errs := demoed(t, "--once", "--listen", "127.0.0.1:0", "--history", "5m", "--data", data)
	require.Equal(t, exitOK, code, errs)
	var out, said bytes.Buffer
	code = run(t.Context(), []string{"--data", data, "ask", "why does the cache service not start?", "-o", "json"}, strings.NewReader(""), &out, &said)
	require.Equal(t, exitOK, code, said.String())
	require.Contains(t, out.String(), `"cause":"missing_configmap"`)
}

func TestDemoHelpTeaches(t *testing.T) {
	code, out, errs := demoed(t, "--help")
	require.Equal(t, exitOK, code)
	require.Empty(t, errs)
	for _, says := range []string{"Ctrl-C ends it", "loglode demo --once", "--generate --rate 50000 --seconds 60 > FILE"} {
		require.Contains(t, out, says)
	}
	for _, incident := range demo.Incidents() {
		require.Contains(t, out, incident.Name+"  ")
		require.Contains(t, out, incident.Is)
	}
}

func TestDemoGeneratesTheSameBytes(t *testing.T) {
	args := []string{"--generate", "--rate", "200", "--seconds", "30", "--start", "2026-03-01T12:00:00Z", "--seed", "3"}
	code, first, errs := demoed(t, args...)
	require.Equal(t, exitOK, code)
	require.Contains(t, errs, "records, seed 3, 2026-03-01T12:00:00Z to 2026-03-01T12:00:30Z")
	require.GreaterOrEqual(t, strings.Count(first, "\n"), 6000)
	_, second, _ := demoed(t, args...)
	require.True(t, first == second)
	_, third, _ := demoed(t, append(args, "--seed", "4")...)
	require.False(t, first == third)
	name := regexp.MustCompile(`"pod_name":"cart-[^"]+"`)
	require.NotEqual(t, name.FindString(first), name.FindString(third), "names differ too")
}

// closing takes so many bytes and is then closed at the other end, or ends ctx.
type closing struct {
	left int
	then func() error
}

func (c *closing) Write(p []byte) (int, error) {
	if c.left -= len(p); c.left < 0 {
		if err := c.then(); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func TestGeneratingEndsWithItsReader(t *testing.T) {
	generate := func(ctx context.Context, w io.Writer) (int, string) {
		var errs bytes.Buffer
		code := run(ctx, []string{"demo", "--generate", "--rate", "100000", "--duration", "1h"}, strings.NewReader(""), w, &errs)
		return code, errs.String()
	}
	code, errs := generate(t.Context(), &closing{1 << 20, func() error { return os.NewSyscallError("write", syscall.EPIPE) }})
	require.Equal(t, exitFailed, code)
	require.Empty(t, errs, "head has what it wants: nothing to tell")

	code, errs = generate(t.Context(), &closing{1 << 20, func() error { return errors.New("disk full") }})
	require.Equal(t, exitFailed, code)
	require.Contains(t, errs, "disk full")

	ctx, interrupt := context.WithCancel(t.Context())
	code, errs = generate(ctx, &closing{1 << 20, func() error { interrupt(); return nil }})
	require.Equal(t, exitInterrupted, code)
	require.Contains(t, errs, "wrote ", "what there is ends with a record")
}

// TestADemoEndsWhenItIsInterrupted has it interrupted while it is live.
func TestADemoEndsWhenItIsInterrupted(t *testing.T) {
	code, out, errs := interrupted(t, "Ctrl-C ends it and leaves nothing behind", "--listen", "127.0.0.1:0", "--history", "10m")
	require.Equal(t, exitOK, code, "that is how it ends")
	require.Contains(t, out, "ConfigMap cache-service-config does not exist")
	require.Contains(t, errs, "export LOGLODE_URL=http://127.0.0.1:")
	for _, incident := range demo.Incidents()[1:] {
		require.Contains(t, errs, "ask '"+incident.Ask+"'")
	}
}

// TestADemoEndsBeforeItBegan has it interrupted while it looks for a port, which
// is the first that it tells.
func TestADemoEndsBeforeItBegan(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, taken.Close()) }()
	file := filepath.Join(t.TempDir(), "loglode.yaml")
	require.NoError(t, os.WriteFile(file, []byte("server:\n  listen: "+taken.Addr().String()+"\n"), 0o600))
	for _, args := range [][]string{{"--config", file}, {"--config", file, "--once"}} {
		code, out, _ := interrupted(t, taken.Addr().String()+" is taken: serving another port", args...)
		require.Equal(t, exitInterrupted, code)
		require.Empty(t, out)
	}
}

// TestADemoEndsInTheMiddle has it interrupted while the past is sent, and while
// what is live is.
func TestADemoEndsInTheMiddle(t *testing.T) {
	s := playing(t, 24*time.Hour, 3)
	require.ErrorIs(t, s.play(s.ctx), context.Canceled, "the first answer was not given")
	require.EqualValues(t, 3, s.batches.Load(), "and sends no more")
	require.Empty(t, s.out.String()+s.errs.String())

	s = playing(t, 2*time.Second, 3) // of the past, whose last is waited for, and of the first second
	require.NoError(t, s.play(s.ctx))
	require.Contains(t, s.out.String(), "$ loglode ask")
	require.Contains(t, s.errs.String(), "The shop is live at "+s.url)
}

// played is a demo before a server that takes everything.
type played struct {
	showing
	ctx       context.Context
	batches   atomic.Int32
	out, errs bytes.Buffer
}

// playing makes a demo whose context ends with so many batches.
func playing(t *testing.T, history time.Duration, most int32) *played {
	t.Helper()
	ctx, interrupt := context.WithCancel(t.Context())
	s := &played{ctx: ctx}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/ask") {
			_, _ = io.WriteString(w, `{}`)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		if s.batches.Add(1) == most {
			interrupt()
			<-r.Context().Done() // no answer, so that sending fails
			return
		}
		_, _ = io.WriteString(w, `{"accepted":1}`)
	}))
	t.Cleanup(server.Close)
	t.Cleanup(interrupt)
	d := demoFlags{incidents: "all", seed: 1, rate: 1000, history: history}
	start := now().Add(-history)
	g, err := d.newGenerator(start)
	require.NoError(t, err)
	s.showing = showing{cli: &cli{out: &s.out, errs: &s.errs, output: "table"}, flags: d, generator: g, start: start, url: server.URL}
	return s
}

// interrupted runs `loglode demo` until its messages hold a text, and then
// interrupts it. It leaves nothing behind.
func interrupted(t *testing.T, when string, args ...string) (code int, out, errs string) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	messages := watched{until: when, then: interrupt}
	var answers bytes.Buffer
	code = run(ctx, append([]string{"demo"}, args...), strings.NewReader(""), &answers, &messages)
	require.Empty(t, entries(t, dir))
	require.Contains(t, messages.String(), when)
	return code, answers.String(), messages.String()
}

// watched is a buffer that does something once it holds a text.
type watched struct {
	mu    sync.Mutex
	b     bytes.Buffer
	until string
	then  func()
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.b.Write(p)
	if strings.Contains(w.b.String(), w.until) {
		w.then()
	}
	return n, err
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}
