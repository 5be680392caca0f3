package app

import (
	"context"

	"github.com/loglode/loglode/internal/access"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/producers/ingesthttp"
)

// tailObserver tells metrics and status of tailing. It is tail.Observer.
type tailObserver struct{ app *App }

func (o tailObserver) TailFiles(n int) {
	o.app.metrics.SetTailFiles(n)
	o.app.tailing.mu.Lock()
	defer o.app.tailing.mu.Unlock()
	o.app.tailing.files = n
}

func (o tailObserver) TailLag(bytes int64) {
	o.app.metrics.SetTailLag(bytes)
	o.app.tailing.mu.Lock()
	defer o.app.tailing.mu.Unlock()
	o.app.tailing.behind = bytes
}

func (o tailObserver) Lost(reason string) {
	o.app.metrics.AddLost(reason)
	o.app.counts.add(countLost, reason, 1)
}

// waiter is ingesthttp.Waiter.
type waiter struct{ app *App }

func (w waiter) Wait(ctx context.Context, positions []pipeline.Position) (ingesthttp.Outcomes, error) {
	t, err := w.app.waitIndexed(ctx, positions)
	return ingesthttp.Outcomes{Indexed: int64(t.Indexed), Duplicates: int64(t.Duplicates), Rejected: int64(t.Rejected), Dropped: int64(t.Dropped)}, err
}

// grantOf is what access control decided that a request may send.
func grantOf(ctx context.Context) ingesthttp.Grant {
	g, _ := access.FromContext(ctx)
	return ingesthttp.Grant{Cluster: g.Cluster, Namespaces: g.Namespaces}
}
