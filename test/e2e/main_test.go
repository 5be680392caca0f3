// Package e2e runs the built binary as a user does: up, ingest, lines, audit,
// kill -9.
package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// binary is the loglode under test.
var binary string

func TestMain(m *testing.M) { os.Exit(build(m)) }

func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "loglode-e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "loglode")
	command := exec.Command("go", "build", "-o", binary, "../../cmd/loglode")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build loglode: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// result is a finished command.
type result struct {
	code        int
	out, errors string
}

// loglode runs a command to its end.
func loglode(t testing.TB, args ...string) result {
	t.Helper()
	return loglodeWith(t, nil, args...)
}

func loglodeWith(t testing.TB, stdin io.Reader, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, binary, args...)
	var out, errs bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = stdin, &out, &errs
	err := command.Run()
	require.NoError(t, ctx.Err(), "loglode %v did not end: %s", args, errs.String())
	if _, exited := err.(*exec.ExitError); !exited { //nolint:errorlint // Run returns it bare
		require.NoError(t, err)
	}
	return result{command.ProcessState.ExitCode(), out.String(), errs.String()}
}

// ok runs a command that must succeed and decodes its JSON output.
func ok[T any](t testing.TB, args ...string) T {
	t.Helper()
	r := loglode(t, args...)
	require.Zero(t, r.code, "loglode %v: %s", args, r.errors)
	var v T
	require.NoError(t, json.Unmarshal([]byte(r.out), &v), r.out)
	return v
}

// summary is what ingest -o json prints.
type summary struct {
	Lines, Entries, Indexed, Duplicates, Rejected, Dropped, Redacted, Patterns, Embedded, Bytes int64
	Seconds                                                                                     float64
}

// line is what lines -o json prints, a line each.
type line struct {
	ID, Time, Cluster, Namespace, Service, Pod, Container, Node, Level, Kind, Message string
	Attributes                                                                        map[string]any
	Lineage                                                                           struct {
		Partition, Sequence string
		Sub, Index          int
	}
}

type auditReport struct {
	Records, Entries, Documents, Missing, Doubled, Collapsed, Stray, Repeated, Rejected, Dropped, Pending, Trimmed int64
	Clean                                                                                                          bool
	Examples                                                                                                       []any
}

// lines reads all lines that match, page by page.
func lines(t testing.TB, args ...string) []line {
	t.Helper()
	r := loglode(t, append([]string{"lines", "-o", "json", "--all"}, args...)...)
	require.Zero(t, r.code, r.errors)
	return parseLines(t, r.out)
}

func parseLines(t testing.TB, out string) []line {
	t.Helper()
	var found []line
	for text := range strings.Lines(out) {
		var l line
		require.NoError(t, json.Unmarshal([]byte(text), &l), text)
		found = append(found, l)
	}
	return found
}

// requireClean audits a data directory that nobody has open.
func requireClean(t testing.TB, data string) auditReport {
	t.Helper()
	report := ok[auditReport](t, "audit", "--data", data, "-o", "json")
	require.True(t, report.Clean, "%+v", report)
	require.Zero(t, report.Pending, "%+v", report)
	return report
}

// running is a loglode that serves.
type running struct {
	command *exec.Cmd
	url     string
	log     *syncBuffer
	done    chan struct{}
}

var servedAt = regexp.MustCompile(`url=(http://[0-9.:]+)`)

// up starts loglode and waits until it serves.
func up(t testing.TB, args ...string) *running {
	t.Helper()
	r := &running{command: exec.Command(binary, append([]string{"up", "--listen", "127.0.0.1:0"}, args...)...), log: &syncBuffer{}, done: make(chan struct{})}
	stderr, err := r.command.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, r.command.Start())
	served := make(chan string, 1)
	go func() {
		defer close(r.done)
		scanner := bufio.NewScanner(stderr)
		for scanner.Scan() {
			r.log.add(scanner.Text())
			if m := servedAt.FindStringSubmatch(scanner.Text()); m != nil {
				select {
				case served <- m[1]:
				default:
				}
			}
		}
		_ = r.command.Wait()
	}()
	t.Cleanup(func() { r.kill() })
	select {
	case r.url = <-served:
	case <-r.done:
		require.FailNow(t, "loglode ended", r.log.String())
	case <-time.After(30 * time.Second):
		require.FailNow(t, "loglode did not serve in time", r.log.String())
	}
	return r
}

// kill ends it as the power does.
func (r *running) kill() {
	_ = r.command.Process.Kill()
	<-r.done
}

// stop ends it in order and returns its exit code.
func (r *running) stop(t testing.TB) int {
	t.Helper()
	require.NoError(t, r.command.Process.Signal(syscall.SIGTERM))
	select {
	case <-r.done:
	case <-time.After(30 * time.Second):
		require.FailNow(t, "loglode did not stop", r.log.String())
	}
	return r.command.ProcessState.ExitCode()
}

// post sends a body and returns the status and what was answered.
func (r *running) post(t testing.TB, path, contentType string, body []byte) (int, string) {
	t.Helper()
	response, err := http.Post(r.url+path, contentType, bytes.NewReader(body)) //nolint:noctx // bounded by the test
	if err != nil {
		return 0, err.Error() // killed meanwhile
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(text)
}

// get reads an address that must answer 200.
func (r *running) get(t testing.TB, path string) string {
	t.Helper()
	response, err := http.Get(r.url + path) //nolint:noctx // bounded by the test
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, string(text))
	return string(text)
}

// caughtUp waits until nothing in the stream is unfinished.
func (r *running) caughtUp(t testing.TB, entries int64) {
	t.Helper()
	var status struct {
		Stream struct{ Lag map[string]int64 }
		Index  struct{ Entries int64 }
	}
	deadline := time.Now().Add(time.Minute)
	for {
		require.NoError(t, json.Unmarshal([]byte(r.get(t, "/v1/status")), &status))
		var lag int64
		for _, n := range status.Stream.Lag {
			lag += n
		}
		if lag == 0 && status.Index.Entries >= entries {
			return
		}
		require.True(t, time.Now().Before(deadline), "%d of %d entries, %d records behind: %s", status.Index.Entries, entries, lag, r.log)
		time.Sleep(20 * time.Millisecond)
	}
}

type syncBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *syncBuffer) add(line string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text.WriteString(line + "\n")
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// follow starts `lines -f`, whose output goes to out, and returns what
// interrupts it and tells its exit code.
func follow(t testing.TB, url string, out *syncBuffer) (stop func() int) {
	t.Helper()
	command := exec.Command(binary, "lines", "-f", "-o", "json", "--url", url)
	pipe, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() { _ = command.Process.Kill() })
	read := make(chan struct{})
	go func() {
		defer close(read)
		for scanner := bufio.NewScanner(pipe); scanner.Scan(); {
			out.add(scanner.Text())
		}
	}()
	return func() int {
		require.NoError(t, command.Process.Signal(os.Interrupt))
		<-read
		_ = command.Wait()
		return command.ProcessState.ExitCode()
	}
}
