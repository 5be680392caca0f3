package pattern_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/pattern"
)

func TestMasked(t *testing.T) {
	m := pattern.New()
	for _, tt := range []struct {
		message    string
		attributes []pipeline.Attribute
		want       string
	}{
		{"no variables here", nil, ""},
		{"", nil, ""},
		{`cannot list *v1.ImageStream`, nil, ""},
		{`failed to open "/var/lib/haproxy/run/haproxy.sock": no such file`, nil, "var lib haproxy run sock"},
		{"pod 10.0.0.1:443 shop/cart-7d9f8-x2x9z gone", nil, "shop"},
		{"retry", []pipeline.Attribute{{Key: "component", Value: `"rateLimiter"`}, {Key: "ts", Value: `"noon"`}, {Key: "n", Value: "17"}}, "rate limiter"},
		{`value="a bb a bb CC"`, nil, "bb cc"},
	} {
		e := pipeline.Entry{Message: tt.message, Attributes: tt.attributes}
		e.Pattern = m.Entry(&e)
		require.Equal(t, tt.want, pattern.Masked(&e), "%s -> %s", tt.message, e.Pattern.Template)
	}
}

func TestMaskedIsBounded(t *testing.T) {
	var many strings.Builder
	for i := range 26 {
		many.WriteString(" word" + string(rune('a'+i)))
	}
	e := pipeline.Entry{Message: many.String(), Pattern: pipeline.Pattern{Template: "<*>"}}
	require.Len(t, strings.Fields(pattern.Masked(&e)), 16)
	e = pipeline.Entry{Message: strings.Repeat("x", 1<<20) + " late", Pattern: pipeline.Pattern{Template: "<*>"}}
	require.NotContains(t, pattern.Masked(&e), "late")
	require.Less(t, len(pattern.Masked(&e)), 200)
}
