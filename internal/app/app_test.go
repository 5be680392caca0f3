package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/internal/client"
	"github.com/loglode/loglode/internal/config"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/audit"
	"github.com/loglode/loglode/pipeline/wire"
	"github.com/loglode/loglode/producers"
	"github.com/loglode/loglode/query"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, dir string, change ...func(*config.Config)) *App {
	t.Helper()
	cfg := config.Default()
	cfg.Data = dir
	for _, c := range change {
		c(&cfg)
	}
	require.NoError(t, cfg.Validate())
	a, err := Open(t.Context(), Options{Config: &cfg, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return noon }})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, a.Close()) })
	return a
}

// days writes n lines on each of several days, the newest being noon's.
func days(t *testing.T, number, n int) string {
	t.Helper()
	var text strings.Builder
	for d := range number {
		for i := range n {
			at := noon.AddDate(0, 0, d+1-number).Add(time.Duration(i) * time.Millisecond)
			fmt.Fprintf(&text, "%s day %d line %d\n", at.Format(time.RFC3339Nano), d, i)
		}
	}
	path := filepath.Join(t.TempDir(), "days.log")
	require.NoError(t, os.WriteFile(path, []byte(text.String()), 0o600))
	return path
}

func ingest(t *testing.T, a *App, paths ...string) Summary {
	t.Helper()
	s, err := a.Ingest(t.Context(), IngestRequest{Paths: paths, Progress: func(string, int64, int64) {}})
	require.NoError(t, err)
	return s
}

func check(t *testing.T, a *App) audit.Report {
	t.Helper()
	report, err := a.Audit(t.Context(), 0, 0)
	require.NoError(t, err)
	require.True(t, report.Clean, "%+v", report)
	return report
}

func TestRetentionDeletesOldDaysAndRefusesOldEntries(t *testing.T) {
	dir, path := t.TempDir(), days(t, 5, 100)
	a := open(t, dir)
	require.EqualValues(t, 500, ingest(t, a, path).Indexed)
	a.cfg.Index.Retention = config.Duration(48 * time.Hour)
	require.NoError(t, a.retire(t.Context()))
	left, err := a.days.Days(t.Context())
	require.NoError(t, err)
	require.Len(t, left, 3, "today, yesterday and the day that reaches 48 h back")
	report := check(t, a)
	require.EqualValues(t, 200, report.DroppedBy["retention"])
	status, err := a.Status(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 200, status.Dropped["retention"])
}

func TestOldEntriesAreRefusedAndCounted(t *testing.T) {
	a := open(t, t.TempDir(), func(c *config.Config) { c.Index.Retention = config.Duration(48 * time.Hour) })
	s := ingest(t, a, days(t, 5, 100))
	require.EqualValues(t, 500, s.Entries)
	require.EqualValues(t, 300, s.Indexed, "%+v", s)
	require.EqualValues(t, 200, s.Dropped)
	check(t, a)
}

func TestTheDiskCapDeletesTheOldestDaysAndNeverTheNewest(t *testing.T) {
	a := open(t, t.TempDir())
	ingest(t, a, days(t, 4, 2000))
	before, err := a.days.Days(t.Context())
	require.NoError(t, err)
	require.Len(t, before, 4)
	a.cfg.Index.MaxBytes = config.Size(before[2].Bytes + before[3].Bytes + before[1].Bytes/2)
	require.NoError(t, a.retire(t.Context()))
	left, err := a.days.Days(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{before[2].Day, before[3].Day}, []string{left[0].Day, left[1].Day})
	a.cfg.Index.MaxBytes = 1
	require.NoError(t, a.retire(t.Context()))
	left, err = a.days.Days(t.Context())
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.EqualValues(t, 6000, check(t, a).Dropped)
}

func TestDaysArePruned(t *testing.T) {
	a := open(t, t.TempDir())
	ingest(t, a, days(t, 4, 10))
	h, err := a.LocalHandler()
	require.NoError(t, err)
	c := client.InProcess(h)
	defer c.Close()
	listed, err := c.Indices(t.Context())
	require.NoError(t, err)
	require.Len(t, listed.Indices, 4)
	require.EqualValues(t, 10, listed.Indices[0].Entries)
	second := listed.Indices[1].Day
	require.Equal(t, second+".db", listed.Indices[1].Name)

	dry, err := c.Prune(t.Context(), client.PruneOptions{Before: second, DryRun: true})
	require.NoError(t, err)
	require.True(t, dry.DryRun)
	require.EqualValues(t, 10, dry.Entries)
	left, err := a.days.Days(t.Context())
	require.NoError(t, err)
	require.Len(t, left, 4, "a dry run deletes nothing")

	pruned, err := c.Prune(t.Context(), client.PruneOptions{Before: second})
	require.NoError(t, err)
	require.Equal(t, dry.Days, pruned.Days)
	left, err = a.days.Days(t.Context())
	require.NoError(t, err)
	require.Len(t, left, 3)
	require.EqualValues(t, 10, check(t, a).Dropped)
	status, err := a.Status(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 10, status.Dropped["pruned"])

	for _, wrong := range []string{"", "2999-01-01", "soon"} {
		_, err = c.Prune(t.Context(), client.PruneOptions{Before: wrong})
		require.ErrorIs(t, err, pipeline.ErrRejected, wrong)
	}
}

// run lets the consumer work while fn does.
func run(t *testing.T, a *App, fn func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.consumer.Run(ctx) }()
	fn()
	cancel()
	require.NoError(t, <-done)
}

// record makes a record of one entry, as our sources write it.
func record(t *testing.T, a *App, message string) []byte {
	t.Helper()
	c, err := wire.NewCompressor()
	require.NoError(t, err)
	e := wire.NewEncoder(c)
	require.NoError(t, e.Add(&pipeline.RawEntry{Time: noon.UnixNano(), Resource: &pipeline.Resource{Pod: "p"}, Message: message}))
	return e.Seal(noon.UnixNano(), a.rules.Digest)
}

func TestDeadLettersAreRedriven(t *testing.T) {
	a := open(t, t.TempDir())
	box := deadLetterBox{a}
	// A record whose bytes are damaged for good, and one of an entry that was
	// refused and would be taken now.
	good := record(t, a, "taken now")
	corrupt := append([]byte(nil), good...)
	corrupt[len(corrupt)-1] ^= 0xff
	run(t, a, func() {
		positions, err := a.publisher().Publish(t.Context(), []producers.Outgoing{{Key: "k", Data: corrupt}})
		require.NoError(t, err)
		tally, err := a.waitIndexed(t.Context(), positions)
		require.NoError(t, err)
		require.Equal(t, 1, tally.Rejected)
	})
	require.NoError(t, a.catalogue.Add(t.Context(), []pipeline.DeadLetter{
		{ID: pipeline.ID{7}, Reason: "too_large", Data: good, At: noon, Lineage: pipeline.Lineage{Position: pipeline.Position{Partition: "0", Sequence: "1000"}}},
		{ID: pipeline.ID{8}, Reason: "too_long", Data: []byte("only a head"), At: noon},
	}))
	page, err := box.DeadLetters(t.Context(), query.DeadLetterQuery{Limit: 10})
	require.NoError(t, err)
	require.Len(t, page.Letters, 3)
	shown, err := box.DeadLetter(t.Context(), pipeline.ID{7})
	require.NoError(t, err)
	require.Equal(t, "taken now", shown.Preview)
	check(t, a)

	var report query.RedriveReport
	run(t, a, func() { report, err = box.Redrive(t.Context(), query.RedriveRequest{}) })
	require.NoError(t, err)
	require.Equal(t, query.RedriveReport{Redriven: 1, Kept: 2}, report)
	page, err = box.DeadLetters(t.Context(), query.DeadLetterQuery{Limit: 10})
	require.NoError(t, err)
	require.Len(t, page.Letters, 2, "the damaged one is rejected at its new place, the head is still there")
	lines, err := a.days.Lines(t.Context(), pipeline.LineQuery{Limit: 10})
	require.NoError(t, err)
	require.Len(t, lines.Lines, 1)
	check(t, a)
}

func TestANewerRecordWaitsAndShowsAsLag(t *testing.T) {
	a := open(t, t.TempDir())
	newer := record(t, a, "of a newer loglode")
	newer[4]++
	run(t, a, func() {
		_, err := a.publisher().Publish(t.Context(), []producers.Outgoing{{Key: "k", Data: newer}})
		require.NoError(t, err)
		time.Sleep(50 * time.Millisecond)
	})
	status, err := a.Status(t.Context())
	require.NoError(t, err)
	lag := int64(0)
	for _, n := range status.Stream.Lag {
		lag += n
	}
	require.EqualValues(t, 1, lag)
	require.Empty(t, status.Rejected)
	require.EqualValues(t, 1, check(t, a).Pending)
}

func TestAStreamMadeAnewKeepsPlacesApart(t *testing.T) {
	dir := t.TempDir()
	cfg := config.Default()
	cfg.Data = dir
	first, err := Open(t.Context(), Options{Config: &cfg, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return noon }})
	require.NoError(t, err)
	ingest(t, first, days(t, 1, 300))
	require.NoError(t, first.Close())
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "stream")))

	a := open(t, dir)
	other := filepath.Join(t.TempDir(), "other.log")
	require.NoError(t, os.WriteFile(other, []byte("2026-11-20T10:00:00Z something else\n"), 0o600))
	require.EqualValues(t, 1, ingest(t, a, other).Indexed)
	require.EqualValues(t, 300, check(t, a).Trimmed)
}

func TestAccessIsInFrontOfEverything(t *testing.T) {
	tokens := filepath.Join(t.TempDir(), "tokens.yaml")
	require.NoError(t, os.WriteFile(tokens, []byte(`
- {name: shipper, role: ingest, token: ingest-token-0123456789abcdef, cluster: prod, namespaces: [shop]}
- {name: reader, role: read, token: reader-token-0123456789abcdef, tenants: [{cluster: prod, namespace: shop}]}
- {name: admin, role: admin, token: admin-token-0123456789abcdefg}
`), 0o600))
	a := open(t, t.TempDir(), func(c *config.Config) { c.Server.TokensFile = tokens })
	handler, err := a.Handler()
	require.NoError(t, err)
	ask := func(method, path, token, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, "http://loglode.example:7280"+path, strings.NewReader(body))
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	const shipper, reader, admin = "ingest-token-0123456789abcdef", "reader-token-0123456789abcdef", "admin-token-0123456789abcdefg"
	run(t, a, func() {
		for _, c := range []struct {
			method, path, token string
			status              int
		}{
			{"GET", "/v1/lines", "", 401}, {"GET", "/v1/lines", "wrong-token-0123456789abcdef", 401}, {"GET", "/v1/lines", shipper, 403},
			{"GET", "/v1/lines", reader, 200}, {"GET", "/v1/status", reader, 403}, {"GET", "/v1/status", admin, 200},
			{"POST", "/v1/ingest", reader, 403}, {"POST", "/v1/files", shipper, 403}, {"POST", "/v1/audit", reader, 403}, {"POST", "/v1/audit", admin, 200},
			{"GET", "/healthz", "", 200},
		} {
			w := ask(c.method, c.path, c.token, "")
			require.Equal(t, c.status, w.Code, "%s %s: %s", c.method, c.path, w.Body)
		}
		record := `{"time":"2026-11-20T10:00:00.%dZ","log":"%s","cluster":"forged","kubernetes":{"namespace_name":"%s","pod_name":"p"}}` + "\n"
		w := ask("POST", "/v1/ingest?wait=indexed", shipper, fmt.Sprintf(record, 1, "ours", "shop")+fmt.Sprintf(record, 2, "theirs", "bank"))
		require.Equal(t, http.StatusOK, w.Code, w.Body.String())
		w = ask("POST", "/v1/ingest?wait=indexed", admin, fmt.Sprintf(record, 3, "secret of the bank", "bank"))
		require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	})
	seen := ask("GET", "/v1/lines", reader, "").Body.String()
	require.Contains(t, seen, "ours")
	require.Contains(t, seen, `"cluster":"prod"`)
	require.NotContains(t, seen, "bank")
	all := ask("GET", "/v1/lines", admin, "").Body.String()
	require.Contains(t, all, "secret of the bank")
	require.NotContains(t, all, "theirs")
}

// A stream that was set back, by damage or by somebody's copy.
func TestAStreamThatLostItsEndIsTold(t *testing.T) {
	dir, saved := t.TempDir(), filepath.Join(t.TempDir(), "stream")
	cfg := config.Default()
	cfg.Data = dir
	load := func(text string) {
		a, err := Open(t.Context(), Options{Config: &cfg, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return noon }})
		require.NoError(t, err)
		path := filepath.Join(t.TempDir(), "x.log")
		require.NoError(t, os.WriteFile(path, []byte("2026-11-20T10:00:00Z "+text+"\n"), 0o600))
		ingest(t, a, path)
		require.NoError(t, a.Close())
	}
	load("first")
	require.NoError(t, os.CopyFS(saved, os.DirFS(filepath.Join(dir, "stream"))))
	load("second")
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "stream")))
	require.NoError(t, os.CopyFS(filepath.Join(dir, "stream"), os.DirFS(saved)))

	second, err := Open(t.Context(), Options{Config: &cfg, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return noon }})
	require.NoError(t, err)
	require.NoError(t, second.Close())
	a := open(t, dir)
	status, err := a.Status(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, status.Lost["stream_damaged"], "counted once, however often it is opened")
	report, err := a.Audit(t.Context(), 0, 0)
	require.NoError(t, err)
	require.False(t, report.Clean)
	require.EqualValues(t, 1, report.Gone)
}
