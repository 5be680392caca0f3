package opensearch

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Signed is a door to a cluster that lets requests in whose Signature Version 4
// is right, as a domain of Amazon OpenSearch Service does. It computes the
// signature by the specification, with no code of the SDK's:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
type Signed struct {
	URL, Region, AccessKey, SecretKey string
	// In and Refused count requests.
	In, Refused atomic.Int64
}

// NewSigned opens a door to the cluster of tests, until the test ends.
func NewSigned(t testing.TB, region, accessKey, secretKey string) *Signed {
	t.Helper()
	target, err := url.Parse(URL(t))
	if err != nil {
		t.Fatal(err)
	}
	s := &Signed{Region: region, AccessKey: accessKey, SecretKey: secretKey}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Header.Del("Authorization")
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = s.check(r, body)
		}
		if err != nil {
			s.Refused.Add(1)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, `{"message":%q}`, "The request signature we calculated does not match the signature you provided: "+err.Error())
			return
		}
		s.In.Add(1)
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// check computes a request's signature and compares.
func (s *Signed) check(r *http.Request, body []byte) error {
	const scheme = "AWS4-HMAC-SHA256"
	fields := map[string]string{}
	rest, ok := strings.CutPrefix(r.Header.Get("Authorization"), scheme+" ")
	if !ok {
		return fmt.Errorf("it is not signed")
	}
	for field := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		fields[name] = value
	}
	date := r.Header.Get("X-Amz-Date")
	at, err := time.Parse("20060102T150405Z", date)
	if err != nil || time.Since(at).Abs() > 5*time.Minute {
		return fmt.Errorf("its date %q is not now", date)
	}
	scope := date[:8] + "/" + s.Region + "/es/aws4_request"
	if want := s.AccessKey + "/" + scope; fields["Credential"] != want {
		return fmt.Errorf("its credential is %q, not %q", fields["Credential"], want)
	}
	names := strings.Split(fields["SignedHeaders"], ";")
	if !slices.Contains(names, "host") || !slices.Contains(names, "x-amz-date") || !slices.IsSorted(names) {
		return fmt.Errorf("its signed headers are %q", names)
	}
	var headers strings.Builder
	for _, name := range names {
		value := strings.Join(r.Header.Values(name), ",")
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = fmt.Sprint(r.ContentLength)
		}
		headers.WriteString(name + ":" + strings.Join(strings.Fields(value), " ") + "\n")
	}
	canonical := strings.Join([]string{
		r.Method, escaped(r.URL.EscapedPath(), "/"), canonicalQuery(r.URL.Query()), headers.String(), fields["SignedHeaders"], sum(body),
	}, "\n")
	key := []byte("AWS4" + s.SecretKey)
	for _, part := range []string{date[:8], s.Region, "es", "aws4_request", scheme + "\n" + date + "\n" + scope + "\n" + sum([]byte(canonical))} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	if got := fields["Signature"]; got != hex.EncodeToString(key) {
		return fmt.Errorf("it is %s, not %x, of %q", got, key, canonical)
	}
	return nil
}

// canonicalQuery is sorted, and escaped as RFC 3986 has it.
func canonicalQuery(v url.Values) string {
	return strings.ReplaceAll(v.Encode(), "+", "%20")
}

// escaped is text with all but letters, digits, "-_.~" and keep as %XX.
func escaped(text, keep string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.~"+keep, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}
