// Package sqlite is the embedded store: one SQLite file for each UTC day of
// lines, and a catalogue file for dead letters, state and vectors.
//
//	Write -> analyse -> dedupe (ids.go) -> rows -> blocks of 256 -> one transaction a day
//	                                                 |
//	     block_columns  times, resources, levels ... | small, all that filters need
//	     block_ids      16 bytes an entry            |
//	     block_postings term -> entries of the block | exact matches, BM25
//	     block_texts    zstd                         | read for a page's lines alone
//	     terms (FTS5)   term -> blocks               | once a block is full
//	     block_groups   lines by pattern and writer  | once a block is full
//	     patterns       the day's pattern documents, numbered
//
//	Lines -> days by time -> summaries in memory rule blocks out -> FTS5 rules
//	blocks out -> postings and columns of the rest -> the page -> its texts
//
//	Groups -> days, blocks -> block_groups; columns where a time or text cuts a
//	block
//
//	Candidates -> patterns of all days, in memory: terms, vectors -> both legs
//	                             the catalogue's vectors, by content -^
//
// The last block of a day is open: every Write replaces its row until it is
// full, but an entry never changes its place, so readers need no transaction:
// what they know of a block stays true.
package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/analysis"
	"github.com/loglode/loglode/pipeline/embedding"
)

const (
	// maxRaw is the largest text of an entry, in bytes.
	maxRaw = 4 << 20
	// maxReaders is how many queries read one day at once.
	maxReaders = 2
	// maxLimit is the largest page.
	maxLimit     = 10_000
	defaultLimit = 100
)

// limits bound what a store keeps in memory. Tests set smaller ones to meet
// their edges.
type limits struct {
	writers, open int // days open for writing, and open at all
	tail          int // newest IDs kept in memory before they become a run
	pending       int // full blocks that wait for the table terms
	kept          int // bytes of postings between the passes of a ranked query

	servicePatterns, dayPatterns int // documents of a service, and of all, in a day
}

var defaultLimits = limits{
	writers: 4, open: 16, tail: 1 << 14, pending: 16, kept: 32 << 20,
	servicePatterns: 10_000, dayPatterns: 200_000,
}

// View derives an entry's message and attributes from its kind and raw text.
// ref is the collector's time in Unix ns, or the entry's where there is none:
// what times without a year are read against.
type View func(kind pipeline.Kind, raw string, ref int64) (message string, attributes []pipeline.Attribute)

// Options say where a store is and what it needs from outside.
type Options struct {
	// Dir is the data directory. Days are in its subdirectory days, the
	// catalogue is Dir/catalogue.db.
	Dir string
	// Logger may be nil.
	Logger *slog.Logger
	// View may be nil: then the message is the raw text.
	View View
	// CreatedBy is written into new files: the program's version.
	CreatedBy string
	// Key is the deployment's secret, at least 16 bytes, from which the key of
	// dead letters is derived. Only OpenCatalogue needs it.
	Key []byte
	// DeadLetterAge is how long dead letters are kept; 0 for ever.
	DeadLetterAge time.Duration
	// ServicePatterns and DayPatterns are how many pattern documents a day keeps
	// of one service and of all; 0 for 10,000 and 200,000. Lines of further ones
	// are stored without their pattern.
	ServicePatterns, DayPatterns int
	// Masked says which of an entry's words its template masks, for the document
	// that it makes; it is called from several goroutines. nil keeps none.
	Masked func(*pipeline.Entry) string
	// Document says what of a pattern is ranked and embedded. It is called from
	// several goroutines and its answer depends on nothing else; nil takes the
	// template and the service as they are. Only NewPatterns needs it.
	Document func(template, service, masked string) embedding.Document
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Store is the index of lines. It implements pipeline.Index and
// pipeline.LineReader.
type Store struct {
	dir       string
	log       *slog.Logger
	view      View
	masked    func(*pipeline.Entry) string
	createdBy string
	limits    limits

	encoder   *zstd.Encoder
	decoder   *zstd.Decoder
	analysers sync.Pool

	mu     sync.Mutex
	days   map[string]*day
	clock  int64 // counts uses, for the least recently used
	closed bool

	openDays, openWriters atomic.Int32
}

var (
	_ pipeline.Index      = (*Store)(nil)
	_ pipeline.LineReader = (*Store)(nil)
)

var errClosed = errors.New("store is closed")

// Open opens the store in o.Dir, which is created where it is missing. Files of
// days are opened when they are needed.
func Open(_ context.Context, o Options) (*Store, error) {
	dir, err := filepath.Abs(filepath.Join(o.Dir, "days"))
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, pipeline.WithHint(fmt.Errorf("create data directory: %w", err), "Check the path and its permissions, or name another directory with --data.")
	}
	if err := syncDir(filepath.Dir(dir)); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2),
		zstd.WithWindowSize(1<<20), zstd.WithEncoderCRC(true), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(64<<20))
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &Store{dir: dir, log: o.Logger, view: o.View, masked: o.Masked, createdBy: o.CreatedBy, limits: defaultLimits, encoder: encoder, decoder: decoder, days: map[string]*day{}}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.masked == nil {
		s.masked = func(*pipeline.Entry) string { return "" }
	}
	if s.view == nil {
		s.view = func(_ pipeline.Kind, raw string, _ int64) (string, []pipeline.Attribute) { return raw, nil }
	}
	s.limits.servicePatterns = cmp.Or(o.ServicePatterns, defaultLimits.servicePatterns)
	s.limits.dayPatterns = cmp.Or(o.DayPatterns, defaultLimits.dayPatterns)
	s.analysers.New = func() any { return analysis.New() }
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), ".db")
		if !ok {
			continue
		}
		number, err := dayNumber(name)
		if err != nil {
			s.log.Warn("file in the data directory is not a day", "file", filepath.Join(dir, f.Name()))
			continue
		}
		s.days[name] = newDay(s, name, number)
	}
	return s, nil
}

// Close waits for what is under way and closes all files. Calls after it fail.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	days := s.list()
	s.mu.Unlock()
	var errs []error
	for _, d := range days {
		d.life.Lock()
		errs = append(errs, d.shut())
		d.life.Unlock()
	}
	errs = append(errs, s.encoder.Close())
	s.decoder.Close()
	return errors.Join(errs...)
}

// list is the days, oldest first. The caller holds mu.
func (s *Store) list() []*day {
	days := make([]*day, 0, len(s.days))
	for _, d := range s.days {
		days = append(days, d)
	}
	slices.SortFunc(days, func(a, b *day) int { return int(a.number - b.number) })
	return days
}

// snapshotDays is the days that hold times in [from, to), oldest first; 0 is
// open.
func (s *Store) snapshotDays(from, to int64) ([]*day, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	days := s.list()
	return slices.DeleteFunc(days, func(d *day) bool {
		return from != 0 && d.number < dayOf(from) || to != 0 && d.number > dayOf(to-1)
	}), nil
}

// day returns a day's handle, made where it is missing.
func (s *Store) day(number int64) (*day, error) {
	name := pipeline.Day(number * nanosPerDay)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	d := s.days[name]
	if d == nil {
		d = newDay(s, name, number)
		s.days[name] = d
	}
	return d, nil
}

const nanosPerDay = int64(24 * time.Hour)

// dayOf is the number of a time's UTC day since 1970.
func dayOf(unixNano int64) int64 {
	d := unixNano / nanosPerDay
	if unixNano%nanosPerDay < 0 {
		d--
	}
	return d
}

func dayNumber(name string) (int64, error) {
	t, err := time.Parse(time.DateOnly, name)
	if err != nil {
		return 0, err
	}
	return t.Unix() / int64(nanosPerDay/int64(time.Second)), nil
}

// Days lists the days that hold documents, oldest first. A day whose file
// cannot be read is listed with its bytes and no entries.
func (s *Store) Days(ctx context.Context) ([]pipeline.DayInfo, error) {
	days, err := s.snapshotDays(0, 0)
	if err != nil {
		return nil, err
	}
	var infos []pipeline.DayInfo
	for _, d := range days {
		t, err := d.readTotals(ctx)
		if errors.Is(err, errDropped) {
			continue
		}
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			s.log.Warn("day cannot be read", "day", d.name, "error", err)
		} else if t.entries == 0 {
			continue
		}
		infos = append(infos, pipeline.DayInfo{Day: d.name, Entries: t.entries, Bytes: d.bytes()})
	}
	return infos, nil
}

// Indices lists the days with the files that hold them.
func (s *Store) Indices(ctx context.Context) ([]pipeline.IndexInfo, error) {
	days, err := s.Days(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]pipeline.IndexInfo, len(days))
	for i, d := range days {
		list[i] = pipeline.IndexInfo{Name: d.Day + ".db", DayInfo: d}
	}
	return list, nil
}

// DropDay deletes a day ("2021-08-03") with all its entries. It waits for what
// reads or writes the day. A day that is not there is no error.
func (s *Store) DropDay(_ context.Context, name string) error {
	s.mu.Lock()
	d := s.days[name]
	s.mu.Unlock()
	if d == nil {
		return nil
	}
	d.life.Lock()
	defer d.life.Unlock()
	if d.dropped {
		return nil
	}
	if err := d.shut(); err != nil {
		s.log.Warn("day did not close cleanly before it was dropped", "day", name, "error", err)
	}
	// The main file goes first: a -wal without it is ignored by SQLite and
	// removed on the next attempt.
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(d.path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("drop day %s: %w", name, err)
		}
	}
	d.dropped = true
	s.mu.Lock()
	delete(s.days, name)
	s.mu.Unlock()
	if err := syncDir(s.dir); err != nil {
		return fmt.Errorf("drop day %s: %w", name, err)
	}
	return nil
}

// forget lets go of a day whose file was moved away or replaced beneath it. The
// file that is there now, if any, is a new day to the store.
func (s *Store) forget(d *day) {
	d.life.Lock()
	defer d.life.Unlock()
	if d.dropped || !d.moved() {
		return
	}
	s.log.Warn("the file of a day was moved away or replaced; what is there now is used", "day", d.name, "file", d.path)
	if err := d.shut(); err != nil {
		s.log.Warn("day did not close cleanly", "day", d.name, "error", err)
	}
	d.dropped = true
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.days[d.name] == d {
		delete(s.days, d.name)
		if d.exists() {
			s.days[d.name] = newDay(s, d.name, d.number)
		}
	}
}

// touch marks a day as used.
func (s *Store) touch(d *day) {
	s.mu.Lock()
	s.clock++
	d.used = s.clock
	s.mu.Unlock()
}

// evict closes what was used least recently, beyond the limits. A
// day in use is left alone: the next call sees to it.
func (s *Store) evict() {
	if int(s.openDays.Load()) <= s.limits.open && int(s.openWriters.Load()) <= s.limits.writers {
		return
	}
	s.mu.Lock()
	days := s.list()
	slices.SortFunc(days, func(a, b *day) int { return int(b.used - a.used) })
	s.mu.Unlock()
	writers, open := 0, 0
	for _, d := range days {
		if d.writing.Load() {
			if writers++; writers > s.limits.writers && d.writeMu.TryLock() {
				if err := d.closeWriter(); err != nil {
					s.log.Warn("close day", "day", d.name, "error", err)
				}
				d.writeMu.Unlock()
			}
		}
		if d.isOpen.Load() {
			if open++; open > s.limits.open && d.life.TryLock() {
				if err := d.shut(); err != nil {
					s.log.Warn("close day", "day", d.name, "error", err)
				}
				d.life.Unlock()
			}
		}
	}
}
