package sqlite

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
)

// killedDir names the data directory of the process that TestKill kills.
const killedDir = "LOGLODE_TEST_KILLED_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(killedDir); dir != "" {
		if err := writeUntilKilled(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// killedBatches is what the process writes: batches of many sizes over two days.
func killedBatches() [][]pipeline.Entry {
	entries := generated(12_000, 99)
	for i := range entries {
		if i%3 == 0 {
			entries[i].Time += nanosPerDay
		}
	}
	random := rand.New(rand.NewPCG(5, 5))
	var batches [][]pipeline.Entry
	for len(entries) > 0 {
		n := min(len(entries), 1+random.IntN(1<<random.IntN(9)))
		batches = append(batches, entries[:n])
		entries = entries[n:]
	}
	return batches
}

// writeUntilKilled writes and prints how many batches are acknowledged.
func writeUntilKilled(dir string) error {
	s, err := Open(context.Background(), Options{Dir: dir})
	if err != nil {
		return err
	}
	s.limits = limits{writers: 4, open: 4, tail: 300, pending: 3, kept: 1000, servicePatterns: 1000, dayPatterns: 1000}
	for i, batch := range killedBatches() {
		if err := s.Write(context.Background(), batch, make([]pipeline.WriteResult, len(batch))); err != nil {
			return err
		}
		fmt.Println(i + 1)
	}
	return s.Close()
}

// A process that writes is killed at a seeded moment: after it has
// acknowledged so many batches, with the next under way. All that was
// acknowledged is there, once; the rest can be written.
func TestKill(t *testing.T) {
	batches := killedBatches()
	for seed := range uint64(5) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			dir := t.TempDir()
			after := 1 + rand.New(rand.NewPCG(seed, 1)).IntN(len(batches)*3/4)
			acknowledged := runAndKill(t, dir, after)
			require.GreaterOrEqual(t, acknowledged, after)

			s := openTest(t, dir)
			stored := map[pipeline.ID]int{}
			count := func() {
				clear(stored)
				require.NoError(t, s.Scan(context.Background(), 0, 0, func(e pipeline.Stored) error {
					stored[e.ID]++
					return nil
				}))
			}
			count()
			total := 0
			for i, batch := range batches {
				total += len(batch)
				if i >= acknowledged {
					continue
				}
				for _, e := range batch {
					require.Equal(t, 1, stored[e.ID], "an entry of acknowledged batch %d", i)
				}
			}
			for _, batch := range batches {
				results := make([]pipeline.WriteResult, len(batch))
				require.NoError(t, s.Write(context.Background(), batch, results))
				for i, r := range results {
					want := pipeline.Created
					if stored[batch[i].ID] > 0 {
						want = pipeline.Exists
					}
					require.Equal(t, want, r.Outcome)
				}
			}
			count()
			require.Len(t, stored, total)
			for _, n := range stored {
				require.Equal(t, 1, n)
			}
			page, err := s.Lines(context.Background(), pipeline.LineQuery{Text: "connection", Limit: maxLimit})
			require.NoError(t, err)
			want := 0
			for _, batch := range batches {
				for i := range batch {
					if strings.Contains(batch[i].Raw, "connection") {
						want++
					}
				}
			}
			require.Len(t, page.Lines, want)
		})
	}
}

// runAndKill runs writeUntilKilled in a process of its own, kills it once it
// has acknowledged so many batches, and returns how many it had acknowledged.
func runAndKill(t *testing.T, dir string, after int) int {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), killedDir+"="+dir)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	acknowledged := 0
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		acknowledged, err = strconv.Atoi(lines.Text())
		require.NoError(t, err)
		if acknowledged == after {
			require.NoError(t, cmd.Process.Kill())
		}
	}
	_, err = io.Copy(io.Discard, out)
	require.NoError(t, err)
	require.Error(t, cmd.Wait(), "it was killed before its end")
	return acknowledged
}

// A disk that fills: what was written stays, the error says to try later, and
// the same calls succeed once there is room.
func TestDiskFull(t *testing.T) {
	s := openTest(t, t.TempDir())
	entries := generated(6000, 3)
	writeAll(t, s, entries[:1000], 500)
	d := s.days["2021-08-03"]
	var pages int
	require.NoError(t, d.writer.conn.QueryRowContext(context.Background(), `PRAGMA page_count`).Scan(&pages))
	_, err := d.writer.conn.ExecContext(context.Background(), fmt.Sprint("PRAGMA max_page_count = ", pages+5))
	require.NoError(t, err)

	results := make([]pipeline.WriteResult, 5000)
	err = s.Write(context.Background(), entries[1000:], results)
	require.ErrorIs(t, err, pipeline.ErrTryLater)
	var hint *pipeline.HintError
	require.ErrorAs(t, err, &hint)
	require.Contains(t, err.Error(), "2021-08-03.db")
	page, err := s.Lines(context.Background(), pipeline.LineQuery{Limit: maxLimit})
	require.NoError(t, err)
	require.Len(t, page.Lines, 1000, "nothing of the call that failed")

	require.NoError(t, s.Write(context.Background(), entries[1000:], results))
	require.NoError(t, s.Write(context.Background(), entries, make([]pipeline.WriteResult, 6000)))
	page, err = s.Lines(context.Background(), pipeline.LineQuery{Limit: maxLimit})
	require.NoError(t, err)
	require.Len(t, page.Lines, 6000)
}

// A block that is damaged is an error with the file's name; other days stay
// usable.
func TestDamagedBlock(t *testing.T) {
	for _, table := range []string{"block_columns", "block_ids", "block_postings", "block_texts", "block_groups"} {
		t.Run(table, func(t *testing.T) {
			dir := t.TempDir()
			s := openTest(t, dir)
			entries := generated(900, 4)
			for i := range entries[:300] {
				entries[i].Time += nanosPerDay
			}
			writeAll(t, s, entries, 300)
			require.NoError(t, s.Close())
			db, err := openFile(context.Background(), filepath.Join(dir, "days", "2021-08-03.db"), daySchema, "")
			require.NoError(t, err)
			_, err = db.Exec(`UPDATE ` + table + ` SET data = x'01ff'`)
			require.NoError(t, err)
			require.NoError(t, db.Close())

			s = openTest(t, dir)
			if table == "block_groups" {
				_, err = s.groups(context.Background(), pipeline.PatternQuery{})
			} else {
				_, err = s.Lines(context.Background(), pipeline.LineQuery{Text: "connection", Limit: maxLimit})
			}
			require.ErrorIs(t, err, errCorrupt)
			require.Contains(t, err.Error(), "2021-08-03.db")
			page, err := s.Lines(context.Background(), pipeline.LineQuery{Filter: pipeline.Filter{From: entries[0].Time}, Limit: maxLimit})
			require.NoError(t, err)
			require.Len(t, page.Lines, 300)
		})
	}
}
