package app

import (
	"context"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/query"
)

// Indices implements query.IndexKeeper.
func (a *App) Indices(ctx context.Context) ([]pipeline.IndexInfo, error) { return a.days.Indices(ctx) }

// Prune implements query.IndexKeeper. A day is noted before it is deleted, as by
// retention.
func (a *App) Prune(ctx context.Context, q query.PruneRequest) (query.PruneReport, error) {
	report := query.PruneReport{Days: []pipeline.DayInfo{}, DryRun: q.DryRun}
	days, err := a.days.Days(ctx)
	if err != nil {
		return report, err
	}
	for _, d := range days {
		if d.Day >= q.Before {
			continue
		}
		if !q.DryRun {
			if err := a.retireDay(ctx, d, retiredByHand); err != nil {
				return report, err
			}
		}
		report.Days = append(report.Days, d)
		report.Entries += d.Entries
		report.Bytes += d.Bytes
	}
	return report, nil
}
