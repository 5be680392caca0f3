package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
)

func TestForeignFiles(t *testing.T) {
	makeSQLite := func(statements string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			db, err := sql.Open("sqlite", dsn(path))
			require.NoError(t, err)
			_, err = db.Exec(statements)
			require.NoError(t, err)
			require.NoError(t, db.Close())
		}
	}
	newer := func(t *testing.T, path string) {
		db, err := openFile(context.Background(), path, daySchema, "9.9")
		require.NoError(t, err)
		_, err = db.Exec(`PRAGMA user_version = 77`)
		require.NoError(t, err)
		require.NoError(t, db.Close())
	}
	catalogue := func(t *testing.T, path string) {
		db, err := openFile(context.Background(), path, catalogueSchema, "")
		require.NoError(t, err)
		require.NoError(t, db.Close())
	}
	tests := []struct {
		name string
		make func(t *testing.T, path string)
		want string
	}{
		{"not SQLite", func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte("no database "), 1000), 0o600))
		}, "not a database"},
		{"another program's", makeSQLite(`CREATE TABLE t(x)`), "not loglode's"},
		{"another program's with a meta table", makeSQLite(`CREATE TABLE meta(key, value); INSERT INTO meta VALUES('application', 'other'), ('kind', 'day')`), "not loglode's"},
		{"a catalogue", catalogue, "not loglode's day"},
		{"newer", newer, "version 77"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.MkdirAll(filepath.Join(dir, "days"), 0o750))
			path := filepath.Join(dir, "days", "2021-08-03.db")
			tt.make(t, path)
			before, err := os.ReadFile(path)
			require.NoError(t, err)
			s := openTest(t, dir)
			entries := generated(10, 1)
			check := func(err error) {
				t.Helper()
				require.Error(t, err)
				require.Contains(t, err.Error(), path)
				require.Contains(t, err.Error(), tt.want)
				var hint *pipeline.HintError
				require.ErrorAs(t, err, &hint)
			}
			check(s.Write(context.Background(), entries, make([]pipeline.WriteResult, 10)))
			_, err = s.Lines(context.Background(), pipeline.LineQuery{Limit: 1})
			check(err)
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, before, after, "it is left as it is")

			for i := range entries {
				entries[i].Time += nanosPerDay
			}
			require.NoError(t, s.Write(context.Background(), entries, make([]pipeline.WriteResult, 10)), "other days work")
			days, err := s.Days(context.Background())
			require.NoError(t, err)
			require.Len(t, days, 2)
			require.Zero(t, days[0].Entries)
			require.EqualValues(t, 10, days[1].Entries)
			require.NoError(t, s.DropDay(context.Background(), "2021-08-03"), "retention can drop it")
			_, err = s.Lines(context.Background(), pipeline.LineQuery{Limit: 1})
			require.NoError(t, err)
		})
	}
}

func TestMigration(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file.db")
	old := schema{kind: "day", version: 1, create: `CREATE TABLE t(x); INSERT INTO t VALUES(1)`}
	open := func(s schema) error {
		db, err := openFile(context.Background(), path, s, "v1")
		if err != nil {
			return err
		}
		return db.Close()
	}
	require.NoError(t, open(old))
	step := func(statement string) func(context.Context, *sql.Tx) error {
		return func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, statement)
			return err
		}
	}
	broken := schema{kind: "day", version: 3, migrations: map[int]func(context.Context, *sql.Tx) error{
		1: step(`UPDATE t SET x = 100`), 2: func(context.Context, *sql.Tx) error { return errors.New("power cut") },
	}}
	require.ErrorContains(t, open(broken), "power cut")
	newest := broken
	newest.migrations = map[int]func(context.Context, *sql.Tx) error{1: step(`UPDATE t SET x = x + 1`), 2: step(`UPDATE t SET x = x * 10`)}
	require.NoError(t, open(newest))
	require.NoError(t, open(newest), "nothing is left to do")
	db, err := openFile(context.Background(), path, newest, "")
	require.NoError(t, err)
	defer db.Close()
	var x, version int
	require.NoError(t, db.QueryRow(`SELECT x FROM t`).Scan(&x))
	require.NoError(t, db.QueryRow(`PRAGMA user_version`).Scan(&version))
	require.Equal(t, []int{20, 3}, []int{x, version}, "the migration that failed left nothing")
	require.ErrorContains(t, open(old), "version 3")
	missing := schema{kind: "day", version: 9}
	require.ErrorContains(t, open(missing), "no longer reads")
}

func TestFileSettings(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "odd name? 100%#")
	s := openTest(t, dir)
	writeAll(t, s, generated(10, 1), 10)
	for pragma, want := range map[string]string{"page_size": "4096", "journal_mode": "wal", "synchronous": "2", "user_version": "2"} {
		var got string
		require.NoError(t, s.days["2021-08-03"].writer.conn.QueryRowContext(context.Background(), `PRAGMA `+pragma).Scan(&got))
		require.Equal(t, want, got, pragma)
	}
	require.FileExists(t, filepath.Join(dir, "days", "2021-08-03.db"))
}

func TestDropDay(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := openTest(t, dir)
	entries := generated(600, 1)
	for i := range entries[:200] {
		entries[i].Time += nanosPerDay
	}
	writeAll(t, s, entries, 600)
	follow, err := s.Follow(ctx, pipeline.LineQuery{Limit: 1}, "")
	require.NoError(t, err)
	require.NoError(t, s.DropDay(ctx, "2021-08-03"))
	require.NoError(t, s.DropDay(ctx, "2021-08-03"), "again")
	require.NoError(t, s.DropDay(ctx, "1999-01-01"))
	files, err := filepath.Glob(filepath.Join(dir, "days", "2021-08-03*"))
	require.NoError(t, err)
	require.Empty(t, files)
	page, err := s.Lines(ctx, pipeline.LineQuery{Limit: maxLimit})
	require.NoError(t, err)
	require.Len(t, page.Lines, 200)
	days, err := s.Days(ctx)
	require.NoError(t, err)
	require.Len(t, days, 1)
	require.EqualValues(t, 200, days[0].Entries)
	_, err = s.Line(ctx, entries[300].ID)
	require.ErrorIs(t, err, pipeline.ErrNotFound)

	results := make([]pipeline.WriteResult, 100)
	require.NoError(t, s.Write(ctx, entries[300:400], results))
	require.Equal(t, pipeline.Created, results[0].Outcome, "the day begins anew")
	page, err = s.Follow(ctx, pipeline.LineQuery{Limit: maxLimit}, follow.Next)
	require.NoError(t, err)
	require.Len(t, page.Lines, 100, "a cursor past the new end reads the new day")
}

// A day is dropped while queries and writes run: they succeed, or say so.
func TestDropDayWhileReading(t *testing.T) {
	ctx := context.Background()
	s := openTest(t, t.TempDir())
	entries := generated(1500, 1)
	done := make(chan error, 3)
	go func() {
		var err error
		for range 15 {
			err = errors.Join(err, s.Write(ctx, entries, make([]pipeline.WriteResult, len(entries))))
		}
		done <- err
	}()
	go func() {
		var err error
		for range 15 {
			_, e := s.Lines(ctx, pipeline.LineQuery{Text: "connection", Order: pipeline.ByRank, Limit: 100})
			err = errors.Join(err, e, s.Scan(ctx, 0, 0, func(pipeline.Stored) error { return nil }))
		}
		done <- err
	}()
	go func() {
		var err error
		for range 10 {
			err = errors.Join(err, s.DropDay(ctx, "2021-08-03"))
			_, e := s.Days(ctx)
			err = errors.Join(err, e)
		}
		done <- err
	}()
	for range 3 {
		require.NoError(t, <-done)
	}
}

func TestOpenDaysAreBounded(t *testing.T) {
	s := openTest(t, t.TempDir())
	s.limits = limits{writers: 2, open: 3, tail: 100, pending: 2, kept: 1000, servicePatterns: 1000, dayPatterns: 1000}
	entries := generated(400, 1)
	for round := range 3 {
		for i := range entries {
			e := entries[i]
			e.Time += int64(i%8) * nanosPerDay
			e.ID[0], e.ID[1] = byte(round), byte(i)
			require.NoError(t, s.Write(context.Background(), []pipeline.Entry{e}, make([]pipeline.WriteResult, 1)))
			if i > 50 {
				break
			}
		}
		_, err := s.Lines(context.Background(), pipeline.LineQuery{Text: "connection", Order: pipeline.ByRank, Limit: 10})
		require.NoError(t, err)
		require.LessOrEqual(t, int(s.openWriters.Load()), 2)
		require.LessOrEqual(t, int(s.openDays.Load()), 3)
	}
}

func TestClosed(t *testing.T) {
	s, err := Open(context.Background(), Options{Dir: t.TempDir()})
	require.NoError(t, err)
	writeAll(t, s, generated(10, 1), 10)
	require.NoError(t, s.Close())
	require.ErrorIs(t, s.Write(context.Background(), generated(1, 1), make([]pipeline.WriteResult, 1)), errClosed)
	_, err = s.Lines(context.Background(), pipeline.LineQuery{})
	require.ErrorIs(t, err, errClosed)
}

func TestOpenErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := Open(context.Background(), Options{Dir: file})
	var hint *pipeline.HintError
	require.ErrorAs(t, err, &hint)
	_, err = OpenCatalogue(context.Background(), Options{Dir: file, Key: make([]byte, 16)})
	require.ErrorAs(t, err, &hint)
	_, err = OpenCatalogue(context.Background(), Options{Dir: t.TempDir(), Key: make([]byte, 15)})
	require.ErrorAs(t, err, &hint)
}

func letters(n int) []pipeline.DeadLetter {
	list := make([]pipeline.DeadLetter, n)
	for i := range list {
		list[i] = pipeline.DeadLetter{ID: pipeline.ID{byte(i), byte(i >> 8)}, Reason: fmt.Sprint("r", i%2), Data: []byte("password=hunter2"), At: time.Unix(int64(1000+i/3), 0).UTC()}
	}
	return list
}

func TestListDeadLetters(t *testing.T) {
	ctx := context.Background()
	c := openTestCatalogue(t, Options{Dir: t.TempDir()})
	require.NoError(t, c.Add(ctx, letters(50)))
	read := func(f DeadLetterFilter) (list []pipeline.DeadLetter) {
		for {
			page, err := c.ListDeadLetters(ctx, f)
			require.NoError(t, err)
			list = append(list, page.Letters...)
			if f.Cursor = page.Next; f.Cursor == "" {
				return list
			}
		}
	}
	all := read(DeadLetterFilter{Limit: 7})
	require.Len(t, all, 50)
	seen := map[pipeline.ID]bool{}
	for i, l := range all {
		require.False(t, seen[l.ID])
		seen[l.ID] = true
		require.Nil(t, l.Data)
		if i > 0 {
			require.False(t, l.At.After(all[i-1].At), "newest first")
		}
	}
	require.Len(t, read(DeadLetterFilter{Reason: "r1", Limit: 4}), 25)
	require.Len(t, read(DeadLetterFilter{Since: time.Unix(1010, 0), Limit: 100}), 20)
	require.Empty(t, read(DeadLetterFilter{Reason: "none"}))
	_, err := c.ListDeadLetters(ctx, DeadLetterFilter{Cursor: "x"})
	require.ErrorIs(t, err, pipeline.ErrRejected)
}

func TestDeadLettersAreEncrypted(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	c, err := OpenCatalogue(ctx, Options{Dir: dir, Key: []byte("0123456789abcdef")})
	require.NoError(t, err)
	require.NoError(t, c.Add(ctx, letters(3)))
	var a, b []byte
	require.NoError(t, c.read.QueryRow(`SELECT data FROM dead_letters LIMIT 1`).Scan(&a))
	require.NoError(t, c.read.QueryRow(`SELECT data FROM dead_letters LIMIT 1 OFFSET 1`).Scan(&b))
	require.NotEqual(t, a, b, "equal data does not show")
	_, err = c.db.Exec(`UPDATE dead_letters SET data = (SELECT data FROM dead_letters WHERE id = ?) WHERE id = ?`, letters(3)[0].ID[:], letters(3)[1].ID[:])
	require.NoError(t, err)
	_, err = c.DeadLetter(ctx, letters(3)[1].ID)
	require.Error(t, err, "data is bound to its letter")
	require.NoError(t, c.Close())
	content, err := os.ReadFile(filepath.Join(dir, "catalogue.db"))
	require.NoError(t, err)
	require.NotContains(t, string(content), "hunter2")

	other := openTestCatalogue(t, Options{Dir: dir, Key: []byte("another key of 16+ bytes")})
	_, err = other.DeadLetter(ctx, letters(3)[0].ID)
	var hint *pipeline.HintError
	require.ErrorAs(t, err, &hint)
}

func TestDeadLettersArePruned(t *testing.T) {
	ctx := context.Background()
	now := time.Unix(1005, 0)
	c := openTestCatalogue(t, Options{Dir: t.TempDir(), DeadLetterAge: 10 * time.Second, Now: func() time.Time { return now }})
	count := func() int {
		page, err := c.ListDeadLetters(ctx, DeadLetterFilter{Limit: maxLimit})
		require.NoError(t, err)
		return len(page.Letters)
	}
	require.NoError(t, c.Add(ctx, letters(30)))
	now = now.Add(pruneEvery - time.Second)
	require.NoError(t, c.Add(ctx, nil))
	require.Equal(t, 30, count(), "not due yet")
	now = now.Add(time.Second)
	require.NoError(t, c.Add(ctx, nil))
	require.Zero(t, count())
	require.NoError(t, c.Add(ctx, letters(30)))
	removed, err := c.PruneDeadLetters(ctx, time.Unix(1004, 0))
	require.NoError(t, err)
	require.EqualValues(t, 12, removed)
}

func TestCatalogueFull(t *testing.T) {
	ctx := context.Background()
	c := openTestCatalogue(t, Options{Dir: t.TempDir()})
	_, err := c.db.Exec(`PRAGMA max_page_count = 12`)
	require.NoError(t, err)
	big := []pipeline.StateItem{{Bucket: "b", Key: "small", Value: []byte("x")}, {Bucket: "b", Key: "big", Value: make([]byte, 1<<20)}}
	require.ErrorIs(t, c.Put(ctx, big), pipeline.ErrTryLater)
	v, err := c.Get(ctx, "b", "small")
	require.NoError(t, err)
	require.Nil(t, v, "all of it or nothing")
	_, err = c.db.Exec(`PRAGMA max_page_count = 100000`)
	require.NoError(t, err)
	require.NoError(t, c.Put(ctx, big))
}

// A reader that loads a view, is overtaken by writes, and then publishes what
// it loaded must not take readers or the next writer back.
func TestStaleViewIsNotPublished(t *testing.T) {
	ctx := context.Background()
	s := openTest(t, t.TempDir())
	entries := generated(1000, 1)
	writeAll(t, s, entries[:300], 300)
	d := s.days["2021-08-03"]
	stale := d.view.Load()
	writeAll(t, s, entries[300:], 700)
	require.NoError(t, d.closeWriter())
	d.publish(stale)
	page, err := s.Lines(ctx, pipeline.LineQuery{Limit: maxLimit})
	require.NoError(t, err)
	require.Equal(t, 1000, len(page.Lines), "readers are not taken back")
	results := make([]pipeline.WriteResult, 1000)
	require.NoError(t, s.Write(ctx, entries, results))
	for i, r := range results {
		require.Equal(t, pipeline.Exists, r.Outcome, "entry %d", i)
	}
	more := generated(400, 2)
	writeAll(t, s, more, 400)
	page, err = s.Lines(ctx, pipeline.LineQuery{Limit: maxLimit})
	require.NoError(t, err)
	require.Equal(t, 1400, len(page.Lines), "no block was replaced")
}

// Somebody follows the hint and moves a day away while loglode writes to it.
func TestADayThatIsMovedAwayGetsANewFile(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), Options{Dir: dir})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	write := func(n byte) pipeline.Outcome {
		e := pipeline.Entry{ID: pipeline.ID{n}, Time: 1_600_000_000e9, Raw: fmt.Sprint("line ", n), Message: fmt.Sprint("line ", n), Resource: &pipeline.Resource{}}
		results := make([]pipeline.WriteResult, 1)
		require.NoError(t, s.Write(t.Context(), []pipeline.Entry{e}, results))
		return results[0].Outcome
	}
	count := func() int {
		page, err := s.Lines(t.Context(), pipeline.LineQuery{Limit: 100})
		require.NoError(t, err)
		return len(page.Lines)
	}
	require.Equal(t, pipeline.Created, write(1))
	require.Equal(t, 1, count())
	path := filepath.Join(dir, "days", pipeline.Day(1_600_000_000e9)+".db")
	away := filepath.Join(dir, "away.db")
	require.NoError(t, os.Rename(path, away))
	require.Equal(t, pipeline.Created, write(1), "it is gone, so it is written again")
	require.Equal(t, pipeline.Created, write(2))
	require.Equal(t, 2, count())
	require.FileExists(t, path)

	require.NoError(t, os.Remove(path))
	_ = os.Remove(path + "-wal")
	_ = os.Remove(path + "-shm")
	require.Equal(t, 0, count())
	require.Equal(t, pipeline.Created, write(3))
	require.Equal(t, 1, count())
}
