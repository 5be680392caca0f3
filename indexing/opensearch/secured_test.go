package opensearch

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/loglode/loglode/indexing/indextest"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/embedding"
	"github.com/loglode/loglode/test/opensearch"
)

// TestSecured is what needs a node of its own: with TLS, with users who have the
// role that we ship or a wrong one, and with a life that can end. Its parts share
// the node, since a start costs 20 seconds of CPU.
func TestSecured(t *testing.T) {
	n := secured{opensearch.Start(t, opensearch.Secured)}
	// Else every user has all permissions for an index of its own name.
	n.Ask(t, http.MethodDelete, "/_plugins/_security/api/rolesmapping/own_index", "", nil)
	t.Run("the role suffices", n.testRole)
	t.Run("a wrong role", n.testWrongRole)
	t.Run("a wrong password", n.testWrongPassword)
	t.Run("a wrong authority", n.testWrongAuthority)
	t.Run("killed", n.testKilled)
}

// secured is a node that knows its users.
type secured struct{ *opensearch.Node }

// role is a role of the security plugin's.
type role struct {
	Description string       `json:"description"`
	Cluster     []string     `json:"cluster_permissions"`
	Index       []indexRight `json:"index_permissions"`
}

type indexRight struct {
	Patterns []string `json:"index_patterns"`
	Actions  []string `json:"allowed_actions"`
}

// shippedRole is the one that operators are given, for the prefixes of tests.
func shippedRole(t *testing.T) role {
	t.Helper()
	text, err := os.ReadFile("../../deploy/opensearch/role.json")
	require.NoError(t, err)
	var r role
	strict := json.NewDecoder(bytes.NewReader(text))
	strict.DisallowUnknownFields()
	require.NoError(t, strict.Decode(&r))
	require.Len(t, r.Index, 1)
	require.Equal(t, []string{"logs-*"}, r.Index[0].Patterns)
	r.Index[0].Patterns = []string{"t*"}
	return r
}

// without is a role that lacks a permission which it had.
func (r role) without(t *testing.T, permission string) role {
	t.Helper()
	is := func(p string) bool { return p == permission }
	lacking := role{Description: r.Description, Cluster: slices.DeleteFunc(slices.Clone(r.Cluster), is)}
	for _, right := range r.Index {
		right.Actions = slices.DeleteFunc(slices.Clone(right.Actions), is)
		lacking.Index = append(lacking.Index, right)
	}
	require.NotEqual(t, r, lacking)
	return lacking
}

const password = "Kx9-logs.write-77"

// allow is give to a user who is there: hashing the password takes a second.
func (n secured) allow(t *testing.T, user string, r role) {
	t.Helper()
	body, err := json.Marshal(r)
	require.NoError(t, err)
	n.Ask(t, http.MethodPut, "/_plugins/_security/api/roles/"+user, string(body), nil)
}

// give makes a user with one role.
func (n secured) give(t *testing.T, user string, r role) {
	t.Helper()
	for _, part := range []struct {
		kind  string
		value any
	}{
		{"internalusers", map[string]any{"password": password}},
		{"roles", r},
		{"rolesmapping", map[string]any{"users": []string{user}}},
	} {
		body, err := json.Marshal(part.value)
		require.NoError(t, err)
		n.Ask(t, http.MethodPut, "/_plugins/_security/api/"+part.kind+"/"+user, string(body), nil)
	}
}

func (n secured) options(user, prefix string) Options {
	return Options{
		Addresses: []string{n.URL}, Username: user, Password: password, CACert: n.CA, Prefix: prefix,
		View: indextest.View, Masked: indextest.Masked, Document: indextest.Document,
	}
}

func (n secured) open(t *testing.T, o Options) *Store {
	t.Helper()
	s, err := Open(context.Background(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// testRole runs, as a user with the shipped role and nothing else, those tests of
// the suites that together send every kind of request: all of them take more than
// a minute, and what they tell apart beyond that is no matter of permissions.
// LOGLODE_SOAK runs all.
func (n secured) testRole(t *testing.T) {
	const user = "loglode"
	n.give(t, user, shippedRole(t))
	lines := []string{"line by ID", "follow", "scan"}
	patterns := []string{"duplicates change nothing", "candidates", "unembedded"}
	if os.Getenv("LOGLODE_SOAK") != "" {
		lines, patterns = nil, nil
	}
	// That a point in time cannot be closed is no error, and stands in the log.
	var warnings bytes.Buffer
	at := func(prefix string) Options {
		o := n.options(user, prefix)
		o.Logger = slog.New(slog.NewTextHandler(&warnings, &slog.HandlerOptions{Level: slog.LevelWarn}))
		return o
	}
	open := func(t *testing.T) *Store { return n.open(t, at(n.Prefix(t))) }
	reopen := func(t *testing.T, old *Store) *Store { return n.open(t, at(old.names.prefix)) }

	var who struct {
		Roles []string `json:"roles"`
	}
	require.NoError(t, open(t).client.once(context.Background(), http.MethodGet, "/_plugins/_security/authinfo", nil, &who))
	require.Equal(t, []string{user}, who.Roles)

	t.Run("lines", func(t *testing.T) {
		indextest.TestIndex(t, indextest.Harness{
			Open:    func(t *testing.T) indextest.Store { return open(t) },
			Reopen:  func(t *testing.T, old indextest.Store) indextest.Store { return reopen(t, old.(*Store)) },
			Refresh: func(t *testing.T, s indextest.Store) { s.(*Store).refresh(t) },
			Only:    lines,
		})
	})
	t.Run("patterns", func(t *testing.T) {
		indextest.TestPatterns(t, indextest.PatternsHarness{
			Open:    func(t *testing.T) indextest.PatternStore { return open(t) },
			Reopen:  func(t *testing.T, old indextest.PatternStore) indextest.PatternStore { return reopen(t, old.(*Store)) },
			Refresh: func(t *testing.T, s indextest.PatternStore) { s.(*Store).refresh(t) },
			Only:    patterns,
		})
	})
	t.Run("upkeep", func(t *testing.T) { n.testUpkeep(t, at(n.Prefix(t))) })
	require.Empty(t, warnings.String())
}

// testUpkeep does what no suite does.
func (n secured) testUpkeep(t *testing.T, o Options) {
	ctx := context.Background()
	o.Own = func(service string) bool { return service == "app-1" }
	s := n.open(t, o)
	entries := indextest.Entries(6, 2, 120)
	writeAll(t, s, entries)
	require.NoError(t, s.Refresh(ctx))
	found, err := s.Shards(ctx)
	require.NoError(t, err)
	require.Greater(t, found.Limit, found.Open)

	day := entries[0].Day()
	require.NoError(t, s.DropDay(ctx, day))
	left := slices.DeleteFunc(slices.Clone(entries), func(e pipeline.Entry) bool { return e.Day() == day })
	list, err := s.Indices(ctx)
	require.NoError(t, err)
	require.Len(t, list, 2, "the shared index of the other day, and one of its own")
	require.NoError(t, s.Refresh(ctx))
	s.o.Now = func() time.Time { return time.Now().Add(25 * time.Hour) } // documents are old enough
	removed, err := s.PruneVectors(ctx)
	require.NoError(t, err)
	require.Positive(t, removed)
	sealed, err := s.Seal(ctx, "9999", time.Hour)
	require.NoError(t, err)
	require.Equal(t, 2, sealed)
	require.NoError(t, s.Refresh(ctx))
	checkHolds(t, s, left)
	writeAll(t, n.open(t, o), entries)
}

// testWrongRole takes permissions away while loglode runs, and gives them back.
func (n secured) testWrongRole(t *testing.T) {
	const user = "mistaken"
	ctx := context.Background()
	good := shippedRole(t)
	n.give(t, user, good)
	s := n.open(t, n.options(user, n.Prefix(t)))
	written := indextest.Entries(1, 1, 60)
	writeAll(t, s, written)
	foreign := shippedRole(t)
	foreign.Index[0].Patterns = []string{"logs-*"}

	for i, c := range []struct {
		name string
		role role
		days int // how far ahead of what is there the new entries are
	}{
		{"no bulk requests", good.without(t, "indices:data/write/bulk"), 0},
		{"no bulk items", good.without(t, "indices:data/write/bulk*"), 0},
		{"no new indices", good.without(t, "indices:admin/create"), 1},
		{"no aliases", good.without(t, "indices:admin/aliases"), 2},
		{"other names, known day", foreign, 0},
		{"other names, new day", foreign, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			entries := indextest.Entries(uint64(100+i), 1, 30)
			for k := range entries {
				entries[k].Time += int64(c.days) * int64(24*time.Hour)
			}
			both := slices.Concat(written[:20], entries)
			n.allow(t, user, c.role)
			results, err := write(t, s, both)
			require.ErrorIs(t, err, pipeline.ErrTryLater)
			require.NotErrorIs(t, err, pipeline.ErrRejected)
			require.ErrorContains(t, err, "no permissions")
			require.Contains(t, hintOf(err), "the role lacks a permission")
			for _, r := range results {
				require.NotEqual(t, pipeline.Rejected, r.Outcome)
			}

			n.allow(t, user, good)
			results, err = write(t, s, both)
			require.NoError(t, err, "it goes on by itself")
			for k, r := range results {
				require.NotEqual(t, pipeline.Rejected, r.Outcome)
				require.Equal(t, k < 20, r.Outcome == pipeline.Exists, "nothing was written before")
			}
			written = append(written, entries...)
			s.refresh(t)
			checkHolds(t, s, written)
		})
	}

	require.NoError(t, s.SetVectors(ctx, "m", []embedding.Vector{{Key: embedding.Key{1}, Values: []float32{1, 0}}}))
	for name, c := range map[string]struct {
		lacks string
		read  func() error
	}{
		"no search": {"indices:data/read/search*", func() error {
			_, err := s.Lines(ctx, pipeline.LineQuery{Limit: 1})
			return err
		}},
		"no several searches": {"indices:data/read/msearch", func() error {
			_, err := s.Candidates(ctx, pipeline.CandidateQuery{Model: "m", Vector: []float32{1, 0}, Limit: 1})
			return err
		}},
		"no point in time": {"indices:data/read/point_in_time/create", func() error {
			return s.Scan(ctx, 0, 0, func(pipeline.Stored) error { return nil })
		}},
		"no vectors": {"indices:data/read/mget*", func() error {
			_, err := s.vectorsOf(ctx, []string{embedding.Key{1}.String()})
			return err
		}},
		"no statistics": {"indices:monitor/stats", func() error {
			_, err := s.Days(ctx)
			return err
		}},
		"no refresh": {"indices:admin/refresh*", func() error {
			page, err := s.Follow(ctx, pipeline.LineQuery{}, "")
			require.NoError(t, err)
			more := indextest.Entries(uint64(time.Now().UnixNano()), 1, 1)
			writeAll(t, s, more)
			_, err = s.Follow(ctx, pipeline.LineQuery{Limit: 1}, page.Next)
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			n.allow(t, user, good.without(t, c.lacks))
			err := c.read()
			require.ErrorIs(t, err, pipeline.ErrTryLater)
			require.ErrorContains(t, err, "no permissions")
			require.Contains(t, hintOf(err), "the role lacks a permission")
		})
	}

	n.allow(t, user, foreign)
	_, err := Open(ctx, s.o)
	require.ErrorContains(t, err, "no permissions")
	require.Contains(t, hintOf(err), "the role lacks a permission")
}

func (n secured) testWrongPassword(t *testing.T) {
	const user = "forgetful"
	n.give(t, user, shippedRole(t))
	s := n.open(t, n.options(user, n.Prefix(t)))
	o := n.options(user, s.names.prefix)
	o.Password, o.Patient = password+"!", true
	_, err := Open(context.Background(), o)
	require.ErrorIs(t, err, pipeline.ErrTryLater)
	require.ErrorContains(t, err, "401")
	require.Contains(t, hintOf(err), "check the user and password")
}

// testWrongAuthority trusts another one than the node's.
func (n secured) testWrongAuthority(t *testing.T) {
	const user = "suspicious"
	n.give(t, user, shippedRole(t))
	other := httptest.NewTLSServer(nil)
	defer other.Close()
	for name, authority := range map[string][]byte{
		"another's":    pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: other.Certificate().Raw}),
		"the system's": nil,
	} {
		o := n.options(user, n.Prefix(t))
		o.CACert, o.Patient = authority, true
		_, err := Open(context.Background(), o)
		require.ErrorIs(t, err, pipeline.ErrTryLater, name)
		require.ErrorContains(t, err, "x509", name)
		require.Contains(t, hintOf(err), "opensearch.ca_file", name)
	}
}

// testKilled ends the node with kill -9 while many write and read, and starts it
// again. Nobody but them does anything about it.
func (n secured) testKilled(t *testing.T) {
	const user, writers, pause = "survivor", 4, 200 * time.Millisecond
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	n.give(t, user, shippedRole(t))
	s := n.open(t, n.options(user, n.Prefix(t)))
	before, during := indextest.Entries(1, 2, 300), indextest.Entries(2, 2, 2_000)
	writeAll(t, s, before)
	s.refresh(t)
	// It gives up at once, so that it meets more of the moments of a start.
	watcher := n.open(t, n.options(user, s.names.prefix))
	watcher.client.wait = time.Millisecond
	start, err := s.Follow(ctx, pipeline.LineQuery{}, "")
	require.NoError(t, err)

	// Each batch is delivered twice, as a stream may do.
	batches := slices.Collect(slices.Chunk(during, 20))
	batches = slices.Concat(batches, batches)
	work := make(chan []pipeline.Entry)
	enough := make(chan struct{})
	var created sync.Map
	var finished, failures, stopped atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(work)
		for i, batch := range batches {
			if i == len(batches)/4 {
				close(enough)
			}
			select {
			case work <- batch:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	for range writers {
		group.Go(func() error {
			for batch := range work {
				results, tries, err := insist(ctx, s, batch)
				if err != nil {
					return err
				}
				failures.Add(int64(tries))
				finished.Add(1)
				for i, r := range results {
					switch r.Outcome {
					case pipeline.Rejected:
						return fmt.Errorf("entry %s is rejected: %s", batch[i].ID, r.Reason)
					case pipeline.Created:
						if _, twice := created.LoadOrStore(batch[i].ID, true); twice {
							return fmt.Errorf("entry %s was created twice", batch[i].ID)
						}
					}
				}
			}
			return nil
		})
	}
	// Readers see all that was there before, or an error.
	written := make(chan struct{})
	for _, read := range []func() (int, error){
		func() (lines int, err error) {
			page, err := watcher.Lines(ctx, pipeline.LineQuery{Limit: maxLimit})
			return len(page.Lines), err
		},
		func() (lines int, err error) {
			err = watcher.Scan(ctx, 0, 0, func(pipeline.Stored) error { lines++; return nil })
			return lines, err
		},
		func() (lines int, err error) {
			days, err := watcher.Days(ctx)
			for _, d := range days {
				lines += int(d.Entries)
			}
			return lines, err
		},
		func() (lines int, err error) {
			groups, err := watcher.Groups(ctx, pipeline.PatternQuery{})
			for _, g := range groups {
				lines += int(g.Lines)
			}
			return lines + len(before), err // those of no pattern are in no group
		},
	} {
		group.Go(func() error {
			for {
				select {
				case <-written:
					return nil
				default:
				}
				lines, err := read()
				switch {
				case err != nil && !errors.Is(err, pipeline.ErrTryLater):
					return err
				case err != nil:
					stopped.Add(1)
				case lines < len(before):
					return fmt.Errorf("a reader was shown %d lines of at least %d, and no error", lines, len(before))
				}
				if err := sleep(ctx, pause); err != nil {
					return err
				}
			}
		})
	}
	// A follower misses nothing, and is told nothing twice.
	group.Go(func() error {
		told := map[pipeline.ID]bool{}
		for cursor := start.Next; len(told) < len(during); {
			page, err := watcher.Follow(ctx, pipeline.LineQuery{Limit: 500}, cursor)
			if err != nil {
				if !errors.Is(err, pipeline.ErrTryLater) {
					return fmt.Errorf("after %d of %d lines: %w", len(told), len(during), err)
				}
				stopped.Add(1)
			} else {
				cursor = page.Next
			}
			for _, l := range page.Lines {
				if told[l.ID] {
					return fmt.Errorf("line %s was told twice", l.ID)
				}
				told[l.ID] = true
			}
			if err := sleep(ctx, pause); err != nil {
				return err
			}
		}
		return nil
	})

	select {
	case <-enough:
	case <-ctx.Done():
		require.NoError(t, group.Wait())
	}
	// In the middle of a reader's pages.
	var once sync.Once
	err = s.Scan(ctx, 0, 0, func(pipeline.Stored) error {
		once.Do(func() {
			require.Less(t, int(finished.Load()), len(batches))
			n.Kill(t)
			n.Restart(t)
		})
		return nil
	})
	require.ErrorIs(t, err, pipeline.ErrTryLater, "what it saw is not all")
	close(written)
	require.NoError(t, group.Wait())
	t.Logf("%d writes and %d reads were tried again", failures.Load(), stopped.Load())
	require.Positive(t, failures.Load(), "no writer noticed that the node was killed")
	require.Positive(t, stopped.Load(), "no reader noticed that the node was killed")
	s.refresh(t)
	checkHolds(t, s, slices.Concat(before, during))
}

// insist writes a batch as a handler does, until it is done, and says how often
// that failed.
func insist(ctx context.Context, s *Store, entries []pipeline.Entry) (results []pipeline.WriteResult, failures int, err error) {
	results = make([]pipeline.WriteResult, len(entries))
	for {
		err := s.Write(ctx, entries, results)
		if err == nil || !errors.Is(err, pipeline.ErrTryLater) {
			return results, failures, err
		}
		failures++
	}
}
