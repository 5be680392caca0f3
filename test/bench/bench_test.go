// Package bench measures loglode's stages and the whole of them, in CPU seconds
// of the process: the machines are shared, and wall time says little. Every run
// holds the whole against a bare SQLite FTS5 insert of the same lines.
package bench

import (
	"bytes"
	"compress/gzip"
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the baseline

	"github.com/loglode/loglode/indexing/sqlite"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/collect"
	"github.com/loglode/loglode/pipeline/indexer"
	"github.com/loglode/loglode/pipeline/normalise"
	"github.com/loglode/loglode/pipeline/policy"
	"github.com/loglode/loglode/pipeline/redact"
	"github.com/loglode/loglode/pipeline/wire"
	"github.com/loglode/loglode/producers"
)

// cpu is what the process has used, user and system, in seconds.
func cpu() float64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return float64(r.Utime.Sec+r.Stime.Sec) + float64(r.Utime.Usec+r.Stime.Usec)/1e6
}

// corpus is the text to load: that of LOGLODE_PACK, else lines of our own.
func corpus(b *testing.B) [][]byte {
	b.Helper()
	var text []byte
	if pack := os.Getenv("LOGLODE_PACK"); pack != "" {
		file, err := os.Open(filepath.Join(pack, "corpus", "openshift-aws.jsonl.gz"))
		require.NoError(b, err)
		defer file.Close()
		unzipped, err := gzip.NewReader(file)
		require.NoError(b, err)
		text, err = io.ReadAll(unzipped)
		require.NoError(b, err)
	} else {
		text = generated(100_000)
	}
	var lines [][]byte
	for line := range bytes.Lines(text) {
		lines = append(lines, bytes.TrimSuffix(line, []byte("\n")))
	}
	return lines
}

// generated are lines in the shape of Fluent Bit's kubernetes filter.
func generated(n int) []byte {
	var out bytes.Buffer
	for i := range n {
		at := time.Date(2026, 1, 2, 3, 4, 5, i*1000, time.UTC).Add(time.Duration(i) * 20 * time.Millisecond)
		fmt.Fprintf(&out, `{"time":"%s","stream":"stderr","log":"I0102 %s.%06d       1 controller_%d.go:%d] reconciling object namespace-%d/worker-%d took %dms, generation %d","kubernetes":{"namespace_name":"shop-%d","pod_name":"worker-%d-6958c5bdd8-69gtn","container_name":"worker","host":"ip-10-0-%d-7.ec2.internal","labels":{"app":"worker-%d","pod-template-hash":"6958c5bdd8"}}}`+"\n",
			at.Format(time.RFC3339Nano), at.Format(time.TimeOnly), at.Nanosecond()/1000, i%23, i%400, i%7, i%31, i*7919%977, i, i%7, i%31, i%6, i%31)
	}
	return out.Bytes()
}

// stage reports what a stage costs per line.
func stage(b *testing.B, lines int, bytes int64, run func()) {
	b.Helper()
	before := cpu()
	for b.Loop() {
		run()
	}
	used := cpu() - before
	n := float64(b.N) * float64(lines)
	b.ReportMetric(used/n*1e6, "cpu-us/line")
	b.ReportMetric(n/used, "lines/cpu-s")
	b.ReportMetric(float64(b.N)*float64(bytes)/1e6/used, "MB/cpu-s")
	b.ReportMetric(0, "ns/op")
}

// stages are the intermediate results of one pass over the corpus.
type stages struct {
	lines   [][]byte
	bytes   int64
	raw     []pipeline.RawEntry
	records []pipeline.Record
	entries []pipeline.Entry
	rules   indexer.Rules
}

func prepare(b *testing.B) *stages {
	b.Helper()
	s := &stages{lines: corpus(b)}
	for _, l := range s.lines {
		s.bytes += int64(len(l)) + 1
	}
	redactor, err := redact.New(redact.Options{Key: bytes.Repeat([]byte{1}, 32)})
	require.NoError(b, err)
	drop, err := policy.New(policy.Default())
	require.NoError(b, err)
	s.rules = indexer.Rules{Redactor: redactor, Policy: drop, Digest: 1, MaxRecord: 64 << 20, MaxLine: 1 << 20}
	s.collect(func(e *collect.Entry) { s.raw = append(s.raw, e.RawEntry) })
	s.records = s.encode(b)
	expand, err := indexer.NewExpander(s.rules)
	require.NoError(b, err)
	for i := range s.records {
		out, err := expand.Expand(&s.records[i], s.entries)
		require.NoError(b, err)
		s.entries = out.Entries
	}
	return s
}

func (s *stages) collect(emit func(*collect.Entry)) {
	c := collect.New(collect.Options{
		Numbers: collect.NewNumberer("bench", nil),
		Emit:    func(e *collect.Entry) error { emit(e); return nil },
	})
	var at int64
	for _, l := range s.lines {
		end := at + int64(len(l)) + 1
		if err := c.Line(l, at, end); err != nil {
			panic(err)
		}
		at = end
	}
	if err := c.Flush(); err != nil {
		panic(err)
	}
}

func (s *stages) encode(b *testing.B) []pipeline.Record {
	compress, err := wire.NewCompressor()
	require.NoError(b, err)
	lanes := map[string]*wire.Encoder{}
	var records []pipeline.Record
	seal := func(key string, e *wire.Encoder) {
		records = append(records, pipeline.Record{Position: pipeline.Position{Partition: "0", Sequence: fmt.Sprint(len(records) + 1)}, Key: key, Data: e.Seal(s.raw[0].Time, 1)})
	}
	for i := range s.raw {
		key := producers.Lane(s.raw[i].Resource)
		e := lanes[key]
		if e == nil {
			e = wire.NewEncoder(compress)
			lanes[key] = e
		}
		if err := e.Add(&s.raw[i]); err != nil {
			panic(err)
		}
		if e.Size() >= 256<<10 {
			seal(key, e)
		}
	}
	for key, e := range lanes {
		if e.Entries() > 0 {
			seal(key, e)
		}
	}
	return records
}

// BenchmarkStages measures each stage on its own.
func BenchmarkStages(b *testing.B) {
	s := prepare(b)
	n := len(s.lines)
	b.Run("collect", func(b *testing.B) {
		stage(b, n, s.bytes, func() { s.collect(func(*collect.Entry) {}) })
	})
	b.Run("redact", func(b *testing.B) {
		stage(b, n, s.bytes, func() {
			for i := range s.raw {
				s.rules.Redactor.Text(s.raw[i].Message, func(string) {})
			}
		})
	})
	b.Run("encode", func(b *testing.B) { stage(b, n, s.bytes, func() { s.encode(b) }) })
	b.Run("expand", func(b *testing.B) {
		expand, err := indexer.NewExpander(s.rules)
		require.NoError(b, err)
		var entries []pipeline.Entry
		stage(b, n, s.bytes, func() {
			for i := range s.records {
				out, err := expand.Expand(&s.records[i], entries[:0])
				if err != nil {
					b.Fatal(err)
				}
				entries = out.Entries
			}
		})
	})
	b.Run("index", func(b *testing.B) {
		stage(b, n, s.bytes, func() { s.index(b, b.TempDir()) })
	})
	b.Run("bare-fts5", func(b *testing.B) {
		stage(b, n, s.bytes, func() { s.bare(b, b.TempDir()) })
	})
}

func (s *stages) index(b *testing.B, dir string) {
	store, err := sqlite.Open(b.Context(), sqlite.Options{Dir: dir, View: normalise.View})
	require.NoError(b, err)
	for batch := range slices.Chunk(s.entries, 4000) {
		results := make([]pipeline.WriteResult, len(batch))
		require.NoError(b, store.Write(b.Context(), batch, results))
	}
	require.NoError(b, store.Close())
}

// bare inserts the messages as anyone would: a table, FTS5 with external
// content, 5,000 rows a transaction, durable commits.
func (s *stages) bare(b *testing.B, dir string) {
	db, err := sql.Open("sqlite", filepath.Join(dir, "bare.db")+"?_pragma=journal_mode(wal)&_pragma=synchronous(full)")
	require.NoError(b, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	_, err = db.ExecContext(b.Context(), `CREATE TABLE lines(id INTEGER PRIMARY KEY, time INTEGER, message TEXT);
		CREATE VIRTUAL TABLE words USING fts5(message, content='lines', content_rowid='id')`)
	require.NoError(b, err)
	row := 0
	for batch := range slices.Chunk(s.entries, 5000) {
		tx, err := db.BeginTx(b.Context(), nil)
		require.NoError(b, err)
		line, err := tx.PrepareContext(b.Context(), `INSERT INTO lines VALUES(?, ?, ?)`)
		require.NoError(b, err)
		words, err := tx.PrepareContext(b.Context(), `INSERT INTO words(rowid, message) VALUES(?, ?)`)
		require.NoError(b, err)
		for i := range batch {
			row++
			_, err = line.ExecContext(b.Context(), row, batch[i].Time, batch[i].Raw)
			require.NoError(b, err)
			_, err = words.ExecContext(b.Context(), row, batch[i].Raw)
			require.NoError(b, err)
		}
		require.NoError(b, tx.Commit())
	}
}
