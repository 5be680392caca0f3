package opensearch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Seal merges the segments of each index of the days before a day into one, and
// closes it to writes: smaller, faster to search, and a snapshot of it never
// changes. What got a line within the last quiet is left: where one comes late,
// others do. Seal returns how many indices it has sealed; their merges go on by
// themselves. A late line opens its day again.
func (s *Store) Seal(ctx context.Context, before string, quiet time.Duration) (n int, err error) {
	list, err := s.indices(ctx)
	if err != nil {
		return 0, fmt.Errorf("seal days: %w", err)
	}
	done, err := s.sealed(ctx)
	if err != nil {
		return 0, fmt.Errorf("seal days: %w", err)
	}
	for _, p := range list {
		if p.Day >= before || done[p.Name] {
			continue
		}
		last, err := s.lastWrite(ctx, p.Name)
		if err != nil {
			return n, fmt.Errorf("seal index %s: %w", p.Name, err)
		}
		if s.o.Now().Sub(last) < quiet {
			continue
		}
		if err := s.seal(ctx, p.Name); err != nil {
			return n, fmt.Errorf("seal index %s: %w", p.Name, err)
		}
		n++
	}
	return n, nil
}

// lastWrite is when an index got its last line.
func (s *Store) lastWrite(ctx context.Context, index string) (time.Time, error) {
	query := map[string]any{"size": 1, "track_total_hits": false, "_source": []string{"written"}, "sort": []any{desc("written")}}
	var answer searchAnswer[line]
	if err := search(ctx, s.client, index, query, &answer); err != nil || len(answer.Hits.Hits) == 0 {
		return time.Time{}, err
	}
	return time.Unix(0, answer.Hits.Hits[0].Source.Written), nil
}

// seal has the alias say that the block is ours before there is one. The alias
// stays when the day is opened again: without a block it says nothing.
func (s *Store) seal(ctx context.Context, index string) error {
	add := map[string]any{"index": index, "alias": s.names.sealed()}
	if err := s.client.call(ctx, http.MethodPost, "/_aliases", map[string]any{"actions": []any{map[string]any{"add": add}}}, nil); err != nil {
		return err
	}
	if err := s.client.call(ctx, http.MethodPost, "/"+index+"/_forcemerge?max_num_segments=1&wait_for_completion=false", nil, nil); err != nil {
		return err
	}
	return s.client.call(ctx, http.MethodPut, "/"+index+"/_settings", `{"index.blocks.write":true}`, nil)
}

// sealed are the indices that bear our seal and are closed to writes.
func (s *Store) sealed(ctx context.Context) (map[string]bool, error) {
	var answer map[string]struct {
		Settings struct {
			Write string `json:"index.blocks.write"`
		} `json:"settings"`
	}
	err := s.client.call(ctx, http.MethodGet, "/"+s.names.sealed()+"/_settings/index.blocks.write?flat_settings=true", nil, &answer)
	if err != nil && !is(err, http.StatusNotFound) {
		return nil, err
	}
	closed := map[string]bool{}
	for name, index := range answer {
		if index.Settings.Write == "true" {
			closed[name] = true
		}
	}
	return closed, nil
}

// closedToWrites says that an index takes no writes, since somebody said so: that
// is a block of its own kind, beside those of full disks.
func closedToWrites(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Type == "cluster_block_exception" && strings.Contains(e.Reason, "FORBIDDEN/8/")
}

// reopen opens an index that is sealed, and says whether it was.
func (s *Store) reopen(ctx context.Context, index string) (bool, error) {
	done, err := s.sealed(ctx)
	if err != nil || !done[index] {
		return false, err
	}
	s.log.Info("a sealed day is opened again, for lines that come late", "index", index)
	if err := s.client.call(ctx, http.MethodPut, "/"+index+"/_settings", `{"index.blocks.write":null}`, nil); err != nil {
		return false, fmt.Errorf("open sealed index %s: %w", index, err)
	}
	return true, nil
}
