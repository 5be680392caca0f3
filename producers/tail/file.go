package tail

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/collect"
)

// file is one generation of a file that is followed.
type file struct {
	mark    mark
	marks   map[collect.Key]collect.Mark // what its numbers go on from at mark.End
	durable bool                         // mark is in State

	path     string // where it was last seen
	handle   *os.File
	opened   int64 // when handle was last used, in opens
	size     int64 // when last looked at, and modified
	modified time.Time
	grown    time.Time
	gone     time.Time // since when no glob leads to it; zero while one does
	after    *file     // the generation of the same path before it, while it is read

	changed   bool  // since it was last read: in size, or in time, when it may have been truncated and written to its old size
	more      bool  // there was more than the turn could take
	scanned   int64 // from mark.End to here lies one line or hole without an end
	held      int64 // where held-back lines begin; -1 none
	heldSince time.Time
	denied    bool
	again     bool // the last batch may not have been published
}

func newFile(m mark, now time.Time) *file {
	return &file{mark: m, marks: map[collect.Key]collect.Mark{}, path: m.Path, changed: true, held: -1, grown: now}
}

// published moves f behind a batch.
func (f *file) published(to mark, marks map[collect.Key]collect.Mark) {
	f.mark = to
	if len(f.marks)+len(marks) > maxMarks {
		clear(f.marks) // what is not there is looked up as at a border
	}
	maps.Copy(f.marks, marks)
}

func (f *file) close() {
	if f.handle != nil {
		f.handle.Close() // only read from: nothing can be lost
		f.handle = nil
	}
}

// note takes down what a look has found.
func (f *file) note(info fs.FileInfo, now time.Time) {
	if info.Size() != f.size {
		f.size, f.grown, f.changed = info.Size(), now, true
	}
	if !info.ModTime().Equal(f.modified) {
		f.modified, f.changed = info.ModTime(), true
	}
}

// unfinished tells whether f's complete lines are not all in the stream: the
// file that took its path waits, so that times do not run backwards.
func (f *file) unfinished() bool {
	return !f.denied && (f.again || f.changed || f.more || f.held >= 0)
}

// look finds new files and how those that are known have changed.
func (t *Tailer) look() {
	now := t.o.Now()
	if t.scanned.IsZero() || now.Sub(t.scanned) >= t.o.ScanInterval {
		t.paths = expandAll(t.globs, func(dir string, err error) {
			t.warnOnce("list "+dir, "cannot list a directory of a tail pattern", "dir", dir, "error", err)
		})
		t.scanned = now
	}
	holder := map[string]*file{} // who was at a path until now
	for _, f := range t.files {
		holder[f.path] = f
	}
	found := map[inode]bool{}
	for _, path := range t.paths {
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() || found[inodeOf(info)] {
			continue
		}
		if isCompressed(path) {
			t.warnOnce("compressed", "a tail pattern matches compressed files: they are left alone; load them with loglode ingest", "path", path)
			continue
		}
		id := inodeOf(info)
		found[id] = true
		f := t.byInode[id]
		if f == nil {
			f = t.add(newMark(path, resolve(path), id, now), now)
			if before := holder[path]; before != nil {
				t.addSiblings(&before.mark, before.modified, before)
			}
			f.after = t.successors[path]
			delete(t.successors, path)
		}
		f.path, f.gone = path, time.Time{}
		f.note(info, now)
	}
	for _, f := range t.files {
		if !found[f.mark.Inode] {
			t.lookForGone(f, now)
		}
	}
}

func (t *Tailer) add(m mark, now time.Time) *file {
	f := newFile(m, now)
	t.follow(f)
	return f
}

func (t *Tailer) follow(f *file) {
	t.files = append(t.files, f)
	t.byInode[f.mark.Inode] = f
}

// lookForGone looks at a file that no glob leads to any more.
func (t *Tailer) lookForGone(f *file, now time.Time) {
	if f.gone.IsZero() {
		// A glob that fails for a moment must not make us forget files.
		if info, err := os.Stat(f.mark.Path); err == nil && inodeOf(info) == f.mark.Inode || err != nil && !errors.Is(err, fs.ErrNotExist) {
			return
		}
		f.gone = now
	}
	if f.handle != nil {
		if info, err := f.handle.Stat(); err == nil {
			f.note(info, now)
		}
		return
	}
	path, info := find(&f.mark)
	if info == nil {
		if f.size > f.mark.End {
			t.lost(ReasonDeleted, "a file was deleted before it was read to its end", f, "lost_bytes", f.size-f.mark.End)
		}
		f.size, f.changed, f.held, f.more = f.mark.End, false, -1, false
		return
	}
	f.path = path
	f.note(info, now)
}

// lost reports that something of a file was never read.
func (t *Tailer) lost(reason, message string, f *file, attrs ...any) {
	t.o.Observer.Lost(reason)
	t.o.Logger.Warn(message, append([]any{"path", f.mark.Path, "read_up_to", f.mark.End, "reason", reason}, attrs...)...)
}

// open gives f its handle. ok is false when it cannot be read now.
func (t *Tailer) open(f *file) (ok bool) {
	t.opens++
	f.opened = t.opens
	if f.handle != nil {
		return true
	}
	h, err := os.Open(f.path)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			f.denied = true
			t.warnOnce("open "+f.path, "cannot read a file; it is tried again", "path", f.path, "error", err)
		}
		return false
	}
	if info, err := h.Stat(); err != nil || inodeOf(info) != f.mark.Inode {
		h.Close() // replaced since it was looked at: the next look sees it
		return false
	}
	f.handle, f.denied = h, false
	delete(t.warned, "open "+f.path)
	t.closeOne(f)
	return true
}

// closeOne closes the file that was not used for longest when too many are
// open; deleted ones last, since they cannot be opened again.
func (t *Tailer) closeOne(but *file) {
	open := 0
	var oldest *file
	for _, f := range t.files {
		if f.handle == nil {
			continue
		}
		open++
		switch {
		case f == but:
		case oldest == nil, oldest.gone.IsZero() == f.gone.IsZero() && f.opened < oldest.opened,
			!oldest.gone.IsZero() && f.gone.IsZero():
			oldest = f
		}
	}
	if open > t.o.MaxOpen && oldest != nil {
		oldest.close()
	}
}

// remove stops following f.
func (t *Tailer) remove(f *file) {
	f.close()
	t.drop(f)
	t.files = slices.DeleteFunc(t.files, func(other *file) bool { return other == f })
	if t.byInode[f.mark.Inode] == f {
		delete(t.byInode, f.mark.Inode)
	}
	// Who waited for f waits for the generation before it.
	for _, other := range t.files {
		if other.after == f {
			other.after = f.after
		}
	}
	for path, last := range t.successors {
		switch {
		case last != f:
		case f.after != nil:
			t.successors[path] = f.after
		default:
			delete(t.successors, path)
		}
	}
}

// drop has the next Put forget f's generation.
func (t *Tailer) drop(f *file) {
	if !f.durable {
		return
	}
	t.forget = append(t.forget, pipeline.StateItem{Bucket: filesBucket, Key: f.mark.Identity})
	for k := range f.marks {
		t.forget = append(t.forget, pipeline.StateItem{Bucket: numbersBucket, Key: numberKey(f.mark.Identity, k)})
	}
}

// replaced deals with a file that is not what f's mark was made of: at f's own
// path, or where a glob leads, it is read. One of another name was only looked
// at because it has the inode; if a pattern names it, the next look finds it.
func (t *Tailer) replaced(f *file, path string) {
	if path != f.mark.Path && !slices.Contains(t.paths, path) {
		t.remove(f)
		return
	}
	t.restart(f)
}

// restart begins a new generation of f at its beginning: it was truncated, or
// another file has got its inode.
func (t *Tailer) restart(f *file) {
	t.o.Logger.Info("a file was truncated or replaced: reading it from its beginning", "path", f.path, "read_up_to", f.mark.End)
	t.drop(f)
	f.mark = newMark(f.path, resolve(f.path), f.mark.Inode, t.o.Now())
	clear(f.marks)
	f.durable, f.changed, f.more, f.scanned, f.held = false, true, false, 0, -1
}

// resolve is where a path leads to; the path itself if that cannot be told.
func resolve(path string) string {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return path
	}
	return real
}

// find looks for a file that may have been renamed: at its path, then among
// its siblings. info is nil when it is not there.
func find(m *mark) (path string, info fs.FileInfo) {
	for _, path := range []string{m.Path, m.Real} {
		if info, err := os.Stat(path); err == nil && inodeOf(info) == m.Inode {
			return path, info
		}
	}
	dirs := slices.Compact([]string{filepath.Dir(m.Real), filepath.Dir(m.Path)})
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			info, err := e.Info()
			if err == nil && info.Mode().IsRegular() && inodeOf(info) == m.Inode {
				return filepath.Join(dir, e.Name()), info
			}
		}
	}
	return "", nil
}
