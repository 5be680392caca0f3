package diagnose

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
)

const frontend = "frontend-7f9c8d6b54-q8w2z"

// minutes is a time as story's methods take it, Unix ns.
func minutes(m float64) int64 {
	return noon.Add(time.Duration(m * float64(time.Minute))).UnixNano()
}

func rulesOf(findings []Finding) []string {
	var names []string
	for _, f := range findings {
		names = append(names, f.Rule)
	}
	return names
}

func causesOf(findings []Finding) []Cause {
	var causes []Cause
	for _, f := range findings {
		causes = append(causes, f.Cause)
	}
	return causes
}

func servicesOf(steps []Step) []string {
	var names []string
	for _, s := range steps {
		names = append(names, s.Service)
	}
	return names
}

func tableOf(t testing.TB, rules ...Rule) *Table {
	t.Helper()
	table, err := NewTable(rules...)
	require.NoError(t, err)
	return table
}

// Matching.

func TestOfOneDepthTheFirstRuleOfTheTableCounts(t *testing.T) {
	rule := func(name string, depth Depth) Rule {
		return Rule{Name: name, Cause: CauseQuota, Depth: depth, In: Logs, Words: []string{"full"}, Match: "full", Says: "x"}
	}
	table := tableOf(t, rule("symptom", Symptom), rule("root", Root), rule("root-2", Root), rule("context", Context), rule("symptom-2", Symptom))
	var found []string
	for _, m := range table.Match(told("log", "it is full")) {
		found = append(found, m.Rule.Name)
	}
	require.Equal(t, []string{"symptom", "root", "context"}, found)
}

func TestARuleReadsWhatItSaysThatItReads(t *testing.T) {
	base := Rule{Name: "x", Cause: CauseQuota, Depth: Root, In: Logs, Words: []string{"full"}, Match: `(?P<what>\w+) is full`, Unless: "test", Says: "{what} is full"}
	line := func(level pipeline.Level) *pipeline.Entry {
		e := told("log", "disk is full")
		e.Level = level
		return e
	}
	for name, c := range map[string]struct {
		change func(*Rule)
		entry  *pipeline.Entry
		found  int
	}{
		"a line without a level":     {nil, line(pipeline.LevelUnknown), 1},
		"a warning":                  {nil, line(pipeline.LevelWarn), 1},
		"information":                {nil, line(pipeline.LevelInfo), 0},
		"information, as it asks":    {func(r *Rule) { r.Level = pipeline.LevelInfo }, line(pipeline.LevelInfo), 1},
		"less than it asks":          {func(r *Rule) { r.Level = pipeline.LevelInfo }, line(pipeline.LevelDebug), 0},
		"in capitals":                {nil, told("log", "DISK IS FULL"), 1},
		"what it leaves alone":       {nil, told("log", "disk is full in this test"), 0},
		"no word of it":              {func(r *Rule) { r.Words = []string{"volume"} }, line(pipeline.LevelWarn), 0},
		"a node's line":              {nil, told("node", "disk is full"), 0},
		"a node's line, as it asks":  {func(r *Rule) { r.In = Journal }, told("node", "disk is full"), 1},
		"an event":                   {nil, told("Full", "disk is full"), 0},
		"an event, as it asks":       {func(r *Rule) { r.In = Events }, told("Full", "disk is full"), 1},
		"an event of its reason":     {func(r *Rule) { r.In, r.Reasons = Events, []string{"Full"} }, told("Full", "disk is full"), 1},
		"an event of another reason": {func(r *Rule) { r.In, r.Reasons = Events, []string{"Full"} }, told("Empty", "disk is full"), 0},
		"behind what is read":        {nil, told("log", strings.Repeat("x ", maxMatched/2)+"disk is full"), 0},
		"at the end of what is read": {nil, told("log", strings.Repeat("x ", maxMatched/2-100)+"disk is full"), 1},
		"an attribute":               {nil, told("log", `level=warn msg="cannot write" err="disk is full"`), 1},
		"another line of the text":   {nil, told("log", "cannot write\ndisk is full"), 1},
	} {
		r := base
		if c.change != nil {
			c.change(&r)
		}
		got := tableOf(t, r).Match(c.entry)
		require.Len(t, got, c.found, name)
		for _, m := range got {
			require.Equal(t, "disk", strings.ToLower(m.Values["what"]), name)
			require.Equal(t, "disk is full", strings.ToLower(Text(c.entry)[m.Start:m.End]), name)
		}
	}
}

func TestPromisesHoldForTheLevelsThatAreRead(t *testing.T) {
	table := tableOf(t,
		Rule{Name: "lines", Cause: CauseQuota, Depth: Root, In: Logs, Words: []string{"is full"}, Match: "is full", Says: "x"},
		Rule{Name: "events", Cause: CauseQuota, Depth: Root, In: Events, Words: []string{"evicted"}, Match: "evicted", Says: "x"})
	require.True(t, table.Promises("Disk <*> IS FULL", pipeline.LevelError))
	require.True(t, table.Promises("disk <*> is full", pipeline.LevelUnknown))
	require.False(t, table.Promises("disk <*> is full", pipeline.LevelInfo))
	require.False(t, table.Promises("disk <*> is empty", pipeline.LevelError))
	require.False(t, table.Promises("pod <*> was evicted", pipeline.LevelError), "events are read whole")
}

func TestObjectsAreNamedByHosts(t *testing.T) {
	for host, want := range map[string]string{
		"db":                                   "Service shop/db",
		"db:5432":                              "Service shop/db",
		"DB.":                                  "Service shop/db",
		"db.data":                              "Service data/db",
		"db.data:5432":                         "Service data/db",
		"db.data.svc":                          "Service data/db",
		"db.data.svc.cluster.local:5432":       "Service data/db",
		"db.data.svc.cluster.local.":           "Service data/db",
		"redis-0.redis.data.svc.cluster.local": "Pod data/redis-0",
		"redis-0.redis.data.svc:6379":          "Pod data/redis-0",
		"api.example.com":                      "",
		"10.0.0.7":                             "",
		"10.0.0.7:5432":                        "",
		"[fd00::1]:5432":                       "",
		"localhost:8080":                       "",
		"upstream":                             "",
		"":                                     "",
		"db_1":                                 "",
		"-db":                                  "",
	} {
		require.Equal(t, want, hostObject("", "shop", host).String(), "%q", host)
	}
}

func TestObjectsAreJoinedOnTheirWorkload(t *testing.T) {
	deployment := Object{Kind: "Deployment", Namespace: "shop", Name: "cart"}
	for _, o := range []Object{{Kind: "Pod", Name: cart}, {Kind: "ReplicaSet", Name: "cart-5d4cf56db6"}, {Name: "cart"}} {
		o.Namespace = "shop"
		require.Equal(t, deployment.key(), o.key(), o)
	}
	for _, o := range []Object{
		{Kind: "ConfigMap", Namespace: "shop", Name: "cart"}, {Kind: "Deployment", Namespace: "pay", Name: "cart"},
		{Cluster: "b", Kind: "Deployment", Namespace: "shop", Name: "cart"}, {Kind: "Deployment", Namespace: "shop", Name: "cart-api"},
	} {
		require.NotEqual(t, deployment.key(), o.key(), o)
	}
}

func TestCausesAreAClosedList(t *testing.T) {
	seen := map[Cause]bool{}
	for _, c := range Causes() {
		require.False(t, seen[c], c)
		seen[c] = true
		require.Regexp(t, `^[a-z]+(_[a-z]+)*$`, string(c))
		require.NotEmpty(t, c.Meaning(), c)
		require.Equal(t, c != CauseNoFault && c != CauseInsufficientData, c.IsFault(), c)
	}
	require.Empty(t, Cause("bad_luck").Meaning())
	require.False(t, Cause("").IsFault())
	for _, r := range Builtin() {
		require.True(t, r.Cause.IsFault(), r.Name)
	}
}

// What is the cause.

func TestTheDeeperFaultExplainsTheOther(t *testing.T) {
	const (
		probe   = "Readiness probe failed: timeout"                     // a symptom
		refused = "dial tcp 10.0.0.9:9000: connect: connection refused" // a failure
		full    = "write /data/1: no space left on device"              // a root
		limits  = "memory usage at 95% of limit, growing"               // context
	)
	add := map[string]func(s *story, minute float64){
		probe:   func(s *story, m float64) { s.event(m, "Pod", cart, "Unhealthy", probe).Event.Count = 5 },
		refused: func(s *story, m float64) { s.log(m, cart, refused); s.log(m+.1, cart, refused) },
		full:    func(s *story, m float64) { s.log(m, cart, full) },
		limits:  func(s *story, m float64) { s.log(m, cart, limits) },
	}
	for _, c := range []struct {
		texts []string
		want  Cause
	}{
		{[]string{probe}, CauseProbeFailure},
		{[]string{probe, refused}, CauseConnectionRefused},
		{[]string{refused, probe}, CauseConnectionRefused},
		{[]string{probe, refused, full}, CauseDiskPressure},
		{[]string{full, refused, probe}, CauseDiskPressure},
		{[]string{limits}, CauseInsufficientData},
		{[]string{limits, probe}, CauseProbeFailure},
	} {
		var s story
		for i, text := range c.texts {
			add[text](&s, float64(i))
		}
		got := s.ask(t, Object{Name: "cart"})
		require.Equal(t, c.want, got.Cause, c.texts)
	}
}

func TestWhatAPodNeedsIsTheCauseOfItsRestarts(t *testing.T) {
	var s story
	s.event(0, "Pod", cart, "Failed", `Error: configmap "cart-config" not found`).Event.Count = 30
	s.event(9, "Pod", cart, "BackOff", "Back-off restarting failed container web in pod "+cart+"_shop(1)").Event.Count = 30
	s.event(9, "Pod", cart, "Unhealthy", "Readiness probe failed: connection refused").Event.Count = 30

	for _, about := range []Object{
		{Kind: "Pod", Namespace: "shop", Name: cart}, {Kind: "Deployment", Name: "cart"}, {Kind: "Service", Name: "cart"}, {Name: "cart"},
		{Kind: "Namespace", Name: "shop"}, {Kind: "ConfigMap", Name: "cart-config"},
	} {
		got := s.ask(t, about)
		require.Equal(t, CauseMissingConfigMap, got.Cause, about)
		require.Equal(t, High, got.Confidence, about)
		require.Contains(t, rulesOf(got.Findings), "back-off", about)
		require.Contains(t, commandsOf(got), "kubectl -n shop get configmap cart-config", about)
	}
	for _, about := range []Object{{Kind: "Namespace", Name: "pay"}, {Kind: "ConfigMap", Name: "mail-config"}, {Kind: "ConfigMap", Namespace: "pay", Name: "cart-config"}} {
		require.Equal(t, CauseInsufficientData, s.ask(t, about).Cause, about)
	}
}

func TestANodeIsTheCauseUnderSeveralPods(t *testing.T) {
	var s story
	s.event(0, "Node", "worker-1", "NodeNotReady", "Node worker-1 status is now: NodeNotReady")
	for i, pod := range []string{cart, payment, frontend} {
		s.event(-20, "Pod", pod, "Scheduled", "Successfully assigned shop/"+pod+" to worker-1")
		s.event(float64(i+1), "Pod", pod, "Unhealthy", "Liveness probe failed: timeout").Event.Count = 9
	}
	s.event(-20, "Pod", redis, "Scheduled", "Successfully assigned shop/redis-0 to worker-2")
	s.event(2, "Pod", redis, "Unhealthy", "Liveness probe failed: timeout").Event.Count = 9

	for _, about := range [][]Object{nil, {{Name: "cart"}}, {{Name: "payment"}}, {{Kind: "Node", Name: "worker-1"}}} {
		got := s.ask(t, about...)
		require.Equal(t, CauseNodeNotReady, got.Cause, about)
		require.Equal(t, Object{Kind: "Node", Name: "worker-1"}, got.Object, about)
		require.Equal(t, []string{"worker-1", "cart", "payment", "frontend"}, servicesOf(got.Cascade), about)
		require.Equal(t, []Cause{CauseProbeFailure}, causesOf(got.Also), "redis is on another node")
	}
	got := s.ask(t, Object{Name: "redis"})
	require.Equal(t, CauseProbeFailure, got.Cause)
	require.Equal(t, redis, got.Object.Name)
	require.Equal(t, CauseInsufficientData, s.ask(t, Object{Kind: "Node", Name: "worker-3"}).Cause)
}

func TestANodeThatFailedLaterIsNotTheCause(t *testing.T) {
	var s story
	s.event(-20, "Pod", cart, "Scheduled", "Successfully assigned shop/"+cart+" to worker-1")
	s.event(0, "Pod", cart, "Unhealthy", "Liveness probe failed: timeout").Event.Count = 9
	s.event(5, "Node", "worker-1", "NodeNotReady", "Node worker-1 status is now: NodeNotReady")
	require.Equal(t, CauseProbeFailure, s.ask(t, Object{Name: "cart"}).Cause)
}

func TestADependencyIsFollowedWithinItsNamespaceAndCluster(t *testing.T) {
	for name, c := range map[string]struct {
		host               string
		cluster, namespace string // of the payment pod
		want               Cause
	}{
		"the short name":            {"payment:8080", "", "shop", CauseDiskPressure},
		"its own namespace":         {"payment.shop.svc:8080", "", "shop", CauseDiskPressure},
		"a Service's suffix":        {"payment-svc:8080", "", "shop", CauseDiskPressure},
		"another namespace":         {"payment.pay.svc.cluster.local", "", "pay", CauseDiskPressure},
		"another one than is named": {"payment.pay.svc.cluster.local", "", "shop", CauseConnectionRefused},
		"short, but elsewhere":      {"payment:8080", "", "pay", CauseConnectionRefused},
		"outside":                   {"payment.example.com", "", "shop", CauseConnectionRefused},
		"another's name":            {"pay:8080", "", "shop", CauseConnectionRefused},
		"another cluster":           {"payment:8080", "b", "shop", CauseConnectionRefused},
	} {
		t.Run(name, func(t *testing.T) {
			var s story
			for m := range 3 {
				s.log(float64(m), cart, "Get http://"+c.host+"/v1: connect: connection refused").Resource.Cluster = "a"
			}
			e := s.log(0, payment, "write /data/1: no space left on device")
			e.Resource.Namespace, e.Resource.Cluster = c.namespace, "a"
			if c.cluster != "" {
				e.Resource.Cluster = c.cluster
			}
			// Another root, so that none is the only one.
			s.event(0, "Pod", redis, "Failed", `Error: secret "redis" not found`).Resource.Cluster = "a"
			got := s.ask(t, Object{Name: "cart"})
			require.Equal(t, c.want, got.Cause, got.Summary)
			if c.want == CauseDiskPressure {
				require.Equal(t, []string{"payment", "cart"}, servicesOf(got.Cascade))
				require.Contains(t, got.Summary, "It comes from Pod ")
			} else {
				require.Empty(t, got.Cascade)
			}
		})
	}
}

func TestServicesThatBlameEachOtherAreNoEndlessWalk(t *testing.T) {
	var s story
	for m := range 3 {
		s.log(float64(m), cart, "Get http://payment/: connect: connection refused")
		s.log(float64(m), payment, "Get http://cart/: connect: connection refused")
	}
	got := s.ask(t)
	require.Equal(t, CauseConnectionRefused, got.Cause)
	require.Len(t, got.Cascade, 2)
	require.Empty(t, got.Also)
}

func TestTheCascadeIsInTheOrderOfFirstFailures(t *testing.T) {
	var s story
	s.log(0, payment, "write /data/1: no space left on device")
	// What is told first did not begin first.
	s.log(9, frontend, "Get http://cart/: connect: connection refused")
	s.log(3, frontend, "Get http://cart/: connect: connection refused")
	s.log(8, cart, "Get http://payment/: connect: connection refused")
	cartsFirst := s.log(2, cart, "Get http://payment/: connect: connection refused")

	got := s.ask(t)
	require.Equal(t, []string{"payment", "cart", "frontend"}, servicesOf(got.Cascade))
	require.Equal(t, []int64{minutes(0), minutes(2), minutes(3)}, []int64{got.Cascade[0].Since, got.Cascade[1].Since, got.Cascade[2].Since})
	require.Equal(t, cartsFirst.ID, got.Cascade[1].Entry.ID)
	require.Equal(t, "shop", got.Cascade[1].Namespace)
	require.Equal(t, "payment refuses connections", got.Cascade[1].Says)
}

// What is over.

func TestWhatClearsAFault(t *testing.T) {
	missing := `Error: configmap "cart-config" not found`
	for name, c := range map[string]struct {
		add  func(s *story)
		over bool
	}{
		"nothing":                  {func(*story) {}, false},
		"its start":                {func(s *story) { s.event(5, "Pod", cart, "Started", "Started container web") }, true},
		"its start before":         {func(s *story) { s.event(-5, "Pod", cart, "Started", "Started container web") }, false},
		"the start of another":     {func(s *story) { s.event(5, "Pod", payment, "Started", "Started container web") }, false},
		"the start of a later one": {func(s *story) { s.event(5, "Pod", "cart-5d4cf56db6-zzzzz", "Started", "Started container web") }, false},
		"another event":            {func(s *story) { s.event(5, "Pod", cart, "Pulled", "Container image already present") }, false},
		"a start between": {func(s *story) {
			s.event(5, "Pod", cart, "Started", "Started container web")
			s.event(7, "Pod", cart, "Failed", missing)
		}, false},
	} {
		var s story
		s.event(0, "Pod", cart, "Failed", missing)
		c.add(&s)
		got := s.ask(t, Object{Kind: "Pod", Namespace: "shop", Name: cart})
		require.Equal(t, CauseMissingConfigMap, got.Cause, name)
		require.Equal(t, c.over, got.Findings[0].Over, name)
		require.Equal(t, c.over, strings.Contains(got.Summary, "it seems to be over"), name)
		want := CauseMissingConfigMap
		if c.over {
			want = CauseInsufficientData
		}
		require.Equal(t, want, s.ask(t).Cause, "%s: of everything only what is present is told", name)
	}
}

func TestAPodThatIsScheduledAtLastIsNoLongerUnschedulable(t *testing.T) {
	var s story
	s.event(0, "Pod", cart, "FailedScheduling", "0/3 nodes are available: 3 Insufficient cpu.").Event.Count = 7
	got := s.ask(t)
	require.Equal(t, CauseFailedSchedulingResources, got.Cause)
	require.Equal(t, High, got.Confidence)
	s.event(1, "Pod", cart, "Scheduled", "Successfully assigned shop/"+cart+" to worker-2")
	require.Equal(t, CauseInsufficientData, s.ask(t).Cause)
	got = s.ask(t, Object{Name: "cart"})
	require.True(t, got.Findings[0].Over)
	require.Equal(t, Medium, got.Confidence, "it was high")
}

func TestAPresentFaultIsNotBlamedOnOneThatIsOver(t *testing.T) {
	var s story
	s.event(-60, "Pod", payment, "Failed", `Error: configmap "payment" not found`)
	s.event(-50, "Pod", payment, "Started", "Started container web")
	for m := range 3 {
		s.log(float64(m), cart, "Get http://payment/: connect: connection refused")
	}
	require.Equal(t, CauseConnectionRefused, s.ask(t).Cause)
	require.Equal(t, CauseConnectionRefused, s.ask(t, Object{Name: "cart"}).Cause)
}

// What was asked.

func TestTheSurestObjectThatFailsIsAnswered(t *testing.T) {
	var s story
	s.event(0, "Pod", cart, "Failed", `Error: configmap "cart-config" not found`)
	s.event(0, "Pod", payment, "Failed", `Failed to pull image "pay:9": not found`)
	mail, pay := Object{Name: "mail"}, Object{Name: "payment"}
	require.Equal(t, CauseMissingConfigMap, s.ask(t, Object{Name: "cart"}, pay).Cause)
	require.Equal(t, CauseImagePull, s.ask(t, pay, Object{Name: "cart"}).Cause)
	require.Equal(t, CauseImagePull, s.ask(t, mail, pay).Cause, "nothing is known of the first")
	got := s.ask(t, mail)
	require.Equal(t, CauseInsufficientData, got.Cause, "faults of others are no answer")
	require.Equal(t, "mail", got.Object.Name)
	require.Empty(t, got.Findings)
}

func TestServicesOfASearchAreAnsweredWhereTheyFail(t *testing.T) {
	var s story
	for m := range 3 {
		s.log(float64(m), cart, "Get http://10.0.0.9/: connect: connection refused")
	}
	// Two, so that neither is the only one that may explain cart's.
	s.event(0, "Pod", payment, "Failed", `Failed to pull image "pay:9": not found`)
	s.event(0, "Pod", redis, "Failed", `Failed to pull image "redis:9": not found`)
	ask := func(services ...string) Cause {
		return Diagnose(builtin(t), Case{Services: services, Sightings: s.sightings}).Cause
	}
	require.Equal(t, CauseConnectionRefused, ask("cart"))
	require.Equal(t, CauseImagePull, ask("payment"))
	require.Equal(t, CauseConnectionRefused, ask("mail", "cart", "payment"), "the best hit that fails")
	require.Equal(t, CauseImagePull, ask("mail"), "else of everything")
	require.Equal(t, CauseImagePull, ask())

	// A failure that is over is passed over.
	s.log(60, cart, "all is well").Level = pipeline.LevelInfo
	require.Equal(t, CauseImagePull, ask("cart", "payment"))
}

func TestNothingIsMadeOfNothing(t *testing.T) {
	for name, c := range map[string]Case{
		"nothing":           {},
		"asked for nothing": {Ask: IsItWell},
		"about something":   {About: []Object{{Kind: "Pod", Namespace: "shop", Name: cart}}},
		"is it well":        {Ask: IsItWell, About: []Object{{Name: "cart"}}},
		"services":          {Services: []string{"cart"}},
		"a bare entry":      {Sightings: []Sighting{{Entry: &pipeline.Entry{}}}},
		"a bare event":      {Sightings: []Sighting{{Entry: &pipeline.Entry{Kind: pipeline.KindEvent}}}},
		"a node of no name": {Sightings: []Sighting{{Entry: &pipeline.Entry{Kind: pipeline.KindNode, Message: "all is well"}}}},
	} {
		got := Diagnose(builtin(t), c)
		require.Equal(t, CauseInsufficientData, got.Cause, name)
		require.Empty(t, got.Confidence, name)
		require.Empty(t, got.Findings, name)
		require.True(t, strings.HasPrefix(got.Summary, "The logs do not hold an answer"), name)
		require.True(t, strings.HasPrefix(Explain(got), got.Summary), name)
	}
}

func TestHealthIsAnAnswerWhereItIsAskedFor(t *testing.T) {
	var s story
	for m := range 9 {
		s.log(float64(m), cart, fmt.Sprintf("order %d is placed", m)).Level = pipeline.LevelInfo
	}
	ready := s.log(2, cart, "listening on :8080")
	ready.Level = pipeline.LevelInfo
	s.event(0, "Pod", payment, "Failed", `Failed to pull image "pay:9": not found`)

	ask := func(ask Ask, about ...Object) Diagnosis {
		return Diagnose(builtin(t), Case{Ask: ask, About: about, Sightings: s.sightings})
	}
	got := ask(IsItWell, Object{Name: "cart"})
	require.Equal(t, CauseNoFault, got.Cause)
	require.Equal(t, cart, got.Object.Name)
	require.EqualValues(t, 10, got.Findings[0].Count)
	require.Equal(t, minutes(0), got.Findings[0].First)
	require.Equal(t, minutes(8), got.Findings[0].Last)
	require.Len(t, got.Findings[0].Evidence, maxWell)
	require.Equal(t, ready.ID, got.Findings[0].Evidence[0].Entry.ID, "what tells most")
	require.Contains(t, got.Summary, "No fault was found")

	require.Equal(t, CauseInsufficientData, ask(WhatIsWrong, Object{Name: "cart"}).Cause)
	require.Equal(t, CauseInsufficientData, ask(IsItWell, Object{Name: "mail"}).Cause, "nothing is heard of it")
	require.Equal(t, CauseImagePull, ask(IsItWell, Object{Name: "payment"}).Cause)
	require.Equal(t, CauseImagePull, ask(IsItWell).Cause)
}

// Numbers.

func TestAFaultCountsOnceItIsTheLeast(t *testing.T) {
	probes := func(count uint64) Diagnosis {
		var s story
		s.event(0, "Pod", cart, "Unhealthy", "Readiness probe failed: timeout").Event.Count = count
		return s.ask(t, Object{Name: "cart"})
	}
	require.Equal(t, CauseInsufficientData, probes(2).Cause, "a start takes its time")
	got := probes(3)
	require.Equal(t, CauseProbeFailure, got.Cause)
	require.EqualValues(t, 3, got.Findings[0].Count)

	// Of two pods of a workload, whose events are two.
	var s story
	s.event(0, "Pod", cart, "Unhealthy", "Readiness probe failed: timeout").Event.Count = 2
	s.event(1, "Pod", "cart-5d4cf56db6-zzzzz", "Unhealthy", "Readiness probe failed: timeout").Event.Count = 2
	require.EqualValues(t, 4, s.ask(t, Object{Name: "cart"}).Findings[0].Count)
}

func TestSummariesSayHowOftenAndSinceWhen(t *testing.T) {
	var s story
	s.event(0, "Pod", cart, "Failed", `Error: configmap "cart-config" not found`)
	require.Contains(t, s.ask(t).Summary, "Seen once, at 2024-05-01 12:00:00 UTC.")
	s.event(24*60+1, "Pod", cart, "Failed", `Error: configmap "cart-config" not found`).Event.Count = 40
	got := s.ask(t)
	require.EqualValues(t, 40, got.Findings[0].Count)
	require.Contains(t, got.Summary, "Seen 40 times since 2024-05-01 12:00:00 UTC, last at 12:01:00.")
}

func TestAPatternsNumbersAreOfItsOwnService(t *testing.T) {
	id := pipeline.PatternID{9}
	var s story
	for i, pod := range []string{cart, payment} {
		e := s.log(float64(i), pod, "write /data/1: no space left on device")
		e.Pattern.ID = id
		s.sightings[i].Numbers = Numbers{Count: int64(100 * (i + 1)), First: minutes(-10), Last: minutes(10), Heard: minutes(10)}
	}
	require.EqualValues(t, 100, s.ask(t, Object{Name: "cart"}).Findings[0].Count)
	require.EqualValues(t, 200, s.ask(t, Object{Name: "payment"}).Findings[0].Count)
}

func TestEvidenceIsCapped(t *testing.T) {
	var s story
	for n := range 30 {
		s.log(float64(n), cart, fmt.Sprintf("write /data/%d: no space left on device", n)).Pattern.ID = pipeline.PatternID{1}
	}
	got := s.ask(t).Findings[0]
	require.Len(t, got.Evidence, maxAlike, "they are alike")
	require.Contains(t, got.Evidence[0].Entry.Message, "/data/29:", "the newest first")

	// The same text is shown once.
	var same story
	for n := range 30 {
		same.log(float64(n), cart, "write /data/1: no space left on device").Pattern.ID = pipeline.PatternID{byte(n + 1)}
	}
	require.Len(t, same.ask(t).Findings[0].Evidence, 1)
	require.EqualValues(t, 30, same.ask(t).Findings[0].Count)
}

func TestConfidenceGrowsWithEvidence(t *testing.T) {
	rank := map[Confidence]int{Low: 1, Medium: 2, High: 3}
	var s story
	last := 0
	for _, step := range []struct {
		add  func()
		want Confidence
	}{
		{func() {
			for m := range 2 {
				s.log(float64(m), cart, "Get http://10.0.0.9/: connect: connection refused").Level = pipeline.LevelWarn
			}
		}, Low},
		{func() { s.log(2, cart, "Get http://10.0.0.9/: connect: connection refused").Level = pipeline.LevelWarn }, Medium},
		{func() {
			s.event(2, "Pod", cart, "BackOff", "Back-off restarting failed container web in pod "+cart+"_shop(1)").Event.Count = 5
		}, High},
		{func() { s.event(3, "Pod", cart, "Failed", `Error: configmap "cart-config" not found`) }, High},
	} {
		step.add()
		got := s.ask(t, Object{Name: "cart"})
		require.Equal(t, step.want, got.Confidence, got.Summary)
		require.GreaterOrEqual(t, rank[got.Confidence], last)
		last = rank[got.Confidence]
	}
}

func TestOthersAreToldOfMostSevereFirst(t *testing.T) {
	var s story
	s.event(0, "Pod", cart, "Failed", `Error: configmap "cart-config" not found`)
	for n := range 9 {
		s.event(1, "Pod", fmt.Sprintf("job%d-5d4cf56db6-x2x7v", n), "Unhealthy", "Readiness probe failed: timeout").Event.Count = 5
	}
	s.event(2, "Pod", payment, "Failed", `Failed to pull image "pay:9": not found`)
	s.event(2, "Pod", redis, "Failed", `Error: secret "redis" not found`)
	s.event(3, "Pod", redis, "Started", "Started container redis")

	got := s.ask(t, Object{Name: "cart"})
	require.Len(t, got.Also, maxAlso)
	require.Equal(t, CauseImagePull, got.Also[0].Cause, "a root")
	require.NotContains(t, causesOf(got.Also), CauseMissingSecret, "it is over")
	require.NotContains(t, causesOf(got.Also), CauseMissingConfigMap, "it is what was told")
}

func TestFindingsAreBounded(t *testing.T) {
	var s story
	s.log(0, payment, "write /data/1: no space left on device")
	for n := range 40 {
		pod := fmt.Sprintf("job%d-5d4cf56db6-x2x7v", n)
		for m := range 2 {
			s.log(float64(m+1), pod, "Get http://payment/: connect: connection refused")
		}
	}
	got := s.ask(t)
	require.Equal(t, CauseDiskPressure, got.Cause)
	require.Len(t, got.Findings, maxFindings)
	require.Len(t, got.Cascade, maxSteps)
	require.Equal(t, "payment", got.Cascade[0].Service)
	require.Equal(t, 41-maxSteps, got.More)
}

// What changed.

func TestChangesAreOfTheIncidentAndItsTime(t *testing.T) {
	fault := func(s *story) { s.event(0, "Pod", cart, "Failed", `Error: configmap "cart-config" not found`) }
	for name, c := range map[string]struct {
		add  func(s *story)
		want []string
	}{
		"just before":      {func(s *story) { s.event(-1, "Deployment", "cart", "DeploymentRollback", "Rolled back") }, []string{"a rollback: Rolled back"}},
		"too long before":  {func(s *story) { s.event(-16, "Deployment", "cart", "DeploymentRollback", "Rolled back") }, nil},
		"at the same time": {func(s *story) { s.event(.5, "Deployment", "cart", "DeploymentRollback", "Rolled back") }, []string{"a rollback: Rolled back"}},
		"after":            {func(s *story) { s.event(2, "Deployment", "cart", "DeploymentRollback", "Rolled back") }, nil},
		"of another":       {func(s *story) { s.event(-1, "Deployment", "mail", "DeploymentRollback", "Rolled back") }, nil},
		"no change":        {func(s *story) { s.event(-1, "Pod", cart, "Pulled", "Container image already present") }, nil},
		"newest first, of a kind once": {func(s *story) {
			s.event(-5, "Deployment", "cart", "ScalingReplicaSet", "Scaled up replica set cart-1 to 1")
			s.event(-4, "Deployment", "cart", "ScalingReplicaSet", "Scaled up replica set cart-1 to 3")
			s.event(-3, "Deployment", "cart", "ScalingReplicaSet", "Scaled down replica set cart-0 to 0")
		}, []string{"a scale-down: Scaled down replica set cart-0 to 0", "a roll-out or a scale-up: Scaled up replica set cart-1 to 3"}},
		"its node": {func(s *story) {
			s.event(-9, "Pod", cart, "Scheduled", "Successfully assigned shop/"+cart+" to worker-1")
			s.event(-2, "Node", "worker-1", "Rebooted", "Node worker-1 has been rebooted, boot id: 7")
			s.event(-2, "Node", "worker-2", "RegisteredNode", "Node worker-2 event: Registered Node worker-2 in Controller")
		}, []string{"a node was rebooted: Node worker-1 has been rebooted, boot id: 7"}},
	} {
		var s story
		fault(&s)
		c.add(&s)
		got := s.ask(t, Object{Name: "cart"})
		require.Equal(t, CauseMissingConfigMap, got.Cause, name)
		var says []string
		for _, change := range got.Changes {
			says = append(says, change.Says)
			require.NotNil(t, change.Entry)
			require.Equal(t, change.Entry.Time, change.At)
		}
		require.Equal(t, c.want, says, name)
	}
}

// Words.

func TestExplainNamesItsEvidence(t *testing.T) {
	var s story
	root := s.log(0, payment, "write /data/1: no space left on device")
	s.event(-1, "Deployment", "payment", "DeploymentRollback", "Rolled back deployment to revision 3")
	for m := range 3 {
		s.log(float64(m+1), cart, "Get http://payment/: connect: connection refused")
	}
	got := s.ask(t, Object{Name: "cart"})
	text := Explain(got)
	require.True(t, strings.HasPrefix(text, got.Summary+"\n"))
	for _, want := range []string{
		"Cause: disk_pressure (" + CauseDiskPressure.Meaning() + "). Confidence: medium.",
		"[" + root.ID.String() + "]", "1. payment at 2024-05-01 12:00:00 UTC", "2. cart at 2024-05-01 12:01:00 UTC",
		"What changed just before:", "a rollback: Rolled back deployment to revision 3", "kubectl -n shop describe pod " + payment,
	} {
		require.Contains(t, text, want)
	}
}

func TestNothingThatALineSaysBreaksASentence(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                    "plain",
		"two\nlines\tand\r":        "two lines and",
		"\x1b[31mred\x1b[0m":       "[31mred[0m",
		"bad \xff byte":            "bad  byte",
		"right\u202eto left\u0007": "rightto left",
	} {
		require.Equal(t, want, plain(in))
	}
	long := plain(strings.Repeat("ä", 200))
	require.LessOrEqual(t, len(long), maxValue)
	require.True(t, strings.HasSuffix(long, "…"))
	require.NotContains(t, long, "\ufffd")

	require.Equal(t, "key a of Pod shop/web-0, b, it", fill("key {key} of {subject}, {none|b}, {none}", map[string]string{"key": "a"}, Object{Kind: "Pod", Namespace: "shop", Name: "web-0"}))
	require.Equal(t, "open {", fill("open {", nil, Object{}))
}

func TestTextIsTheMessageAndWhatItsFieldsSay(t *testing.T) {
	e := told("log", `{"level":"error","ts":"2024-05-01T12:00:00Z","msg":"cannot write","caller":"a.go:1","err":"disk\nfull","n":3,"empty":"","trace_id":"77aa"}`)
	require.Equal(t, "cannot write\nerr=disk\nfull\nn=3", Text(e))
	event := told("Failed", "a message")
	event.Attributes = []pipeline.Attribute{{Key: "err", Value: `"x"`}}
	require.Equal(t, "a message", Text(event))
}
