package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// seeds of the runs that kill loglode at random moments. CI runs a few, `make
// soak` hundreds.
func seeds(t *testing.T, ci int) []uint64 {
	n := ci
	if os.Getenv("LOGLODE_SOAK") != "" {
		n = 40 * ci
	}
	if s := os.Getenv("LOGLODE_SEED"); s != "" {
		seed, err := strconv.ParseUint(s, 10, 64)
		require.NoError(t, err)
		return []uint64{seed}
	}
	out := make([]uint64, n)
	for i := range out {
		out[i] = uint64(i + 1)
	}
	return out
}

func eachSeed(t *testing.T, ci int, run func(t *testing.T, random *rand.Rand)) {
	for _, seed := range seeds(t, ci) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			run(t, rand.New(rand.NewPCG(seed, 0)))
		})
	}
}

// workload is what a cluster of a few pods wrote, in time order: many lines
// share a time, and some share everything.
type workload struct {
	messages map[string]int // how often each message was written
	total    int
}

const start = 1700000000 // 2023-11-14, just before midnight UTC: the lines span two days

func (w *workload) add(message string) {
	if w.messages == nil {
		w.messages = map[string]int{}
	}
	w.messages[message]++
	w.total++
}

// message makes a line that is not unique: about one in ten repeats the line
// before it.
func message(random *rand.Rand, pod, i int) string {
	if random.IntN(10) == 0 {
		i = max(0, i-1)
	}
	return fmt.Sprintf("pod %d handled request %d of customer %d", pod, i, i%7)
}

// at is the time of a pod's i-th line: bursts of 5 lines share one.
func at(i int) time.Time { return time.Unix(start+int64(i/5)*20, int64(i/5)).UTC() }

// checkAll holds the index against what was written.
func (w *workload) checkAll(t *testing.T, data string) {
	t.Helper()
	found := map[string]int{}
	ids := map[string]bool{}
	for _, l := range lines(t, "--data", data) {
		found[l.Message]++
		require.False(t, ids[l.ID], "ID %s twice", l.ID)
		ids[l.ID] = true
	}
	for m, n := range w.messages {
		require.Equal(t, n, found[m], "%q", m)
	}
	require.Len(t, ids, w.total)
	report := requireClean(t, data)
	require.EqualValues(t, w.total, report.Documents)
}

func TestKilledWhileItFollowsFiles(t *testing.T) {
	eachSeed(t, 4, func(t *testing.T, random *rand.Rand) {
		data, logs := t.TempDir(), t.TempDir()
		var w workload
		const pods, each = 6, 1500
		next := make([]int, pods)
		// A file that comes and goes between two looks at the directory cannot
		// be known: one is rotated once a round, if it was there when the round
		// began, and after a second.
		var mayRotate [pods]bool
		var rotateAfter time.Time
		rotated := 0
		// write appends some lines of a pod's file, and may rotate it.
		name := func(pod int) string { return filepath.Join(logs, fmt.Sprintf("web-%d_shop_app-%064d.log", pod, pod)) }
		write := func(pod int) {
			path := name(pod)
			if mayRotate[pod] && time.Now().After(rotateAfter) && random.IntN(4) == 0 {
				rotated++ // as the kubelet names them; a name must not be used twice
				_ = os.Rename(path, fmt.Sprintf("%s.20231114-%06d", path, rotated))
				mayRotate[pod] = false
			}
			file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
			require.NoError(t, err)
			defer file.Close()
			for range 1 + random.IntN(60) {
				if next[pod] == each {
					return
				}
				m := message(random, pod, next[pod])
				_, err := fmt.Fprintf(file, "%s stdout F %s\n", at(next[pod]).Format(time.RFC3339Nano), m)
				require.NoError(t, err)
				w.add(m)
				next[pod]++
			}
		}
		for round := 0; ; round++ {
			for pod := range pods {
				_, err := os.Stat(name(pod))
				mayRotate[pod] = err == nil
			}
			server := up(t, "--data", data, "--tail", filepath.Join(logs, "*.log"))
			rotateAfter = time.Now().Add(time.Second)
			deadline := time.Now().Add(time.Duration(50+random.IntN(1700)) * time.Millisecond)
			for time.Now().Before(deadline) {
				write(random.IntN(pods))
				time.Sleep(time.Duration(random.IntN(4)) * time.Millisecond)
			}
			if round < 4 {
				server.kill()
				continue
			}
			for pod := range pods {
				for next[pod] < each {
					write(pod)
				}
			}
			server.caughtUp(t, int64(w.total))
			require.Zero(t, server.stop(t))
			break
		}
		w.checkAll(t, data)
	})
}

func TestKilledWhileItTakesLinesOverHTTP(t *testing.T) {
	eachSeed(t, 4, func(t *testing.T, random *rand.Rand) {
		data := t.TempDir()
		var w workload
		const chunks, each = 60, 120
		bodies := make([][]byte, chunks)
		for c := range bodies {
			var body bytes.Buffer
			for i := range each {
				n := c*each + i
				m := message(random, c%3, n)
				record, err := json.Marshal(map[string]any{"time": at(n).Format(time.RFC3339Nano), "stream": "stderr", "log": m,
					"kubernetes": map[string]any{"namespace_name": "shop", "pod_name": fmt.Sprint("web-", c%3), "container_name": "app", "host": "node-1"}})
				require.NoError(t, err)
				body.Write(append(record, '\n'))
				w.add(m)
			}
			bodies[c] = body.Bytes()
		}
		server := up(t, "--data", data)
		kills := 0
		killAt := func() time.Time { return time.Now().Add(time.Duration(20+random.IntN(250)) * time.Millisecond) }
		next := killAt()
		for c := 0; c < chunks; {
			sent := make(chan int, 1)
			go func() {
				status, _ := server.post(t, "/v1/ingest", "application/x-ndjson", bodies[c])
				sent <- status
			}()
			status := 0
			if kills < 6 && time.Now().After(next) {
				time.Sleep(time.Duration(random.IntN(5000)) * time.Microsecond)
				server.kill()
				status = <-sent
				server = up(t, "--data", data)
				kills++
				next = killAt()
			} else {
				status = <-sent
				require.Equal(t, 200, status)
			}
			// As Fluent Bit does: what was not acknowledged is sent again, the
			// same bytes; at times what was acknowledged, too.
			if status == 200 && random.IntN(8) > 0 {
				c++
			}
		}
		server.caughtUp(t, int64(w.total))
		server.stop(t)
		w.checkAll(t, data)
	})
}

func TestKilledWhileItLoadsAFile(t *testing.T) {
	eachSeed(t, 4, func(t *testing.T, random *rand.Rand) {
		data := t.TempDir()
		var w workload
		var content bytes.Buffer
		const n = 30000
		for i := range n {
			m := message(random, i%5, i)
			fmt.Fprintf(&content, `{"time":"%s","stream":"stdout","log":%q,"kubernetes":{"namespace_name":"shop","pod_name":"web-%d","container_name":"app","host":"node-%d"}}`+"\n",
				at(i/5).Format(time.RFC3339Nano), m, i%5, i%2)
			w.add(m)
		}
		path := filepath.Join(t.TempDir(), "load.jsonl")
		require.NoError(t, os.WriteFile(path, content.Bytes(), 0o600))
		for range 5 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(30+random.IntN(900))*time.Millisecond)
			// CommandContext kills with SIGKILL when its time is over.
			_ = exec.CommandContext(ctx, binary, "ingest", "--data", data, path).Run()
			cancel()
		}
		last := ok[summary](t, "ingest", "--data", data, "-o", "json", path)
		require.EqualValues(t, n, last.Entries)
		require.EqualValues(t, n, last.Indexed+last.Duplicates)
		require.Zero(t, last.Rejected)
		w.checkAll(t, data)

		again := ok[summary](t, "ingest", "--data", data, "-o", "json", path)
		require.Zero(t, again.Indexed)
		require.EqualValues(t, n, again.Duplicates)
	})
}
