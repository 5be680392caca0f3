package file

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/producers/file/feed"
)

// source is an open file: its decoded bytes.
type source struct {
	path    string
	ctx     context.Context
	loader  *Loader
	file    *os.File // nil for stdin
	spool   *os.File // stdin's decoded bytes, when it has to be read twice
	cut     error    // what ended spool, when it was not the end of stdin
	total   int64
	trying  bool
	decoder *feed.Decompressor
	r       *bufio.Reader
	read    int64 // decoded bytes taken
}

// open opens a file and finds how it is compressed.
func (l *Loader) open(ctx context.Context, path string) (*source, error) {
	s := &source{path: path, ctx: ctx, loader: l}
	if path == Stdin {
		if err := s.decode(stdin(ctx, l.o.Stdin)); err != nil {
			s.close()
			return nil, err
		}
		return s, nil
	}
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		return nil, pipeline.WithHint(errors.New("it is a directory"), "name its files, for example "+path+"/*.log")
	}
	if err == nil {
		s.file, err = os.Open(path)
	}
	if err != nil {
		return nil, explain(err)
	}
	if info.Mode().IsRegular() {
		s.total = info.Size()
	}
	if err := s.decode(s.file); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// explain gives the usual faults a hint. The path stands in the caller's words.
func explain(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return pipeline.WithHint(err, "check the path; quote a pattern only if loglode is to expand it (up --tail)")
	case errors.Is(err, fs.ErrPermission):
		return pipeline.WithHint(err, "run as a user who may read it; logs under /var/log mostly need root or the group adm")
	}
	return err
}

// decode begins to read raw.
func (s *source) decode(raw io.Reader) error {
	d, err := feed.Decompress(&progress{src: s, r: raw})
	if err != nil {
		return s.explainDamage(err)
	}
	s.decoder = d
	s.r = bufio.NewReaderSize(&feed.Guarded{Decompressor: d, Limit: s.loader.o.Bomb}, feed.SniffBytes)
	return nil
}

func (s *source) explainDamage(err error) error {
	var damage *feed.CorruptError
	if errors.As(err, &damage) {
		return pipeline.WithHint(err, "nothing of it was loaded; check the file with gzip -t or zstd -t")
	}
	return err
}

func (s *source) close() {
	if s.decoder != nil {
		s.decoder.Close()
	}
	if s.file != nil {
		s.file.Close() // only read from: nothing can be lost
	}
	if s.spool != nil {
		s.spool.Close()
		os.Remove(s.spool.Name())
	}
}

// head is the file's beginning, up to SniffBytes, and does not take it. A fault
// behind it shows when it is read.
func (s *source) head() ([]byte, error) {
	head, err := s.r.Peek(feed.SniffBytes)
	if len(head) == 0 && err != nil && !errors.Is(err, io.EOF) {
		return nil, s.explainDamage(err)
	}
	if s.ctx.Err() != nil {
		return nil, s.ctx.Err()
	}
	return head, nil
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.read += int64(n)
	return n, err
}

// tryAll lets fn read all of the file and begins it again after it.
func (s *source) tryAll(fn func(io.Reader) error) error {
	if s.file == nil || s.total == 0 {
		if err := s.keep(); err != nil {
			return err
		}
	}
	s.trying = true
	tried := fn(s)
	s.trying = false
	if s.ctx.Err() != nil {
		return s.ctx.Err()
	}
	if err := s.rewind(); err != nil {
		return err
	}
	return tried
}

// keep writes what cannot be read twice to a temporary file, decoded, up to its
// damage if it has any.
func (s *source) keep() error {
	spool, err := os.CreateTemp(s.loader.o.TempDir, "loglode-stdin-*")
	if err != nil {
		return fmt.Errorf("keep stdin: %w", err)
	}
	s.spool = spool
	buf := make([]byte, feed.SniffBytes)
	for s.cut == nil {
		n, err := s.r.Read(buf)
		if _, failed := spool.Write(buf[:n]); failed != nil {
			return pipeline.WithHint(fmt.Errorf("keep stdin: %w", failed), "put the input into a file and load that")
		}
		if errors.Is(err, io.EOF) {
			break
		}
		s.cut = err
	}
	return s.rewind()
}

func (s *source) rewind() error {
	s.decoder.Close()
	s.read = 0
	if s.spool != nil {
		if _, err := s.spool.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("read stdin again: %w", err)
		}
		s.r = bufio.NewReaderSize(io.MultiReader(s.spool, failing{s.cut}), feed.SniffBytes)
		return nil
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read again: %w", err)
	}
	return s.decode(s.file)
}

// binaryBytes is how far checkText looks for NUL bytes.
const binaryBytes = 8 << 10

// checkText refuses binary files, if it is to. A NUL at the very beginning is
// none of a binary file alone: logrotate's copytruncate leaves holes there.
func (l *Loader) checkText(src *source, head []byte) error {
	if l.o.Binary == IndexBinary {
		return nil
	}
	head = head[:min(len(head), binaryBytes)]
	switch {
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}) || bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return pipeline.WithHint(errors.New("it is UTF-16 text"),
			"convert it: iconv -f UTF-16 -t UTF-8 "+src.path+" | loglode ingest -")
	case bytes.IndexByte(bytes.TrimLeft(head, "\x00"), 0) >= 0:
		return pipeline.WithHint(errors.New("it looks like a binary file: there are NUL bytes at its beginning"),
			"give --binary to load it as text all the same")
	}
	return nil
}

// progress tells how much of the raw bytes was read, and ends with ctx.
type progress struct {
	src  *source
	r    io.Reader
	read int64
}

func (p *progress) Read(b []byte) (int, error) {
	if err := p.src.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := p.r.Read(b)
	p.read += int64(n)
	if !p.src.trying {
		p.src.loader.o.Progress(p.read, p.src.total)
	}
	return n, err
}

// failing is a reader of nothing that ends with err, or io.EOF.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return 0, io.EOF
}

// stdin makes reads end with ctx where r is a terminal, a pipe or a socket: a
// read(2) that waits for input cannot be called back.
func stdin(ctx context.Context, r io.Reader) io.Reader {
	if f, ok := r.(*os.File); ok {
		return &polled{ctx: ctx, f: f}
	}
	return r
}

type polled struct {
	ctx context.Context
	f   *os.File
}

// pollMillis is how long stdin may be silent before ctx is looked at again.
const pollMillis = 100

func (p *polled) Read(b []byte) (int, error) {
	for {
		if err := p.ctx.Err(); err != nil {
			return 0, err
		}
		fds := []unix.PollFd{{Fd: int32(p.f.Fd()), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, pollMillis)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return 0, fmt.Errorf("wait for stdin: %w", err)
		}
		if n > 0 {
			return p.f.Read(b)
		}
	}
}
