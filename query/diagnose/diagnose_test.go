package diagnose

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/loglode/loglode/pipeline"
)

// noon is when the tests' failures happen.
var noon = time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)

// story makes the sightings of a case.
type story struct {
	sightings []Sighting
}

// at adds an entry, minutes after noon, with an ID of its own.
func (s *story) at(minutes float64, e *pipeline.Entry) *pipeline.Entry {
	e.Time = noon.Add(time.Duration(minutes * float64(time.Minute))).UnixNano()
	binary.BigEndian.PutUint64(e.ID[:], uint64(len(s.sightings)+1))
	s.sightings = append(s.sightings, Sighting{Entry: e})
	return e
}

// log is a line of a pod in namespace shop, an error.
func (s *story) log(minutes float64, pod, text string) *pipeline.Entry {
	e := told("log", text)
	e.Level, e.Resource = pipeline.LevelError, &pipeline.Resource{Namespace: "shop", Pod: pod, Node: "worker-1"}
	e.Service = Object{Kind: "Pod", Name: pod}.Workload()
	return s.at(minutes, e)
}

// event is about an object in namespace shop, or about a node.
func (s *story) event(minutes float64, kind, name, reason, text string) *pipeline.Entry {
	e := told(reason, text)
	e.Event.UID, e.Event.ObjectKind, e.Event.ObjectName = kind+name+reason, kind, name
	e.Resource = &pipeline.Resource{Namespace: "shop"}
	if kind == "Node" {
		e.Event.ObjectNamespace, e.Resource.Namespace = "", ""
	}
	return s.at(minutes, e)
}

func (s *story) ask(t *testing.T, about ...Object) Diagnosis {
	t.Helper()
	return Diagnose(builtin(t), Case{About: about, Sightings: s.sightings})
}

const (
	cart    = "cart-5d4cf56db6-x2x7v"
	payment = "payment-6c8d7b9f54-k4m9z"
	redis   = "redis-0"
)

func TestTheDeepestFaultIsTheCause(t *testing.T) {
	var s story
	s.event(1, "Pod", cart, "BackOff", "Back-off restarting failed container web in pod "+cart+"_shop(1)")
	s.event(0, "Pod", cart, "Failed", `Error: configmap "cart-config" not found`)
	s.event(2, "Pod", cart, "Unhealthy", "Readiness probe failed: connection refused")

	got := s.ask(t)
	require.Equal(t, CauseMissingConfigMap, got.Cause)
	require.Equal(t, Object{Kind: "Pod", Namespace: "shop", Name: cart}, got.Object)
	require.Equal(t, High, got.Confidence, "Kubernetes says so")
	require.Equal(t, []Object{{Kind: "ConfigMap", Namespace: "shop", Name: "cart-config"}}, got.Findings[0].Needs)
	require.Contains(t, got.Summary, "ConfigMap cart-config does not exist")
	require.Equal(t, "back-off", got.Findings[1].Rule)
}

func TestTheWalkGoesFromADependentToTheRoot(t *testing.T) {
	var s story
	killed := s.event(0, "Pod", payment, "OOMKilling", "Memory cgroup out of memory: Killed process 1 (java)")
	first := s.log(.5, cart, "dial tcp payment.shop.svc:8080: connect: connection refused")
	s.log(2, cart, "dial tcp payment.shop.svc:8080: connect: connection refused")
	s.log(3, "frontend-7f9c8d6b54-q8w2z", "request to http://cart:80/items timed out after 3000 ms")
	s.log(4, "frontend-7f9c8d6b54-q8w2z", "request to http://cart:80/items timed out after 3000 ms")

	for _, about := range [][]Object{nil, {{Name: "frontend"}}, {{Kind: "Deployment", Name: "cart"}}, {{Kind: "Pod", Name: payment}}} {
		got := s.ask(t, about...)
		require.Equal(t, CauseOOMKilled, got.Cause, about)
		require.Equal(t, payment, got.Object.Name)
		var order []string
		for _, step := range got.Cascade {
			order = append(order, step.Service)
		}
		require.Equal(t, []string{"payment", "cart", "frontend"}, order, "in the order in which they began to fail")
		require.Equal(t, killed.ID, got.Cascade[0].Entry.ID)
		require.Equal(t, first.ID, got.Cascade[1].Entry.ID)
		require.Empty(t, got.Also, "it is one incident")
	}
	require.True(t, strings.HasPrefix(s.ask(t, Object{Name: "frontend"}).Summary, "Pod shop/frontend-7f9c8d6b54-q8w2z: requests to cart:80 time out. It comes from Pod shop/"+payment+": "))
}

func TestWhatBeganLaterIsNoCause(t *testing.T) {
	var s story
	s.log(0, cart, "dial tcp payment.shop.svc:8080: connect: connection refused")
	s.log(1, cart, "dial tcp payment.shop.svc:8080: connect: connection refused")
	s.event(30, "Pod", payment, "OOMKilling", "Memory cgroup out of memory: Killed process 1 (java)")

	got := s.ask(t, Object{Name: "cart"})
	require.Equal(t, CauseConnectionRefused, got.Cause)
	require.Len(t, got.Also, 1)
	require.Equal(t, CauseOOMKilled, got.Also[0].Cause)
}

func TestANodeIsTheCauseOfItsPodsFailures(t *testing.T) {
	var s story
	s.event(0, "Node", "worker-1", "NodeNotReady", "Node worker-1 status is now: NodeNotReady")
	s.event(-10, "Pod", cart, "Scheduled", "Successfully assigned shop/"+cart+" to worker-1")
	s.event(1, "Pod", cart, "Unhealthy", "Readiness probe failed: timeout").Event.Count = 5

	got := s.ask(t, Object{Name: "cart"})
	require.Equal(t, CauseNodeNotReady, got.Cause)
	require.Equal(t, Object{Kind: "Node", Name: "worker-1"}, got.Object)
	require.Equal(t, CauseNodeNotReady, s.ask(t, Object{Kind: "Node", Name: "worker-1"}).Cause)
}

func TestAPodWaitsForItsClaim(t *testing.T) {
	var s story
	s.event(0, "Pod", redis, "FailedScheduling", "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims.")
	s.event(0, "PersistentVolumeClaim", "redis-data", "ProvisioningFailed", `storageclass.storage.k8s.io "fast" not found`)

	got := s.ask(t, Object{Name: "redis"})
	require.Equal(t, CausePVCUnbound, got.Cause)
	require.Equal(t, "redis-data", got.Object.Name)
	require.Contains(t, got.Summary, "StorageClass fast does not exist")
	require.Contains(t, commandsOf(got), "kubectl -n shop describe persistentvolumeclaim redis-data")
}

func TestOfOthersOnlyWhatIsPresentIsTold(t *testing.T) {
	var s story
	s.event(0, "Pod", cart, "Failed", `Error: configmap "cart-config" not found`)
	s.event(5, "Pod", cart, "Started", "Started container web")
	require.Equal(t, CauseInsufficientData, s.ask(t).Cause, "it is over, and nobody asked for it")

	got := s.ask(t, Object{Name: "cart"})
	require.Equal(t, CauseMissingConfigMap, got.Cause)
	require.True(t, got.Findings[0].Over)
	require.Equal(t, Medium, got.Confidence)

	// Of two faults the present one counts.
	s.event(9, "Pod", cart, "Failed", `Failed to pull image "cart:9": not found`)
	require.Equal(t, CauseImagePull, s.ask(t, Object{Name: "cart"}).Cause)
}

func TestAFaultIsOverWhenItsServiceSpeaksOfItNoMore(t *testing.T) {
	over := func(silentMinutes float64) bool {
		var s story
		for m := range 5 {
			s.log(float64(m), cart, "dial tcp db.shop.svc:5432: connect: connection refused")
		}
		s.log(4+silentMinutes, cart, "all is well").Level = pipeline.LevelInfo
		return s.ask(t, Object{Name: "cart"}).Findings[0].Over
	}
	require.False(t, over(9))
	require.True(t, over(11))
}

func TestHowOftenAndSinceWhen(t *testing.T) {
	// An event's versions are one, and count as the highest says.
	var s story
	for n := range 3 {
		e := s.event(float64(n), "Pod", cart, "Failed", `Error: configmap "cart-config" not found`)
		e.Event.Count = uint64(n*5 + 1)
	}
	s.sightings[0].Entry.Attributes = []pipeline.Attribute{{Key: "first_time", Value: `"2024-05-01T11:30:00Z"`}}
	got := s.ask(t).Findings[0]
	require.EqualValues(t, 11, got.Count)
	require.Equal(t, noon.Add(-30*time.Minute).UnixNano(), got.First)
	require.Equal(t, noon.Add(2*time.Minute).UnixNano(), got.Last)

	// A pattern's numbers count once, where all that was seen of it are hits.
	var l story
	for m := range 4 {
		l.log(float64(m), cart, fmt.Sprint("write /data/", m, ": no space left on device")).Pattern = pipeline.Pattern{ID: pipeline.PatternID{7}}
		l.sightings[m].Numbers = Numbers{Count: 900, First: noon.Add(-time.Hour).UnixNano(), Last: noon.Add(time.Hour).UnixNano()}
	}
	got = l.ask(t).Findings[0]
	require.EqualValues(t, 900, got.Count)
	require.Equal(t, noon.Add(-time.Hour).UnixNano(), got.First)
	l.log(9, cart, "write /data/5: fine").Pattern.ID = pipeline.PatternID{7}
	require.EqualValues(t, 4, l.ask(t, Object{Name: "cart"}).Findings[0].Count, "else the hits count alone")
}

func TestEvidenceIsDistinctAndBounded(t *testing.T) {
	var s story
	for n := range 40 {
		s.log(float64(n), cart, fmt.Sprintf("write /data/%d: no space left on device", n)).Pattern.ID = pipeline.PatternID{byte(n%4 + 1)}
	}
	got := s.ask(t).Findings[0]
	require.Len(t, got.Evidence, maxEvidence)
	alike := map[pipeline.PatternID]int{}
	texts := map[string]bool{}
	for _, e := range got.Evidence {
		alike[e.Entry.Pattern.ID]++
		require.False(t, texts[e.Entry.Message])
		texts[e.Entry.Message] = true
		require.Contains(t, Text(e.Entry)[e.Start:e.End], "no space left on device")
	}
	for _, n := range alike {
		require.LessOrEqual(t, n, maxAlike)
	}
	require.Len(t, alike, 4, "each pattern is shown")
}

func TestChangesJustBeforeAreTold(t *testing.T) {
	var s story
	s.event(-60, "Deployment", "cart", "ScalingReplicaSet", "Scaled up replica set cart-old to 1")
	s.event(-2, "Deployment", "cart", "ScalingReplicaSet", "Scaled up replica set cart-5d4cf56db6 to 3")
	s.event(-2, "Deployment", "mail", "ScalingReplicaSet", "Scaled up replica set mail-1 to 3")
	s.event(0, "Pod", cart, "Failed", `Error: configmap "cart-config" not found`)

	got := s.ask(t)
	require.Len(t, got.Changes, 1)
	require.Equal(t, "a roll-out or a scale-up: Scaled up replica set cart-5d4cf56db6 to 3", got.Changes[0].Says)
	require.Equal(t, noon.Add(-2*time.Minute).UnixNano(), got.Changes[0].At)
}

func TestHealthIsToldOnlyWhereItIsHeard(t *testing.T) {
	var s story
	s.log(0, cart, "ready to serve").Level = pipeline.LevelInfo
	ask := func(ask Ask, about ...Object) Diagnosis {
		return Diagnose(builtin(t), Case{Ask: ask, About: about, Sightings: s.sightings})
	}
	got := ask(IsItWell, Object{Name: "cart"})
	require.Equal(t, CauseNoFault, got.Cause)
	require.Equal(t, Medium, got.Confidence)
	require.Len(t, got.Findings[0].Evidence, 1)

	require.Equal(t, CauseInsufficientData, ask(WhatIsWrong, Object{Name: "cart"}).Cause, "why it fails was asked")
	got = ask(IsItWell, Object{Name: "mail"})
	require.Equal(t, CauseInsufficientData, got.Cause)
	require.Equal(t, "The logs do not hold an answer about mail.", got.Summary)
	require.Equal(t, CauseInsufficientData, Diagnose(builtin(t), Case{}).Cause)
}

func TestConfidence(t *testing.T) {
	timeouts := func(n int, level pipeline.Level) story {
		var s story
		for i := range n {
			s.log(float64(i), cart, "request to http://stock timed out after 3 s").Level = level
		}
		return s
	}
	s := timeouts(2, pipeline.LevelWarn)
	require.Equal(t, Low, s.ask(t, Object{Name: "cart"}).Confidence)
	require.Equal(t, CauseInsufficientData, s.ask(t).Cause, "it may be the noise of a healthy cluster")
	s = timeouts(3, pipeline.LevelWarn)
	require.Equal(t, Medium, s.ask(t).Confidence)
	s.event(3, "Pod", cart, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 500").Event.Count = 9
	require.Equal(t, High, s.ask(t).Confidence, "two sources agree")
}

func TestNamesOfOthersAreNotTaken(t *testing.T) {
	var s story
	s.event(0, "Pod", "cart-api-5d4cf56db6-x2x7v", "Failed", `Error: configmap "x" not found`)
	require.Equal(t, CauseMissingConfigMap, s.ask(t, Object{Name: "cart-api"}).Cause)
	require.Equal(t, CauseMissingConfigMap, s.ask(t, Object{Name: "cart-api-service"}).Cause, "a Service's name")
	require.Equal(t, CauseInsufficientData, s.ask(t, Object{Name: "cartel"}).Cause)
	require.Equal(t, CauseInsufficientData, s.ask(t, Object{Namespace: "pay", Name: "cart-api"}).Cause)
	require.Equal(t, CauseInsufficientData, s.ask(t, Object{Kind: "Node", Name: "cart-api"}).Cause)
}

// TestTheOrderOfSightingsSaysNothing takes texts of all rules for pods and
// objects by chance.
func TestTheOrderOfSightingsSaysNothing(t *testing.T) {
	table, rows := builtin(t), rowsOf(t, "faults.tsv")
	rapid.Check(t, func(t *rapid.T) {
		var s story
		for range rapid.IntRange(1, 25).Draw(t, "entries") {
			row := rapid.SampledFrom(rows).Draw(t, "row")
			pod := rapid.SampledFrom([]string{cart, payment, redis}).Draw(t, "pod")
			minute := float64(rapid.IntRange(-30, 30).Draw(t, "minute"))
			switch row[1] {
			case "log":
				s.log(minute, pod, row[2])
			case "node":
				s.at(minute, told("node", row[2]))
			default:
				s.event(minute, "Pod", pod, row[1], row[2])
			}
		}
		c := Case{Sightings: s.sightings}
		if rapid.Bool().Draw(t, "about") {
			c.About = []Object{{Name: "cart"}}
		}
		got := Diagnose(table, c)
		shuffled := c
		shuffled.Sightings = append([]Sighting(nil), c.Sightings...)
		rand.New(rand.NewPCG(1, rapid.Uint64().Draw(t, "seed"))).Shuffle(len(shuffled.Sightings), func(i, j int) {
			shuffled.Sightings[i], shuffled.Sightings[j] = shuffled.Sightings[j], shuffled.Sightings[i]
		})
		require.Equal(t, got, Diagnose(table, shuffled))

		mine := map[pipeline.ID]bool{}
		for _, sighting := range c.Sightings {
			mine[sighting.Entry.ID] = true
		}
		for _, f := range append(got.Findings, got.Also...) {
			require.LessOrEqual(t, f.First, f.Last)
			require.NotEmpty(t, f.Evidence)
			for _, e := range f.Evidence {
				require.True(t, mine[e.Entry.ID])
			}
		}
		require.NotEmpty(t, got.Summary)
		require.NotRegexp(t, `[\x00-\x1f\x7f]`, got.Summary)
		require.Equal(t, got.Cause.IsFault(), len(got.Findings) > 0 && got.Findings[0].Depth > Sign)
		checkCommands(t, got)
	})
}

// BenchmarkDependents is of a node with many pods, all of which fail with it.
func BenchmarkDependents(b *testing.B) {
	table := builtin(b)
	var s story
	s.event(0, "Node", "worker-1", "NodeNotReady", "Node worker-1 status is now: NodeNotReady")
	for n := range 1_000 {
		pod := fmt.Sprintf("svc%d-5d4cf56db6-x2x7v", n)
		s.event(-60, "Pod", pod, "Scheduled", "Successfully assigned shop/"+pod+" to worker-1")
		s.event(1, "Pod", pod, "NodeNotReady", "Node is not ready")
	}
	for b.Loop() {
		got := Diagnose(table, Case{Sightings: s.sightings})
		require.Equal(b, CauseNodeNotReady, got.Cause)
		require.Equal(b, 1_001-maxSteps, got.More)
	}
}

func BenchmarkDiagnose(b *testing.B) {
	table, rows := builtin(b), rowsOf(b, "faults.tsv")
	var s story
	for n := range 2_000 {
		row := rows[n%len(rows)]
		pod := fmt.Sprintf("svc%d-5d4cf56db6-x2x7v", n%40)
		if row[1] == "log" || row[1] == "node" {
			s.log(float64(n%60), pod, row[2])
		} else {
			s.event(float64(n%60), "Pod", pod, row[1], row[2])
		}
	}
	for b.Loop() {
		Diagnose(table, Case{Sightings: s.sightings})
	}
}
