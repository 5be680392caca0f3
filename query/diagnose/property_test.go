package diagnose

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/loglode/loglode/pipeline"
)

// anyText draws texts that rules find, pieces of them, and what no rule has seen.
func anyText(known []string) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		text := rapid.SampledFrom(known).Draw(t, "text")
		switch rapid.IntRange(0, 3).Draw(t, "how") {
		case 0:
			cut := rapid.IntRange(0, len(text)).Draw(t, "cut")
			return text[cut:] + text[:cut]
		case 1:
			return text + rapid.String().Draw(t, "tail")
		case 2:
			return rapid.String().Draw(t, "other")
		}
		return text
	})
}

// anyName draws names of objects, good and bad; few, so that they meet.
func anyName() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{"", cart, payment, redis, "cart", "worker-1", "web-config", "$(reboot)", "käse", "-A", "a\nb"})
}

func anyKind() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{"", "Pod", "Node", "Deployment", "ReplicaSet", "ConfigMap", "Service", "Namespace", "PersistentVolumeClaim", "Pöd"})
}

// anyResource draws who wrote a line. A UID is of one pod.
func anyResource() *rapid.Generator[*pipeline.Resource] {
	return rapid.Custom(func(t *rapid.T) *pipeline.Resource {
		r := &pipeline.Resource{
			Cluster: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "cluster"), Namespace: rapid.SampledFrom([]string{"", "shop", "pay"}).Draw(t, "namespace"),
			Pod: anyName().Draw(t, "pod"), Node: anyName().Draw(t, "node"),
		}
		if r.Pod == cart && r.Namespace == "shop" && r.Cluster == "a" {
			r.PodUID = "1b2c3d4e-0000-4000-8000-00000000abcd"
		}
		return r
	})
}

func anyEntry(texts, reasons []string) *rapid.Generator[*pipeline.Entry] {
	return rapid.Custom(func(t *rapid.T) *pipeline.Entry {
		e := &pipeline.Entry{
			Time:    minutes(float64(rapid.IntRange(-40, 40).Draw(t, "minute"))),
			Kind:    rapid.SampledFrom([]pipeline.Kind{pipeline.KindLog, pipeline.KindEvent, pipeline.KindNode}).Draw(t, "kind"),
			Level:   pipeline.Level(rapid.IntRange(0, int(pipeline.LevelFatal)).Draw(t, "level")),
			Service: rapid.SampledFrom([]string{"", "cart", "payment", "redis"}).Draw(t, "service"),
			Message: anyText(texts).Draw(t, "message"),
		}
		e.Pattern.ID[0] = rapid.Byte().Draw(t, "pattern") % 4
		if rapid.Bool().Draw(t, "resource") {
			e.Resource = anyResource().Draw(t, "whose")
		}
		if rapid.Bool().Draw(t, "fields") {
			e.Attributes = []pipeline.Attribute{{Key: "first_time", Value: `"2024-05-01T11:00:00Z"`}, {Key: "err", Value: `"` + rapid.StringMatching(`[a-z ]*`).Draw(t, "err") + `"`}, {Key: "bad", Value: "{"}}
		}
		if e.Kind == pipeline.KindEvent && rapid.Bool().Draw(t, "event") {
			e.Event = &pipeline.Event{
				UID: rapid.SampledFrom([]string{"1", "2"}).Draw(t, "event's uid"), Count: rapid.Uint64Range(1, 50).Draw(t, "count"), Reason: rapid.SampledFrom(reasons).Draw(t, "reason"),
				ObjectKind: anyKind().Draw(t, "object's kind"), ObjectNamespace: rapid.SampledFrom([]string{"", "shop"}).Draw(t, "object's namespace"), ObjectName: anyName().Draw(t, "object"),
			}
		}
		return e
	})
}

func anyCase(texts, reasons []string) *rapid.Generator[Case] {
	return rapid.Custom(func(t *rapid.T) Case {
		c := Case{Ask: rapid.SampledFrom([]Ask{WhatIsWrong, IsItWell}).Draw(t, "ask"), From: minutes(-60), To: minutes(60)}
		for i, e := range rapid.SliceOfN(anyEntry(texts, reasons), 0, 20).Draw(t, "entries") {
			binary.BigEndian.PutUint64(e.ID[:], uint64(i+1))
			s := Sighting{Entry: e}
			if rapid.Bool().Draw(t, "counted") {
				s.Numbers = Numbers{Count: 7, First: e.Time - 9, Last: e.Time + 9, Heard: e.Time + rapid.Int64Range(0, int64(1e12)).Draw(t, "heard")}
			}
			c.Sightings = append(c.Sightings, s)
		}
		for range rapid.IntRange(0, 2).Draw(t, "objects") {
			c.About = append(c.About, Object{Kind: anyKind().Draw(t, "about's kind"), Namespace: rapid.SampledFrom([]string{"", "shop"}).Draw(t, "about's namespace"), Name: anyName().Draw(t, "about")})
		}
		c.Services = rapid.SliceOfN(rapid.SampledFrom([]string{"cart", "redis", "mail"}), 0, 2).Draw(t, "services")
		return c
	})
}

// TestOfAnyEntriesADiagnosisIsMade: whatever the entries are, in whichever order,
// the same diagnosis is made of them, and it keeps what Diagnosis promises.
func TestOfAnyEntriesADiagnosisIsMade(t *testing.T) {
	table := builtin(t)
	texts, reasons := []string{""}, []string{"", "Scheduled", "Started", "Killing", "ScalingReplicaSet"}
	for _, row := range ruleTexts() {
		texts = append(texts, row.text)
		if row.source != "log" && row.source != "node" {
			reasons = append(reasons, row.source)
		}
	}
	cases := anyCase(texts, reasons)
	rapid.Check(t, func(t *rapid.T) {
		c := cases.Draw(t, "case")
		before := append([]Sighting(nil), c.Sightings...)
		got := Diagnose(table, c)
		require.Equal(t, before, c.Sightings, "the case is only read")

		shuffled := append([]Sighting(nil), c.Sightings...)
		rand.New(rand.NewPCG(1, rapid.Uint64().Draw(t, "seed"))).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		c.Sightings = shuffled
		require.Equal(t, got, Diagnose(table, c))
		checkDiagnosis(t, c, got)
	})
}

func checkDiagnosis(t *rapid.T, c Case, d Diagnosis) {
	mine := map[*pipeline.Entry]bool{}
	for _, s := range c.Sightings {
		mine[s.Entry] = true
	}
	require.NotEmpty(t, d.Cause.Meaning())
	require.True(t, d.Cause == CauseInsufficientData || len(d.Findings) > 0)
	require.True(t, d.Cause != CauseInsufficientData || len(d.Findings) == 0 || d.Findings[0].Depth == Sign, "only of a sign nobody knows the cause")
	require.Equal(t, d.Cause == CauseInsufficientData, d.Confidence == "")
	require.LessOrEqual(t, len(d.Findings), maxFindings)
	require.LessOrEqual(t, len(d.Also), maxAlso)
	require.LessOrEqual(t, len(d.Changes), maxChanges)
	require.NotEqual(t, 1, len(d.Cascade))
	if d.Cause == CauseNoFault {
		require.Equal(t, IsItWell, c.Ask)
	}
	for _, f := range append(append([]Finding(nil), d.Findings...), d.Also...) {
		require.Positive(t, f.Count)
		require.LessOrEqual(t, f.First, f.Last)
		require.NotEmpty(t, f.Says)
		require.NotEmpty(t, f.Evidence)
		require.LessOrEqual(t, len(f.Evidence), maxEvidence)
		for _, e := range f.Evidence {
			require.True(t, mine[e.Entry], "evidence is of the case")
			require.LessOrEqual(t, e.Start, e.End)
			require.LessOrEqual(t, e.End, len(Text(e.Entry)))
		}
	}
	for i, s := range d.Cascade {
		require.True(t, mine[s.Entry])
		require.True(t, i == 0 || s.Since >= d.Cascade[i-1].Since, "in the order of time")
	}
	for i, change := range d.Changes {
		require.True(t, mine[change.Entry])
		require.True(t, i == 0 || change.At <= d.Changes[i-1].At, "the newest first")
	}
	require.NotEmpty(t, d.Summary)
	require.NotRegexp(t, `[\x00-\x1f\x7f]`, d.Summary)
	require.NotRegexp(t, `[\x00-\x09\x0b-\x1f\x7f]`, Explain(d))
	checkCommands(t, d)
	require.False(t, strings.Contains(Explain(d), "{subject}"))
}
