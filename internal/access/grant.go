// Package access decides who may ask. There are two ways to run:
//
//	no token file   only loopback addresses are listened on; Host and Origin are
//	                checked, so that no web page reaches in (DNS rebinding);
//	                whoever is on the machine may do everything
//	token file      any address; every request brings a bearer token
//
//	request --> Guard --(403, 401)--> gone
//	              |
//	              +--> context: Grant, query.WithScopes --> handlers
//
// An address that the table in guard.go does not name needs an admin: what is
// forgotten there is closed, not open.
package access

import (
	"context"
	"fmt"

	"github.com/loglode/loglode/pipeline"
)

// Role is what a token is for.
type Role string

// The roles.
const (
	// RoleIngest may send entries, and nothing else.
	RoleIngest Role = "ingest"
	// RoleRead may read entries of its tenants; without tenants all entries,
	// the status and the metrics.
	RoleRead Role = "read"
	// RoleAdmin may do everything.
	RoleAdmin Role = "admin"
)

// Grant is what the bearer of a request may do.
type Grant struct {
	// Name is the token's, for logs and metrics; "local" without a token file.
	Name string
	Role Role
	// Cluster and Namespaces bind what an ingest token sends: entries MUST be
	// stored under this cluster, whatever they say, and those of a namespace
	// that is not listed MUST be refused. No namespaces mean any. Both are
	// empty for other roles.
	Cluster    string
	Namespaces []string
	// Scopes bind what a read token sees; nil means everything.
	Scopes []pipeline.Scope
}

type grantKey struct{}

// FromContext returns what the request may do. There is no grant in a context
// that did not pass a Guard, nor in one of an address that is open to all.
func FromContext(ctx context.Context) (Grant, bool) {
	g, ok := ctx.Value(grantKey{}).(Grant)
	return g, ok
}

// need is what an address asks of a grant.
type need uint8

const (
	needNothing need = iota
	needMetrics
	needIngest
	needRead
	needReadAll
	needAdmin
)

// allows reports whether the grant does what is needed, else why not.
func (g Grant) allows(n need) error {
	switch {
	case g.Role == RoleAdmin, n == needNothing:
		return nil
	case n == needIngest && g.Role == RoleIngest:
		return nil
	case n == needRead && g.Role == RoleRead:
		return nil
	case (n == needReadAll || n == needMetrics) && g.Role == RoleRead && g.Scopes == nil:
		return nil
	}
	want := map[need]string{
		needIngest: "an ingest token", needRead: "a read token",
		needReadAll: "a read token without tenants", needMetrics: "a read token without tenants", needAdmin: "an admin token",
	}[n]
	return pipeline.WithHint(fmt.Errorf("token %q with role %s may not do this", g.Name, g.Role), "use "+want)
}
