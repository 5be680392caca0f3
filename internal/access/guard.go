package access

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/query"
)

// CheckListen refuses an address to listen on (host:port) that others than this
// machine can reach, unless there are tokens. A name other than localhost is
// refused: what it resolves to can change.
func CheckListen(address string, tokens *Tokens) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return pipeline.WithHint(fmt.Errorf("read listen address %q: %w", address, err), "say host:port, for instance 127.0.0.1:7280")
	}
	if tokens != nil || isLoopback(host) {
		return nil
	}
	return pipeline.WithHint(fmt.Errorf("listen address %q can be reached from other machines, and there is no token file", address),
		"listen on 127.0.0.1, or configure a token file")
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// Guard is middleware that lets a request through or answers it itself.
type Guard struct {
	tokens *Tokens // nil: only this machine asks
}

// NewGuard returns a Guard. Without tokens (nil) the server MUST listen on an
// address that CheckListen accepts.
func NewGuard(tokens *Tokens) *Guard { return &Guard{tokens: tokens} }

// Wrap returns a handler that calls next for what may be done, with the Grant
// (see FromContext) and the scopes of the query package in the context.
func (g *Guard) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, refused := g.decide(r)
		if refused == nil {
			next.ServeHTTP(w, r.WithContext(ctx))
			return
		}
		if refused.status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Bearer realm="loglode"`)
		}
		query.WriteError(w, refused.status, refused.err.Error(), hintOf(refused.err))
	})
}

type refusal struct {
	status int
	err    error
}

func (g *Guard) decide(r *http.Request) (context.Context, *refusal) {
	if g.tokens == nil {
		if err := checkLocal(r); err != nil {
			return nil, &refusal{http.StatusForbidden, err}
		}
		return grant(r.Context(), Grant{Name: "local", Role: RoleAdmin}), nil
	}
	need := needOf(r)
	if need == needNothing {
		return r.Context(), nil
	}
	bearer, err := bearerOf(r)
	if err != nil {
		return nil, &refusal{http.StatusUnauthorized, err}
	}
	granted, known := g.tokens.Lookup(bearer)
	if !known {
		return nil, &refusal{http.StatusUnauthorized, pipeline.WithHint(errors.New("this token is not known"), "check the token file that loglode was started with")}
	}
	if err := granted.allows(need); err != nil {
		return nil, &refusal{http.StatusForbidden, err}
	}
	return grant(r.Context(), granted), nil
}

func grant(ctx context.Context, g Grant) context.Context {
	ctx = context.WithValue(ctx, grantKey{}, g)
	if g.Role == RoleIngest {
		return ctx // it may read nothing: no scopes, no answers
	}
	return query.WithScopes(ctx, g.Scopes)
}

// needOf is the table of addresses. The path is the one that http.ServeMux
// matches: a path that is not clean is redirected, and asked about again.
func needOf(r *http.Request) need {
	path := r.URL.Path
	reading := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case reading && (path == "/healthz" || path == "/readyz"):
		return needNothing
	case reading && path == "/metrics":
		return needMetrics
	case r.Method == http.MethodPost && path == "/v1/ingest":
		return needIngest
	case reading && (path == "/v1/lines" || strings.HasPrefix(path, "/v1/lines/") || path == "/v1/days"):
		return needRead
	case reading && path == "/v1/patterns":
		return needRead
	case (reading || r.Method == http.MethodPost) && (path == "/v1/search" || path == "/v1/ask"):
		return needRead
	case reading && path == "/v1/status":
		return needReadAll
	}
	return needAdmin
}

func bearerOf(r *http.Request) (string, error) {
	const hint = "send the header Authorization: Bearer <token>; on the command line --token or LOGLODE_TOKEN"
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return "", pipeline.WithHint(errors.New("a token is needed"), hint)
	}
	scheme, bearer, _ := strings.Cut(values[0], " ")
	if bearer = strings.TrimSpace(bearer); !strings.EqualFold(scheme, "Bearer") || bearer == "" {
		return "", pipeline.WithHint(errors.New("a bearer token is needed"), hint)
	}
	return bearer, nil
}

// checkLocal refuses what a web page can make a browser on this machine send.
// A page whose name its owner lets resolve to 127.0.0.1 is of the same origin
// as the answer, but its requests carry its name as Host; a page of another
// origin may send requests, but they carry its Origin.
func checkLocal(r *http.Request) error {
	if !localHost(r) {
		return pipeline.WithHint(fmt.Errorf("host %q is not this machine's loopback address", r.Host),
			"ask http://localhost or http://127.0.0.1 with the port that loglode listens on")
	}
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		return nil
	}
	origin, err := url.Parse(origins[0])
	if err != nil || len(origins) > 1 || origin.Scheme != "http" || !strings.EqualFold(origin.Host, r.Host) {
		return pipeline.WithHint(fmt.Errorf("origin %q is not loglode's own", strings.Join(origins, ", ")), "other web pages may not ask loglode")
	}
	return nil
}

// localHost reports whether the Host names the loopback address and the port on
// which the request arrived.
func localHost(r *http.Request) bool {
	host, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		host, port = strings.TrimSuffix(strings.TrimPrefix(r.Host, "["), "]"), "80"
	}
	if !isLoopback(host) {
		return false
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return true // not a server's request: a test's
	}
	_, listens, err := net.SplitHostPort(local.String())
	return err == nil && port == listens
}

func hintOf(err error) string {
	var hinted *pipeline.HintError
	if errors.As(err, &hinted) {
		return hinted.Hint
	}
	return ""
}
