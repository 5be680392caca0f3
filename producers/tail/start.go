package tail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/collect"
)

// start reads the marks of the last run and finds their files.
func (t *Tailer) start(ctx context.Context) error {
	var marks []mark
	known := false
	err := t.o.State.List(ctx, filesBucket, func(key string, value []byte) error {
		if key == startedKey {
			known = true
			return nil
		}
		m, err := decodeMark(key, value)
		marks = append(marks, m)
		return err
	})
	if err != nil {
		return err
	}
	if !known {
		return t.firstStart(ctx)
	}
	// The file that was read last comes last: a path's generations in order.
	slices.SortStableFunc(marks, func(a, b mark) int { return int(min(max(a.Read-b.Read, -1), 1)) })
	t.files, t.forget = nil, nil
	clear(t.byInode)
	var missing []*file
	for _, m := range marks {
		if f := newFile(m, t.o.Now()); !t.resume(f) {
			missing = append(missing, f)
		}
	}
	if err := t.resumeNumbers(ctx, slices.Concat(t.files, missing)); err != nil {
		return err
	}
	t.resumeRotated(missing)
	return t.save(ctx, t.register(&turn{}))
}

// firstStart notes that there was one. With From at End, files that are there
// now begin at their end.
func (t *Tailer) firstStart(ctx context.Context) error {
	items := []pipeline.StateItem{{Bucket: filesBucket, Key: startedKey, Value: []byte("1")}}
	if t.o.From == End {
		t.look()
		for _, f := range t.files {
			if err := t.toEnd(f); err != nil {
				t.warnOnce("open "+f.path, "cannot read a file; it is tried again", "path", f.path, "error", err)
			}
			item, err := f.mark.item()
			if err != nil {
				return err
			}
			f.durable = true
			items = append(items, item)
		}
	}
	if err := t.o.State.Put(ctx, items); err != nil {
		return fmt.Errorf("note the first start: %w", err)
	}
	return nil
}

// toEnd moves f to the beginning of its last line, or behind it if it has its
// newline.
func (t *Tailer) toEnd(f *file) error {
	f.mark.Start, f.mark.End = f.size, f.size
	f.mark.Print, f.mark.PrintLen = "", 0
	if !t.open(f) {
		return fs.ErrPermission
	}
	tail := make([]byte, min(f.size, int64(t.o.MaxLine)))
	if _, err := f.handle.ReadAt(tail, f.size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if i := bytes.LastIndexByte(tail, '\n'); i >= 0 {
		f.mark.End = f.size - int64(len(tail)-i-1)
	} else if int64(len(tail)) == f.size {
		f.mark.End = 0
	}
	f.mark.Start = f.mark.End
	return f.mark.extendPrint(f.handle)
}

// resume finds a file of the last run, which may have been renamed meanwhile. It
// returns false when it is not there.
func (t *Tailer) resume(f *file) bool {
	f.durable = true
	path, info := find(&f.mark)
	if info == nil {
		return false
	}
	t.follow(f)
	f.path, f.size, f.again = path, info.Size(), true
	return true
}

// resumeRotated finds the files that had a path between a file of the last run
// and the one that has it now: siblings with a rotation's suffix that were
// written to after that run's file.
func (t *Tailer) resumeRotated(missing []*file) {
	for _, f := range slices.Clone(t.files) {
		if now, err := os.Stat(f.mark.Path); err == nil && inodeOf(now) == f.mark.Inode {
			continue
		}
		if info, err := os.Stat(f.path); err == nil {
			t.addSiblings(&f.mark, info.ModTime(), f)
		}
	}
	for _, f := range missing {
		t.lost(ReasonRotated, "a file was rotated away while loglode was down: what it got after the last read is lost", f)
		t.drop(f)
		t.addSiblings(&f.mark, time.Unix(0, f.mark.Read), nil)
	}
}

func (t *Tailer) addSiblings(m *mark, since time.Time, after *file) {
	if after != nil {
		t.successors[m.Path] = after
	}
	dir, base := filepath.Split(m.Real)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // the directory is gone with the pod: there is nothing to find
	}
	type sibling struct {
		path string
		info fs.FileInfo
	}
	var siblings []sibling
	for _, e := range entries {
		if !isRotation(base, e.Name()) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || !info.ModTime().After(since) || t.byInode[inodeOf(info)] != nil {
			continue
		}
		if isCompressed(path) {
			if !t.warned[path] {
				t.warned[path] = true
				t.lost(ReasonRotated, "a rotated file was compressed before it was read: load it with loglode ingest",
					newFile(*m, t.o.Now()), "file", path, "lost_compressed_bytes", info.Size())
			}
			continue
		}
		siblings = append(siblings, sibling{path, info})
	}
	slices.SortFunc(siblings, func(a, b sibling) int { return a.info.ModTime().Compare(b.info.ModTime()) })
	for _, s := range siblings {
		now := t.o.Now()
		f := t.add(newMark(m.Path, m.Real, inodeOf(s.info), now), now)
		f.path, f.size, f.after = s.path, s.info.Size(), after
		t.successors[m.Path], after = f, f
	}
}

// catchUp reads the last batch of a file of the last run again and publishes it
// as it was: the run may have ended before it did. A file that cannot be read
// waits without holding up the others.
func (t *Tailer) catchUp(ctx context.Context, f *file) error {
	path, info := find(&f.mark)
	if info == nil {
		t.lost(ReasonDeleted, "a file was deleted before it was read to its end", f)
		t.remove(f)
		return nil
	}
	f.path = path
	handle, err := os.Open(path)
	if err != nil {
		f.denied = true
		t.warnOnce("open "+path, "cannot read a file; it is tried again", "path", path, "error", err)
		return nil
	}
	defer handle.Close()
	if info, err := handle.Stat(); err != nil || inodeOf(info) != f.mark.Inode {
		return nil // rotated this moment: the next step finds it
	}
	same, err := f.mark.matches(handle)
	if err != nil {
		t.warnOnce("read "+f.path, "cannot read a file; it is tried again", "path", f.path, "error", err)
		return nil
	}
	f.denied = false
	if !same {
		t.lost(ReasonTruncated, "a file was truncated or replaced while loglode was down: what it got after the last read is lost", f)
		f.again = false
		t.replaced(f, path)
		return nil
	}
	if err := t.publishAgain(ctx, &f.mark, handle); err != nil {
		return fmt.Errorf("publish the last batch of %s again: %w", f.path, err)
	}
	f.again = false
	return nil
}

func (t *Tailer) publishAgain(ctx context.Context, m *mark, handle io.ReaderAt) error {
	numbers := collect.NewNumberer(m.Identity, m.base)
	batch := t.o.Intake.Batch(m.Read, nil).Named(m.Path)
	batch.AddBytes(m.End - m.Start)
	c, err := t.collect(m, io.NewSectionReader(handle, m.Start, m.End-m.Start), m.Start, m.Read, func(e *collect.Entry) error {
		numbers.Number(e)
		return batch.Add(ctx, m.Identity, e)
	})
	if err != nil {
		return err
	}
	if err := c.Flush(); err != nil {
		return err
	}
	_, err = batch.Commit(ctx)
	return err
}
