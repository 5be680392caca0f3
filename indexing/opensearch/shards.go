package opensearch

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	// shardsWarn and shardsPack are shares of the shards that a cluster may have: at
	// the one its operator is told, at the other services get no index of their own
	// any more. OpenSearch refuses every new index at its own limit.
	shardsWarn, shardsPack = .8, .9
	// shardsFresh is how long a count of shards is good for.
	shardsFresh = time.Minute
)

// Shards is how many shards a cluster has, and how many it may have.
type Shards struct{ Open, Limit int }

// Scarce says that the operator should know.
func (s Shards) Scarce() bool { return s.Limit > 0 && float64(s.Open) >= shardsWarn*float64(s.Limit) }

func (s Shards) packs() bool { return s.Limit > 0 && float64(s.Open) >= shardsPack*float64(s.Limit) }

// shardCount remembers a count for a while.
type shardCount struct {
	client *client
	now    func() time.Time

	mu   sync.Mutex
	last Shards
	at   time.Time
}

// Shards counts the cluster's shards, those of others and replicas included. The
// answer is up to a minute old.
func (s *Store) Shards(ctx context.Context) (Shards, error) { return s.placement.shards.get(ctx) }

func (c *shardCount) get(ctx context.Context) (Shards, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if age := c.now().Sub(c.at); !c.at.IsZero() && age >= 0 && age < shardsFresh {
		return c.last, nil
	}
	found, err := c.count(ctx)
	if err != nil {
		return Shards{}, fmt.Errorf("count shards: %w", err)
	}
	c.last, c.at = found, c.now()
	return found, nil
}

func (c *shardCount) count(ctx context.Context) (Shards, error) {
	var health struct {
		Nodes        int `json:"number_of_data_nodes"`
		Active       int `json:"active_shards"`
		Initializing int `json:"initializing_shards"`
		Unassigned   int `json:"unassigned_shards"`
	}
	if err := c.client.call(ctx, http.MethodGet, "/_cluster/health", nil, &health); err != nil {
		return Shards{}, err
	}
	type level struct {
		Cluster struct {
			PerNode string `json:"max_shards_per_node"`
		} `json:"cluster"`
	}
	var set struct {
		Transient  level `json:"transient"`
		Persistent level `json:"persistent"`
		Defaults   level `json:"defaults"`
	}
	const path = "/_cluster/settings?include_defaults=true&filter_path=*.cluster.max_shards_per_node"
	if err := c.client.call(ctx, http.MethodGet, path, nil, &set); err != nil {
		return Shards{}, err
	}
	s := Shards{Open: health.Active + health.Initializing + health.Unassigned}
	for _, l := range []level{set.Transient, set.Persistent, set.Defaults} {
		if perNode, err := strconv.Atoi(l.Cluster.PerNode); err == nil {
			s.Limit = perNode * health.Nodes
			break
		}
	}
	return s, nil
}
