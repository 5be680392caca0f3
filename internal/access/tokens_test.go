package access_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/internal/access"
	"github.com/loglode/loglode/pipeline"
)

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tokens.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func load(t *testing.T, text string) *access.Tokens {
	t.Helper()
	tokens, err := access.LoadTokens(file(t, text))
	require.NoError(t, err)
	return tokens
}

func sum(token string) string {
	s := sha256.Sum256([]byte(token))
	return hex.EncodeToString(s[:])
}

const (
	ingestToken = "ingest-0123456789"
	tenantToken = "tenant-0123456789"
	readerToken = "reader-0123456789"
	adminToken  = "admin-00123456789"
)

var valid = `
- {name: nodes, role: ingest, token: ` + ingestToken + `, cluster: west, namespaces: [shop, pay]}
- name: shop team
  role: read
  token_sha256: ` + sum(tenantToken) + `
  tenants:
    - {cluster: west, namespace: shop}
    - {cluster: test}
- {name: reader, role: read, token: ` + readerToken + `}
- {name: boss, role: admin, token: ` + adminToken + `}
`

func TestLookup(t *testing.T) {
	tokens := load(t, valid)
	for bearer, want := range map[string]access.Grant{
		ingestToken: {Name: "nodes", Role: access.RoleIngest, Cluster: "west", Namespaces: []string{"shop", "pay"}},
		tenantToken: {Name: "shop team", Role: access.RoleRead, Scopes: []pipeline.Scope{{Cluster: "west", Namespace: "shop"}, {Cluster: "test"}}},
		readerToken: {Name: "reader", Role: access.RoleRead},
		adminToken:  {Name: "boss", Role: access.RoleAdmin},
	} {
		got, ok := tokens.Lookup(bearer)
		require.True(t, ok)
		require.Equal(t, want, got)
	}
	for _, bearer := range []string{"", "x", adminToken[:16], adminToken + "x", sum(tenantToken), sum(adminToken)} {
		_, ok := tokens.Lookup(bearer)
		require.False(t, ok, bearer)
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	_, err := access.LoadTokens(file(t, `
- {role: read, token: short}
- {name: a, role: boss, token: "0123456789 abcdef"}
- {name: b, role: ingest, token_sha256: abc}
- {name: b, role: read, token: 0123456789abcdef, token_sha256: abc}
- {name: c, role: read, cluster: x, tenants: []}
- {name: d, role: admin, token: admin0123456789ab, tenants: [{}]}
- {name: e, role: ingest, cluster: c, namespaces: [""], token: ingest0123456789}
- {name: f, role: ingest, cluster: c, namespaces: [], token: ingest01234567890}
- {name: g, role: admin, token: twice0123456789ab}
- {name: h, role: admin, token: twice0123456789ab}
`))
	for _, fault := range []string{
		`token 1 (""): its token is shorter`, `token 1 (""): it has no name`,
		`token 2 ("a"): its token has a character`, `token 2 ("a"): its role "boss"`,
		`token 3 ("b"): its token_sha256 is not 64`, `token 3 ("b"): it has no cluster`,
		`token 4 ("b"): it has both`, `token 4 ("b"): its name is used twice`,
		`token 5 ("c"): it has neither`, `token 5 ("c"): cluster and namespaces`, `token 5 ("c"): its tenants are empty`,
		`token 6 ("d"): tenants are for read`, `token 6 ("d"): a tenant names neither`,
		`token 7 ("e"): a namespace is empty`, `token 8 ("f"): its namespaces are empty`,
		`token 10 ("h"): its token is used twice`,
	} {
		require.ErrorContains(t, err, fault)
	}
	requireHint(t, err)
	require.NotContains(t, err.Error(), "twice0123456789ab")
}

func TestFilesThatAreNone(t *testing.T) {
	for _, text := range []string{
		"", "[]", "a: b", "- [", "- {name: a, role: admin, tokn: " + adminToken + "}", valid + "\n---\n" + valid, "null", "- tenants: " + adminToken,
		"- {name: {a: " + adminToken + "}}", "- " + adminToken, strings.Repeat("# long\n", 1<<18),
	} {
		_, err := access.LoadTokens(file(t, text))
		require.Error(t, err, text[:min(len(text), 50)])
		require.NotContains(t, err.Error(), adminToken)
	}
}

func TestFileIsPrivate(t *testing.T) {
	path := file(t, valid)
	for mode, ok := range map[os.FileMode]bool{0o600: true, 0o440: true, 0o644: false, 0o604: false, 0o602: false, 0o601: false} {
		require.NoError(t, os.Chmod(path, mode))
		_, err := access.LoadTokens(path)
		if ok {
			require.NoError(t, err, mode)
			continue
		}
		require.ErrorContains(t, err, "accessible to all users", mode)
		requireHint(t, err)
	}
	_, err := access.LoadTokens(path + "x")
	require.ErrorIs(t, err, os.ErrNotExist)
	requireHint(t, err)
	_, err = access.LoadTokens(t.TempDir())
	require.Error(t, err)
}

func requireHint(t *testing.T, err error) {
	t.Helper()
	var hinted *pipeline.HintError
	require.ErrorAs(t, err, &hinted)
	require.NotEmpty(t, hinted.Hint)
}
