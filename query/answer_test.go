package query_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/query"
	"github.com/loglode/loglode/query/diagnose"
)

// answering is a service with the real rules.
func answering(t *testing.T, entries ...pipeline.Entry) *query.Service {
	t.Helper()
	_, s, _ := asker(t, entries...)
	table, err := diagnose.NewTable(diagnose.Builtin()...)
	require.NoError(t, err)
	s.Rules = table
	return s
}

func answer(t *testing.T, s *query.Service, question string) query.AskResponse {
	t.Helper()
	got, err := s.Ask(t.Context(), query.AskRequest{Query: question})
	require.NoError(t, err)
	return got
}

// trouble is a shop whose payment is killed, which checkout sees.
func trouble() []pipeline.Entry {
	return []pipeline.Entry{
		event(600, "Pod", "shop", "payment-7d9f5c8b6-x2x7v", "BackOff", "Back-off restarting failed container app in pod payment-7d9f5c8b6-x2x7v_shop(1)"),
		podLine(610, "shop", "payment-7d9f5c8b6-x2x7v", "Last State: Terminated Reason: OOMKilled Exit Code: 137", level(pipeline.LevelError)),
		podLine(590, "shop", "checkout-6c8d7b9f54-abcde", "dial tcp payment.shop.svc:8080: connect: connection refused", level(pipeline.LevelError)),
		podLine(580, "shop", "checkout-6c8d7b9f54-abcde", "dial tcp payment.shop.svc:8080: connect: connection refused", level(pipeline.LevelError)),
		podLine(20, "shop", "mail-5f7c9d8b64-qqqqq", "ready to serve on port 25"),
	}
}

func TestAnAnswerSaysWhatBefallsTheThingThatWasAskedAbout(t *testing.T) {
	s := answering(t, trouble()...)

	got := answer(t, s, "what is wrong with checkout?")
	require.Equal(t, diagnose.CauseOOMKilled, got.Cause)
	require.Equal(t, "payment-7d9f5c8b6-x2x7v", got.Object.Name)
	require.Contains(t, got.Summary, "Pod shop/checkout-6c8d7b9f54-abcde: payment.shop.svc:8080 refuses connections. It comes from Pod shop/payment-7d9f5c8b6-x2x7v: ")

	got = answer(t, s, "what is wrong with payment?")
	require.Equal(t, diagnose.CauseOOMKilled, got.Cause)
	require.NotContains(t, got.Summary, "It comes from")

	got = answer(t, s, "is mail healthy?")
	require.True(t, got.Answered)
	require.Equal(t, diagnose.CauseNoFault, got.Cause)
	require.Equal(t, "ready to serve on port 25", got.Evidence[0].Text)
}

func TestAnAnswerSaysWhereNothingIsKnownOfTheQuestionsWords(t *testing.T) {
	s := answering(t, trouble()...)

	got := answer(t, s, "is the wibble alright?")
	require.Equal(t, diagnose.CauseOOMKilled, got.Cause)
	require.Contains(t, got.Summary, `Nothing is called "wibble". Of all else, this is wrong: `)
	require.Contains(t, got.Text, `Nothing is called "wibble". Of all else, this is wrong: `)

	got = answer(t, s, "is everything alright?")
	require.Equal(t, diagnose.CauseOOMKilled, got.Cause)
	require.NotContains(t, got.Text, "Nothing is called")

	// What is plainly a name gets no other thing's cause.
	got = answer(t, s, "why does pod wibble-0 crash?")
	require.False(t, got.Answered)
	require.Equal(t, diagnose.CauseInsufficientData, got.Cause)
	require.Nil(t, got.Since)
	require.Contains(t, got.Text, "The logs do not hold an answer. No entry is known to be of Pod wibble-0.")

	got = answer(t, answering(t, trouble()[4:]...), "who ate my lunch?")
	require.False(t, got.Answered)
	require.Contains(t, got.Text, query.NoAnswer)
	require.NotContains(t, got.Text, "Of all else")
}

func TestALineIsShownAsItWasWritten(t *testing.T) {
	raw := "2021-08-03 09:18:05.123 ERROR [main] c.e.Db - Could not connect to database orders at db-0:5432"
	e := podLine(60, "shop", "cart-7d9f5c8b6-x2x7v", "Could not connect to database orders at db-0:5432", level(pipeline.LevelError))
	e.Raw = raw
	j := podLine(50, "shop", "mail-5f7c9d8b64-qqqqq", "Could not connect to database post at db-1:5432", level(pipeline.LevelError))
	j.Raw = `{"level":"error","msg":"Could not connect to database post at db-1:5432"}`
	s := answering(t, e, j)

	got := answer(t, s, "what is wrong with cart?")
	require.Equal(t, diagnose.CauseDatabaseError, got.Cause)
	require.Equal(t, raw, got.Evidence[0].Text)
	got = answer(t, s, "what is wrong with mail?")
	require.Equal(t, j.Message, got.Evidence[0].Text, "of JSON what it says")
}

func TestAFaultThatIsOverIsTold(t *testing.T) {
	s := answering(t,
		event(5000, "Pod", "shop", "cart-0", "Failed", `Error: configmap "cart-config" not found`),
		event(4000, "Pod", "shop", "cart-0", "Started", "Started container app"),
		podLine(20, "shop", "cart-0", "ready to serve on port 80"),
	)
	got := answer(t, s, "why did cart not start?")
	require.Equal(t, diagnose.CauseMissingConfigMap, got.Cause)
	require.True(t, got.Over)
	require.Contains(t, got.Summary, "it seems to be over")
	require.Equal(t, noon.Add(-5000*time.Second), *got.Since)

	got = answer(t, s, "what is wrong?")
	require.False(t, got.Answered, "what is over is no answer to what is wrong now")
}

// nodeEvent is as Kubernetes writes it: in the namespace default, about an object
// in none.
func nodeEvent(n uint64, node, reason, message string) pipeline.Entry {
	e := event(n, "Node", "default", node, reason, message)
	e.Event.ObjectNamespace = ""
	return e
}

func TestEventsOfNodesBelongToNoNamespace(t *testing.T) {
	s := answering(t,
		event(400, "Pod", "shop", "cart-7d9f5c8b6-x2x7v", "Scheduled", "Successfully assigned shop/cart-7d9f5c8b6-x2x7v to n1"),
		nodeEvent(300, "n1", "NodeNotReady", "Node n1 status is now: NodeNotReady"),
		event(200, "Pod", "shop", "cart-7d9f5c8b6-x2x7v", "NodeNotReady", "Node is not ready"),
		event(190, "Pod", "default", "other-7d9f5c8b6-x2x7v", "Failed", `Error: configmap "x" not found`),
	)
	for _, question := range []string{"why does cart hang?", "why does cart hang in namespace shop?", "what is wrong in namespace shop?", "why is node n1 not ready?"} {
		got := answer(t, s, question)
		require.Equal(t, diagnose.CauseNodeNotReady, got.Cause, question)
		require.Equal(t, &diagnose.Object{Cluster: "west", Kind: "Node", Name: "n1"}, got.Object, question)
		require.Equal(t, "Node n1 status is now: NodeNotReady", got.Evidence[0].Text, question)
		if strings.Contains(question, "namespace shop") {
			require.Empty(t, got.Also, "what lies in default was not asked about")
		}
	}
	got, err := s.Ask(t.Context(), query.AskRequest{Query: "why does cart hang?", Selection: query.Selection{Namespaces: []string{"shop"}}})
	require.NoError(t, err)
	require.Equal(t, diagnose.CauseNodeNotReady, got.Cause)
}

func TestANodeIsNotItsPods(t *testing.T) {
	s := answering(t, trouble()...)
	got := answer(t, s, "why is node n1 not ready?")
	require.False(t, got.Answered, "%s", got.Summary)
}

func TestANamespaceThatNothingIsKnownOf(t *testing.T) {
	got := answer(t, answering(t, trouble()...), "what is wrong in namespace nowhere?")
	require.False(t, got.Answered)
	require.Equal(t, []string{"Namespace nowhere"}, got.Looked.About)
	require.Contains(t, got.Text, "No entry is known to be of Namespace nowhere.")
}

func TestAPodThatIsNoneOfThoseThatFail(t *testing.T) {
	got := answer(t, answering(t, trouble()...), "why is pod payment-7d9f5c8b6-zzzzz down?")
	require.True(t, got.Elsewhere)
	require.Contains(t, got.Summary, "No entry is known to be of Pod payment-7d9f5c8b6-zzzzz. This is wrong with what is like it: Pod shop/payment-7d9f5c8b6-x2x7v: ")
}

func TestErrorsThatNoRuleKnowsAreNoHealth(t *testing.T) {
	var entries []pipeline.Entry
	for n := range uint64(4) {
		entries = append(entries, podLine(n+1, "shop", "mail-5f7c9d8b64-qqqqq", "the frobnicator is purple", level(pipeline.LevelError)))
	}
	require.False(t, answer(t, answering(t, entries...), "is mail healthy?").Answered)
	require.True(t, answer(t, answering(t, entries[0], podLine(9, "shop", "mail-5f7c9d8b64-qqqqq", "ready to serve")), "is mail healthy?").Answered)
}
