package query

import (
	"context"
	"slices"

	"github.com/loglode/loglode/pipeline"
)

type scopesKey struct{}

// WithScopes says what the holder of ctx may read: entries of these scopes, all
// entries when scopes is nil, none when it is empty. Every query made with ctx
// is limited to them, whatever its parameters ask for.
//
// Access control MUST call it for each request: API answers no request whose
// context carries no decision. Service, which the command line calls on a store
// of its own, takes a context without one as unlimited.
func WithScopes(ctx context.Context, scopes []pipeline.Scope) context.Context {
	return context.WithValue(ctx, scopesKey{}, scopes)
}

// scopesOf returns the scopes and whether anyone decided on them.
func scopesOf(ctx context.Context) (scopes []pipeline.Scope, decided bool) {
	scopes, decided = ctx.Value(scopesKey{}).([]pipeline.Scope)
	return scopes, decided
}

// mayRead is the store's rule for Filter.Scopes, for entries that are fetched
// by ID, where no filter takes part.
func mayRead(ctx context.Context, e *pipeline.Entry) bool {
	scopes, _ := scopesOf(ctx)
	if scopes == nil {
		return true
	}
	var cluster, namespace string
	if e.Resource != nil {
		cluster, namespace = e.Resource.Cluster, e.Resource.Namespace
	}
	return slices.ContainsFunc(scopes, func(s pipeline.Scope) bool {
		return (s.Cluster == "" || s.Cluster == cluster) && (s.Namespace == "" || s.Namespace == namespace)
	})
}
