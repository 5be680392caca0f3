package question_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/loglode/loglode/query/question"
)

// now is a Tuesday.
var now = time.Date(2021, 8, 3, 12, 30, 0, 0, time.UTC)

var fieldNames = map[question.Field]string{
	question.Cluster: "cluster", question.Namespace: "namespace", question.Service: "service", question.Pod: "pod",
	question.Container: "container", question.Node: "node", question.Level: "level", question.Kind: "kind",
}

// show is a reading in one line: what is left | names | from..to.
func show(text string) string {
	r := question.Read(text, now)
	spans := append([]question.Span{}, r.Time.Spans...)
	var names []string
	for _, n := range r.Names {
		spans = append(spans, n.Span)
		names = append(names, fieldNames[n.Field]+"="+strings.Join(n.Values, "/"))
	}
	when := ""
	if len(r.Time.Spans) > 0 {
		when = clock(r.Time.From) + ".." + clock(r.Time.To)
	}
	return question.Without(text, spans) + " | " + strings.Join(names, " ") + " | " + when
}

func clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	if t.Day() == 3 && t.Month() == time.August {
		return t.Format("15:04:05")
	}
	return t.Format("01-02 15:04")
}

func TestNames(t *testing.T) {
	for text, want := range map[string]string{
		"timeouts in namespace shop":                           "timeouts | namespace=shop | ",
		"timeouts in the namespace shop, please":               "timeouts please | namespace=shop | ",
		"Which requests failed inside namespace \"shop\"?":     "Which requests failed | namespace=shop | ",
		"errors namespace shop":                                "errors | namespace=shop | ",
		"namespace shop: connection refused":                   "connection refused | namespace=shop | ",
		"connection refused, namespace shop":                   "connection refused | namespace=shop | ",
		"slow requests of service cart":                        "slow requests | service=cart | ",
		"errors from service cart":                             "errors | service=cart | ",
		"panics in pod cart-7d9f..":                            "panics | pod=cart-7d9f* | ",
		"panics in pod cart-7d9f…":                             "panics | pod=cart-7d9f* | ",
		"panics in pod cart-*?":                                "panics | pod=cart-* | ",
		"panics in pod cart-0.":                                "panics | pod=cart-0 | ",
		"disk pressure on node ip-10-0-1-2.ec2.internal":       "disk pressure | node=ip-10-0-1-2.ec2.internal | ",
		"container istio-proxy":                                " | container=istio-proxy | ",
		"restarts, container app, cluster west":                "restarts | container=app cluster=west | ",
		"leader lost in cluster west namespace kube-system":    "leader lost | cluster=west namespace=kube-system | ",
		"errors in namespaces shop and billing":                "errors | namespace=shop/billing | ",
		"errors in namespaces shop, billing and pay":           "errors | namespace=shop/billing/pay | ",
		"errors on nodes n1, n2":                               "errors | node=n1/n2 | ",
		"errors in the shop namespace":                         "errors | namespace=shop | ",
		"what broke in the west cluster":                       "what broke | cluster=west | ",
		"logs of pod cart-0":                                   "logs | pod=cart-0 | ",
		"namespace:shop pod=cart-* refused":                    "refused | namespace=shop pod=cart-* | ",
		"ns:shop,billing level:error,fatal oom":                "oom | namespace=shop/billing level=error/fatal | ",
		"svc:cart level:warning+ kind:event":                   " | service=cart level=warn+ kind=event | ",
		"refused (in namespace shop)":                          "refused | namespace=shop | ",
		"refused (in namespace shop) again":                    "refused again | namespace=shop | ",
		"why does it restart in container app since yesterday": "why does it restart | container=app | 08-02 00:00..",
	} {
		require.Equal(t, want, show(text), text)
	}
}

func TestTimes(t *testing.T) {
	for text, want := range map[string]string{
		"errors since this morning":                    "00:00:00..",
		"errors since yesterday":                       "08-02 00:00..",
		"errors since yesterday morning":               "08-02 00:00..",
		"errors since yesterday at 18:00":              "08-02 18:00..",
		"errors since 18:00 yesterday":                 "08-02 18:00..",
		"errors today":                                 "00:00:00..08-04 00:00",
		"what happened yesterday?":                     "08-02 00:00..00:00:00",
		"what happened yesterday evening":              "08-02 18:00..00:00:00",
		"what happened last night":                     "08-02 18:00..06:00:00",
		"errors this week":                             "08-02 00:00..08-09 00:00",
		"errors last week":                             "07-26 00:00..08-02 00:00",
		"errors this morning":                          "00:00:00..12:00:00",
		"errors in the last 2 hours":                   "10:30:00..",
		"errors within the last two hours":             "10:30:00..",
		"errors in the past 30 minutes":                "12:00:00..",
		"errors past 30m":                              "12:00:00..",
		"failing for the last 3 days":                  "07-31 12:30..",
		"errors last hour":                             "11:30:00..",
		"errors in the last minute":                    "12:29:00..",
		"errors in the last week":                      "07-27 12:30..",
		"errors of the last 24h":                       "08-02 12:30..",
		"errors since 09:00":                           "09:00:00..",
		"errors since 23:00":                           "08-02 23:00..",
		"errors since 9am":                             "09:00:00..",
		"errors since 2h":                              "10:30:00..",
		"errors since 2 hours ago":                     "10:30:00..",
		"errors since Monday":                          "08-02 00:00..",
		"errors since Tuesday":                         "00:00:00..",
		"errors last Tuesday":                          "07-27 00:00..07-28 00:00",
		"errors since 2021-08-03":                      "00:00:00..",
		"errors since 2021-08-03 09:18":                "09:18:00..",
		"errors since 2021-08-03T11:18:00+02:00":       "09:18:00..",
		"errors between 09:00 and 10:00":               "09:00:00..10:00:00",
		"errors between 09:00 and 10:00 yesterday":     "08-02 09:00..08-02 10:00",
		"errors on 2021-08-01 between 09:00 and 10:00": "08-01 09:00..08-01 10:00",
		"errors between 9am and 10:30 am UTC":          "09:00:00..10:30:00",
		"errors between 23:00 and 01:00":               "08-02 23:00..01:00:00",
		"errors between 2021-08-01 and 2021-08-02":     "08-01 00:00..00:00:00",
		"errors from 09:00 to 10:00":                   "09:00:00..10:00:00",
		"errors 09:00-10:00":                           "09:00:00..10:00:00",
		"errors from yesterday":                        "08-02 00:00..00:00:00",
		"errors before 10:15":                          "..10:15:00",
		"errors yesterday before 10:15":                "08-02 00:00..08-02 10:15",
		"errors until yesterday":                       "..00:00:00",
		"errors after 10:15":                           "10:15:00..",
		"errors after 09:00 and before 10:00":          "09:00:00..10:00:00",
		"errors just after 10:15":                      "10:15:00..10:30:00",
		"errors shortly before 10:15":                  "10:00:00..10:15:00",
		"errors around 09:30":                          "09:15:00..09:46:00",
		"errors around 9am":                            "08:30:00..09:30:00",
		"what happened at 09:42":                       "09:37:00..09:48:00",
		"what happened at 09:42:10 UTC":                "09:41:10..09:43:11",
		"what happened yesterday at 09:42":             "08-02 09:37..08-02 09:48",
		"what happened at 09:42 on 2021-08-01":         "08-01 09:37..08-01 09:48",
		"what happened at 23:30 last night":            "08-02 23:25..08-02 23:36",
		"errors on 3 August":                           "00:00:00..08-04 00:00",
		"errors on August 1st":                         "08-01 00:00..08-02 00:00",
		"errors on the 1st of August 2021":             "08-01 00:00..08-02 00:00",
		"errors on 2021-08-01":                         "08-01 00:00..08-02 00:00",
		"errors on 24 December":                        "12-24 00:00..12-25 00:00", // of 2020
		"what broke 2 hours ago":                       "10:00:00..11:00:00",
		"what broke an hour ago":                       "11:00:00..12:00:00",
		"what broke about 2 hours ago":                 "09:30:00..11:30:00",
		"what broke 10 minutes ago":                    "12:15:00..12:25:00",
		"what broke 3 days ago":                        "07-31 00:30..08-01 00:30",
		"Since this morning, what broke":               "00:00:00..",
	} {
		got := show(text)
		require.Equal(t, want, got[strings.LastIndex(got, "| ")+2:], text)
		require.Less(t, strings.Index(got, " |"), len(text)-3, text) // the phrase is gone from the text
	}
	require.Equal(t, 2020, question.Read("errors on 24 December", now).Time.From.Year())
}

// traps are questions that must be left as they are.
var traps = []string{
	// What a field's word is part of.
	"namespace deletion stuck", "pod not starting", "service account token", "node not ready", "container image",
	"in namespace", "container image pull backoff", "cannot pull container image", "in container runtime", "service mesh certificate",
	"pod sandbox changed", "pod security policy", "node selector does not match", "on node affinity", "cluster role binding missing",
	"cluster ip allocation", "in cluster dns", "node pressure eviction", "node port already allocated", "pods stuck in pending",
	"services unavailable", "nodes not joining", "which pod is restarting", "every node", "in the pod", "on the node", "on node",
	"namespace terminating forever", "in a pod", "pod template hash", "the service is down",
	"service account default cannot list pods", "pod disruption budget", "etcd cluster unhealthy", "in cluster", "pods on node",
	// Lines about a thing, written by others.
	"cannot connect to service cart", "delete namespace shop failed", "failed to mount volume for pod cart-0",
	"quota exceeded for namespace shop", "deletion of pod cart-0", "endpoints of service cart", "evicted from node n1",
	"drain node n1", "requests from service cart time out", "node n1 not ready", "service cart unavailable",
	"namespace shop connection refused",
	// Turned round, or not one.
	"errors not in namespace shop", "errors except namespace shop", "everything outside namespace shop", "in the same namespace",
	"in every namespace", "in the wrong namespace", "in another cluster", "on the worker node", "in the shop namespace controller",
	"level crossing", "level:high", "kind:of", "app=cart refused", "namespace: shop", "service: cart", "namespace=shop/cart",
	"pod=\"kube-system/coredns-7\"", "ratio=0.5", "http://cart:8080/pod:x", "error:level",
	// Pasted lines.
	`level=error msg="connection refused" namespace=shop`, `{"level":"error","namespace":"shop","at":"since yesterday"}`,
	"E0803 09:42:10.123456 1 reflector.go:127] failed in namespace shop since yesterday",
	"2021-08-03 09:42:10 connection refused in namespace shop", "2021-08-03T09:42:10Z connection refused in namespace shop",
	"Aug 3 09:42:10 host kubelet: failed in namespace shop", "a=1 b=2 namespace=shop",
	// Times that say something else.
	"timed out after 30 seconds", "timed out after 30s", "did not start within 30 seconds", "retry in 5 minutes", "took 2 hours",
	"every 2 hours", "last attempt failed", "last 3 retries", "last known state", "last seen", "past due", "since the restart",
	"since upgrade", "before the deploy", "after the deploy", "between pods", "between 10.0.0.1 and 10.0.0.2",
	"between 9 and 10 connections", "around the cluster", "at line 10", "at 9", "at 25:00", "at 10:75", "port 10:15", "ratio 10:15",
	"2021-08-03", "09:42", "certificate expires today", "token expired yesterday", "certificate valid until 2021-08-01",
	"x509: certificate has expired or is not yet valid: current time 2021-08-03T09:18:00Z is after 2021-08-01T00:00:00Z",
	"cron scheduled at 09:00", "job runs at 09:00", "yesterday's backup failed", "today's deploy", "last night's deploy",
	"at 09:42 CEST", "at 09:42 +02:00", "more than 2 hours ago", "compare today with yesterday", "at 09:00 and at 11:00",
	"since yesterday and since today", "expires on 2035-01-01", "since 2035-01-01", "retry after 3 may help", "in 2021", "in August",
	"at the last minute", "last second of the handshake", "on the last day of the lease", "last hour of the window",
	"backup from yesterday missing", "backup of yesterday", "until further notice", "before and after", "on 31 June",
	"between yesterday and the restart", "at night", "complaints about yesterday", "today since 2021-07-01",
	"the day after", "now", "retry after 5m", "between 5m and 10m", "this request", "this pod", "last", "this", "a few minutes ago",
	"", "  ", "?", "in", "since", "between", "from", "at", "on the", "in the last", "2 hours", "ago", "the", "until",
}

func TestTraps(t *testing.T) {
	for _, text := range traps {
		r := question.Read(text, now)
		require.Empty(t, r.Names, text)
		require.Empty(t, r.Time, text)
		require.Equal(t, text, question.Without(text, nil))
	}
}

// Without the words that open a phrase, no words in any order are read.
func TestOnlyPhrasesAreRead(t *testing.T) {
	vocabulary := strings.Fields("errors timeout connection refused the a to for with is not kubelet etcd leader 10.0.0.1 30 5m 500 2 ten " +
		"disk full HTTP/1.1 404 cart-0 (queue) \"quoted\", why? and or 09:42 2021-08-03 August monday restart image pull backoff -> &&")
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.SampledFrom(vocabulary), 0, 20).Draw(t, "words")
		text := strings.Join(words, " ")
		r := question.Read(text, now)
		require.Empty(t, r.Names)
		require.Empty(t, r.Time)
	})
}

// Whatever is read, spans lie in the text in order and never overlap, and what is
// read holds in any company.
func TestReadingsAreSound(t *testing.T) {
	vocabulary := strings.Fields("in on of from since between and or before after around at the last this past namespace namespaces pod pods " +
		"service node cluster container shop cart-0 cart-* n1 namespace:shop level:error 09:00 10:00 9am yesterday today morning night week " +
		"hour hours 2 30 minutes ago 2021-08-03 3 August Monday until just to errors timeouts not , ? ( ) \" until 1 may of")
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.SampledFrom(vocabulary), 0, 24).Draw(t, "words")
		text := strings.Join(words, rapid.SampledFrom([]string{" ", "  ", "\n"}).Draw(t, "space"))
		r := question.Read(text, now)
		checkReading(t, text, r)
	})
}

func checkReading(t require.TestingT, text string, r question.Reading) {
	spans := append([]question.Span{}, r.Time.Spans...)
	for _, n := range r.Names {
		spans = append(spans, n.Span)
		require.NotEmpty(t, n.Values)
	}
	for i, a := range spans {
		require.True(t, 0 <= a.Start && a.Start < a.End && a.End <= len(text), fmt.Sprint(text, a))
		for _, b := range spans[:i] {
			require.True(t, a.End <= b.Start || b.End <= a.Start, fmt.Sprint(text, a, b))
		}
	}
	if !r.Time.From.IsZero() && !r.Time.To.IsZero() {
		require.True(t, r.Time.From.Before(r.Time.To), text)
	}
	require.False(t, r.Time.From.After(now), text)
	if len(spans) > 0 {
		require.LessOrEqual(t, len(question.Without(text, spans)), len(text))
	}
}

func FuzzRead(f *testing.F) {
	for _, text := range traps {
		f.Add(text)
	}
	f.Add("errors in namespaces shop, billing since yesterday at 18:00 and before 10:15 on the 3rd of August 2021")
	f.Fuzz(func(t *testing.T, text string) { checkReading(t, text, question.Read(text, now)) })
}
