// Package file loads files to their end.
//
//	path or stdin -> magic bytes -> lines or JSON elements -> collect.Collector -> producers.Batch
//	                                                              |
//	                                                producers.Unit (identity: the file's first 1,024 bytes)
//
// A file is one unit: loading it again, also after a crash in the middle, gives
// the same entries the same IDs.
package file

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/collect"
	"github.com/loglode/loglode/producers"
	"github.com/loglode/loglode/producers/file/feed"
)

// Stdin is the path that stands for standard input.
const Stdin = "-"

// Binary says what becomes of files with NUL bytes near their beginning.
type Binary uint8

// What becomes of binary files.
const (
	// RefuseBinary is an error with a hint: `loglode ingest /var/log/*` should
	// not fill an index with wtmp, core dumps and journal files, and whoever
	// typed it should know.
	RefuseBinary Binary = iota
	// IndexBinary takes them as text, line by line.
	IndexBinary
)

// Options configure a Loader. Intake and Ledger are required.
type Options struct {
	// Intake's Publisher should wait where it can: see producers.Patient.
	Intake *producers.Intake
	Ledger *producers.Ledger
	// Defaults, Kind and Format are the collector's. A container log's name
	// fills what Defaults leaves empty.
	Defaults pipeline.Resource
	Kind     pipeline.Kind
	Format   collect.Format
	// MaxLine bounds a line, bytes: a longer one is rejected and counted.
	// Default 1 MiB.
	MaxLine int
	Binary  Binary
	// Bomb is when a compressed file is taken for a bomb; the zero value never
	// does. See feed.DefaultBombLimit.
	Bomb feed.BombLimit
	// Progress, if set, is told how much of the file has been read: bytes on
	// disk, compressed as they are. total is 0 when it is not known.
	Progress func(read, total int64)
	// Name, if set, stands for the path where a name says who wrote the file.
	Name string
	// Stdin is what "-" reads.
	Stdin io.Reader
	// TempDir is where JSON documents from stdin are kept while they are loaded:
	// they are read twice. Default the system's.
	TempDir string
}

// Loader loads files. It is safe for concurrent use if its Progress is.
type Loader struct{ o Options }

// New makes a Loader.
func New(o Options) *Loader {
	if o.MaxLine <= 0 {
		o.MaxLine = 1 << 20
	}
	if o.Stdin == nil {
		o.Stdin = strings.NewReader("")
	}
	if o.Progress == nil {
		o.Progress = func(int64, int64) {}
	}
	return &Loader{o: o}
}

// Load loads a file to its end, or stdin for "-"; .gz and .zst files are known
// by their first bytes. All of the receipt's entries are durable in the stream
// when Load returns, also when it returns an error with a receipt: that of a
// damaged file counts what stood before the damage, and is in the stream. (A
// gzip file bears one checksum at its end: behind a flipped bit, text that is
// garbage may come before the decoder notices. It is loaded as what it is.)
//
// When ctx ends, Load returns its error, soon, and what was published is in the
// stream: loading the file again completes it and doubles nothing.
func (l *Loader) Load(ctx context.Context, path string) (producers.Receipt, error) {
	src, err := l.open(ctx, path)
	if err != nil {
		return producers.Receipt{}, fmt.Errorf("load %s: %w", path, err)
	}
	defer src.close()
	receipt, err := l.load(ctx, src)
	if err != nil {
		return receipt, fmt.Errorf("load %s: %w", path, err)
	}
	return receipt, nil
}

func (l *Loader) load(ctx context.Context, src *source) (producers.Receipt, error) {
	head, err := src.head()
	if err != nil {
		return producers.Receipt{}, err
	}
	if len(head) == 0 {
		return producers.Receipt{}, nil
	}
	if err := l.checkText(src, head); err != nil {
		return producers.Receipt{}, err
	}
	identity, err := l.o.Ledger.FileIdentity(ctx, l.place(src.path), head[:min(len(head), identityBytes)])
	if err != nil {
		return producers.Receipt{}, err
	}
	unit, err := l.o.Ledger.Unit(ctx, identity)
	if err != nil {
		return producers.Receipt{}, err
	}
	defer unit.Close()
	elements, err := l.holdsElements(src, feed.Sniff(head))
	if err != nil {
		return producers.Receipt{}, err
	}
	t := &transfer{ctx: ctx, src: src, source: identity, batch: l.o.Intake.Batch(unit.Read(), unit).Named(cmp.Or(l.o.Name, src.path))}
	t.collector = collect.New(collect.Options{
		Format: l.o.Format, Kind: l.o.Kind, MaxLine: l.o.MaxLine,
		Defaults: feed.Resource(l.o.Defaults, l.name(src.path)), Read: unit.Read(), Numbers: unit.Numbers(),
		Emit: func(e *collect.Entry) error { return t.batch.Add(ctx, t.source, e) },
	})
	if elements {
		return t.finish(feed.Elements(src, t.element))
	}
	return t.finish(t.lines(l.o.MaxLine))
}

// identityBytes is how many decoded bytes of its beginning a file is known by: a
// log that has grown, was rotated or compressed is still the same one.
const identityBytes = 1024

// place is where a file that is too short to be known by its beginning alone is
// known to be.
func (l *Loader) place(path string) string {
	if path == Stdin {
		return "-" + l.o.Name
	}
	if absolute, err := filepath.Abs(path); err == nil {
		return absolute
	}
	return path
}

// name is what says who wrote the file.
func (l *Loader) name(path string) string {
	if path == Stdin {
		path = "stdin"
	}
	return cmp.Or(l.o.Name, path)
}

// holdsElements tells whether the source is JSON of some other shape than
// lines: it reads all of it, since one that breaks in the middle is lines. One
// that cannot be read to its end is taken by its beginning.
func (l *Loader) holdsElements(src *source, shape feed.Shape) (bool, error) {
	if shape == feed.ShapeLines || l.o.Format == collect.FormatText || l.o.Format == collect.FormatCRI {
		return false, nil
	}
	err := src.tryAll(func(r io.Reader) error {
		return feed.Elements(r, func([]byte, int64, int64) error { return nil })
	})
	var syntax *feed.SyntaxError
	var damage *feed.CorruptError
	switch {
	case err == nil, errors.As(err, &damage), errors.Is(err, feed.ErrBomb):
		return true, nil
	case errors.As(err, &syntax):
		return false, nil
	}
	return false, err
}

// transfer is one file on its way into the stream.
type transfer struct {
	ctx       context.Context
	src       *source
	source    string // in dead letters
	batch     *producers.Batch
	collector *collect.Collector
	lineCount int64
	unread    int64 // bytes of a line that the damage cut off
}

func (t *transfer) lines(maxLine int) error {
	lines := feed.NewLines(t.src, 0, maxLine)
	for {
		line, err := lines.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			t.unread = lines.Unfinished()
			return err
		}
		if err := t.ctx.Err(); err != nil {
			return err
		}
		t.lineCount++
		t.batch.AddBytes(line.End - line.Start)
		if line.Long {
			err = t.collector.TooLong(line.Data, line.Start, line.End)
		} else {
			err = t.collector.Line(line.Data, line.Start, line.End)
		}
		if err != nil {
			return &sinkError{err}
		}
	}
}

func (t *transfer) element(elem []byte, start, end int64) error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	t.lineCount++
	t.batch.AddBytes(end - start)
	if err := t.collector.Line(elem, start, end); err != nil {
		return &sinkError{err}
	}
	return nil
}

// sinkError marks an error of the batch, as opposed to one of the source.
type sinkError struct{ err error }

func (e *sinkError) Error() string { return e.err.Error() }
func (e *sinkError) Unwrap() error { return e.err }

// finish commits what was read before err, which is the source's, and says how
// far it got. When the batch has failed or ctx has ended there is nothing to
// commit: what was published is in the stream, and the unit begins again.
func (t *transfer) finish(err error) (producers.Receipt, error) {
	var sink *sinkError
	switch {
	case errors.As(err, &sink):
		return producers.Receipt{}, sink.err
	case t.ctx.Err() != nil:
		return producers.Receipt{}, t.ctx.Err()
	}
	if flushed := t.collector.Flush(); flushed != nil {
		return producers.Receipt{}, flushed
	}
	receipt, committed := t.batch.Commit(t.ctx)
	if committed != nil {
		return producers.Receipt{}, committed
	}
	if err != nil {
		return receipt, t.damage(err)
	}
	return receipt, nil
}

func (t *transfer) damage(err error) error {
	hint := "mend or replace the file and load it again: what is in is not doubled"
	if known := (*pipeline.HintError)(nil); errors.As(err, &known) {
		hint = known.Hint
	}
	cut := ""
	if t.unread > 0 {
		cut = fmt.Sprintf(", the last %d bytes, a line without its end, are not", t.unread)
	}
	return pipeline.WithHint(
		fmt.Errorf("%w; read up to byte %d (decoded): the %d lines before it are in%s", err, t.src.read, t.lineCount, cut), hint)
}
