package opensearch

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/loglode/loglode/pipeline"
)

// physical is an index of lines.
type physical struct {
	Name, Day string
	// Service is whose it is; empty for one that services share.
	Service        string
	Entries, Bytes int64
	// Checkpoint is the sequence number up to which all is written.
	Checkpoint int64
	// UUID tells an index from another that had its name before.
	UUID string
}

// indices lists those of lines that loglode made. One whose shard is not there,
// as for a moment when its node starts, is an error: it is not an empty one.
func (s *Store) indices(ctx context.Context) (list []physical, err error) {
	err = s.client.again(ctx, func() error {
		list, err = s.owned(ctx)
		if err != nil || len(list) == 0 {
			return err
		}
		return s.measure(ctx, list)
	})
	return list, err
}

// owned lists them by name: what bears our _meta.
func (s *Store) owned(ctx context.Context) ([]physical, error) {
	var mappings map[string]struct {
		Mappings struct {
			Meta struct {
				Loglode ownMark `json:"loglode"`
			} `json:"_meta"`
		} `json:"mappings"`
	}
	err := s.client.once(ctx, http.MethodGet, "/"+s.names.lines()+"/_mapping?filter_path=*.mappings._meta", nil, &mappings)
	if is(err, http.StatusNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []physical
	for name, m := range mappings {
		if mark := m.Mappings.Meta.Loglode; mark.Kind == kindLines {
			list = append(list, physical{Name: name, Day: mark.Day, Service: mark.Service})
		}
	}
	slices.SortFunc(list, func(a, b physical) int {
		if c := compareDays(a.Day, b.Day); c != 0 {
			return c
		}
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return list, nil
}

// measure adds what is in each.
func (s *Store) measure(ctx context.Context, list []physical) error {
	var stats struct {
		Indices map[string]struct {
			UUID      string `json:"uuid"`
			Primaries struct {
				Docs struct {
					Count int64 `json:"count"`
				} `json:"docs"`
				Store struct {
					Size int64 `json:"size_in_bytes"`
				} `json:"store"`
			} `json:"primaries"`
			Shards map[string][]struct {
				Routing struct {
					Primary bool `json:"primary"`
				} `json:"routing"`
				SeqNo struct {
					Local int64 `json:"local_checkpoint"`
				} `json:"seq_no"`
			} `json:"shards"`
		} `json:"indices"`
	}
	err := s.client.once(ctx, http.MethodGet, "/"+s.names.lines()+"/_stats/docs,store?level=shards", nil, &stats)
	if err != nil && !is(err, http.StatusNotFound) {
		return err
	}
	for i := range list {
		p, there := &list[i], false
		is := stats.Indices[p.Name]
		p.Entries, p.Bytes, p.UUID = is.Primaries.Docs.Count, is.Primaries.Store.Size, is.UUID
		for _, copies := range is.Shards {
			for _, c := range copies {
				if c.Routing.Primary {
					p.Checkpoint, there = c.SeqNo.Local, true
				}
			}
		}
		if !there {
			return pipeline.WithHint(fmt.Errorf("the shard of index %s is not there: %w", p.Name, pipeline.ErrTryLater),
				"wait until its node has started; if its data are lost for good, delete the index")
		}
	}
	return nil
}
