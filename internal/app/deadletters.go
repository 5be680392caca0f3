package app

import (
	"context"
	"fmt"

	"github.com/loglode/loglode/indexing/sqlite"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/wire"
	"github.com/loglode/loglode/producers"
	"github.com/loglode/loglode/query"
)

// redrivePage is how many letters are read at a time.
const redrivePage = 500

// deadLetterBox is the dead letters as operators see them. Redriving puts a
// letter's bytes into the stream again: the same rules, the same index, the
// same guarantees as for any record.
type deadLetterBox struct{ app *App }

// DeadLetters lists letters, newest first.
func (b deadLetterBox) DeadLetters(ctx context.Context, q query.DeadLetterQuery) (query.DeadLetterPage, error) {
	found, err := b.app.catalogue.ListDeadLetters(ctx, sqlite.DeadLetterFilter{Reason: q.Reason, Limit: q.Limit, Cursor: q.Cursor})
	if err != nil {
		return query.DeadLetterPage{}, err
	}
	page := query.DeadLetterPage{Letters: make([]query.DeadLetter, len(found.Letters)), Next: found.Next}
	for i, l := range found.Letters {
		page.Letters[i] = b.shown(l)
	}
	return page, nil
}

// DeadLetter returns one letter.
func (b deadLetterBox) DeadLetter(ctx context.Context, id pipeline.ID) (query.DeadLetter, error) {
	l, err := b.app.catalogue.DeadLetter(ctx, id)
	if err != nil {
		return query.DeadLetter{}, err
	}
	return b.shown(l), nil
}

// shown is a letter with a preview: the text within it when it is a record of
// ours.
func (b deadLetterBox) shown(l pipeline.DeadLetter) query.DeadLetter {
	redact := func(s string) string { return b.app.rules.Redactor.Text(s, func(string) {}) }
	size := max(len(l.Data), l.Size)
	if d, err := wire.NewDecoder(maxRecordDecoded); err == nil {
		if decoded, err := d.Decode(l.Data); err == nil && decoded.Ours && len(decoded.Entries) > 0 {
			l.Data = []byte(decoded.Entries[0].Message)
		}
	}
	shown := query.NewDeadLetter(l, redact)
	shown.Bytes = size
	return shown
}

// Redrive publishes letters again and waits until they are handled.
func (b deadLetterBox) Redrive(ctx context.Context, q query.RedriveRequest) (query.RedriveReport, error) {
	var report query.RedriveReport
	for _, id := range q.IDs {
		if err := b.redriveOne(ctx, id, &report); err != nil {
			return report, err
		}
	}
	if len(q.IDs) > 0 {
		return report, nil
	}
	for cursor := ""; ; {
		page, err := b.app.catalogue.ListDeadLetters(ctx, sqlite.DeadLetterFilter{Reason: q.Reason, Limit: redrivePage, Cursor: cursor})
		if err != nil {
			return report, err
		}
		for _, l := range page.Letters {
			if err := b.redriveOne(ctx, l.ID, &report); err != nil {
				return report, err
			}
		}
		if page.Next == "" {
			return report, nil
		}
		cursor = page.Next
	}
}

// redriveOne publishes a letter, waits and marks it. If it is rejected again,
// that is a new letter at its new place; the old one is done either way, since
// its bytes are in the stream once more.
func (b deadLetterBox) redriveOne(ctx context.Context, id pipeline.ID, report *query.RedriveReport) error {
	l, err := b.app.catalogue.DeadLetter(ctx, id)
	if err != nil {
		return err
	}
	if _, ours, _ := wire.ReadHeader(l.Data); !ours && !l.Whole {
		report.Kept++ // only its beginning was kept: there is nothing to handle
		return nil
	}
	positions, err := b.app.publisher().Publish(ctx, []producers.Outgoing{{Key: "redrive", Data: l.Data}})
	if err != nil {
		return fmt.Errorf("publish dead letter %s: %w", l.ID, err)
	}
	tally, err := b.app.waitIndexed(ctx, positions)
	if err != nil {
		return fmt.Errorf("wait for dead letter %s: %w", l.ID, err)
	}
	if err := b.app.catalogue.MarkRedriven(ctx, []pipeline.DeadLetter{l}); err != nil {
		return err
	}
	if tally.Rejected > 0 {
		report.Kept++
	} else {
		report.Redriven++
	}
	return nil
}
