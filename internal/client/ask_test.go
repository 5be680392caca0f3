package client_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/internal/client"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/query"
)

// answerer remembers what it was asked.
type answerer struct{ asked string }

func (a *answerer) Ask(_ context.Context, r query.AskRequest) (query.AskResponse, error) {
	if r.Query == "" {
		return query.AskResponse{}, pipeline.WithHint(fmt.Errorf("no question: %w", pipeline.ErrRejected), "ask")
	}
	a.asked = fmt.Sprintln(r.Query, r.Namespaces, r.Evidence, r.Literal)
	return query.AskResponse{Answered: true, Text: "so <b>", Evidence: []query.AskEvidence{{ID: "1"}}}, nil
}

func TestAsk(t *testing.T) {
	a := &answerer{}
	mux := http.NewServeMux()
	(&query.API{Lines: &query.Service{Reader: store{}}, Asker: a}).Register(mux)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r.WithContext(query.WithScopes(r.Context(), nil)))
	})
	for _, c := range []*client.Client{connect(t, h), client.InProcess(h)} {
		got, err := c.Ask(t.Context(), query.AskRequest{Query: "why <b>?", Selection: query.Selection{Namespaces: []string{"shop"}}, Evidence: 2, Literal: true})
		require.NoError(t, err)
		require.Equal(t, "why <b>? [shop] 2 true\n", a.asked)
		require.True(t, got.Answered)
		require.Equal(t, "so <b>", got.Text)
		require.Len(t, got.Evidence, 1)
		_, err = c.Ask(t.Context(), query.AskRequest{})
		require.ErrorIs(t, err, pipeline.ErrRejected)
		require.Equal(t, "ask", hint(err))
	}
}
