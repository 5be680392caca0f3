package pipeline

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
)

// The identity of an entry is frozen: normalise/testdata/identity.golden holds examples.
// The first field names the form, so that another form can never collide.
const (
	lineForm  = "loglode/line/1"
	eventForm = "loglode/event/1"
)

// LineID is the ID of a line: SHA-256, cut to 128 bits, over the length-prefixed
// fields as they stand in the stream: cluster, namespace, pod UID (else pod
// name, else node), container, stream, collector's time in ns, message,
// occurrence, origin. Nothing parsed from the text takes part, and of a
// redaction token only its rule: the rest of it depends on the deployment's key,
// and a replay under another key must give the same ID.
func LineID(r *RawEntry) ID {
	res := r.Resource
	who := res.PodUID
	switch {
	case who != "":
	case res.Pod != "":
		who = res.Pod
	default:
		who = res.Node
	}
	var numbers [16]byte
	binary.BigEndian.PutUint64(numbers[:8], uint64(r.Time))
	binary.BigEndian.PutUint64(numbers[8:], r.Occurrence)
	// One buffer and one call: several times faster than writing the fields to
	// the hash one by one, and it stays on the stack.
	var array [768]byte
	b := array[:0]
	b = appendField(b, lineForm)
	b = appendField(b, res.Cluster)
	b = appendField(b, res.Namespace)
	b = appendField(b, who)
	b = appendField(b, res.Container)
	b = appendField(b, r.Stream)
	b = appendField(b, withoutTokens(r.Message))
	b = appendField(b, r.Origin)
	b = append(b, numbers[:]...)
	return hash(b)
}

// EventID is the ID of a Kubernetes event: each version of it is an entry.
func EventID(cluster, uid, resourceVersion string) ID {
	b := appendField(nil, eventForm)
	b = appendField(b, cluster)
	b = appendField(b, uid)
	b = appendField(b, resourceVersion)
	return hash(b)
}

// The form of a redaction token, which package redact writes:
// "[redacted:<rule>:<12 hexadecimal digits>]".
const (
	TokenStart = "[redacted:"
	// TokenDigits is how many digits of the HMAC a token shows.
	TokenDigits = 12
	// TokenMaxRule bounds the name of a rule, in bytes.
	TokenMaxRule = 40
)

// withoutTokens cuts the digits out of redaction tokens.
func withoutTokens(message string) string {
	at := strings.Index(message, TokenStart)
	if at < 0 {
		return message
	}
	var b strings.Builder
	for ; at >= 0; at = strings.Index(message, TokenStart) {
		end := at + len(TokenStart)
		b.WriteString(message[:end])
		message = message[end:]
		rule, rest, ok := strings.Cut(message, ":")
		if ok && len(rule) <= TokenMaxRule && len(rest) > TokenDigits && rest[TokenDigits] == ']' && isHex(rest[:TokenDigits]) {
			b.WriteString(rule)
			message = rest[TokenDigits:]
		}
	}
	b.WriteString(message)
	return b.String()
}

func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdef") == ""
}

func appendField(b []byte, field string) []byte {
	b = binary.AppendUvarint(b, uint64(len(field)))
	return append(b, field...)
}

func hash(b []byte) ID {
	s := sha256.Sum256(b)
	return ID(s[:16])
}
