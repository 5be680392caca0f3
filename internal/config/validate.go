package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/loglode/loglode/pipeline"
)

// Validate reports everything that is wrong with the values, as [Faults]. It
// opens and resolves nothing: whether files can be read shows when they are.
func (c *Config) Validate() error { return c.check().err() }

func (c *Config) check() Faults {
	var k checker
	k.notEmpty("data", c.Data)
	k.notEmpty("cluster", c.Cluster)
	k.server(c.Server)
	k.tail(c.Sources.Tail)
	k.stream(c.Stream)
	notNegative(&k, "index.retention", c.Index.Retention)
	notNegative(&k, "index.max_bytes", c.Index.MaxBytes)
	within(&k, "index.batch_entries", c.Index.BatchEntries, 1, 100_000)
	within(&k, "index.max_service_patterns", c.Index.MaxServicePatterns, 1, 1_000_000)
	within(&k, "index.max_patterns", c.Index.MaxPatterns, 1, 10_000_000)
	k.oneOf("index.store", c.Index.Store, "sqlite", "opensearch")
	if c.Index.Store == "opensearch" {
		k.openSearch(c.OpenSearch)
	}
	k.embedding(c.Embedding)
	k.redaction(c.Redaction)
	k.drop(c.Drop)
	notNegative(&k, "dead_letters.retention", c.DeadLetters.Retention)
	notNegative(&k, "disk.min_free", c.Disk.MinFree)
	k.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	k.oneOf("log.format", c.Log.Format, "text", "json")
	if c.Memory.Limit != 0 {
		within(&k, "memory.limit", c.Memory.Limit, 32*MiB, TiB)
	}
	return k.faults
}

// checker gathers faults, so that a check is one line.
type checker struct{ faults Faults }

func (k *checker) fault(key, format string, args ...any) {
	k.faults = append(k.faults, Fault{Key: key, Problem: fmt.Sprintf(format, args...)})
}

func (k *checker) notEmpty(key, value string) {
	if strings.TrimSpace(value) == "" {
		k.fault(key, "must not be empty")
	}
}

func (k *checker) oneOf(key, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		k.fault(key, "%q is none of %s", value, strings.Join(allowed, ", "))
	}
}

func within[T int | Size | Duration](k *checker, key string, value, low, high T) {
	if value < low || value > high {
		k.fault(key, "%v is not between %v and %v", value, low, high)
	}
}

func notNegative[T Size | Duration](k *checker, key string, value T) {
	if value < 0 {
		k.fault(key, "%v is negative", value)
	}
}

// prefixes are what names of OpenSearch may begin with.
var prefixes = regexp.MustCompile(`^(?:[a-z0-9][a-z0-9._-]*)?$`)

func (k *checker) openSearch(o OpenSearch) {
	k.notEmpty("opensearch.urls", o.URLs)
	for i, text := range strings.FieldsFunc(o.URLs, func(r rune) bool { return r == ',' || r == ' ' }) {
		switch u, err := url.Parse(text); { // the text is not repeated: it may hold a password
		case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
			k.fault("opensearch.urls", "number %d is no URL of http or https, such as https://search.logs.svc:9200", i+1)
		case u.User != nil:
			k.fault("opensearch.urls", "number %d holds a user: use opensearch.username and opensearch.password_file", i+1)
		}
	}
	if o.Username != "" {
		k.notEmpty("opensearch.password_file", o.PasswordFile)
	}
	if o.Username != "" && o.Region != "" {
		k.fault("opensearch.region", "requests carry a user's password or a signature, not both")
	}
	if !prefixes.MatchString(o.Prefix) {
		k.fault("opensearch.prefix", "%q is not of lower-case letters, digits, dots, dashes and underscores, a letter or digit first", o.Prefix)
	}
	within(k, "opensearch.replicas", o.Replicas, 0, 10)
	within(k, "opensearch.bulk_bytes", o.BulkBytes, 64*KiB, 64*MiB)
	within(k, "opensearch.timeout", o.Timeout, Duration(time.Second), Duration(10*time.Minute))
	notNegative(k, "opensearch.seal_after", o.SealAfter)
}

func (k *checker) server(s Server) {
	k.listen(s)
	within(k, "server.max_body", s.MaxBody, KiB, GiB)
	within(k, "server.max_body_decoded", s.MaxBodyDecoded, KiB, GiB)
	if s.MaxBody > s.MaxBodyDecoded {
		k.fault("server.max_body", "%v is more than server.max_body_decoded, %v", s.MaxBody, s.MaxBodyDecoded)
	}
	within(k, "server.read_timeout", s.ReadTimeout, Duration(time.Second), Duration(time.Hour))
	within(k, "server.idle_timeout", s.IdleTimeout, Duration(time.Second), Duration(day))
}

func (k *checker) listen(s Server) {
	host, port, err := net.SplitHostPort(s.Listen)
	if err != nil {
		k.fault("server.listen", "%q is not host:port, such as 127.0.0.1:7280", s.Listen)
		return
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		k.fault("server.listen", "port %q is not a number from 0 to 65535", port)
	}
	if s.TokensFile == "" && !Loopback(host) {
		k.fault("server.listen", "%s can be reached from other machines, which needs server.tokens_file; without one listen on 127.0.0.1", s.Listen)
	}
}

// Loopback tells whether a host is this machine only: localhost, or a literal
// loopback address. Other names are not resolved and do not count.
func Loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

func (k *checker) tail(t Tail) {
	for i, glob := range t.Globs {
		key := fmt.Sprintf("sources.tail.globs[%d]", i)
		k.notEmpty(key, glob)
		if _, err := filepath.Match(glob, ""); err != nil {
			k.fault(key, "%q is not a file pattern: %v", glob, err)
		}
	}
	within(k, "sources.tail.poll_interval", t.PollInterval, Duration(10*time.Millisecond), Duration(time.Minute))
	within(k, "sources.tail.join_idle", t.JoinIdle, 0, Duration(time.Minute))
	within(k, "sources.tail.max_line", t.MaxLine, 4*KiB, 4*MiB)
	k.oneOf("sources.tail.from", t.From, "beginning", "end")
}

func (k *checker) embedding(e Embedding) {
	k.oneOf("embedding.provider", e.Provider, "builtin", "openai", "bedrock", "none")
	within(k, "embedding.batch", e.Batch, 1, 2048)
	within(k, "embedding.timeout", e.Timeout, Duration(time.Second), Duration(10*time.Minute))
	within(k, "embedding.requests_per_minute", e.RequestsPerMinute, 0, 10_000_000)
	within(k, "embedding.tokens_per_minute", e.TokensPerMinute, 0, 2_000_000_000)
	if !(e.DollarsPerDay >= 0 && e.DollarsPerMillionTokens >= 0) {
		k.fault("embedding.dollars_per_day", "a budget or price is negative")
	}
	if e.Provider == "bedrock" {
		if !slices.Contains([]int{0, 256, 512, 1024}, e.Dimensions) {
			k.fault("embedding.dimensions", "%d is none of 256, 512, 1024", e.Dimensions)
		}
		return
	}
	if e.Provider != "openai" {
		if e.URL != "" || e.Model != "" {
			k.fault("embedding.provider", "%q uses neither embedding.url nor embedding.model; say openai", e.Provider)
		}
		return
	}
	k.notEmpty("embedding.model", e.Model)
	within(k, "embedding.dimensions", e.Dimensions, 0, 16_384)
	u, err := url.Parse(e.URL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
		k.fault("embedding.url", "is not an address such as http://127.0.0.1:11434/v1")
	}
}

func (k *checker) stream(s Stream) {
	k.natsURL(s)
	if s.NATSURL == "" && s.NATSCredentials != "" {
		k.fault("stream.nats_credentials", "is set, but stream.nats_url is not")
	}
	if !slices.Contains([]int{1, 3, 5}, s.Replicas) {
		k.fault("stream.replicas", "%d is none of 1, 3, 5", s.Replicas)
	}
	if s.NATSURL == "" && s.Replicas > 1 {
		k.fault("stream.replicas", "%d needs an external cluster, stream.nats_url", s.Replicas)
	}
	within(k, "stream.partitions", s.Partitions, 1, 256)
	within(k, "stream.record_bytes", s.RecordBytes, KiB, 4*MiB)
	within(k, "stream.max_bytes", s.MaxBytes, 16*MiB, 1024*TiB)
	notNegative(k, "stream.keep_bytes", s.KeepBytes)
	if s.KeepBytes > s.MaxBytes/2 {
		k.fault("stream.keep_bytes", "%v is more than half of stream.max_bytes, %v: unfinished records need room", s.KeepBytes, s.MaxBytes)
	}
}

func (k *checker) natsURL(s Stream) {
	if s.NATSURL == "" {
		return
	}
	for text := range strings.SplitSeq(s.NATSURL, ",") {
		u, err := url.Parse(strings.TrimSpace(text))
		if err != nil || u.Host == "" || !slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme) {
			// The text is not repeated: it may hold a password.
			k.fault("stream.nats_url", "is not a list of URLs such as nats://nats.example:4222")
			return
		}
	}
}

func (k *checker) redaction(r Redaction) {
	for i, name := range r.Disable {
		k.notEmpty(fmt.Sprintf("redaction.disable[%d]", i), name)
	}
	names := map[string]bool{}
	for i, rule := range r.Rules {
		at := fmt.Sprintf("redaction.rules[%d]", i)
		k.ruleName(at, rule.Name, names)
		k.notEmpty(at+".pattern", rule.Pattern)
		pattern, err := regexp.Compile(rule.Pattern)
		switch {
		case err != nil:
			k.fault(at+".pattern", "is not a regular expression: %v", err)
		case rule.Group < 0 || rule.Group > pattern.NumSubexp():
			k.fault(at+".group", "%d: the pattern has groups 0 to %d", rule.Group, pattern.NumSubexp())
		}
	}
}

func (k *checker) drop(rules []DropRule) {
	names := map[string]bool{}
	for i, rule := range rules {
		at := fmt.Sprintf("drop[%d]", i)
		k.ruleName(at, rule.Name, names)
		if rule == (DropRule{Name: rule.Name}) {
			k.fault(at, "has no condition, it would drop everything")
		}
		if rule.Level == "" {
			continue
		}
		if _, err := pipeline.LevelByName(rule.Level); err != nil {
			k.fault(at+".level", "%v", err)
		}
	}
}

// ruleName checks a name that stands in tokens and metrics.
func (k *checker) ruleName(at, name string, taken map[string]bool) {
	illegal := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
	}
	switch {
	case name == "":
		k.fault(at+".name", "must not be empty")
	case len(name) > 40 || strings.ContainsFunc(name, illegal):
		k.fault(at+".name", "%q is not at most 40 lower-case letters, digits, '.', '_' and '-'", name)
	case taken[name]:
		k.fault(at+".name", "%q stands twice", name)
	}
	taken[name] = true
}
