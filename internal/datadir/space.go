package datadir

import (
	"fmt"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"golang.org/x/sys/unix"

	"github.com/loglode/loglode/pipeline"
)

const (
	errReadOnly     = unix.EROFS
	errNotDirectory = unix.ENOTDIR
)

// Space is a file system's room in bytes. Free is what this process may use.
type Space struct{ Free, Total int64 }

// Statfs asks the system for the room of the file system that holds path.
func Statfs(path string) (Space, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return Space{}, fmt.Errorf("read free space of %s: %w", path, err)
	}
	size := int64(s.Bsize) //nolint:unconvert // 32 bits on other systems
	return Space{Free: int64(s.Bavail) * size, Total: int64(s.Blocks) * size}, nil
}

// The default of what a Guard leaves free: a share of the file system, capped.
const (
	defaultFreeShare = 20 // one in 20: 5 %
	defaultFreeMost  = 1 << 30
)

// guardInterval is how long a Guard believes its last look. At 250 MB/s, the
// fastest a stream that syncs was measured, that is 250 MB: less than what the
// default leaves free on any disk of 5 GB and more.
const guardInterval = time.Second

// Guard answers whether the disk is about to be full. It may be used at once
// from several goroutines.
type Guard struct {
	path    string
	minFree int64
	share   int64 // what is needed is divided by it; 0 is 1
	stat    func(path string) (Space, error)

	mu    sync.Mutex
	at    time.Time
	space Space
	err   error
}

// NewGuard watches the file system of path. minFree is in bytes; 0 stands for
// 5 % of the file system, at most 1 GiB. stat is [Statfs], or a test's.
func NewGuard(path string, minFree int64, stat func(path string) (Space, error)) *Guard {
	return &Guard{path: path, minFree: minFree, stat: stat}
}

// Check returns nil while enough is free, else an error that wraps
// pipeline.ErrTryLater. It looks at the disk once a second at most.
func (g *Guard) Check() error {
	space, err := g.Space()
	if err != nil {
		return fmt.Errorf("%w: %w", pipeline.ErrTryLater, err)
	}
	if least := g.least(space); space.Free < least {
		return pipeline.WithHint(
			fmt.Errorf("%w: %s free on the file system of %s, less than the %s of disk.min_free",
				pipeline.ErrTryLater, humanize.IBytes(uint64(max(0, space.Free))), g.path, humanize.IBytes(uint64(least))),
			"free some space, set index.max_bytes or index.retention, or lower disk.min_free; nothing is lost meanwhile")
	}
	return nil
}

// Space is the room at the last look, at most a second ago.
func (g *Guard) Space() (Space, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now := time.Now(); g.at.IsZero() || now.Sub(g.at) >= guardInterval {
		g.space, g.err = g.stat(g.path)
		g.at = now
	}
	return g.space, g.err
}

// MinFree is how many bytes must stay free.
func (g *Guard) MinFree() int64 {
	space, err := g.Space()
	if err != nil {
		return g.minFree
	}
	return g.least(space)
}

// Half is a guard of the same file system that is content with half as much
// free space: for work that must go on a while after g has stopped new work.
func (g *Guard) Half() *Guard {
	return &Guard{path: g.path, minFree: g.minFree, share: 2, stat: g.stat}
}

// least is how many bytes must stay free.
func (g *Guard) least(s Space) int64 {
	least := g.minFree
	if least <= 0 {
		least = min(s.Total/defaultFreeShare, defaultFreeMost)
	}
	return least / max(1, g.share)
}
