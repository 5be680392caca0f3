package parse

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
)

func checkAttributes(t *testing.T, text string, list []pipeline.Attribute) {
	t.Helper()
	seen := map[string]bool{}
	for _, a := range list {
		if a.Key == "" || seen[a.Key] || !json.Valid([]byte(a.Value)) {
			t.Fatalf("%q: attribute %q = %q", text, a.Key, a.Value)
		}
		seen[a.Key] = true
	}
	if len(list) > maxAttributes {
		t.Fatalf("%d attributes", len(list))
	}
}

func FuzzLine(f *testing.F) {
	for _, c := range lineCases {
		f.Add(c.text, ref)
	}
	var reused Fields
	f.Fuzz(func(t *testing.T, text string, ref int64) {
		var fresh Fields
		Line(text, ref, &fresh)
		if fresh.Message == "" && text != "" {
			t.Fatalf("%q: no message", text)
		}
		if utf8.ValidString(text) && !utf8.ValidString(fresh.Message) {
			t.Fatalf("%q: message %q is not UTF-8", text, fresh.Message)
		}
		checkAttributes(t, text, fresh.Attributes)
		if len(fresh.Message) > len(text)*3 { // \uXXXX and U+FFFD for a byte
			t.Fatalf("%q: message grew", text)
		}
		Line(text, ref, &reused)
		require.Equal(t, fresh.Message, reused.Message)
		require.Equal(t, fresh.Level, reused.Level)
		require.Equal(t, fresh.Time, reused.Time)
		require.Equal(t, attrs(fresh.Attributes), attrs(reused.Attributes))
	})
}

func FuzzEvent(f *testing.F) {
	f.Add(`{"metadata":{"uid":"u","resourceVersion":"1"},"involvedObject":{"kind":"Pod","fieldPath":"spec.containers{a}"},"count":2}`)
	f.Add(`{"metadata":{"uid":"\u0041"},"series":{"count":1e9,"lastObservedTime":"x"},"type":"W"}`)
	f.Fuzz(func(t *testing.T, text string) {
		var e EventFields
		if err := Event(text, &e); err != nil {
			if !errors.Is(err, pipeline.ErrRejected) {
				t.Fatal(err)
			}
			return
		}
		if e.UID == "" || e.Message == "" || e.Count < 1 || !json.Valid([]byte(text)) {
			t.Fatalf("%q: %+v", text, e)
		}
		checkAttributes(t, text, e.Attributes)
	})
}

func FuzzTimestamp(f *testing.F) {
	for _, c := range lineCases {
		f.Add(c.text, ref)
	}
	f.Add("Feb 29 00:00:00", int64(1)<<62)
	f.Fuzz(func(t *testing.T, text string, ref int64) {
		_, rest, ok := timestamp(text, ref)
		if !strings.HasSuffix(text, rest) || !ok && rest != text || ok && rest == text {
			t.Fatalf("%q: rest %q, ok %v", text, rest, ok)
		}
	})
}

// FuzzObject holds the JSON scanner against encoding/json.
func FuzzObject(f *testing.F) {
	f.Add(`{"a":[1,-0.5e+3,{"b":null}],"c":"\u00e9\n","d":true , "e" : {}}`)
	f.Add(`{"a":01}`)
	f.Add("{\"a\":\"\t\"}")
	f.Add(`{,}`)
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Count(text, "{")+strings.Count(text, "[") > maxDepth {
			return
		}
		o := newObject(text)
		for o.next() {
			if !json.Valid([]byte(o.value)) {
				t.Fatalf("%q: value %q", text, o.value)
			}
		}
		valid := json.Valid([]byte(text)) && strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "{")
		if got := !o.bad && skipSpace(text, o.i) == len(text); got != valid {
			t.Fatalf("%q: %v, encoding/json says %v", text, got, valid)
		}
	})
}
