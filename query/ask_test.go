package query_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/query"
	"github.com/loglode/loglode/query/diagnose"
)

var _ query.Asker = (*query.Service)(nil)

func TestAskGathersNewestAndOldestLinesOfAPattern(t *testing.T) {
	var entries []pipeline.Entry
	for n := range uint64(100) {
		entries = append(entries, podLine(n+1, "shop", "cart-0", fmt.Sprint("request ", n), of("request <*>")))
	}
	entries = append(entries,
		podLine(200, "shop", "cart-0", "once"), podLine(201, "shop", "cart-0", "twice", of("twice")), podLine(202, "shop", "cart-0", "twice", of("twice")),
		podLine(203, "pay", "cart-0", "elsewhere"),
		event(300, "Pod", "shop", "cart-0", "Started", "Started container"),
	)
	p, s, j := asker(t, entries...)
	got := askBy(t, s, j, query.AskRequest{Query: "what is wrong?"})
	require.Equal(t, query.Looked{
		About: []string{}, Read: []string{}, From: got.Looked.From, To: got.Looked.To, Patterns: 4, PatternsRead: 4, Events: 1,
	}, got.Looked)
	texts := map[string]diagnose.Numbers{}
	ids := map[pipeline.ID]bool{}
	for _, sighting := range j.got.Sightings {
		require.False(t, ids[sighting.Entry.ID], "once each")
		ids[sighting.Entry.ID] = true
		texts[sighting.Entry.Message] = sighting.Numbers
	}
	require.Len(t, ids, 16+1+2+1+1)
	for _, n := range []int{0, 11, 96, 99} {
		require.Contains(t, texts, fmt.Sprint("request ", n))
	}
	require.NotContains(t, texts, "request 12")
	require.NotContains(t, texts, "request 95")
	ago := func(seconds int) int64 { return noon.Add(-time.Duration(seconds) * time.Second).UnixNano() }
	require.Equal(t, diagnose.Numbers{Count: 100, First: ago(100), Last: ago(1), Heard: ago(1)}, texts["request 5"])
	require.Equal(t, diagnose.Numbers{Count: 2, First: ago(202), Last: ago(201), Heard: ago(1)}, texts["twice"])
	require.Equal(t, diagnose.Numbers{Count: 1, First: ago(203), Last: ago(203), Heard: ago(203)}, texts["elsewhere"])
	require.Equal(t, diagnose.Numbers{}, texts["Started container"])
	reads := 0
	for _, q := range p.queries {
		if len(q.Filter.Patterns) > 0 {
			reads++
		}
	}
	require.Equal(t, 4, reads, "rare patterns of a service are read at once")
}

func TestAskReadsLinesOfThePodThatIsNamed(t *testing.T) {
	entries := []pipeline.Entry{
		podLine(500, "shop", "cart-7d9f5c8b6-x2x7v", "request old", of("request <*>")),
		podLine(1, "shop", "cart-7d9f5c8b6-x2x7v", "request new", of("request <*>")),
	}
	for n := range uint64(50) {
		entries = append(entries, podLine(n+2, "shop", "cart-7d9f5c8b6-zzzzz", fmt.Sprint("request ", n), of("request <*>")))
	}
	for n := range uint64(50) {
		entries = append(entries, podLine(n+1001, "shop", "cart-7d9f5c8b6-zzzzz", fmt.Sprint("request -", n), of("request <*>")))
	}
	_, s, j := asker(t, entries...)
	found := func(question string) bool {
		askBy(t, s, j, query.AskRequest{Query: question})
		seen := map[string]int{}
		for _, sighting := range j.got.Sightings {
			seen[sighting.Entry.Message]++
		}
		require.Equal(t, 1, seen["request new"], "it is among the newest, too")
		return seen["request old"] > 0
	}
	require.True(t, found("why is cart-7d9f5c8b6-x2x7v slow"))
	require.False(t, found("why is the slowness"))
}

func TestAskReadsWhatPromisesMostFirst(t *testing.T) {
	var entries []pipeline.Entry
	for n := range uint64(600) {
		entries = append(entries, podLine(n+1, "shop", "cart-0", fmt.Sprint("template ", n), level(pipeline.LevelError)))
	}
	entries = append(entries,
		podLine(700, "shop", "mail-0", "dial: connection refused", level(pipeline.LevelError)),
		podLine(701, "shop", "redis-0", "saved", level(pipeline.LevelDebug), at(noon.Add(-time.Minute))),
	)
	_, s, j := asker(t, entries...)
	got := askBy(t, s, j, query.AskRequest{Query: "what is wrong with redis?"})
	require.EqualValues(t, 602, got.Looked.Patterns)
	require.EqualValues(t, 400, got.Looked.PatternsRead)
	require.True(t, got.Looked.Truncated)
	texts := map[string]bool{}
	for _, sighting := range j.got.Sightings {
		texts[sighting.Entry.Message] = true
	}
	require.Len(t, texts, 400)
	require.True(t, texts["dial: connection refused"], "a rule may find it")
	require.True(t, texts["saved"], "it is asked about")
	require.True(t, texts["template 0"])
	require.False(t, texts["template 599"])
	require.Contains(t, got.Text, "(of 602)")
}

func TestAskReadsEventsOfWhatIsAskedAboutAlways(t *testing.T) {
	entries := []pipeline.Entry{event(9000, "Pod", "shop", "cart-0", "Failed", "old event of cart", at(noon.Add(-time.Minute))), event(9001, "Pod", "shop", "mail-0", "Failed", "old event of mail")}
	for n := range uint64(5200) {
		entries = append(entries, event(n+1, "Pod", "shop", "noise-0", "Pulled", "pulled", at(noon.Add(-time.Duration(n)*time.Millisecond))))
	}
	_, s, j := asker(t, entries...)
	got := askBy(t, s, j, query.AskRequest{Query: "what is wrong with cart?"})
	require.EqualValues(t, 5001, got.Looked.Events)
	require.True(t, got.Looked.Truncated)
	texts := map[string]int{}
	for _, sighting := range j.got.Sightings {
		texts[sighting.Entry.Message]++
	}
	require.Equal(t, map[string]int{"pulled": 5000, "old event of cart": 1}, texts)

	askBy(t, s, j, query.AskRequest{Query: "what is wrong with cart?", Selection: query.Selection{Kinds: []string{"log", "node"}}})
	require.Empty(t, j.got.Sightings)

	s.Patterns = nil
	entries = entries[:1]
	_, s, j = asker(t, append(entries, podLine(1, "shop", "cart-0", "line"))...)
	s.Patterns = nil
	got = askBy(t, s, j, query.AskRequest{Query: "what is wrong with the big cart?"})
	require.Len(t, j.got.Sightings, 1, "events can be read without patterns")
	require.Empty(t, got.Nearest)
}

// finding is a rule that matched all of some entries.
func finding(rule string, entries ...pipeline.Entry) diagnose.Finding {
	f := diagnose.Finding{Rule: rule, Cause: diagnose.CauseConnectionRefused, Depth: diagnose.Failure, Says: "says " + rule, Count: int64(len(entries)),
		Subject: diagnose.Object{Cluster: "west", Kind: "Pod", Namespace: "shop", Name: "cart-0"}}
	for i := range entries {
		f.First, f.Last = entries[len(entries)-1].Time, entries[0].Time
		f.Evidence = append(f.Evidence, diagnose.Evidence{Entry: &entries[i], End: len(entries[i].Message)})
	}
	return f
}

func TestAskShowsADiagnosis(t *testing.T) {
	refusedLine := podLine(1, "shop", "cart-0", "connection refused by db", level(pipeline.LevelError))
	backOff := event(2, "Pod", "shop", "cart-0", "BackOff", "Back-off restarting")
	p, s, j := asker(t, refusedLine, backOff)
	cause := finding("refused", refusedLine)
	cause.Count, cause.Over = 7, true
	also := finding("backoff", backOff)
	also.Cause = diagnose.CauseCrashLoopAppError
	j.says = diagnose.Diagnosis{
		Cause: diagnose.CauseConnectionRefused, Confidence: diagnose.Medium, Object: cause.Subject, Summary: "db refuses cart",
		Findings: []diagnose.Finding{cause},
		Cascade: []diagnose.Step{{Cluster: "west", Namespace: "shop", Service: "db", Since: backOff.Time, Says: "down", Entry: &backOff},
			{Service: "cart", Since: refusedLine.Time}},
		Changes: []diagnose.Change{{At: backOff.Time, Object: cause.Subject, Says: "scaled", Entry: &backOff}},
		Next:    []diagnose.Command{{Text: "kubectl -n shop describe pod cart-0", Why: "its state"}},
		Also:    []diagnose.Finding{also, {Cause: diagnose.CauseQuota}},
	}
	got := askBy(t, s, j, query.AskRequest{Query: "what is wrong?"})
	since := noon.Add(-time.Second)
	require.Equal(t, query.AskResponse{
		Answered: true, Text: "rules: db refuses cart", Cause: diagnose.CauseConnectionRefused, Meaning: diagnose.CauseConnectionRefused.Meaning(),
		Confidence: diagnose.Medium, Summary: "db refuses cart", Object: &cause.Subject, Since: &since, Last: &since, Count: 7, Over: true,
		Evidence: []query.AskEvidence{{
			ID: id(1).String(), Time: since, Kind: "log", Level: "error", Cluster: "west", Namespace: "shop", Service: "cart", Pod: "cart-0",
			Text: "connection refused by db", Rule: "refused", Says: "says refused", PatternID: pipeline.NewPatternID("connection refused by db").String(),
		}},
		Cascade: []query.AskStep{{Cluster: "west", Namespace: "shop", Service: "db", Since: noon.Add(-2 * time.Second), Says: "down", ID: id(2).String()},
			{Service: "cart", Since: since}},
		Changes: []query.AskChange{{Time: noon.Add(-2 * time.Second), Object: cause.Subject, Says: "scaled", ID: id(2).String()}},
		Next:    []query.AskCommand{{Text: "kubectl -n shop describe pod cart-0", Why: "its state"}},
		Also: []query.AskFault{{Cause: diagnose.CauseCrashLoopAppError, Object: cause.Subject, Says: "says backoff", Since: noon.Add(-2 * time.Second), Count: 1, ID: id(2).String()},
			{Cause: diagnose.CauseQuota, Since: time.Unix(0, 0).UTC()}},
		Nearest: []query.Hit{}, Looked: got.Looked, Generator: "rules",
	}, got)
	require.Empty(t, p.documents, "a search is for what has no answer, or names nothing")

	j.says = diagnose.Diagnosis{Cause: diagnose.CauseNoFault, Confidence: diagnose.High, Summary: "all is well"}
	got = askBy(t, s, j, query.AskRequest{Query: "is cart ok?"})
	require.True(t, got.Answered)
	require.Equal(t, "rules: all is well", got.Text)
	require.Nil(t, got.Since)
	require.Nil(t, got.Object)
	require.Empty(t, got.Nearest)
}

func TestAskSaysThatThereIsNoAnswer(t *testing.T) {
	_, s, j := asker(t, podLine(1, "shop", "cart-0", "connection refused by db"), event(2, "Pod", "shop", "cart-0", "Started", "started"))
	for _, cause := range []diagnose.Cause{diagnose.CauseInsufficientData, ""} {
		j.says = diagnose.Diagnosis{Cause: cause, Confidence: diagnose.Low}
		got := askBy(t, s, j, query.AskRequest{Query: "why is the connection of cart refused?"})
		require.False(t, got.Answered)
		require.Equal(t, diagnose.CauseInsufficientData, got.Cause)
		require.NotEmpty(t, got.Meaning)
		require.Empty(t, got.Confidence)
		require.Equal(t, "The logs do not hold an answer. Looked at 1 event and 1 pattern of log lines, "+
			"from 2021-08-02T11:59:59Z to 2021-08-03T11:59:59Z, for cart.", got.Text)
		require.Equal(t, []string{"connection refused by db", "started"}, templates(query.SearchResponse{Hits: got.Nearest}))
		require.Len(t, got.Nearest[0].Examples, 1)
		require.NotNil(t, got.Evidence)
	}
	got := askBy(t, s, j, query.AskRequest{Query: "why does job report-7 fail?"})
	require.True(t, strings.HasPrefix(got.Text, "The logs do not hold an answer. No entry is known to be of Job report-7. Looked at 1 event"), got.Text)
}

func TestEvidenceIsTakenFromFindingsInTurn(t *testing.T) {
	many := func(rule string, from uint64, template string, n int) diagnose.Finding {
		var entries []pipeline.Entry
		for i := range n {
			entries = append(entries, podLine(from+uint64(i), "shop", "cart-0", fmt.Sprintf("%s %d", rule, i), of(template)))
		}
		return finding(rule, entries...)
	}
	a, b, c := many("a", 10, "a <*>", 5), many("b", 20, "b <*>", 2), many("c", 30, "a <*>", 1)
	a.Evidence = append(a.Evidence, a.Evidence[0], diagnose.Evidence{})
	twin := podLine(40, "shop", "cart-0", "a 0", of("other"))
	c.Evidence = append(c.Evidence, diagnose.Evidence{Entry: &twin})
	_, s, j := asker(t,
		podLine(1, "shop", "cart-0", "panic", level(pipeline.LevelError)), podLine(2, "shop", "cart-0", "panic", level(pipeline.LevelError)),
		podLine(3, "shop", "cart-0", "fatal", level(pipeline.LevelFatal)), podLine(4, "shop", "cart-0", "third", level(pipeline.LevelFatal)),
		podLine(5, "shop", "mail-0", "mail error", level(pipeline.LevelError)), podLine(6, "pay", "cart-0", "other namespace", level(pipeline.LevelError)),
		podLine(7, "shop", "cart-0", "warned", level(pipeline.LevelWarn)),
	)
	j.says = diagnose.Diagnosis{Cause: diagnose.CauseConnectionRefused, Object: a.Subject, Findings: []diagnose.Finding{a, b, c}}
	texts := func(n int) []string {
		list := []string{}
		for _, e := range askBy(t, s, j, query.AskRequest{Query: "what is wrong?", Evidence: n}).Evidence {
			list = append(list, e.Text)
		}
		return list
	}
	require.Equal(t, []string{"a 0"}, texts(1))
	require.Equal(t, []string{"a 0", "b 0"}, texts(2))
	require.Equal(t, []string{"a 0", "b 0", "panic", "fatal", "a 1", "b 1", "c 0", "a 2"}, texts(0))
	require.Equal(t, []string{"a 0", "b 0", "panic", "fatal", "third", "a 1", "b 1", "c 0", "a 2", "a 3", "a 4"}, texts(50))
	// Of what is not known to be of a pod, lines of no pod are.
	j.says.Object, j.says.Findings[0].Subject = diagnose.Object{}, diagnose.Object{}
	require.Equal(t, []string{"a 0", "b 0", "a 1"}, texts(3))
}

func TestExcerpt(t *testing.T) {
	require.Equal(t, "short", query.Excerpt("short", 0, 5))
	var lines []string
	for n := range 200 {
		lines = append(lines, fmt.Sprintf("  at com.example.shop.Frame%03d.call(Frame%03d.java:17)", n, n))
	}
	trace := strings.Join(lines, "\n")
	at := strings.Index(trace, "Frame100")
	got := query.Excerpt(trace, at, at+8)
	require.LessOrEqual(t, len(got), 1500)
	require.Greater(t, len(got), 1400)
	shown := strings.Split(got, "\n")
	require.Equal(t, "…", shown[0])
	require.Equal(t, "…", shown[len(shown)-1])
	require.Subset(t, shown, lines[97:104])
	require.Subset(t, lines, shown[1:len(shown)-1], "whole lines")

	got = query.Excerpt(trace, 0, 5)
	require.True(t, strings.HasPrefix(got, lines[0]+"\n"))
	require.True(t, strings.HasSuffix(got, "\n…"))
	got = query.Excerpt(trace, len(trace)-3, len(trace))
	require.True(t, strings.HasPrefix(got, "…\n"))
	require.True(t, strings.HasSuffix(got, lines[199]))

	// Long lines around it are cut.
	long := strings.Repeat(strings.Repeat("é", 400)+"\n", 6)
	text := long + "here is the ERROR\n" + long
	at = strings.Index(text, "ERROR")
	got = query.Excerpt(text, at, at+5)
	shown = strings.Split(got, "\n")
	require.Contains(t, shown, "here is the ERROR")
	require.Len(t, shown, 9, "three lines to each side")
	require.LessOrEqual(t, len(got), 1500)

	// One long line.
	text = strings.Repeat("é", 5000) + "ERROR" + strings.Repeat("ü", 5000)
	at = strings.Index(text, "ERROR")
	for _, end := range []int{at, at + 5, at + 3000} {
		got = query.Excerpt(text, at, end)
		require.Contains(t, got, "ERROR")
		require.True(t, utf8.ValidString(got))
		require.LessOrEqual(t, len(got), 1500)
		require.Greater(t, len(got), 1400)
		require.True(t, strings.HasPrefix(got, "…") && strings.HasSuffix(got, "…"))
	}
	for _, ends := range [][2]int{{-5, -1}, {0, 1 << 30}, {1 << 30, 0}, {len(text), len(text)}} {
		require.LessOrEqual(t, len(query.Excerpt(text, ends[0], ends[1])), 1500)
	}
	require.True(t, utf8.ValidString(query.Excerpt(strings.Repeat("\xff", 4000), 17, 19)))
}

func FuzzExcerpt(f *testing.F) {
	f.Add("a\nb\n", 1, 2, 700)
	f.Add("é", 3, 3, 900)
	f.Fuzz(func(t *testing.T, piece string, start, end, times int) {
		text := strings.Repeat(piece, max(0, times)%2000)
		if len(text) > 64<<10 {
			return
		}
		got := query.Excerpt(text, start, end)
		require.True(t, utf8.ValidString(got))
		require.LessOrEqual(t, len(got), 1500)
	})
}

// model is a Generator.
type model struct {
	wording query.Wording
	err     error
	got     query.AnswerCase
	hang    bool
}

func (m *model) Name() string { return "parrot-7" }

func (m *model) Generate(ctx context.Context, c query.AnswerCase) (query.Wording, error) {
	m.got = c
	if m.hang {
		<-ctx.Done()
		return query.Wording{}, ctx.Err()
	}
	return m.wording, m.err
}

func TestAGeneratorWordsAnAnswer(t *testing.T) {
	e := podLine(1, "shop", "cart-0", "connection refused by db", level(pipeline.LevelError))
	_, s, j := asker(t, e)
	f := finding("refused", e)
	j.says = diagnose.Diagnosis{Cause: diagnose.CauseConnectionRefused, Object: f.Subject, Summary: "db refuses cart", Findings: []diagnose.Finding{f}}
	var log bytes.Buffer
	s.Log = slog.New(slog.NewTextHandler(&log, nil))
	other := id(99).String()
	for name, test := range map[string]struct {
		model    model
		text     string // empty: the rules' words
		degraded string
		logged   string
	}{
		"good":          {model{wording: query.Wording{Text: "The database [" + id(1).String() + "] refuses.", Cited: []string{id(1).String()}}}, "The database [" + id(1).String() + "] refuses.", "", ""},
		"controls":      {model{wording: query.Wording{Text: "\x1b[31mred\u202e \x00\r\n\tend\x7f "}}, "[31mred \n\tend", "", ""},
		"longer hex":    {model{wording: query.Wording{Text: "hash " + other + "ab"}}, "hash " + other + "ab", "", ""},
		"fails":         {model{err: errors.New("https://user:hunter2@models.example said 500")}, "", "did not answer", "hunter2"},
		"empty":         {model{}, "", "there are none", ""},
		"blank":         {model{wording: query.Wording{Text: " \x01\n"}}, "", "there are none", ""},
		"long":          {model{wording: query.Wording{Text: strings.Repeat("x", 16<<10+1)}}, "", "longer than 16384 bytes", ""},
		"no text":       {model{wording: query.Wording{Text: "a\xff"}}, "", "UTF-8", ""},
		"cites other":   {model{wording: query.Wording{Text: "It is so.", Cited: []string{other}}}, "", "cite an entry", ""},
		"names other":   {model{wording: query.Wording{Text: "See " + other + "."}}, "", "name an entry", ""},
		"in upper case": {model{wording: query.Wording{Text: "See " + strings.Repeat("AB", 16)}}, "", "name an entry", ""},
	} {
		t.Run(name, func(t *testing.T) {
			log.Reset()
			m := test.model
			s.Generator = &m
			got := askBy(t, s, j, query.AskRequest{Query: "why is cart down?"})
			require.Equal(t, query.AnswerCase{Question: "why is cart down?", Diagnosis: j.says, Evidence: got.Evidence, Nearest: []query.Hit{}}, m.got)
			if test.text != "" {
				require.Equal(t, test.text, got.Text)
				require.Equal(t, "parrot-7", got.Generator)
				require.Empty(t, got.Degraded)
				require.Empty(t, log.String())
				return
			}
			require.Equal(t, "rules: db refuses cart", got.Text)
			require.Equal(t, "rules", got.Generator)
			require.Contains(t, got.Degraded, test.degraded)
			require.NotContains(t, got.Degraded, "hunter2")
			require.Contains(t, log.String(), "parrot-7")
			require.Contains(t, log.String(), test.logged)
		})
	}

	// That there is no answer is said whatever a model says.
	j.says = diagnose.Diagnosis{Cause: diagnose.CauseInsufficientData}
	s.Generator = &model{wording: query.Wording{Text: "It is surely the moon."}}
	got := askBy(t, s, j, query.AskRequest{Query: "why is cart down?"})
	require.False(t, got.Answered)
	require.Equal(t, query.NoAnswer+"\n\nIt is surely the moon.", got.Text)
	s.Generator = &model{wording: query.Wording{Text: query.NoAnswer + " Sorry."}}
	require.Equal(t, query.NoAnswer+" Sorry.", askBy(t, s, j, query.AskRequest{Query: "why is cart down?"}).Text)
}

func TestAGeneratorThatHangsIsNotWaitedFor(t *testing.T) {
	for name, test := range map[string]struct {
		timeout, caller, want time.Duration
	}{
		"by default":            {0, 0, 60 * time.Second},
		"as configured":         {5 * time.Second, 0, 5 * time.Second},
		"within the caller's":   {0, 30 * time.Second, 28 * time.Second},
		"the caller has more":   {5 * time.Second, 30 * time.Second, 5 * time.Second},
		"the caller has little": {5 * time.Second, time.Second, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			_, s, j := asker(t, podLine(1, "shop", "cart-0", "x"))
			s.Generator, s.GenerateTimeout = &model{hang: true}, test.timeout
			ctx := t.Context()
			if test.caller > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, test.caller)
				defer cancel()
			}
			start := time.Now()
			got, err := s.AskBy(ctx, query.AskRequest{Query: "what is wrong?"}, j.of)
			require.NoError(t, err, name)
			require.Equal(t, test.want, time.Since(start), name)
			require.Contains(t, got.Degraded, "too long", name)
			require.Equal(t, "rules", got.Generator)
			require.True(t, strings.HasPrefix(got.Text, query.NoAnswer))
		})
	}
	synctest.Test(t, func(t *testing.T) {
		_, s, j := asker(t, podLine(1, "shop", "cart-0", "x"))
		s.Generator = &model{hang: true}
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			time.Sleep(time.Second)
			cancel()
		}()
		_, err := s.AskBy(ctx, query.AskRequest{Query: "what is wrong?"}, j.of)
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestAskEndsWithItsContextAndTheStore(t *testing.T) {
	p, s, j := asker(t, cluster()...)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := s.AskBy(ctx, query.AskRequest{Query: "what is wrong with redis?"}, j.of)
	require.ErrorIs(t, err, context.Canceled)
	p.err = pipeline.ErrTryLater
	for _, question := range []string{"what is wrong?", "what is wrong with redis?", "is namespace shop ok"} {
		_, err = s.AskBy(context.Background(), query.AskRequest{Query: question}, j.of)
		require.ErrorIs(t, err, pipeline.ErrTryLater)
	}
}

func TestAskTellsATenantNothingOfOthers(t *testing.T) {
	entries := []pipeline.Entry{
		podLine(10, "shop", "cart-0", "order placed"), podLine(11, "shop", "cart-0", "connection refused by db", level(pipeline.LevelError)),
		podLine(1, "pay", "ledger-0", "connection refused by vault", level(pipeline.LevelFatal)), podLine(2, "pay", "cart-0", "order placed", level(pipeline.LevelError)),
		event(3, "Pod", "pay", "ledger-0", "Evicted", "evicted"), podLine(4, "", "", "node line", func(e *pipeline.Entry) { e.Kind = pipeline.KindNode }),
		plainLine(5, "plain"),
	}
	p, s, j := asker(t, entries...)
	_, mine, _ := asker(t, entries[:2]...)
	ctx := query.WithScopes(context.Background(), shopOnly)
	for _, question := range []string{
		"what is wrong?", "what is wrong with ledger?", "what is wrong with pod ledger-0 in namespace pay?", "is namespace pay healthy?",
		"why is the connection to vault refused?", "is cart ok?", "what is wrong with cart in pay", "is node n1 ok", "any problems in pay?",
	} {
		got, err := s.AskBy(ctx, query.AskRequest{Query: question}, j.of)
		require.NoError(t, err)
		judged := j.got
		want, err := mine.AskBy(context.Background(), query.AskRequest{Query: question}, j.of)
		require.NoError(t, err)
		require.Equal(t, want, got, question)
		require.Equal(t, j.got, judged, question)
		require.NotEmpty(t, judged.Sightings)
		for _, sighting := range judged.Sightings {
			require.Equal(t, "shop", sighting.Entry.Resource.Namespace)
		}
	}
	for _, q := range p.queries {
		require.Equal(t, shopOnly, q.Filter.Scopes)
	}
	for _, q := range p.groupQueries {
		require.Equal(t, shopOnly, q.Filter.Scopes)
	}
	for _, q := range p.documents {
		require.Equal(t, shopOnly, q.Filter.Scopes)
	}
	got, err := s.AskBy(query.WithScopes(context.Background(), []pipeline.Scope{}), query.AskRequest{Query: "what is wrong with cart?"}, j.of)
	require.NoError(t, err)
	require.Empty(t, j.got.Sightings)
	require.Empty(t, got.Looked.About)
}

func TestAskIsDeterministic(t *testing.T) {
	entries := cluster()
	for n := range uint64(450) {
		entries = append(entries, podLine(n+100, "shop", "noise-0", fmt.Sprint("connection refused ", n), level(pipeline.LevelError)))
	}
	p, s, j := asker(t, entries...)
	var want string
	for seed := range uint64(5) {
		p.shuffle = rand.New(rand.NewPCG(seed, 1))
		text, err := json.Marshal(askBy(t, s, j, query.AskRequest{Query: "why do checkout, redis and rabbitmq fail?"}))
		require.NoError(t, err)
		for _, sighting := range j.got.Sightings {
			text = append(text, sighting.Entry.ID.String()...)
		}
		if seed == 0 {
			want = string(text)
		}
		require.Equal(t, want, string(text), seed)
	}
}

func TestAskRequestsAreChecked(t *testing.T) {
	_, s, j := asker(t, podLine(1, "shop", "cart-0", "x"))
	for name, r := range map[string]query.AskRequest{
		"empty": {}, "blank": {Query: " \n"}, "long": {Query: strings.Repeat("x", 4097)}, "zero byte": {Query: "a\x00"},
		"evidence": {Query: "a", Evidence: 51}, "below": {Query: "a", Evidence: -1},
		"level": {Query: "a", Selection: query.Selection{Levels: []string{"loud"}}},
		"time":  {Query: "a", Selection: query.Selection{From: "whenever"}},
	} {
		_, err := s.AskBy(context.Background(), r, j.of)
		requireRejected(t, err, name)
	}
	s.Rules = nil
	_, err := s.Ask(context.Background(), query.AskRequest{Query: "a"})
	requireRejected(t, err, "no rules")
}

func TestAskParametersReadBackToTheSame(t *testing.T) {
	selection := query.Selection{Namespaces: []string{"shop", "pay"}, Labels: []string{"a=b,c"}, From: "2h", Levels: []string{"warn+"}}
	for _, r := range []query.AskRequest{{}, {Query: "a b&c", Selection: selection, Evidence: 7, Literal: true}} {
		got, err := query.ParseAskRequest(r.Values())
		require.NoError(t, err)
		require.Equal(t, r.Values(), got.Values())
	}
	for _, text := range []string{"query=a", "q=a&q=b", "evidence=0", "evidence=51", "evidence=x", "literal=maybe", "limit=3"} {
		v, err := url.ParseQuery(text)
		require.NoError(t, err)
		_, err = query.ParseAskRequest(v)
		requireRejected(t, err, text)
	}
}

func TestDecodeAskRequest(t *testing.T) {
	got, err := query.DecodeAskRequest(strings.NewReader(`{"query":"why","namespace":["shop"],"from":"2h","evidence":5,"literal":true}`))
	require.NoError(t, err)
	require.Equal(t, query.AskRequest{Query: "why", Evidence: 5, Literal: true, Selection: query.Selection{Namespaces: []string{"shop"}, From: "2h"}}, got)
	for text, hint := range map[string]string{
		`{"query":"a","limit":1}`: `limit`, `{"query":"a","namespace":"x"}`: `namespace is a JSON string`, `{"query":7}`: `query is a JSON number`,
		`{"query":"a","evidence":1.5}`: `evidence`, `{"query":"a"} {}`: `more than one`, `{"query":"a"`: `no JSON`, ``: `no JSON`, `["a"]`: `no JSON object`,
		`{"query":"` + strings.Repeat("x", 70_000) + `"}`: `the question is too large`,
	} {
		_, err := query.DecodeAskRequest(strings.NewReader(text))
		requireRejected(t, err, text)
		require.ErrorContains(t, err, hint)
	}
}

// answerer remembers what it was asked.
type answerer struct {
	got   query.AskRequest
	asked int
	err   error
}

func (a *answerer) Ask(ctx context.Context, r query.AskRequest) (query.AskResponse, error) {
	a.got, a.asked = r, a.asked+1
	return query.AskResponse{Text: "<it> is & so", Nearest: []query.Hit{{FirstSeen: noon, LastSeen: noon}}}, a.err
}

func serveAsk(a query.Asker, timeout time.Duration, scopes []pipeline.Scope) http.Handler {
	mux := http.NewServeMux()
	(&query.API{Lines: &query.Service{Reader: &memory{}, Now: clock}, Asker: a, Timeout: timeout}).Register(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r.WithContext(query.WithScopes(r.Context(), scopes)))
	})
}

func postAsk(h http.Handler, target, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", target, strings.NewReader(body)))
	return w
}

func TestAskAddresses(t *testing.T) {
	a := &answerer{}
	h := serveAsk(a, 0, nil)
	want := query.AskRequest{Query: "why is it so", Evidence: 3, Literal: true,
		Selection: query.Selection{Namespaces: []string{"shop", "pay"}, Levels: []string{"warn+"}, Labels: []string{"a=b"}, From: "15m"}}

	w := ask(h, "GET", "/v1/ask?q=why+is+it+so&evidence=3&literal=true&namespace=shop,pay&level=warn%2B&label=a%3Db&from=15m")
	require.Equal(t, 200, w.Code, w.Body)
	require.Equal(t, want, a.got)
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	golden(t, "ask.golden", w.Body.Bytes())
	body := w.Body.String()

	a.got = query.AskRequest{}
	w = postAsk(h, "/v1/ask", `{"query":"why is it so","evidence":3,"literal":true,"namespace":["shop","pay"],"level":["warn+"],"label":["a=b"],"from":"15m"}`)
	require.Equal(t, 200, w.Code, w.Body)
	require.Equal(t, want, a.got)
	require.Equal(t, body, w.Body.String())

	require.Equal(t, 404, ask(serve(&memory{}, &operator{}, nil), "GET", "/v1/ask?q=a").Code, "without an Asker there is no such address")
	w = ask(h, "PUT", "/v1/ask")
	require.Equal(t, 405, w.Code)
	require.Equal(t, "GET, POST", w.Header().Get("Allow"))
}

func TestWrongQuestions(t *testing.T) {
	a := &answerer{}
	h := serveAsk(a, 0, nil)
	for _, body := range []string{"", "x", "[]", `{"query":1}`, `{"qeury":"x"}`, `{"query":"x","evidence":"3"}`, `{"query":"x"}{"query":"y"}`} {
		w := postAsk(h, "/v1/ask", body)
		require.Equal(t, 400, w.Code, "%s: %s", body, w.Body)
		require.NotContains(t, w.Body.String(), `"hint":""`, body)
		require.NotContains(t, w.Body.String(), "search request")
	}
	require.Equal(t, 400, postAsk(h, "/v1/ask?evidence=5", `{"query":"x"}`).Code)
	require.Equal(t, 400, ask(h, "GET", "/v1/ask?query=x").Code)
	require.Equal(t, 413, postAsk(h, "/v1/ask", `{"query":"x"`+strings.Repeat(" ", query.MaxSearchBody)+"}").Code)
	require.Zero(t, a.asked)

	for _, target := range []string{"/v1/ask", "/v1/ask?q=+"} { // the service itself checks
		_, s, _ := asker(t)
		w := ask(serveAsk(s, 0, nil), "GET", target)
		require.Equal(t, 400, w.Code)
		require.Contains(t, w.Body.String(), "the query is empty")
	}
	a.err = fmt.Errorf("open /var/lib/secret: %w", errors.New("disk"))
	w := ask(serveAsk(a, 0, shopOnly), "GET", "/v1/ask?q=x")
	require.Equal(t, 500, w.Code)
	require.NotContains(t, w.Body.String(), "secret")

	mux := http.NewServeMux()
	(&query.API{Lines: &query.Service{Reader: &memory{}}, Asker: a}).Register(mux)
	require.Equal(t, 403, ask(mux, "GET", "/v1/ask?q=x").Code, "nobody decided what it may read")
}

func TestAskTakesNoLongerThanTheAPIAllows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &query.Service{Reader: slow{&memory{}}, Now: clock, Rules: rules(t)}
		start := time.Now()
		w := ask(serveAsk(s, 10*time.Second, nil), "GET", "/v1/ask?q=what+is+wrong")
		require.Equal(t, 503, w.Code)
		require.Equal(t, 10*time.Second, time.Since(start))
		require.Contains(t, w.Body.String(), "too long")
	})
}

// holding holds each question until it is let go, and counts those that it holds.
type holding struct {
	held, most atomic.Int64
	free       chan struct{}
}

func (h *holding) Ask(ctx context.Context, r query.AskRequest) (query.AskResponse, error) {
	n := h.held.Add(1)
	defer h.held.Add(-1)
	if n > h.most.Load() {
		h.most.Store(n)
	}
	select {
	case <-h.free:
	case <-ctx.Done():
	}
	return query.AskResponse{}, ctx.Err()
}

func TestSoManyQuestionsAreAnsweredAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := &holding{free: make(chan struct{})}
		h := serveAsk(held, 10*time.Second, nil)
		codes := make(chan int, 9)
		for range 9 {
			go func() { codes <- ask(h, "GET", "/v1/ask?q=x").Code }()
		}
		synctest.Wait()
		require.EqualValues(t, 4, held.held.Load())
		for range 4 {
			held.free <- struct{}{}
		}
		synctest.Wait()
		require.EqualValues(t, 4, held.held.Load(), "others take their places")
		got := map[int]int{}
		for range 9 {
			got[<-codes]++
		}
		require.Equal(t, map[int]int{200: 4, 503: 5}, got, "who waits too long is told so")
		require.EqualValues(t, 4, held.most.Load())
	})
}
