package sqlite

import (
	"bufio"
	"compress/gzip"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/embedding"
	"github.com/loglode/loglode/pipeline/normalise"
	"github.com/loglode/loglode/pipeline/pattern"
)

// benchEntries is the lines of the corpus if LOGLODE_PACK names the development
// pack, else generated ones, and the bytes of their JSON.
func benchEntries(tb testing.TB, n int) ([]pipeline.Entry, int64) {
	tb.Helper()
	if pack := os.Getenv("LOGLODE_PACK"); pack != "" {
		return corpusEntries(tb, filepath.Join(pack, "corpus", "openshift-aws.jsonl.gz"), n)
	}
	entries := generated(n, 1)
	bytes := int64(0)
	for i := range entries {
		bytes += int64(len(entries[i].Raw)) + 340
	}
	return entries, bytes
}

func corpusEntries(tb testing.TB, path string, n int) ([]pipeline.Entry, int64) {
	tb.Helper()
	f, err := os.Open(path)
	require.NoError(tb, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(tb, err)
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<24)
	var entries []pipeline.Entry
	resources := map[string]*pipeline.Resource{}
	occurrences := map[string]uint64{}
	miner := pattern.New()
	total := int64(0)
	for lines.Scan() && len(entries) < n {
		total += int64(len(lines.Bytes())) + 1
		var in struct {
			Time        time.Time
			Stream, Log string
			Kubernetes  json.RawMessage
		}
		require.NoError(tb, json.Unmarshal(lines.Bytes(), &in))
		r := resources[string(in.Kubernetes)]
		if r == nil {
			var k struct {
				Namespace string            `json:"namespace_name"`
				Pod       string            `json:"pod_name"`
				Container string            `json:"container_name"`
				Host      string            `json:"host"`
				Labels    map[string]string `json:"labels"`
			}
			require.NoError(tb, json.Unmarshal(in.Kubernetes, &k))
			r = &pipeline.Resource{Namespace: k.Namespace, Pod: k.Pod, Container: k.Container, Node: k.Host, Labels: k.Labels}
			resources[string(in.Kubernetes)] = r
		}
		t := in.Time.UnixNano()
		same := fmt.Sprint(r.Pod, r.Container, in.Stream, t)
		// The real view: what is indexed is what the product indexes.
		message, attributes := normalise.View(pipeline.KindLog, in.Log, t)
		e := pipeline.Entry{
			Time: t, CollectorTime: t, Occurrence: occurrences[same], Stream: in.Stream, Level: pipeline.LevelInfo, Service: r.Container, Resource: r,
			Raw: in.Log, Message: message, Attributes: attributes, Pattern: miner.Text(message),
			Lineage: pipeline.Lineage{Position: pipeline.Position{Partition: "0", Sequence: fmt.Sprint(1 + len(entries)/200)}, Index: len(entries) % 200},
		}
		occurrences[same]++
		e.ID = pipeline.LineID(&pipeline.RawEntry{Time: t, Occurrence: e.Occurrence, Stream: e.Stream, Resource: r, Message: e.Raw})
		entries = append(entries, e)
	}
	require.NoError(tb, lines.Err())
	return entries, total
}

var benchWords = strings.Fields("reconciling starting listing watching observed failed connection refused timeout namespace operator pod container image pulled created deleted updated syncing certificate expired secret configmap lease leader election lost acquired etcd apiserver controller scheduler node ready pressure memory disk network policy route service endpoint health probe liveness readiness error warning retry backoff limit quota volume mount attach detach event handler cache informer reflector")

// generated makes lines like those of a cluster, all of one day.
func generated(n int, seed uint64) []pipeline.Entry {
	random := rand.New(rand.NewPCG(seed, 0))
	resources := make([]*pipeline.Resource, 60)
	for i := range resources {
		resources[i] = &pipeline.Resource{Cluster: "c1", Namespace: fmt.Sprintf("ns-%d", i%12), Pod: fmt.Sprintf("app-%d-%x", i%20, i*7919), Container: "main", Node: fmt.Sprintf("node-%d", i%5), Labels: map[string]string{"app": fmt.Sprintf("app-%d", i%20)}}
	}
	patterns := make([]pipeline.Pattern, 20*40) // 40 an app
	for i := range patterns {
		patterns[i] = pipeline.Pattern{Template: fmt.Sprintf("%s %s request_id=<*> took <*>", benchWords[i%20], benchWords[i/20])}
		patterns[i].ID = pipeline.NewPatternID(patterns[i].Template)
	}
	start := time.Date(2021, 8, 3, 0, 0, 0, 0, time.UTC).UnixNano()
	entries := make([]pipeline.Entry, n)
	for i := range entries {
		var b strings.Builder
		for w := range 9 + random.IntN(9) {
			if w > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(benchWords[int(float64(len(benchWords))*random.Float64()*random.Float64())])
		}
		fmt.Fprintf(&b, " request_id=%08x took %dms", random.Uint32(), random.IntN(1000))
		at := random.IntN(len(resources))
		r := resources[at]
		pattern := patterns[at%20*40+int(40*random.Float64()*random.Float64()*random.Float64())] // a few write most
		t := start + int64(i)*80_000_000
		e := &entries[i]
		*e = pipeline.Entry{
			Time: t, CollectorTime: t, Stream: "stderr", Level: pipeline.Level(2 + random.IntN(4)), Service: r.Labels["app"], Resource: r,
			Raw: "I0803 09:20:37.871833       1 reflector.go:255] " + b.String(), Message: b.String(), Pattern: pattern,
			Lineage: pipeline.Lineage{Position: pipeline.Position{Partition: "0", Sequence: fmt.Sprint(1 + i/200)}, Index: i % 200},
		}
		e.ID = pipeline.LineID(&pipeline.RawEntry{Time: t, Stream: e.Stream, Resource: r, Message: e.Raw})
	}
	return entries
}

func cpu(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	require.NoError(tb, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func writeAll(tb testing.TB, s *Store, entries []pipeline.Entry, size int) {
	tb.Helper()
	results := make([]pipeline.WriteResult, size)
	for chunk := range slices.Chunk(entries, size) {
		require.NoError(tb, s.Write(context.Background(), chunk, results[:len(chunk)]))
	}
}

// BenchmarkWrite reports CPU per line of Write, every run into a new store.
func BenchmarkWrite(b *testing.B) {
	for _, size := range []int{60, 500, 2000, 10_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			entries, input := benchEntries(b, 110_000)
			b.ReportAllocs()
			b.ResetTimer()
			var spent time.Duration
			var bytes int64
			for range b.N {
				s, err := Open(context.Background(), Options{Dir: b.TempDir()})
				require.NoError(b, err)
				before := cpu(b)
				writeAll(b, s, entries, size)
				spent += cpu(b) - before
				require.NoError(b, s.Close())
				bytes = bytesOf(s)
			}
			b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N*len(entries)), "cpu-ns/line")
			b.ReportMetric(float64(bytes)/float64(len(entries)), "bytes/line")
			b.ReportMetric(float64(bytes)/float64(input), "bytes/input-byte")
		})
	}
}

// BenchmarkBare is the measure that the pipeline is held against: the same
// lines in a table with an external-content FTS5 index.
func BenchmarkBare(b *testing.B) {
	entries, _ := benchEntries(b, 110_000)
	var spent time.Duration
	for range b.N {
		db, err := sql.Open("sqlite", dsn(filepath.Join(b.TempDir(), "bare.db"), "journal_mode(WAL)", "synchronous(FULL)"))
		require.NoError(b, err)
		db.SetMaxOpenConns(1)
		_, err = db.Exec(`CREATE TABLE lines(id INTEGER PRIMARY KEY, time INTEGER, message TEXT);
			CREATE VIRTUAL TABLE fts USING fts5(message, content='lines', content_rowid='id')`)
		require.NoError(b, err)
		before := cpu(b)
		for chunk := range slices.Chunk(entries, 5000) {
			tx, err := db.Begin()
			require.NoError(b, err)
			line, err := tx.Prepare(`INSERT INTO lines(time, message) VALUES(?, ?)`)
			require.NoError(b, err)
			text, err := tx.Prepare(`INSERT INTO fts(rowid, message) VALUES(last_insert_rowid(), ?)`)
			require.NoError(b, err)
			for i := range chunk {
				_, err = line.Exec(chunk[i].Time, chunk[i].Raw)
				require.NoError(b, err)
				_, err = text.Exec(chunk[i].Raw)
				require.NoError(b, err)
			}
			require.NoError(b, tx.Commit())
		}
		spent += cpu(b) - before
		require.NoError(b, db.Close())
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N*len(entries)), "cpu-ns/line")
}

// bytesOf is the bytes of all files of days, write-ahead logs included.
func bytesOf(s *Store) (n int64) {
	for _, d := range s.list() {
		n += d.bytes()
	}
	return n
}

func BenchmarkLines(b *testing.B) {
	entries, _ := benchEntries(b, 110_000)
	s, err := Open(context.Background(), Options{Dir: b.TempDir()})
	require.NoError(b, err)
	defer func() { require.NoError(b, s.Close()) }()
	writeAll(b, s, entries, 5000)
	rare := rareWord(entries[len(entries)/3].Raw)
	for _, q := range []struct {
		name  string
		query pipeline.LineQuery
	}{
		{"newest", pipeline.LineQuery{}},
		{"newest/level", pipeline.LineQuery{Filter: pipeline.Filter{Levels: []pipeline.Level{pipeline.LevelInfo}}}},
		{"newest/common", pipeline.LineQuery{Text: "failed"}},
		{"newest/rare", pipeline.LineQuery{Text: rare}},
		{"newest/phrase", pipeline.LineQuery{Text: `"connection refused"`}},
		{"rank/common", pipeline.LineQuery{Text: "connection refused timeout", Any: true, Order: pipeline.ByRank}},
		{"rank/all", pipeline.LineQuery{Text: "connection refused", Order: pipeline.ByRank}},
		{"prefix", pipeline.LineQuery{Text: "certif*"}},
	} {
		b.Run(q.name, func(b *testing.B) {
			for b.Loop() {
				page, err := s.Lines(context.Background(), q.query)
				require.NoError(b, err)
				require.NotEmpty(b, page.Lines, "a query that finds nothing measures nothing")
			}
		})
	}
}

// rareWord is the longest word of a text that holds a digit: an ID, an address.
func rareWord(text string) string {
	longest := ""
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return !strings.ContainsRune("0123456789abcdefghijklmnopqrstuvwxyz", r) }) {
		if strings.ContainsAny(w, "0123456789") && len(w) > len(longest) {
			longest = w
		}
	}
	return longest
}

// BenchmarkMillion writes a million lines of one day and asks queries of them.
// It is run once: -bench Million -benchtime 1x.
func BenchmarkMillion(b *testing.B) {
	const total, chunk = 1_000_000, 20_000
	for range b.N {
		s, err := Open(context.Background(), Options{Dir: b.TempDir()})
		require.NoError(b, err)
		spent, rare := time.Duration(0), ""
		for c := range total / chunk {
			entries := generated(chunk, uint64(c))
			for i := range entries {
				entries[i].Time += int64(c) * chunk * 80_000_000
				entries[i].CollectorTime = entries[i].Time
			}
			if c == 10 {
				rare = rareWord(entries[0].Raw)
			}
			before := cpu(b)
			writeAll(b, s, entries, 2000)
			spent += cpu(b) - before
		}
		b.ReportMetric(float64(spent.Nanoseconds())/total, "cpu-ns/line")
		b.ReportMetric(float64(bytesOf(s))/total, "bytes/line")
		mix := map[string]pipeline.LineQuery{
			"newest":        {},
			"newest-level":  {Filter: pipeline.Filter{Levels: []pipeline.Level{pipeline.LevelError}}},
			"newest-pod":    {Filter: pipeline.Filter{Pods: []string{"app-3-*"}}},
			"newest-common": {Text: "failed certificate"},
			"newest-phrase": {Text: `"connection refused"`},
			"newest-rare":   {Text: rare},
			"prefix":        {Text: "certif* etcd"},
			"hour":          {Text: "timeout", Filter: pipeline.Filter{From: time.Date(2021, 8, 3, 10, 0, 0, 0, time.UTC).UnixNano(), To: time.Date(2021, 8, 3, 11, 0, 0, 0, time.UTC).UnixNano()}},
			"rank-two":      {Text: "etcd quota", Order: pipeline.ByRank},
			"rank-any":      {Text: "connection refused timeout", Any: true, Order: pipeline.ByRank},
		}
		var all []time.Duration
		for name, q := range mix {
			var times []time.Duration
			for range 10 {
				start := time.Now()
				page, err := s.Lines(context.Background(), q)
				require.NoError(b, err)
				require.NotEmpty(b, page.Lines, "a query that finds nothing measures nothing")
				times = append(times, time.Since(start))
			}
			all = append(all, times...)
			slices.Sort(times)
			b.Logf("%-14s median %8s, slowest %8s", name, times[len(times)/2].Round(10*time.Microsecond), times[len(times)-1].Round(10*time.Microsecond))
		}
		for name, q := range map[string]pipeline.PatternQuery{
			"groups":          {},
			"groups-pod":      {Filter: pipeline.Filter{Pods: []string{"app-3-*"}}},
			"groups-hours":    {Filter: pipeline.Filter{From: time.Date(2021, 8, 3, 10, 0, 0, 0, time.UTC).UnixNano(), To: time.Date(2021, 8, 3, 14, 0, 0, 0, time.UTC).UnixNano()}},
			"groups-patterns": {Filter: pipeline.Filter{Patterns: []pipeline.PatternID{generated(1, 0)[0].Pattern.ID}}},
			"groups-common":   {Text: "failed certificate"},
			"groups-rare":     {Text: rare},
		} {
			var times []time.Duration
			found := 0
			for range 5 {
				start := time.Now()
				groups, err := s.groups(context.Background(), q)
				require.NoError(b, err)
				require.NotEmpty(b, groups, "a query that finds nothing measures nothing")
				found = len(groups)
				times = append(times, time.Since(start))
			}
			slices.Sort(times)
			b.Logf("%-16s median %8s, slowest %8s, %d groups", name, times[2].Round(10*time.Microsecond), times[4].Round(10*time.Microsecond), found)
		}
		slices.Sort(all)
		b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50-ms")
		b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
		b.ReportMetric(peakRSS(b), "peak-MiB")
		require.NoError(b, s.Close())
	}
}

// peakRSS is the process's largest resident set, in MiB.
func peakRSS(tb testing.TB) float64 {
	tb.Helper()
	var u syscall.Rusage
	require.NoError(tb, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return float64(u.Maxrss) / 1024
}

// BenchmarkCandidates asks 100,000 pattern documents with vectors of 256
// dimensions.
func BenchmarkCandidates(b *testing.B) {
	const documents, dims = 100_000, 256
	dir := b.TempDir()
	s, err := Open(context.Background(), Options{Dir: dir, ServicePatterns: documents, DayPatterns: documents})
	require.NoError(b, err)
	defer func() { require.NoError(b, s.Close()) }()
	c, err := OpenCatalogue(context.Background(), Options{Dir: dir, Key: []byte("0123456789abcdef")})
	require.NoError(b, err)
	defer func() { require.NoError(b, c.Close()) }()
	writeAll(b, s, patterned(documents), 5000)
	before := heap()
	p := NewPatterns(s, c, Options{})
	start := time.Now()
	_, err = p.Unembedded(context.Background(), "m", 1)
	require.NoError(b, err)
	b.Logf("index of %d documents: %v, %.1f MiB", documents, time.Since(start).Round(time.Millisecond), heap()-before)
	before, start = heap(), time.Now()
	waited := time.Duration(0)
	for {
		asked := time.Now()
		pending, err := p.Unembedded(context.Background(), "m", 2000)
		require.NoError(b, err)
		waited += time.Since(asked)
		if len(pending) == 0 {
			break
		}
		vectors := make([]embedding.Vector, len(pending))
		for i, d := range pending {
			vectors[i] = embedding.Vector{Key: d.Key, Values: randomVector(d.Key, dims)}
		}
		require.NoError(b, p.SetVectors(context.Background(), "m", vectors))
	}
	b.Logf("vectors of them: %v, of which Unembedded %v, %.1f MiB", time.Since(start).Round(time.Millisecond), waited.Round(time.Millisecond), heap()-before)
	again := NewPatterns(s, c, Options{})
	start = time.Now()
	_, err = again.Candidates(context.Background(), pipeline.CandidateQuery{Model: "m", Vector: randomVector(embedding.Key{1}, dims)})
	require.NoError(b, err)
	b.Logf("first question after a start: %v", time.Since(start).Round(time.Millisecond))
	vector := randomVector(embedding.Key{9}, dims)
	for name, q := range map[string]pipeline.CandidateQuery{
		"both":     {Terms: []string{"connect", "refus", "etcd", "pod"}, Vector: vector, Model: "m", Limit: 200},
		"text":     {Terms: []string{"connect", "refus", "etcd", "pod"}, Model: "m", Limit: 200},
		"vector":   {Vector: vector, Model: "m", Limit: 200},
		"filtered": {Filter: pipeline.Filter{Namespaces: []string{"ns-3"}}, Terms: []string{"connect", "refus"}, Vector: vector, Model: "m", Limit: 200},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				found, err := p.Candidates(context.Background(), q)
				require.NoError(b, err)
				require.NotEmpty(b, found.Documents)
			}
		})
	}
	b.Run("nothing waits", func(b *testing.B) {
		for b.Loop() {
			_, err := p.Unembedded(context.Background(), "m", 64)
			require.NoError(b, err)
		}
	})
}

// heap is what is in use, in MiB.
func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}

func BenchmarkDot(b *testing.B) {
	x, y := make([]byte, 256), make([]uint64, 128)
	for i := range y {
		x[i], x[128+i], y[i] = byte(i), byte(3*i), uint64(i)
	}
	b.SetBytes(256)
	for b.Loop() {
		dot(x, y)
	}
}
