package main

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/query"
	"github.com/loglode/loglode/query/diagnose"
)

func TestAskFlags(t *testing.T) {
	for args, want := range map[string]query.AskRequest{
		"ask why slow?": {Query: "why slow?", Evidence: query.DefaultEvidence},
		"ask x --evidence 20 --literal --namespace b,c --from 2h": {
			Query: "x", Evidence: 20, Literal: true, Selection: query.Selection{Namespaces: []string{"b", "c"}, From: "2h"},
		},
	} {
		s := &remote{}
		code, _, errs := loglode(t, s, strings.Fields(args)...)
		require.Equal(t, exitOK, code, errs)
		require.Equal(t, want, *s.ask, args)
	}
	for args, says := range map[string]string{
		"ask":               "requires at least 1 arg",
		"ask x -o csv":      "none of table, wide, json",
		"ask x --limit 3":   "unknown flag",
		"ask x --leg words": "unknown flag",
	} {
		s := &remote{}
		code, out, errs := loglode(t, s, strings.Fields(args)...)
		require.Equal(t, exitUsage, code, args)
		require.Contains(t, errs, says, args)
		require.Empty(t, out, args)
		require.Nil(t, s.ask, args)
	}
	code, _, errs := loglode(t, &remote{refuse: "not so"}, "ask", "x")
	require.Equal(t, exitUsage, code)
	require.Equal(t, "loglode: not so\n  hint: ask otherwise\n", errs)
}

func TestAskOutput(t *testing.T) {
	answer := query.AskResponse{
		Answered: true, Cause: diagnose.CauseDiskPressure, Summary: "The disk is full.", Confidence: diagnose.High,
		Evidence: []query.AskEvidence{{ID: anID, Time: seenAt, Kind: "log", Text: "no space left on device"}},
	}
	code, out, errs := loglode(t, &remote{answer: answer}, "ask", "what", "now")
	require.Equal(t, exitOK, code)
	require.True(t, strings.HasPrefix(out, "The disk is full.\n"), out)
	require.Contains(t, out, "no space left on device")
	require.Equal(t, "\nwhat stands around the first: loglode lines --around "+anID+"\n", errs)

	_, out, errs = loglode(t, &remote{answer: answer}, "ask", "what", "-o", "json")
	var got query.AskResponse
	require.NoError(t, json.Unmarshal([]byte(out), &got))
	require.Equal(t, answer.Evidence, got.Evidence)
	require.Empty(t, errs)

	code, out, errs = loglode(t, &remote{answer: query.AskResponse{Cause: diagnose.CauseInsufficientData, Summary: query.NoAnswer}}, "ask", "what")
	require.Equal(t, exitOK, code, "that there is no answer is one")
	require.True(t, strings.HasPrefix(out, query.NoAnswer+"\n"))
	require.Empty(t, errs)
}

func TestAskOfAnotherOrNone(t *testing.T) {
	one := query.AskResponse{
		Answered: true, Cause: diagnose.CauseDiskPressure, Summary: "The disk is full.",
		Evidence: []query.AskEvidence{{ID: anID, Time: seenAt, Kind: "log", Text: "no space left on device"}},
	}
	_, out, errs := loglode(t, &remote{answer: one}, "ask", "what", "-o", "wide")
	require.Contains(t, out, "["+anID+"]")
	require.Equal(t, "\nwhat stands around the first: loglode lines --around "+anID+"\n", errs)

	for _, n := range []string{"0", "-1", "51"} {
		s := &remote{}
		code, _, errs := loglode(t, s, "ask", "x", "--evidence", n)
		require.Equal(t, exitUsage, code)
		require.Contains(t, errs, "--evidence "+n+" is out of range: 1 to 50")
		require.Nil(t, s.ask)
	}
}

func TestAskWithoutData(t *testing.T) {
	t.Chdir(t.TempDir())
	var out, errs bytes.Buffer
	require.Equal(t, exitFailed, run(t.Context(), []string{"ask", "x"}, strings.NewReader(""), &out, &errs))
	require.Contains(t, errs.String(), "open data directory: stat ./loglode-data")
	require.Contains(t, errs.String(), "hint: name another with --data, a running loglode with --url, or make one")
	require.Empty(t, out.String())
	require.NoDirExists(t, "loglode-data", "a question makes none")
}

// TestTheEnvironmentNamesTheServer has --url left out.
func TestTheEnvironmentNamesTheServer(t *testing.T) {
	s := &remote{answer: query.AskResponse{Summary: "from afar"}}
	server := httptest.NewServer(s)
	defer server.Close()
	t.Setenv("LOGLODE_URL", server.URL)
	ask := func(args ...string) (int, string, string) {
		var out, errs bytes.Buffer
		code := run(t.Context(), append([]string{"ask", "x"}, args...), strings.NewReader(""), &out, &errs)
		return code, out.String(), errs.String()
	}
	code, out, errs := ask()
	require.Equal(t, exitOK, code, errs)
	require.Contains(t, out, "from afar")

	code, _, errs = ask("--url", "http://127.0.0.1:1")
	require.Equal(t, exitFailed, code, "a flag counts before the environment")
	require.Contains(t, errs, "127.0.0.1:1")

	t.Setenv("LOGLODE_URL", "no address")
	code, _, errs = ask()
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, "no address")
}
