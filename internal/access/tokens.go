package access

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/loglode/loglode/pipeline"
)

const (
	minToken     = 16      // characters of a token
	maxTokenFile = 1 << 20 // bytes
)

// Tokens are the bearer tokens of a token file.
type Tokens struct{ tokens []token }

type token struct {
	sum   [sha256.Size]byte
	grant Grant
}

// entry is one element of the file's list.
type entry struct {
	Token       string   `yaml:"token"`
	TokenSHA256 string   `yaml:"token_sha256"` // hexadecimal
	Name        string   `yaml:"name"`
	Role        Role     `yaml:"role"`
	Cluster     string   `yaml:"cluster"`
	Namespaces  []string `yaml:"namespaces"`
	// Tenants is nil when the key is absent: an empty list is a fault, not
	// everything.
	Tenants *[]tenant `yaml:"tenants"`
}

type tenant struct {
	Cluster   string `yaml:"cluster"`
	Namespace string `yaml:"namespace"`
}

// LoadTokens reads a token file: a YAML list of
//
//   - name: checkout team          # unique; appears in logs
//     role: read                   # ingest, read or admin
//     token: <16 or more characters>
//     token_sha256: <or its SHA-256 in hexadecimal>
//     cluster: prod                # ingest only, required: what is sent belongs to it
//     namespaces: [shop]           # ingest only: the namespaces it may send; left out: any
//     tenants:                     # read only; left out: everything
//   - {cluster: prod, namespace: shop}  # one may be left out: any
//
// The file must not be accessible to all users. Every fault is reported at once.
func LoadTokens(path string) (*Tokens, error) {
	text, err := readPrivate(path)
	if err != nil {
		return nil, fmt.Errorf("load token file: %w", err)
	}
	tokens, err := parseTokens(text)
	if err != nil {
		return nil, pipeline.WithHint(fmt.Errorf("load token file %s: %w", path, err),
			"each token is {name, role: ingest|read|admin, token or token_sha256}, with cluster and namespaces for ingest, tenants for read")
	}
	return tokens, nil
}

func readPrivate(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, pipeline.WithHint(err, "write the tokens there, or leave the token file out to serve this machine alone")
		}
		return nil, err
	}
	defer file.Close()
	// The open file is asked, not the path: they could differ a moment later.
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	if info.Mode().Perm()&0o007 != 0 && runtime.GOOS != "windows" {
		return nil, pipeline.WithHint(fmt.Errorf("%s is accessible to all users (mode %04o)", path, info.Mode().Perm()),
			"run: chmod o= "+path+" (for a Kubernetes secret: defaultMode: 0440)")
	}
	text, err := io.ReadAll(io.LimitReader(file, maxTokenFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxTokenFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxTokenFile)
	}
	return text, nil
}

func parseTokens(text []byte) (*Tokens, error) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	var entries []entry
	if err := d.Decode(&entries); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("it holds no tokens")
		}
		return nil, withoutValues(err)
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, errors.New("it holds more than one YAML document")
	}
	if len(entries) == 0 {
		return nil, errors.New("it holds no tokens")
	}
	t := &Tokens{}
	var faults []error
	names, sums := map[string]bool{}, map[[sha256.Size]byte]bool{}
	for i, e := range entries {
		sum, errs := e.check()
		if e.Name != "" && names[e.Name] {
			errs = append(errs, errors.New("its name is used twice"))
		}
		if len(errs) == 0 && sums[sum] {
			errs = append(errs, errors.New("its token is used twice"))
		}
		names[e.Name], sums[sum] = true, true
		for _, err := range errs {
			faults = append(faults, fmt.Errorf("token %d (%q): %w", i+1, e.Name, err))
		}
		t.tokens = append(t.tokens, token{sum: sum, grant: e.grant()})
	}
	return t, errors.Join(faults...)
}

// withoutValues keeps the YAML error's lines and drops the values it quotes: a
// secret in the wrong place must not reach a log.
func withoutValues(err error) error {
	var typed *yaml.TypeError
	if !errors.As(err, &typed) {
		return errors.New("it is no YAML")
	}
	faults := make([]error, len(typed.Errors))
	for i, text := range typed.Errors {
		if at := strings.IndexByte(text, '`'); at >= 0 {
			end := strings.LastIndexByte(text, '`')
			text = text[:at] + "<value>" + text[end+1:]
		}
		faults[i] = errors.New(text)
	}
	return errors.Join(faults...)
}

// check returns the token's hash and all that is wrong with the entry.
func (e *entry) check() (sum [sha256.Size]byte, faults []error) {
	fault := func(text string) { faults = append(faults, errors.New(text)) }
	switch {
	case e.Token != "" && e.TokenSHA256 != "":
		fault("it has both token and token_sha256")
	case e.Token != "":
		if len(e.Token) < minToken {
			fault(fmt.Sprintf("its token is shorter than %d characters", minToken))
		}
		if strings.ContainsFunc(e.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
			fault("its token has a character that no HTTP header carries")
		}
		sum = sha256.Sum256([]byte(e.Token))
	case e.TokenSHA256 != "":
		b, err := hex.DecodeString(e.TokenSHA256)
		if err != nil || len(b) != sha256.Size {
			fault("its token_sha256 is not 64 hexadecimal digits")
		}
		copy(sum[:], b)
	default:
		fault("it has neither token nor token_sha256")
	}
	if e.Name == "" {
		fault("it has no name")
	}
	if e.Role != RoleIngest && e.Role != RoleRead && e.Role != RoleAdmin {
		fault(fmt.Sprintf("its role %q is none of ingest, read, admin", e.Role))
	}
	if e.Role == RoleIngest {
		if e.Cluster == "" {
			fault("it has no cluster, which an ingest token fixes")
		}
	} else if e.Cluster != "" || e.Namespaces != nil {
		fault("cluster and namespaces are for ingest tokens")
	}
	for _, namespace := range e.Namespaces {
		if namespace == "" {
			fault("a namespace is empty")
		}
	}
	if e.Namespaces != nil && len(e.Namespaces) == 0 {
		fault("its namespaces are empty; leave them out to allow any")
	}
	return sum, append(faults, e.checkTenants()...)
}

func (e *entry) checkTenants() (faults []error) {
	if e.Tenants == nil {
		return nil
	}
	if e.Role != RoleRead {
		faults = append(faults, errors.New("tenants are for read tokens"))
	}
	if len(*e.Tenants) == 0 {
		faults = append(faults, errors.New("its tenants are empty; leave them out to read everything"))
	}
	for _, tenant := range *e.Tenants {
		if tenant.Cluster == "" && tenant.Namespace == "" {
			faults = append(faults, errors.New("a tenant names neither cluster nor namespace; leave tenants out to read everything"))
		}
	}
	return faults
}

func (e *entry) grant() Grant {
	g := Grant{Name: e.Name, Role: e.Role, Cluster: e.Cluster, Namespaces: e.Namespaces}
	if e.Tenants != nil {
		g.Scopes = []pipeline.Scope{}
		for _, tenant := range *e.Tenants {
			g.Scopes = append(g.Scopes, pipeline.Scope(tenant))
		}
	}
	return g
}

// Lookup returns the grant of a bearer token. The time it takes does not depend
// on how much of a token was guessed.
func (t *Tokens) Lookup(bearer string) (Grant, bool) {
	sum := sha256.Sum256([]byte(bearer))
	found := -1
	for i := range t.tokens {
		if subtle.ConstantTimeCompare(sum[:], t.tokens[i].sum[:]) == 1 {
			found = i
		}
	}
	if found < 0 {
		return Grant{}, false
	}
	return t.tokens[found].grant, true
}
