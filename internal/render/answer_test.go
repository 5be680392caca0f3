package render_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rivo/uniseg"
	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/internal/render"
	"github.com/loglode/loglode/query"
	"github.com/loglode/loglode/query/diagnose"
)

const cartPod = "cart-7554875d8-m688r"

func found() query.AskResponse {
	since, last := at.Add(-26*time.Hour), at
	return query.AskResponse{
		Answered: true, Cause: diagnose.CauseMissingConfigMap, Meaning: diagnose.CauseMissingConfigMap.Meaning(), Confidence: diagnose.High,
		Text: "Pod shop/" + cartPod + ": ConfigMap cart-config does not exist.", Summary: "Pod shop/" + cartPod + ": ConfigMap cart-config does not exist. Seen 30 times.",
		Object: &diagnose.Object{Cluster: "west", Kind: "Pod", Namespace: "shop", Name: cartPod},
		Since:  &since, Last: &last, Count: 1204, Generator: "rules",
		Evidence: []query.AskEvidence{
			{ID: "00000000000000000000000000000001", Time: at, Kind: "event", Level: "warn", Namespace: "shop", Service: "cart", Pod: cartPod, Reason: "Failed", Text: `Error: configmap "cart-config" not found`, Rule: "configmap-missing", Says: "ConfigMap cart-config does not exist"},
			{ID: "00000000000000000000000000000002", Time: at.Add(time.Second), Kind: "log", Level: "error", Namespace: "shop", Service: "web", Pod: "web-0", Text: "dial tcp cart:80: connection refused\n\tat one\n\tat two " + strings.Repeat("and so on ", 60), Says: "cart:80 refuses connections"},
			{ID: "00000000000000000000000000000003", Time: at.Add(2 * time.Second), Kind: "node", Level: "", Service: "kernel", Text: "link is down", Says: "cart:80 refuses connections"},
		},
		Cascade: []query.AskStep{
			{Namespace: "shop", Service: "cart", Since: since, Says: "ConfigMap cart-config does not exist"},
			{Namespace: "shop", Service: "web", Since: since.Add(time.Second), Says: "cart:80 refuses connections"},
		},
		Changes: []query.AskChange{{Time: since, Object: diagnose.Object{Kind: "Deployment", Namespace: "shop", Name: "cart"}, Says: "a roll-out: Scaled up"}},
		Next:    []query.AskCommand{{Text: "kubectl -n shop get configmap cart-config", Why: "whether it exists by now"}},
		Also:    []query.AskFault{{Cause: diagnose.CauseOOMKilled, Object: diagnose.Object{Kind: "Pod", Namespace: "pay", Name: "pay-0"}, Says: "killed", Since: at, Count: 1}},
		Looked: query.Looked{About: []string{"cart"}, Filters: query.Selection{Namespaces: []string{"shop"}}, Read: []string{"in namespace shop"},
			From: since, To: at, Patterns: 3400, PatternsRead: 400, Events: 1, Truncated: true},
	}
}

// repeated is an answer whose evidence says the same again and again: five
// entries of a kernel, with a line and another kernel's entry between them.
func repeated() query.AskResponse {
	r := query.AskResponse{
		Answered: true, Cause: diagnose.CauseOOMKilled, Meaning: diagnose.CauseOOMKilled.Meaning(), Confidence: diagnose.High,
		Summary: "Pod pay/pay-0: the kernel killed process ledger for want of memory. Seen 5 times.", Generator: "rules",
		Object: &diagnose.Object{Kind: "Pod", Namespace: "pay", Name: "pay-0"},
		Looked: query.Looked{From: at.Add(-time.Hour), To: at, Patterns: 12, PatternsRead: 12, Events: 2},
	}
	killed := func(n int, node string) query.AskEvidence {
		return query.AskEvidence{
			ID: fmt.Sprintf("%08x%024d", n, 7), Time: at.Add(-time.Duration(n) * time.Minute), Kind: "node", Level: "error", Service: node, Rule: "oom-kernel",
			Text: fmt.Sprintf("oom-kill:constraint=CONSTRAINT_MEMCG,task_memcg=/kubepods.slice/%s,task=ledger,pid=%d,uid=1000", strings.Repeat("cri-containerd-7f00.scope/", 8), 4000+n),
			Says: "the kernel killed process ledger for want of memory",
		}
	}
	line := query.AskEvidence{ID: "cafe0000000000000000000000000001", Time: at, Kind: "log", Level: "warn", Namespace: "pay", Service: "pay", Pod: "pay-0", Rule: "heap", Text: "heap is 97% full", Says: "memory is nearly used up"}
	r.Evidence = []query.AskEvidence{killed(1, "kernel"), line, killed(2, "kernel"), killed(3, "kernel-2"), killed(4, "kernel"), killed(5, "kernel"), killed(1500, "kernel")}
	return r
}

func healthy() query.AskResponse {
	return query.AskResponse{
		Answered: true, Cause: diagnose.CauseNoFault, Confidence: diagnose.Medium, Generator: "rules", Summary: "No fault was found in shop.",
		Looked: query.Looked{About: []string{"cart", "web"}, From: at.Add(-time.Hour), To: at, Patterns: 2, PatternsRead: 2, Events: 1200},
	}
}

func unanswered() query.AskResponse {
	r := query.AskResponse{Cause: diagnose.CauseInsufficientData, Summary: "The logs do not hold an answer about mail.", Generator: "rules", Nearest: hits().Hits[:1]}
	r.Looked = query.Looked{From: at.Add(-24 * time.Hour), To: at, Patterns: 1, PatternsRead: 1}
	return r
}

func answered(t *testing.T, f render.Format, terminal render.Terminal, r query.AskResponse) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, render.Answer(&b, f, terminal, clock, r))
	return b.String()
}

func TestAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		format   render.Format
		terminal render.Terminal
		response query.AskResponse
	}{
		"answer-80.golden":            {render.FormatTable, render.Terminal{Width: 80}, found()},
		"answer-120.golden":           {render.FormatTable, render.Terminal{Width: 120}, found()},
		"answer-100.golden":           {render.FormatTable, render.Terminal{Width: 100}, found()},
		"answer-pipe.golden":          {render.FormatTable, render.Terminal{}, found()},
		"answer-wide.golden":          {render.FormatWide, render.Terminal{Width: 100}, found()},
		"answer-colours.golden":       {render.FormatTable, render.Terminal{Width: 80, Colours: true}, found()},
		"answer-none.golden":          {render.FormatTable, render.Terminal{Width: 100}, unanswered()},
		"answer-healthy.golden":       {render.FormatTable, render.Terminal{Width: 80}, healthy()},
		"answer-repeated-80.golden":   {render.FormatTable, render.Terminal{Width: 80}, repeated()},
		"answer-repeated-120.golden":  {render.FormatTable, render.Terminal{Width: 120}, repeated()},
		"answer-repeated-pipe.golden": {render.FormatTable, render.Terminal{}, repeated()},
		"answer-repeated-wide.golden": {render.FormatWide, render.Terminal{}, repeated()},
	} {
		golden(t, name, []byte(answered(t, c.format, c.terminal, c.response)))
	}
}

// TestEveryEntryIsNamed holds what may be cut against what may not.
func TestEveryEntryIsNamed(t *testing.T) {
	r := repeated()
	for _, terminal := range []render.Terminal{{}, {Width: 120}} {
		text := answered(t, render.FormatTable, terminal, r)
		require.Contains(t, text, "4 more like it: ")
		require.Equal(t, 2, strings.Count(text, "oom-kill:"), "once for each kernel")
		wide := answered(t, render.FormatWide, terminal, r)
		require.NotContains(t, wide, "more like it")
		for i := range r.Evidence {
			require.Contains(t, wide, "["+r.Evidence[i].ID+"]")
			require.Equal(t, 6, strings.Count(strings.Join(strings.Fields(wide), ""), "uid=1000"), "to the end of each")
		}
	}
	piped := answered(t, render.FormatTable, render.Terminal{}, r)
	for row := range strings.SplitSeq(piped, "\n") {
		require.LessOrEqual(t, uniseg.StringWidth(row), 4+200, row)
	}
	require.Contains(t, piped, "["+r.Evidence[2].ID+"]", "what is copied from a file is whole")

	r.Evidence[2].Says, r.Evidence[4].Text, r.Evidence[5].Reason = "another", "other words", "OOMKilling"
	require.NotContains(t, answered(t, render.FormatTable, render.Terminal{Width: 80}, r), "2 more like it")
	require.Equal(t, 1, strings.Count(answered(t, render.FormatTable, render.Terminal{Width: 80}, r), "more like it"))
}

// TestALongNameLeavesTheID has names that fill a row.
func TestALongNameLeavesTheID(t *testing.T) {
	r := found()
	e := &r.Evidence[0]
	e.Pod = "openshift-kube-controller-manager-operator-" + strings.Repeat("long-", 8) + cartPod
	for _, columns := range []int{70, 80, 120} {
		text := answered(t, render.FormatTable, render.Terminal{Width: columns}, r)
		require.Regexp(t, `\n  2021-08-03 09:18:07  event  shop/op\S*…\S*m688r  Failed  \[00000000\]\n`, text, columns)
		wide := answered(t, render.FormatWide, render.Terminal{Width: columns}, r)
		require.Contains(t, wide, "["+e.ID+"]")
		require.Contains(t, strings.ReplaceAll(wide, "\n  ", ""), e.Pod)
	}
	require.Contains(t, answered(t, render.FormatTable, render.Terminal{}, r), "shop/"+e.Pod+"  Failed  ["+e.ID+"]\n")
}

func TestAnswersCount(t *testing.T) {
	r := found()
	for n, want := range map[int64]string{1: ", once\n", 2: ", 2 times\n", 12345: ", 12,345 times\n"} {
		r.Count = n
		require.Contains(t, answered(t, render.FormatTable, render.Terminal{}, r), want)
	}
	r.Count = 0
	require.NotContains(t, answered(t, render.FormatTable, render.Terminal{}, r), "\nseen ")
	for _, c := range []struct {
		events, patterns int64
		want             string
	}{
		{0, 0, "0 events and 0 of 0 patterns\n"},
		{1, 1, "1 event and 1 of 1 pattern\n"},
		{1000, 2000, "1,000 events and 2,000 of 2,000 patterns\n"},
	} {
		r.Looked = query.Looked{From: at, To: at, Events: c.events, Patterns: c.patterns, PatternsRead: c.patterns}
		require.Contains(t, answered(t, render.FormatTable, render.Terminal{}, r), c.want)
	}
	require.NotContains(t, answered(t, render.FormatTable, render.Terminal{}, r), "narrow it")
}

func TestAnswerSaysWhoWordedIt(t *testing.T) {
	r := found()
	r.Generator, r.Text = "parrot-7", "The cart cannot start.\nIts ConfigMap is gone."
	require.Contains(t, answered(t, render.FormatTable, render.Terminal{Width: 80}, r), "worded    by parrot-7\nThe cart cannot start.\nIts ConfigMap is gone.\n")
	r = found()
	r.Degraded, r.Over = "the model took too long", true
	text := answered(t, render.FormatTable, render.Terminal{}, r)
	require.Contains(t, text, "note      the model took too long\n")
	require.Contains(t, text, "1,204 times; it seems to be over\n")
	require.NotContains(t, text, "worded")
	require.NotContains(t, text, "  and ")
	r.CascadeMore = 1200
	require.Contains(t, answered(t, render.FormatTable, render.Terminal{}, r), "\n  and 1,200 more\n")
}

func TestAnAnswerOfHealthHasNoCause(t *testing.T) {
	text := answered(t, render.FormatTable, render.Terminal{}, query.AskResponse{Answered: true, Cause: diagnose.CauseNoFault, Confidence: diagnose.Medium, Summary: "No fault was found."})
	require.NotContains(t, text, "cause")
	require.Contains(t, text, "No fault was found.\nsure      medium\n")
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no room") }

func TestAnAnswerThatCannotBeWritten(t *testing.T) {
	for _, f := range []render.Format{render.FormatTable, render.FormatJSON} {
		require.ErrorContains(t, render.Answer(full{}, f, render.Terminal{}, clock, found()), "no room")
	}
}

func TestAnAnswerAsJSONIsOneDocument(t *testing.T) {
	text := answered(t, render.FormatJSON, render.Terminal{}, found())
	require.Equal(t, 1, strings.Count(text, "\n"))
	var got query.AskResponse
	require.NoError(t, json.Unmarshal([]byte(text), &got))
	require.Equal(t, found().Evidence, got.Evidence)
	require.Equal(t, found().Object, got.Object)
}

// strange is an answer of strangers' texts.
func strange(text string) query.AskResponse {
	r := found()
	r.Summary, r.Text, r.Degraded, r.Generator = text, text, text, text
	r.Object = &diagnose.Object{Kind: text, Namespace: text, Name: text}
	r.Evidence[0] = query.AskEvidence{ID: text, Kind: text, Level: text, Namespace: text, Service: text, Pod: text, Reason: text, Text: text, Says: text}
	r.Cascade[0] = query.AskStep{Namespace: text, Service: text, Says: text}
	r.Changes[0] = query.AskChange{Object: *r.Object, Says: text}
	r.Next[0] = query.AskCommand{Text: "kubectl get pod", Why: text}
	r.Also[0] = query.AskFault{Object: *r.Object, Says: text}
	r.Looked.About, r.Looked.Read, r.Looked.Filters.Services = []string{text}, []string{text}, []string{text}
	return r
}

func TestAnswersOfStrangersAreHarmless(t *testing.T) {
	r := strange(hostile)
	for _, terminal := range []render.Terminal{{}, {Width: 50}, {Width: 100}} {
		for _, f := range []render.Format{render.FormatTable, render.FormatWide, render.FormatJSON} {
			require.False(t, harmful(answered(t, f, terminal, r)), f)
		}
	}
}

func TestAnAnswerFitsTheTerminal(t *testing.T) {
	r := strange(strings.Repeat("漢字 and a long word ", 50))
	for _, columns := range []int{80, 100, 250} {
		for _, f := range []render.Format{render.FormatTable, render.FormatWide} {
			text := answered(t, f, render.Terminal{Width: columns, Colours: true}, r)
			for row := range strings.SplitSeq(sgr.ReplaceAllString(text, ""), "\n") {
				if strings.HasPrefix(strings.TrimSpace(row), "kubectl") {
					continue // commands are to be copied
				}
				require.LessOrEqual(t, uniseg.StringWidth(row), columns, row)
			}
		}
	}
	for _, columns := range []int{1, 2, 10, 40} {
		answered(t, render.FormatWide, render.Terminal{Width: columns}, r)
	}
}
