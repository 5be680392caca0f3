package redact

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/memo"
	"github.com/loglode/loglode/pipeline/redact/pemkey"
)

// version is part of the Digest: raise it whenever the built-in rules find
// other secrets than before, so that what was redacted is redacted again.
const version = 1

// minKey is the least length of Options.Key in bytes: a shorter key could be
// found by trying, and with it the secrets behind their tokens.
const minKey = 16

// Options configure a Redactor.
type Options struct {
	// Key is the deployment's HMAC key, at least 16 bytes. Tokens of one key
	// compare equal for equal secrets.
	Key []byte
	// Rules are own rules; they run after the built-in ones.
	Rules []Rule
	// Disable names built-in rules to switch off; see [BuiltIn].
	Disable []string
}

// Rule is a rule of one's own.
type Rule struct {
	// Name is part of the token: lower-case letters, digits, '.', '_' and '-',
	// at most 40.
	Name string `yaml:"name" koanf:"name"`
	// Pattern is a regular expression in RE2 syntax.
	Pattern string `yaml:"pattern" koanf:"pattern"`
	// Group is the capture group that is replaced; 0 is the whole match.
	Group int `yaml:"group,omitempty" koanf:"group"`
}

// Redactor replaces secrets by tokens. It is safe for concurrent use.
type Redactor struct {
	key      []byte
	own      []ownRule
	off      [ruleCount]bool
	digest   uint32
	triggers [256]trigger
	// last says which prefixes have a byte as their last, last but one, and the
	// one before: the scan stops at the last.
	last      [3][256]prefixMask
	resources *memo.Resources[*pipeline.Resource] // redacted
}

type ownRule struct {
	name  string
	group int
	re    *regexp.Regexp
	need  literal
}

// New builds a Redactor. Its error joins every fault of the options.
func New(o Options) (*Redactor, error) {
	r := &Redactor{key: bytes.Clone(o.Key)}
	var faults []error
	if len(o.Key) < minKey {
		faults = append(faults, fmt.Errorf("redaction key has %d bytes, less than %d", len(o.Key), minKey))
	}
	for _, name := range o.Disable {
		i := slices.Index(ruleNames[:], name)
		if i < 0 {
			faults = append(faults, fmt.Errorf("disable rule %q: no such built-in rule", name))
			continue
		}
		r.off[i] = true
	}
	seen := map[string]bool{}
	for i, rule := range o.Rules {
		own, err := compile(rule)
		if err == nil && (seen[rule.Name] || slices.Contains(ruleNames[:], rule.Name)) {
			err = errors.New("the name is taken")
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("redaction rule %d %q: %w", i+1, rule.Name, err))
			continue
		}
		seen[rule.Name] = true
		r.own = append(r.own, own)
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	r.digest = r.fingerprint()
	r.arm()
	r.resources = memo.New[*pipeline.Resource]()
	return r, nil
}

func compile(rule Rule) (ownRule, error) {
	if !validName(rule.Name) {
		return ownRule{}, fmt.Errorf("the name must be 1 to %d of a-z, 0-9, '.', '_', '-'", maxName)
	}
	re, err := regexp.Compile(rule.Pattern)
	if err != nil {
		return ownRule{}, fmt.Errorf("compile pattern: %w", err)
	}
	switch {
	case rule.Group < 0 || rule.Group > re.NumSubexp():
		return ownRule{}, fmt.Errorf("group %d: the pattern has %d", rule.Group, re.NumSubexp())
	case re.MatchString(""):
		return ownRule{}, errors.New("the pattern matches the empty text")
	}
	return ownRule{name: rule.Name, group: rule.Group, re: re, need: requiredLiteral(rule.Pattern)}, nil
}

// fingerprint is the first 32 bits of an HMAC over the version and the rules,
// length-prefixed.
func (r *Redactor) fingerprint() uint32 {
	mac := hmac.New(sha256.New, r.key)
	var b []byte
	add := func(s string) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	b = binary.AppendUvarint(b, version)
	for i, off := range r.off {
		if !off {
			add(ruleNames[i])
		}
	}
	add("own")
	for _, o := range r.own {
		add(o.name)
		add(o.re.String())
		b = binary.AppendUvarint(b, uint64(o.group))
	}
	mac.Write(b)
	return binary.BigEndian.Uint32(mac.Sum(nil))
}

// Digest identifies the rules and the key: a record redacted under the same
// digest need not be redacted again.
func (r *Redactor) Digest() uint32 { return r.digest }

// maxPasses bounds how often a text is scanned. A replacement can only change
// what its neighbours look like, so the second pass finds nothing but in texts
// made up to nest.
const maxPasses = 16

// Text returns text with its secrets replaced and calls found, if it is not
// nil, once for each replacement with the rule's name. Without a secret it
// returns text itself and allocates nothing. Well-formed JSON stays so, but for
// a private key whose lines are spread over several strings.
func (r *Redactor) Text(text string, found func(rule string)) string {
	for range maxPasses {
		next, changed := r.pass(text, found)
		if !changed {
			break
		}
		text = next
	}
	return text
}

// KeyLine replaces what looks like lines of a private key, in an entry that may
// hold some of one which began before it (collect.Entry.InKey): nothing in the
// entry itself would justify it. Text is for all else in the entry.
func (r *Redactor) KeyLine(text string, found func(rule string)) string {
	s := scan{r: r, text: text, found: found}
	at := 0
	for line := range strings.SplitSeq(text, "\n") {
		pemkey.Runs(line, func(from, to int) { s.replace(rulePrivateKey, at+from, at+to) })
		at += len(line) + 1
	}
	text, _ = s.result()
	return text
}

// pass is one scan by the built-in rules and one by the own rules.
func (r *Redactor) pass(text string, found func(string)) (string, bool) {
	s := scan{r: r, text: text, found: found}
	s.run()
	text, changed := s.result()
	for i := range r.own {
		own := &r.own[i]
		if !own.need.in(text) {
			continue
		}
		var again bool
		if text, again = r.applyOwn(own, text, found); again {
			changed = true
		}
	}
	return text, changed
}

// applyOwn replaces what an own rule matches, tokens excepted: of a match that
// holds tokens, the parts between them are replaced.
func (r *Redactor) applyOwn(own *ownRule, text string, found func(string)) (string, bool) {
	s := scan{r: r, text: text, found: found}
	for _, m := range own.re.FindAllStringSubmatchIndex(text, -1) {
		from, to := m[2*own.group], m[2*own.group+1]
		if from < 0 {
			continue
		}
		for _, part := range outsideTokens(text, from, to) {
			s.emit(own.name, part.from, part.to, text[part.from:part.to])
		}
	}
	return s.result()
}

type span struct{ from, to int }

// outsideTokens lists the parts of text[from:to] that are in no token.
func outsideTokens(text string, from, to int) []span {
	var parts []span
	at := max(0, from-maxToken)
	for at < to {
		k := strings.Index(text[at:to], tokenHead)
		if k < 0 {
			break
		}
		end := tokenEnd(text, at+k)
		switch {
		case end == 0:
			at += k + 1
			continue
		case at+k > from:
			parts = append(parts, span{from, at + k})
		}
		from, at = max(from, end), end
	}
	if from < to {
		parts = append(parts, span{from, to})
	}
	return parts
}

const (
	tokenHead = pipeline.TokenStart
	maxName   = pipeline.TokenMaxRule
	hexDigits = pipeline.TokenDigits
	maxToken  = len(tokenHead) + maxName + 1 + hexDigits + 1
)

func validName(s string) bool {
	return len(s) > 0 && len(s) <= maxName && nameRun(s, 0) == len(s)
}

func nameRun(s string, i int) int {
	for i < len(s) && (keyBytes.has(s[i]) && (s[i] < 'A' || s[i] > 'Z')) {
		i++
	}
	return i
}

// tokenEnd is the end of the token that begins at text[i], or 0.
func tokenEnd(text string, i int) int {
	if !strings.HasPrefix(text[i:], tokenHead) {
		return 0
	}
	from := i + len(tokenHead)
	colon := nameRun(text[:min(len(text), from+maxName)], from)
	if colon == from || colon+1+hexDigits >= len(text) || text[colon] != ':' {
		return 0
	}
	end := colon + 1 + hexDigits
	for _, c := range []byte(text[colon+1 : end]) {
		if !isDigit(c) && (c < 'a' || c > 'f') {
			return 0
		}
	}
	if text[end] != ']' {
		return 0
	}
	return end + 1
}

// appendToken appends the token of a secret.
func (r *Redactor) appendToken(dst []byte, rule, secret string) []byte {
	mac := hmac.New(sha256.New, r.key)
	mac.Write([]byte(secret))
	var sum [sha256.Size]byte
	mac.Sum(sum[:0])
	dst = append(dst, tokenHead...)
	dst = append(dst, rule...)
	dst = append(dst, ':')
	dst = hex.AppendEncode(dst, sum[:hexDigits/2])
	return append(dst, ']')
}

// Resource redacts the values of a resource's labels. It returns res itself
// when they are clean, else a copy. Answers are cached by pointer, so a
// Resource MUST NOT change after the first call, and found is called when a
// resource is looked at, not each time the cache answers.
func (r *Redactor) Resource(res *pipeline.Resource, found func(string)) *pipeline.Resource {
	if res == nil || len(res.Labels) == 0 {
		return res
	}
	if clean, ok := r.resources.Get(res); ok {
		return clean
	}
	clean := r.resource(res, found)
	r.resources.Put(res, clean)
	if clean != res {
		r.resources.Put(clean, clean) // what is redacted stays
	}
	return clean
}

func (r *Redactor) resource(res *pipeline.Resource, found func(string)) *pipeline.Resource {
	clean := res
	for k, v := range res.Labels {
		// The key says what the value is, as it does in a line.
		pair := k + "=" + v
		redacted := r.Text(pair, found)
		if redacted == pair {
			continue
		}
		value, ok := strings.CutPrefix(redacted, k+"=")
		if !ok {
			value = r.Text(v, nil)
		}
		if clean == res {
			c := *res
			c.Labels = make(map[string]string, len(res.Labels))
			for k, v := range res.Labels {
				c.Labels[k] = v
			}
			clean = &c
		}
		clean.Labels[k] = value
	}
	return clean
}
