package opensearch

import (
	"context"
	"fmt"
	"math/rand/v2"
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

// indices lists those of lines that loglode made: what bears its _meta. An index
// that was just made has no shard for a moment.
func (s *Store) indices(ctx context.Context) ([]physical, error) {
	wait := s.client.wait
	for try := 1; ; try++ {
		list, err := s.listIndices(ctx)
		if err == nil || try == callTries || !passes(err) || ctx.Err() != nil {
			return list, err
		}
		if err := sleep(ctx, wait/2+rand.N(wait)); err != nil {
			return nil, err
		}
		wait *= 2
	}
}

func (s *Store) listIndices(ctx context.Context) ([]physical, error) {
	var mappings map[string]struct {
		Mappings struct {
			Meta struct {
				Loglode ownMark `json:"loglode"`
			} `json:"_meta"`
		} `json:"mappings"`
	}
	err := s.client.call(ctx, http.MethodGet, "/"+s.names.lines()+"/_mapping?filter_path=*.mappings._meta", nil, &mappings)
	if is(err, http.StatusNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
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
	err = s.client.call(ctx, http.MethodGet, "/"+s.names.lines()+"/_stats/docs,store?level=shards", nil, &stats)
	if is(err, http.StatusNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []physical
	for name, m := range mappings {
		mark := m.Mappings.Meta.Loglode
		if mark.Kind != kindLines {
			continue
		}
		is := stats.Indices[name]
		p := physical{Name: name, Day: mark.Day, Service: mark.Service, Entries: is.Primaries.Docs.Count, Bytes: is.Primaries.Store.Size, UUID: is.UUID}
		primary := false
		for _, copies := range is.Shards {
			for _, c := range copies {
				if c.Routing.Primary {
					primary, p.Checkpoint = true, c.SeqNo.Local
				}
			}
		}
		if !primary {
			// What stands in it cannot be told: part of the lines is never taken for all.
			return nil, fmt.Errorf("index %s has no primary shard at the moment: %w", name, pipeline.ErrTryLater)
		}
		list = append(list, p)
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
