package normalise

import (
	"strings"

	"github.com/zeebo/xxh3"
)

// maxName is how many bytes of an index name the service may take: with
// "-2021-08-03-000001" it stays far under OpenSearch's 255.
const maxName = 100

// legalName makes s legal as the name of an OpenSearch index, or the start of
// one: lower case; letters, digits, . _ and -; not beginning with - _ . or +;
// at most 100 bytes. Each run of other characters and dashes becomes one dash.
// A longer name is cut and ends in a hash of the whole, so that two names stay
// two. What leaves nothing is "unknown".
func legalName(s string) string {
	if isLegal(s) {
		return s
	}
	b := make([]byte, 0, min(len(s), maxName+1))
	for i := 0; i < len(s) && len(b) <= maxName; i++ {
		c := s[i]
		if c-'A' < 26 {
			c |= 0x20
		}
		switch {
		case c-'a' < 26, c-'0' < 10:
			b = append(b, c)
		case len(b) == 0:
		case c == '.' || c == '_':
			b = append(b, c)
		case b[len(b)-1] != '-':
			b = append(b, '-')
		}
	}
	if len(b) > maxName {
		const digits = "0123456789abcdef"
		hash := xxh3.HashString(s)
		b = append(trimPunctuation(b[:maxName-9]), '-')
		for shift := 28; shift >= 0; shift -= 4 {
			b = append(b, digits[hash>>shift&15])
		}
	}
	if b = trimPunctuation(b); len(b) == 0 {
		return "unknown"
	}
	return string(b)
}

func trimPunctuation(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == '-' || b[len(b)-1] == '.') {
		b = b[:len(b)-1]
	}
	return b
}

// isLegal says whether legalName would leave s as it is.
func isLegal(s string) bool {
	if s == "" || len(s) > maxName {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c-'a' < 26, c-'0' < 10:
		case i == 0:
			return false
		case c == '-' && s[i-1] != '-', c == '.', c == '_':
		default:
			return false
		}
	}
	return s[len(s)-1] != '-' && s[len(s)-1] != '.'
}

// Alphabets of what Kubernetes generates. randomAlphabet is that of
// k8s.io/apimachinery/pkg/util/rand: no vowels and nothing that looks like
// another character, so that no words come out. A pod-template-hash is a
// decimal uint32 with each digit mapped into it (rand.SafeEncodeString), which
// leaves ten characters.
const (
	randomAlphabet = "bcdfghjklmnpqrstvwxz2456789"
	hashAlphabet   = "456789bcdf"
	hexAlphabet    = "0123456789abcdef"
	digits         = "0123456789"
)

const (
	randomLength = 5
	// maxGenerated is a name's limit; a longer base is cut to make room for
	// the random characters, even within the hash.
	maxGenerated = 63
)

// WorkloadName is the name of a pod, a ReplicaSet or a Job without what
// controllers appended to it: see stripGenerated.
func WorkloadName(name string) string { return stripGenerated(name, "") }

// stripGenerated removes what controllers append to the name of a pod, a
// ReplicaSet or a Job. node, where known, is the node that a static pod's name
// ends with.
//
//	web-78c688f56b-9qz26    web       Deployment: template hash, random
//	web-78c688f56b          web       ReplicaSet
//	sdn-w5qbf               sdn       DaemonSet, Job
//	db-0                    db        StatefulSet
//	etcd-node-1             etcd      static pod on node-1
//	backup-27133440-x2x7v   backup    CronJob: minutes since 1970, random
//
// A name that people gave is left as it is: coredns, my-redis, redis-master.
func stripGenerated(name, node string) string {
	return strip(name, node, "")
}

// strip is stripGenerated with the pod's template hash, where it is known.
func strip(name, node, hash string) string {
	if base, ok := cutNode(name, node); ok {
		if head, ok := cutOrdinal(base); ok { // a static pod's revision: installer-3
			return head
		}
		return base
	}
	base, random := cutRandom(name)
	if hash != "" && random != "" {
		if head, ok := cutHash(base, hash); ok {
			return head
		}
	}
	head, last := cutLast(name)
	switch {
	case random != "":
		if head, last := cutLast(base); head != "" && isTemplateHash(last) {
			return head
		}
		if isWord(random) {
			return name
		}
		return base
	case head == "":
	case isReplicaHash(last), isCronTime(last):
		return head
	}
	if head, ok := cutOrdinal(name); ok {
		return head
	}
	return name
}

// stripOwner removes the hash of a ReplicaSet's name and the time of a
// CronJob's Job: an owner that a source names is never a pod.
func stripOwner(name, hash string) string {
	if head, ok := cutHash(name, hash); ok {
		return head
	}
	if head, last := cutLast(name); head != "" && (isReplicaHash(last) || isCronTime(last)) {
		return head
	}
	return name
}

// cutLast cuts the part behind the last dash; both are empty without one.
func cutLast(name string) (head, last string) {
	i := strings.LastIndexByte(name, '-')
	if i <= 0 {
		return "", ""
	}
	return name[:i], name[i+1:]
}

// cutNode cuts a node's name. Events of other components than the kubelet do
// not name the node, so the host names that EC2 gives are known by their form.
func cutNode(name, node string) (base string, ok bool) {
	if node != "" {
		if base, ok = strings.CutSuffix(name, node); ok && len(base) > 1 && base[len(base)-1] == '-' {
			return base[:len(base)-1], true
		}
	}
	i := strings.LastIndex(name, "-ip-")
	if i <= 0 {
		return "", false
	}
	host, _, _ := strings.Cut(name[i+len("-ip-"):], ".")
	parts := 0
	for part := range strings.SplitSeq(host, "-") {
		if parts++; !consistsOf(part, digits) || len(part) > 3 {
			return "", false
		}
	}
	return name[:i], parts == 4
}

// cutRandom cuts the five random characters and the dash before them, which a
// name cut to 63 bytes may have lost.
func cutRandom(name string) (base, random string) {
	i := len(name) - randomLength
	if i < 2 || !consistsOf(name[i:], randomAlphabet) {
		return "", ""
	}
	if name[i-1] == '-' {
		return name[:i-1], name[i:]
	}
	if len(name) == maxGenerated {
		return name[:i], name[i:]
	}
	return "", ""
}

// cutHash cuts a known template hash, or its beginning in a name that was cut.
func cutHash(base, hash string) (head string, ok bool) {
	head, last := cutLast(base)
	if head == "" || hash == "" || last == "" || last != hash && (len(base) != maxGenerated-randomLength || !strings.HasPrefix(hash, last)) {
		return "", false
	}
	return head, true
}

func cutOrdinal(name string) (head string, ok bool) {
	head, last := cutLast(name)
	if head == "" || len(last) > 4 || !consistsOf(last, digits) || last[0] == '0' && last != "0" {
		return "", false
	}
	return head, true
}

// isTemplateHash says whether s, before five random characters, is a template
// hash (today's, or the plain digits and hexadecimal of clusters before 1.10)
// or a CronJob's time.
func isTemplateHash(s string) bool {
	return len(s) >= 6 && len(s) <= 10 && hasDigit(s) && (consistsOf(s, hashAlphabet) || consistsOf(s, hexAlphabet))
}

// isReplicaHash says whether s, at the end of a name, is a template hash. One
// shorter than 8 is 1 in 400, and as likely a word.
func isReplicaHash(s string) bool {
	return len(s) >= 8 && len(s) <= 10 && hasDigit(s) && consistsOf(s, hashAlphabet)
}

// isCronTime says whether s is a CronJob's scheduled time: minutes since 1970,
// seconds before Kubernetes 1.21.
func isCronTime(s string) bool {
	return (len(s) == 8 || len(s) == 10) && (s[0] == '1' || s[0] == '2') && consistsOf(s, digits)
}

// isWord says whether five characters of the random alphabet are a word all
// the same: one of those that services are named after.
func isWord(s string) bool {
	switch s {
	case "https", "mssql", "pgsql", "xhttp", "grpcs", "crypt", "nfsv4", "http2":
		return true
	}
	return false
}

func hasDigit(s string) bool { return strings.ContainsAny(s, digits) }

func consistsOf(s, alphabet string) bool {
	for i := 0; i < len(s); i++ {
		if strings.IndexByte(alphabet, s[i]) < 0 {
			return false
		}
	}
	return s != ""
}
