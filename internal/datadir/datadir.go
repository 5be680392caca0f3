// Package datadir owns the data directory: who uses it, where its parts lie,
// what version its layout has, and how much room is left.
//
//	<dir>/lock           held by the one process that uses it: {"pid","url","since"}
//	<dir>/layout         version of this list
//	<dir>/redaction.key  the deployment key
//	<dir>/stream/        the embedded stream's files
//	<dir>/catalogue.db   checkpoints, state, dead letters
//	<dir>/days/          one file of lines a day
//
// Locks and free space are those of Unix systems.
package datadir

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/loglode/loglode/pipeline"
)

// Layout is the version of the directory's layout that this program writes.
const Layout = 1

// lockPatience is how long Open tries: Inspect holds the lock for an instant.
const lockPatience = 200 * time.Millisecond

// Dir is a data directory that this process holds.
type Dir struct {
	path   string
	lock   *flock.Flock
	holder Holder
}

// Holder is the process that uses a data directory.
type Holder struct {
	PID int `json:"pid"`
	// URL is where its HTTP service answers; empty before it listens, and for a
	// command that serves none.
	URL   string    `json:"url"`
	Since time.Time `json:"since"`
}

// HeldError says that another process uses the directory.
type HeldError struct {
	Dir    string
	Holder Holder
}

func (e *HeldError) Error() string {
	who := "another process"
	if e.Holder.PID != 0 {
		who = fmt.Sprintf("process %d", e.Holder.PID)
	}
	if e.Holder.URL != "" {
		who += " at " + e.Holder.URL
	}
	return fmt.Sprintf("data directory %s is in use by %s", e.Dir, who)
}

// Open creates the directory if need be (mode 0700), and takes it for this
// process until Close. If another process holds it, the error is a [HeldError].
// A layout newer than this program is refused.
func Open(dir string) (*Dir, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open data directory %s: %w", dir, err)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("create data directory: %w", withAccessHint(err))
	}
	lock := flock.New(filepath.Join(path, "lock"), flock.SetFlag(os.O_CREATE|os.O_RDWR))
	ctx, cancel := context.WithTimeout(context.Background(), lockPatience)
	defer cancel()
	locked, err := lock.TryLockContext(ctx, lockPatience/20)
	if !locked {
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return nil, fmt.Errorf("lock data directory %s: %w", path, withAccessHint(err))
		}
		return nil, held(path)
	}
	d := &Dir{path: path, lock: lock, holder: Holder{PID: os.Getpid(), Since: time.Now().UTC().Truncate(time.Second)}}
	if err := errors.Join(d.writeHolder(), d.checkLayout()); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return d, nil
}

// Close gives the directory up.
func (d *Dir) Close() error {
	if err := d.lock.Close(); err != nil {
		return fmt.Errorf("unlock data directory: %w", err)
	}
	return nil
}

// Path is the directory's absolute path.
func (d *Dir) Path() string { return d.path }

// Stream is the directory of the embedded stream's files.
func (d *Dir) Stream() string { return filepath.Join(d.path, "stream") }

// Days is the directory that holds one file of lines a day.
func (d *Dir) Days() string { return filepath.Join(d.path, "days") }

// Catalogue is the file of checkpoints, state and dead letters.
func (d *Dir) Catalogue() string { return filepath.Join(d.path, "catalogue.db") }

// KeyFile is where the deployment key lies unless configured elsewhere.
func (d *Dir) KeyFile() string { return filepath.Join(d.path, "redaction.key") }

// SetURL tells other processes where this one answers.
func (d *Dir) SetURL(url string) error {
	d.holder.URL = url
	return d.writeHolder()
}

// Inspect tells whether a process holds the directory, and which, without
// taking it and without creating anything.
func Inspect(dir string) (Holder, bool, error) {
	path := filepath.Join(dir, "lock")
	lock := flock.New(path, flock.SetFlag(os.O_RDONLY))
	free, err := lock.TryRLock()
	if errors.Is(err, fs.ErrNotExist) {
		return Holder{}, false, nil
	}
	if err != nil {
		return Holder{}, false, fmt.Errorf("inspect data directory %s: %w", dir, withAccessHint(err))
	}
	if free {
		if err := lock.Close(); err != nil {
			return Holder{}, false, fmt.Errorf("inspect data directory %s: %w", dir, err)
		}
		return Holder{}, false, nil
	}
	return readHolder(path), true, nil
}

// held is the error for a directory that somebody else holds.
func held(dir string) error {
	h := readHolder(filepath.Join(dir, "lock"))
	hint := "stop that process, or choose another directory with --data"
	if h.URL != "" {
		hint = "use --url " + h.URL + " to talk to it, or choose another directory with --data"
	}
	return pipeline.WithHint(&HeldError{Dir: dir, Holder: h}, hint)
}

// writeHolder overwrites the lock file in place: a rename would leave the lock
// on a file that nobody finds. The longer of two texts may show its end for an
// instant, which readHolder does not read.
func (d *Dir) writeHolder() error {
	b, err := json.Marshal(d.holder)
	if err != nil {
		return fmt.Errorf("write lock file: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(d.path, "lock"), os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("write lock file: %w", err)
	}
	_, err = f.WriteAt(append(b, '\n'), 0)
	if err := errors.Join(err, f.Truncate(int64(len(b)+1)), f.Close()); err != nil {
		return fmt.Errorf("write lock file: %w", err)
	}
	return nil
}

// readHolder is the zero Holder if the file says nothing that can be read: a
// process has just taken the lock and not yet written.
func readHolder(path string) Holder {
	f, err := os.Open(path)
	if err != nil {
		return Holder{}
	}
	defer f.Close() //nolint:errcheck // it was only read
	var h Holder
	if err := json.NewDecoder(f).Decode(&h); err != nil {
		return Holder{}
	}
	return h
}

// Is says whether dir is a data directory: what only reads must not make one.
func Is(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "layout"))
	return err == nil
}

// checkLayout writes the layout's version into a new directory and refuses a
// newer one.
func (d *Dir) checkLayout() error {
	path := filepath.Join(d.path, "layout")
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return writeDurably(path, []byte(strconv.Itoa(Layout)+"\n"))
	}
	if err != nil {
		return fmt.Errorf("read layout of data directory: %w", withAccessHint(err))
	}
	version, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || version < 1 {
		return pipeline.WithHint(fmt.Errorf("%s does not hold a layout version: %q", path, b),
			"this is no data directory of loglode, or it is damaged: choose another with --data")
	}
	if version > Layout {
		return pipeline.WithHint(fmt.Errorf("data directory %s has layout %d, this program knows up to %d", d.path, version, Layout),
			"it was written by a newer loglode: use that one")
	}
	return nil
}

// withAccessHint adds what to do about a directory that may not be used.
func withAccessHint(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return pipeline.WithHint(err, fmt.Sprintf("make it readable and writable for user %d, or choose another directory with --data", os.Getuid()))
	case errors.Is(err, errReadOnly):
		return pipeline.WithHint(err, "the file system is read-only: choose another directory with --data")
	case errors.Is(err, errNotDirectory):
		return pipeline.WithHint(err, "a file is in the way: choose another directory with --data")
	}
	return err
}
