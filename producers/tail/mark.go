package tail

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/collect"
)

// Bucket and key of the durable State.
const (
	filesBucket = "tail-files"
	// startedKey is there once a data directory has tailed: From says where to
	// begin in the files of the very first start alone.
	startedKey = "started"
)

// inode names a file on this machine while it exists.
type inode struct{ Dev, Ino uint64 }

func inodeOf(info fs.FileInfo) inode {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return inode{}
	}
	return inode{uint64(st.Dev), st.Ino}
}

func isNotDir(err error) bool { return errors.Is(err, syscall.ENOTDIR) }

// mark is what is durable of one generation of a file: a file that is truncated
// or replaced begins a new one.
type mark struct {
	// Identity is random. It is the key in State and stands in Origin.
	Identity string `json:"-"`
	// Path is where the file was found, Real where that led to then. Both say
	// who writes it, so they never change.
	Path  string `json:"path"`
	Real  string `json:"real"`
	Inode inode  `json:"inode"`
	// Print is the XXH3-128 of the file's first PrintLen bytes, up to 1,024 of
	// those before End: it tells a file from another that got its inode.
	Print    string `json:"print,omitempty"`
	PrintLen int64  `json:"print_len,omitempty"`
	// The last batch is [Start, End): read at Read, Unix ns (before the first
	// batch: when the file was found), and numbered from Bases. It is published after this was written, so that after a crash it is
	// read and published again, the same.
	Start int64                `json:"start"`
	End   int64                `json:"end"`
	Read  int64                `json:"read"`
	Bases map[string][2]uint64 `json:"bases,omitempty"`
}

const maxPrint = 1024

func newMark(path, real string, id inode, now time.Time) mark {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand)
	return mark{Identity: "tail:" + hex.EncodeToString(random[:]), Path: path, Real: real, Inode: id, Read: now.UnixNano()}
}

func (m *mark) item() (pipeline.StateItem, error) {
	value, err := json.Marshal(m)
	if err != nil {
		return pipeline.StateItem{}, fmt.Errorf("encode mark: %w", err)
	}
	return pipeline.StateItem{Bucket: filesBucket, Key: m.Identity, Value: value}, nil
}

func decodeMark(key string, value []byte) (mark, error) {
	m := mark{Identity: key}
	if err := json.Unmarshal(value, &m); err != nil {
		return m, fmt.Errorf("decode mark of %s: %w", key, err)
	}
	return m, nil
}

func (m *mark) setBases(bases map[collect.Key]collect.Mark) {
	m.Bases = nil
	if len(bases) > 0 {
		m.Bases = make(map[string][2]uint64, len(bases))
	}
	for k, b := range bases {
		m.Bases[hex.EncodeToString(k[:])] = [2]uint64{uint64(b.Time), b.Count}
	}
}

// base is what the last batch was numbered from.
func (m *mark) base(k collect.Key, _ int64) (collect.Mark, bool) {
	b, ok := m.Bases[hex.EncodeToString(k[:])]
	return collect.Mark{Time: int64(b[0]), Count: b[1]}, ok
}

// extendPrint covers more of the file, as End allows.
func (m *mark) extendPrint(f io.ReaderAt) error {
	n := min(m.End, maxPrint)
	if n <= m.PrintLen {
		return nil
	}
	sum, err := fingerprint(f, n)
	if err != nil {
		return err
	}
	m.Print, m.PrintLen = sum, n
	return nil
}

// named tells whether path is one that the mark's file has, or gets when it is
// rotated.
func (m *mark) named(path string) bool {
	if path == m.Path || path == m.Real {
		return true
	}
	dir, name := filepath.Split(path)
	realDir, base := filepath.Split(m.Real)
	return dir == realDir && isRotation(base, name)
}

// isRotation tells whether name is base with a rotation's suffix.
func isRotation(base, name string) bool {
	suffix, ok := strings.CutPrefix(name, base)
	plain := strings.TrimSuffix(strings.TrimSuffix(suffix, ".gz"), ".zst")
	return ok && plain != "" && strings.Trim(plain, "0123456789.-_:TZ") == ""
}

// matches tells whether f is still what the mark was made of. One of which
// nothing was read has only its name and inode: the inode alone may be another
// container's by now.
func (m *mark) matches(f *os.File) (bool, error) {
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	if inodeOf(info) != m.Inode || info.Size() < m.End {
		return false, nil
	}
	if m.PrintLen == 0 {
		return m.named(f.Name()), nil
	}
	sum, err := fingerprint(f, m.PrintLen)
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	return sum == m.Print, err
}

func fingerprint(f io.ReaderAt, n int64) (string, error) {
	var buf [maxPrint]byte
	if _, err := f.ReadAt(buf[:n], 0); err != nil {
		return "", fmt.Errorf("read fingerprint: %w", err)
	}
	sum := xxh3.Hash128(buf[:n]).Bytes()
	return hex.EncodeToString(sum[:]), nil
}
