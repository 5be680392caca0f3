package opensearch

import (
	"context"
	"sync"
)

const (
	// firstWidth is how many bulk requests a target begins with at once, mostWidth
	// how many it is given at most.
	firstWidth = 2
	mostWidth  = 8
)

// gates hold one gate for each target, so that a sick index does not hold the
// others.
type gates struct {
	mu sync.Mutex
	of map[string]*gate
}

func newGates() *gates { return &gates{of: map[string]*gate{}} }

func (g *gates) at(target string) *gate {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.of[target] == nil {
		g.of[target] = &gate{width: firstWidth, free: make(chan struct{})}
	}
	return g.of[target]
}

// gate lets a number of requests through at once that rises by one for each
// width of successes, and halves when the target is overloaded (AIMD, as TCP).
type gate struct {
	mu     sync.Mutex
	width  float64
	inside int
	free   chan struct{} // closed, and made anew, when there may be room
}

// enter waits for room.
func (g *gate) enter(ctx context.Context) error {
	for {
		g.mu.Lock()
		if float64(g.inside) < g.width {
			g.inside++
			g.mu.Unlock()
			return nil
		}
		free := g.free
		g.mu.Unlock()
		select {
		case <-free:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// verdict is how a request went.
type verdict uint8

const (
	went       verdict = iota
	overloaded         // 429, 503, no answer in time
)

// leave gives the room back.
func (g *gate) leave(v verdict) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	switch v {
	case went:
		g.width = min(mostWidth, g.width+1/g.width)
	case overloaded:
		g.width = max(1, g.width/2)
	}
	close(g.free)
	g.free = make(chan struct{})
}
