package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// binary builds loglode as it is shipped.
func binary(b *testing.B) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "loglode")
	build := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "../../cmd/loglode")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(b, err, string(out))
	return path
}

// million writes about a million lines: the corpus on three days, by three sets
// of pods. It returns the number of lines and bytes.
func million(b *testing.B, path string) (lines int, size int64) {
	b.Helper()
	file, err := os.Create(path)
	require.NoError(b, err)
	defer file.Close()
	w := bufio.NewWriterSize(file, 1<<20)
	source := corpus(b)
	for day := 3; day <= 5; day++ {
		for set := range 3 {
			for _, l := range source {
				l = bytes.Replace(l, []byte("-03T"), fmt.Appendf(nil, "-0%dT", day), 1)
				l = bytes.Replace(l, []byte(`"pod_name":"`), fmt.Appendf(nil, `"pod_name":"%c-`, 'a'+set), 1)
				n, err := w.Write(append(l, '\n'))
				require.NoError(b, err)
				size += int64(n)
				lines++
			}
		}
	}
	require.NoError(b, w.Flush())
	return lines, size
}

// BenchmarkWhole loads a million lines with the binary, then asks for lines. One
// run: LOGLODE_PACK for real ones.
func BenchmarkWhole(b *testing.B) {
	loglode := binary(b)
	dir := b.TempDir()
	path := filepath.Join(dir, "million.jsonl")
	lines, size := million(b, path)
	data := filepath.Join(dir, "data")

	// The baseline, in the same run.
	s := prepare(b)
	before := cpu()
	s.bare(b, b.TempDir())
	bare := (cpu() - before) / float64(len(s.lines))

	b.Run("ingest", func(b *testing.B) {
		require.NoError(b, os.RemoveAll(data))
		start := time.Now()
		command := exec.CommandContext(b.Context(), loglode, "ingest", "-o", "json", "--data", data, path)
		var out, errs bytes.Buffer
		command.Stdout, command.Stderr = &out, &errs
		require.NoError(b, command.Start())
		peak := watchPeak(command.Process.Pid)
		require.NoError(b, command.Wait(), errs.String())
		var summary struct{ Patterns, Embedded int64 }
		require.NoError(b, json.Unmarshal(out.Bytes(), &summary))
		usage, ok := command.ProcessState.SysUsage().(*syscall.Rusage)
		require.True(b, ok)
		used := float64(usage.Utime.Sec+usage.Stime.Sec) + float64(usage.Utime.Usec+usage.Stime.Usec)/1e6
		b.ReportMetric(float64(lines)/time.Since(start).Seconds(), "lines/s")
		b.ReportMetric(used/float64(lines)*1e6, "cpu-us/line")
		b.ReportMetric(float64(lines)/used, "lines/cpu-s")
		b.ReportMetric(float64(size)/1e6/used, "MB/cpu-s")
		b.ReportMetric(used/float64(lines)/bare, "x-bare-fts5")
		b.ReportMetric(float64(peak())/1024, "peak-MiB")
		b.ReportMetric(float64(summary.Patterns)/float64(lines)*1e6, "patterns/Mline")
		b.ReportMetric(float64(summary.Embedded)/float64(lines)*1e6, "embedded/Mline")
		b.ReportMetric(float64(folder(b, filepath.Join(data, "days")))/float64(size), "index-B/input-B")
		b.ReportMetric(float64(folder(b, filepath.Join(data, "stream")))/float64(size), "stream-B/input-B")
		b.ReportMetric(0, "ns/op")
	})
	queries(b, loglode, data)
}

// watchPeak reads a process's own peak of resident memory until it ends; the
// kernel's ru_maxrss would hold this process's against it. peak is in KiB.
func watchPeak(pid int) (peak func() int) {
	last, done := 0, make(chan struct{})
	go func() {
		defer close(done)
		for {
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			m := highWater.FindSubmatch(status)
			if err != nil || m == nil { // it has ended
				return
			}
			last, _ = strconv.Atoi(string(m[1]))
			time.Sleep(20 * time.Millisecond)
		}
	}()
	return func() int {
		<-done
		return last
	}
}

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

func folder(b *testing.B, dir string) (n int64) {
	b.Helper()
	require.NoError(b, filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
		return err
	}))
	return n
}

var served = regexp.MustCompile(`url=(http://[0-9.:]+)`)

// serve runs loglode on a data directory until the benchmark ends, and returns
// its URL.
func serve(b *testing.B, loglode, data string) (address string) {
	b.Helper()
	command := exec.CommandContext(b.Context(), loglode, "up", "--data", data, "--listen", "127.0.0.1:0")
	stderr, err := command.StderrPipe()
	require.NoError(b, err)
	require.NoError(b, command.Start())
	b.Cleanup(func() { _ = command.Process.Signal(syscall.SIGTERM); _ = command.Wait() })
	scanner := bufio.NewScanner(stderr)
	for address == "" && scanner.Scan() {
		if m := served.FindStringSubmatch(scanner.Text()); m != nil {
			address = m[1]
		}
	}
	require.NotEmpty(b, address)
	go func() {
		for scanner.Scan() { //nolint:revive // the pipe must not fill
		}
	}()
	return address
}

// queries measures GET /v1/lines of a running loglode, the connection included.
func queries(b *testing.B, loglode, data string) {
	b.Helper()
	address := serve(b, loglode, data)
	for _, q := range []struct{ name, query string }{
		{"newest", ""},
		{"word", "q=reconciling"},
		{"two-words", "q=connection+refused"},
		{"rare", "q=" + url.QueryEscape("network-operator-78c688f56b")},
		{"none", "q=nosuchwordanywhere"},
		{"level", "level=error%2B"},
		{"pod", "pod=" + url.QueryEscape("a-network-operator*")},
		{"word-in-service", "q=failed&service=kube-apiserver"},
		{"rank-any", "order=rank&any=true&q=" + url.QueryEscape("failed connection refused")},
		{"rank-all", "order=rank&q=" + url.QueryEscape("connection refused")},
	} {
		b.Run("lines/"+q.name, func(b *testing.B) {
			latency(b, 50, func(int) { ask(b, address+"/v1/lines?limit=100&"+q.query) })
		})
	}
}

// latency measures calls, one at a time. With 50 of them p99 is the slowest.
func latency(b *testing.B, calls int, call func(i int)) {
	b.Helper()
	var took []float64
	for i := range calls {
		start := time.Now()
		call(i)
		took = append(took, float64(time.Since(start).Microseconds())/1000)
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2], "p50-ms")
	b.ReportMetric(took[len(took)*99/100], "p99-ms")
	b.ReportMetric(0, "ns/op")
}

func ask(b *testing.B, address string) {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, strings.ReplaceAll(address, " ", "+"), nil)
	require.NoError(b, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(b, err)
	defer response.Body.Close()
	var page struct{ Lines []json.RawMessage }
	require.NoError(b, json.NewDecoder(response.Body).Decode(&page))
	require.Equal(b, http.StatusOK, response.StatusCode)
}
