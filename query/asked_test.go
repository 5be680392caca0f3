package query_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/normalise"
	"github.com/loglode/loglode/query"
	"github.com/loglode/loglode/query/diagnose"
)

// rules are a table of two rules: what is asked is tested with them, not what
// failures look like.
func rules(t *testing.T) *diagnose.Table {
	t.Helper()
	table, err := diagnose.NewTable(
		diagnose.Rule{Name: "refused", Cause: diagnose.CauseConnectionRefused, Depth: diagnose.Failure, In: diagnose.Logs | diagnose.Events,
			Words: []string{"refused"}, Match: `connection refused`, Says: "a connection was refused"},
		diagnose.Rule{Name: "evicted", Cause: diagnose.CauseNodeCapacity, Depth: diagnose.Root, In: diagnose.Events,
			Reasons: []string{"Evicted"}, Says: "it was evicted"},
	)
	require.NoError(t, err)
	return table
}

// asker is a store with a Service that answers, and remembers the case.
func asker(t *testing.T, entries ...pipeline.Entry) (*patterns, *query.Service, *judge) {
	p, s := newPatterns(entries...)
	s.Rules = rules(t)
	return p, s, &judge{says: diagnose.Diagnosis{Cause: diagnose.CauseInsufficientData}}
}

// judge says always the same, and remembers what it judged.
type judge struct {
	got  diagnose.Case
	says diagnose.Diagnosis
}

func (j *judge) of(c diagnose.Case) diagnose.Diagnosis {
	j.got = c
	return j.says
}

func askBy(t *testing.T, s *query.Service, j *judge, r query.AskRequest) query.AskResponse {
	t.Helper()
	response, err := s.AskBy(context.Background(), r, j.of)
	require.NoError(t, err)
	return response
}

// podLine is a log line of a pod's container, with its service as the product
// makes it.
func podLine(n uint64, namespace, pod, message string, change ...func(*pipeline.Entry)) pipeline.Entry {
	r := &pipeline.Resource{Cluster: "west", Namespace: namespace, Pod: pod, Container: "app", Node: "n1"}
	change = append([]func(*pipeline.Entry){of(message), func(e *pipeline.Entry) {
		e.Resource, e.Service = r, normalise.Service(r)
	}}, change...)
	return line(n, message, change...)
}

// event is a Kubernetes event of an object.
func event(n uint64, kind, namespace, name, reason, message string, change ...func(*pipeline.Entry)) pipeline.Entry {
	r := &pipeline.Resource{Cluster: "west", Namespace: namespace}
	service := name
	if kind == "Pod" {
		r.Pod = name
	}
	if kind == "Pod" || kind == "Job" || kind == "PersistentVolumeClaim" {
		service = normalise.WorkloadName(name)
	}
	change = append([]func(*pipeline.Entry){of(message), func(e *pipeline.Entry) {
		e.Kind, e.Resource, e.Service, e.Level = pipeline.KindEvent, r, service, pipeline.LevelWarn
		e.Event = &pipeline.Event{UID: name + reason, Count: 1, Reason: reason, ObjectKind: kind, ObjectNamespace: namespace, ObjectName: name}
	}}, change...)
	return line(n, message, change...)
}

// plainLine is a line of a file that tells of no pod.
func plainLine(n uint64, message string, change ...func(*pipeline.Entry)) pipeline.Entry {
	return line(n, message, append([]func(*pipeline.Entry){of(message), func(e *pipeline.Entry) {
		e.Resource, e.Service = &pipeline.Resource{}, "unknown"
	}}, change...)...)
}

func labelled(app string) func(*pipeline.Entry) {
	return func(e *pipeline.Entry) {
		r := *e.Resource
		r.Labels = map[string]string{"app": app}
		e.Resource, e.Service = &r, normalise.Service(&r)
	}
}

// cluster is a store with the things that the questions of TestAbout speak of.
func cluster() []pipeline.Entry {
	return []pipeline.Entry{
		podLine(1, "shop", "cache-service-6d5f7c9b8-x2x7v", "cache starts"),
		podLine(2, "shop", "checkout-78c688f56b-9qz26", "order placed"),
		podLine(3, "staging", "checkout-78c688f56b-bbbbb", "order placed"),
		podLine(4, "pay", "payment-processing-worker-5f6b9d7c4d-x4d8z", "paid"),
		podLine(5, "shop", "rabbitmq-server-0", "queue up"),
		podLine(6, "shop", "redis-0", "ready"),
		podLine(7, "team-7", "long-app-5c4d8b7f6f-zxcvb", "stopped"),
		event(8, "Job", "batch", "nightly-report", "BackoffLimitExceeded", "Job has reached the specified backoff limit"),
		event(9, "Pod", "batch", "nightly-report-x2x7v", "BackOff", "Back-off restarting failed container"),
		podLine(10, "production", "billing-7d8f9c6b5d-qwrtx", "invoice"),
		podLine(11, "shop", "productcatalogservice-5d5f7c9b8-k8k8k", "listed"),
		podLine(12, "web", "storefront-5d5f7c9b8-k8k8k", "served", labelled("web-frontend")),
		event(13, "HorizontalPodAutoscaler", "web", "front-hpa", "FailedGetResourceMetric", "no metrics"),
		event(14, "PersistentVolumeClaim", "shop", "data-redis-0", "ProvisioningFailed", "no such class"),
		event(15, "Deployment", "shop", "cache-service", "ScalingReplicaSet", "Scaled up replica set"),
		podLine(16, "default", "web-6d5f7c9b8-aaaaa", "served"), podLine(17, "default", "web-6d5f7c9b8-bbbbb", "served"),
		podLine(18, "shop", "api-1-ccccc", "x", resource(func(r *pipeline.Resource) { r.Container, r.Node = "istio-proxy", "ip-10-0-1-2.internal" })),
		podLine(19, "shop", "user-5d5f7c9b8-k8k8k", "hello"),
		podLine(20, "monitoring", "prom-0", "scraped"),
		podLine(21, "shop", "production-db-0", "saved"),
	}
}

func TestAbout(t *testing.T) {
	p, s, j := asker(t, cluster()...)
	for question, want := range map[string]string{ // objects, what binds
		// Prose.
		"why does the cache service not start?":                                              "cache-service",
		"What is wrong with payment-processing-worker?":                                      "payment-processing-worker",
		"Why is the payment processing worker slow?":                                         "payment-processing-worker",
		"is rabbitmq healthy?":                                                               "rabbitmq-server",
		"Why did the `long-app` app in the `team-7` namespace stop working?":                 "team-7/long-app [team-7]",
		"what is the issue with job nightly-report in namespace batch":                       "Job batch/nightly-report [batch]",
		"what is the issue with the nightly-report job":                                      "Job nightly-report",
		"why does the nightly report job fail?":                                              "Job nightly-report",
		"post last 10 logs that contain ERROR from billing in production":                    "production/billing",
		"why does the cache fail?":                                                           "cache-service",
		"what's wrong with productcatalog?":                                                  "productcatalogservice",
		"what's wrong with checkout?":                                                        "checkout",
		"what's wrong with checkout in namespace staging?":                                   "staging/checkout [staging]",
		"what's wrong with checkout in staging?":                                             "staging/checkout",
		"why does checkout not reach redis":                                                  "checkout redis",
		"is redis-0 ok":                                                                      "Pod redis-0",
		"is pod shop/redis-0 ok":                                                             "Pod shop/redis-0",
		"why is pod checkout-78c688f56b-9qz26 crashing":                                      "Pod checkout-78c688f56b-9qz26",
		"why is checkout-78c688f56b-9qz26 of the checkout service crashing":                  "Pod checkout-78c688f56b-9qz26 checkout",
		"is the product catalog service healthy":                                             "productcatalogservice",
		"why does web-frontend fail":                                                         "storefront",
		"is hpa front-hpa working":                                                           "HorizontalPodAutoscaler front-hpa",
		"why does front-hpa not scale":                                                       "HorizontalPodAutoscaler front-hpa",
		"why is pvc data-redis-0 pending":                                                    "PersistentVolumeClaim data-redis-0",
		"is deployment cache-service ok?":                                                    "Deployment cache-service",
		"what happened on node ip-10-0-1-2":                                                  "Node ip-10-0-1-2.internal",
		"is node ip-10-0-1-2.internal ready?":                                                "Node ip-10-0-1-2.internal",
		"is container istio-proxy broken":                                                    "api-1",
		"is the user service up?":                                                            "user",
		"is pod web-6d5f7c9b8.. ok":                                                          "Pod web-6d5f7c9b8-aaaaa Pod web-6d5f7c9b8-bbbbb",
		"pod=redis-* restarts":                                                               "Pod redis-0",
		"What happened to Redis?":                                                            "redis",
		"why is checkout's database slow since yesterday":                                    "checkout",
		"Alert: KubePodCrashLooping\nPod shop/redis-0 (app) is restarting":                   "Pod shop/redis-0",
		`Subject: {"name": "web-6d5f7c9b8-aaaaa", "kind": "pod", "namespace": "default"}`:    "Pod default/web-6d5f7c9b8-aaaaa",
		`What is wrong with <<{"deployment": "cache-service", "namespace": "shop"}>>?`:       "Deployment shop/cache-service",
		`Subject: {"name": "checkout", "subject_type": "deployment", "namespace": "absent"}`: "Deployment checkout",

		// A namespace alone binds.
		"is namespace shop healthy?":      "[shop]",
		"is the shop namespace healthy?":  "[shop]",
		"any errors in production?":       "[production]",
		"is monitoring healthy?":          "[monitoring]",
		"what is wrong in namespace shop": "[shop]",
		"errors in namespace nowhere":     "Namespace nowhere",

		// Nothing.
		"what is wrong?": "",
		"why is everything failing in the cluster?": "",
		"are there any problems?":                   "",
		"what is wrong with kubernetes":             "",

		// Not known, but said to be a name.
		"what is wrong with job report-7":                        "Job report-7",
		"what is wrong with report-gen?":                         "report-gen",
		"what is wrong with report-gen, or checkout?":            "checkout",
		`{"name": "gone-5", "kind": "pod", "namespace": "shop"}`: "Pod shop/gone-5",
		"why is pod gone-5 in namespace shop pending":            "Pod shop/gone-5 [shop]",
		"why does `teapot` boil":                                 "teapot",
		"why are there out-of-memory kills":                      "",
		"is teapot healthy?":                                     "",
	} {
		got := askBy(t, s, j, query.AskRequest{Query: question})
		shown := strings.Join(got.Looked.About, " ")
		if bound := got.Looked.Filters.Namespaces; len(bound) > 0 {
			shown = strings.TrimSpace(shown + " [" + strings.Join(bound, " ") + "]")
		}
		require.Equal(t, want, shown, question)
		require.Len(t, j.got.About, len(got.Looked.About))
	}
	for _, q := range p.queries {
		require.NotZero(t, q.Limit)
	}
}

func TestWhatBindsLeavesWhatBelongsToNoNamespace(t *testing.T) {
	_, s, j := asker(t, podLine(1, "shop", "cart-0", "cart"), podLine(2, "pay", "pay-0", "pay"), plainLine(3, "kernel"))
	texts := func() []string {
		list := []string{}
		for _, sighting := range j.got.Sightings {
			list = append(list, sighting.Entry.Message)
		}
		return list
	}
	askBy(t, s, j, query.AskRequest{Query: "what is wrong with cart-0 in namespace shop"})
	require.ElementsMatch(t, []string{"cart", "kernel"}, texts())
	askBy(t, s, j, query.AskRequest{Query: "what is wrong in namespace shop"})
	require.ElementsMatch(t, []string{"cart", "kernel"}, texts())
	require.Equal(t, []string{"shop"}, j.got.Namespaces)
	askBy(t, s, j, query.AskRequest{Query: "what is wrong with cart-0", Selection: query.Selection{Namespaces: []string{"shop"}}})
	require.ElementsMatch(t, []string{"cart", "kernel"}, texts())
	got := askBy(t, s, j, query.AskRequest{Query: "what is wrong with cart-0"})
	require.ElementsMatch(t, []string{"cart", "pay", "kernel"}, texts(), "what it depends on counts")
	require.Equal(t, query.Selection{}, got.Looked.Filters)
	askBy(t, s, j, query.AskRequest{Query: "what is wrong in namespace pay with cart-0", Literal: true})
	require.ElementsMatch(t, []string{"cart", "pay", "kernel"}, texts())

	// What binds does so for names, too.
	got = askBy(t, s, j, query.AskRequest{Query: "is cart ok", Selection: query.Selection{Pods: []string{"pay-*"}, Services: []string{"pay"}}})
	require.Empty(t, got.Looked.About)
	require.Equal(t, []string{"pay"}, texts())
	got = askBy(t, s, j, query.AskRequest{Query: "is cart ok", Selection: query.Selection{Services: []string{"pay"}}})
	require.Empty(t, got.Looked.About)
	got = askBy(t, s, j, query.AskRequest{Query: "is pay ok, level:info", Selection: query.Selection{Pods: []string{"pay-*"}, Kinds: []string{"log"}}})
	require.Equal(t, []string{"pay"}, got.Looked.About)
	require.Equal(t, []string{"info"}, got.Looked.Filters.Levels)
	require.Equal(t, []string{"level:info"}, got.Looked.Read)
	got = askBy(t, s, j, query.AskRequest{Query: "is pay ok, level:error kind:event"})
	require.Equal(t, []string{"pay"}, got.Looked.About, "it is there, though it reports no error")
	require.Empty(t, texts())
}

func TestAskedKind(t *testing.T) {
	_, s, j := asker(t, cluster()...)
	askBy(t, s, j, query.AskRequest{Query: "is redis healthy?"})
	require.Equal(t, diagnose.IsItWell, j.got.Ask)
	askBy(t, s, j, query.AskRequest{Query: "why is redis down?"})
	require.Equal(t, diagnose.WhatIsWrong, j.got.Ask)
}

func TestAskLooksAtADayUpToTheNewestEntryOfWhatIsAskedAbout(t *testing.T) {
	day := 24 * time.Hour
	base := noon.Add(-300 * day)
	when := func(d time.Duration) func(*pipeline.Entry) { return at(base.Add(d)) }
	_, s, j := asker(t,
		podLine(1, "shop", "cart-0", "cart a", when(-25*time.Hour)), podLine(2, "shop", "cart-0", "cart b", when(-24*time.Hour)), podLine(3, "shop", "cart-0", "cart c", when(0)),
		podLine(4, "shop", "db-0", "db a", when(5*time.Minute)), podLine(5, "shop", "db-0", "db b", when(11*time.Minute)), podLine(6, "shop", "db-0", "db c", when(3*day)),
	)
	look := func(r query.AskRequest) (string, []string) {
		t.Helper()
		got := askBy(t, s, j, r)
		require.Equal(t, j.got.From, got.Looked.From.UnixNano())
		require.Equal(t, j.got.To, got.Looked.To.UnixNano())
		require.Equal(t, time.UTC, got.Looked.From.Location())
		list := []string{}
		for _, sighting := range j.got.Sightings {
			require.GreaterOrEqual(t, sighting.Entry.Time, j.got.From)
			require.Less(t, sighting.Entry.Time, j.got.To)
			list = append(list, sighting.Entry.Message)
		}
		return got.Looked.From.Sub(base).String() + " " + got.Looked.To.Sub(base).String(), list
	}
	window, texts := look(query.AskRequest{Query: "why is cart slow"})
	require.Equal(t, "-24h0m0s 5m0.000000001s", window, "others tell afterwards")
	require.ElementsMatch(t, []string{"cart b", "cart c", "db a"}, texts)

	window, texts = look(query.AskRequest{Query: "what is wrong?"})
	require.Equal(t, "48h0m0s 72h0m0.000000001s", window)
	require.Equal(t, []string{"db c"}, texts)

	window, _ = look(query.AskRequest{Query: "why is cart slow", Selection: query.Selection{From: base.Add(-time.Hour).Format(time.RFC3339)}})
	require.Equal(t, "-1h0m0s 5m0.000000001s", window)
	window, _ = look(query.AskRequest{Query: "why is cart slow", Selection: query.Selection{To: base.Add(-time.Hour).Format(time.RFC3339)}})
	require.Equal(t, "-48h0m0s -1h0m0s", window)
	window, _ = look(query.AskRequest{Query: "why is cart slow", Selection: query.Selection{
		From: base.Add(-2 * time.Hour).Format(time.RFC3339), To: base.Add(-time.Hour).Format(time.RFC3339)}})
	require.Equal(t, "-2h0m0s -1h0m0s", window)
	window, texts = look(query.AskRequest{Query: "why is cart slow", Selection: query.Selection{From: base.Add(4 * day).Format(time.RFC3339)}})
	require.Equal(t, "96h0m0s", strings.Fields(window)[0])
	require.Empty(t, texts)

	s.Now = func() time.Time { return base.Add(time.Hour) }
	got := askBy(t, s, j, query.AskRequest{Query: "why was cart slow today"})
	require.Equal(t, []string{"today"}, got.Looked.Read)
	require.Equal(t, base.Truncate(day), got.Looked.From)
	require.Equal(t, base.Truncate(day).Add(day), got.Looked.To)

	// A store without anything.
	_, s, j = asker(t)
	got = askBy(t, s, j, query.AskRequest{Query: "what is wrong?"})
	require.False(t, got.Answered)
	require.Equal(t, noon.Add(1), got.Looked.To)
	require.Empty(t, j.got.Sightings)
}

func TestWordsLeadToServices(t *testing.T) {
	_, s, j := asker(t,
		podLine(1, "shop", "cart-0", "connection refused by database", level(pipeline.LevelError)),
		podLine(2, "shop", "mail-0", "connection refused", level(pipeline.LevelInfo)),
		event(3, "Pod", "shop", "db-0", "Unhealthy", "connection refused by database", level(pipeline.LevelInfo)),
		podLine(4, "shop", "log-0", "disk full", level(pipeline.LevelError)),
	)
	s.Embedder = nil
	askBy(t, s, j, query.AskRequest{Query: "why was the database connection refused?"})
	require.ElementsMatch(t, []string{"cart", "db"}, j.got.Services)
	askBy(t, s, j, query.AskRequest{Query: "what is wrong?"})
	require.Empty(t, j.got.Services, "no word leads anywhere")
	askBy(t, s, j, query.AskRequest{Query: "why is the connection of mail refused"})
	require.Empty(t, j.got.Services, "it names one")
	askBy(t, s, j, query.AskRequest{Query: "why do purple unicorns with rainbows exhaust the database"})
	require.Empty(t, j.got.Services, "too few of its words are there")
}
