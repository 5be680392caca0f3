package diagnose

import (
	"net"
	"net/netip"
	"strings"

	"github.com/loglode/loglode/pipeline"
)

// needed are the groups that name an object beside the subject, and its kind.
var needed = [...]struct {
	group, kind string
	cluster     bool // the kind has no namespace
}{
	{"configmap", "ConfigMap", false},
	{"secret", "Secret", false},
	{"pvc", "PersistentVolumeClaim", false},
	{"pv", "PersistentVolume", true},
	{"storageclass", "StorageClass", true},
	{"serviceaccount", "ServiceAccount", false},
	{"ingressclass", "IngressClass", true},
	{"service", "Service", false},
	{"job", "Job", false},
	{"deployment", "Deployment", false},
	{"hpa", "HorizontalPodAutoscaler", false},
	{"quota", "ResourceQuota", false},
	{"networkpolicy", "NetworkPolicy", false},
	{"node", "Node", true},
}

// resolve makes objects of an entry and of what a rule's groups matched in it.
func resolve(e *pipeline.Entry, values map[string]string) (subject Object, needs []Object) {
	subject = subjectOf(e)
	cluster := subject.Cluster
	if e.Resource != nil {
		cluster = e.Resource.Cluster
	}
	if pod := values["pod"]; pod != "" {
		namespace, name, qualified := strings.Cut(pod, "/")
		if !qualified {
			namespace, name = values["namespace"], pod
		}
		if namespace == "" {
			namespace = subject.Namespace
		}
		if isName(name) {
			subject = Object{cluster, "Pod", namespace, name}
		}
	} else if node := values["node"]; isName(node) && subject.Kind != "Pod" {
		subject = Object{cluster, "Node", "", node}
	}
	for _, n := range needed {
		value := values[n.group]
		if value == "" {
			continue
		}
		namespace := subject.Namespace
		if ns, name, qualified := strings.Cut(value, "/"); qualified {
			namespace, value = ns, name
		}
		if n.cluster {
			namespace = ""
		}
		object := Object{cluster, n.kind, namespace, value}
		if isName(value) && object != subject {
			needs = append(needs, object)
		}
	}
	if o := hostObject(cluster, subject.Namespace, values["host"]); !o.IsZero() {
		needs = append(needs, o)
	}
	return subject, needs
}

// noHost are words that stand where a host may stand.
var noHost = map[string]bool{
	"a": true, "an": true, "the": true, "any": true, "its": true, "our": true, "your": true, "this": true, "that": true, "it": true, "with": true,
	"to": true, "from": true, "at": true, "on": true, "in": true, "for": true, "by": true, "after": true, "while": true, "when": true, "was": true,
	"is": true, "not": true, "failed": true, "timed": true, "server": true, "host": true, "remote": true, "peer": true, "client": true, "upstream": true,
	"broker": true, "service": true, "database": true, "error": true, "request": true, "requests": true, "response": true, "connection": true, "tcp": true, "http": true, "https": true,
}

// hostObject is what a host's name stands for within a cluster; zero for an
// address and for what lies outside.
//
//	db, db:5432, db.shop, db.shop.svc:5432             Service shop/db
//	redis-0.redis.shop.svc.cluster.local               Pod shop/redis-0
func hostObject(cluster, namespace, host string) Object {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if _, err := netip.ParseAddr(host); err == nil || host == "" || host == "localhost" {
		return Object{}
	}
	name, rest, dotted := strings.Cut(host, ".")
	object := Object{cluster, "Service", namespace, name}
	if !dotted && noHost[name] {
		return Object{}
	}
	if dotted {
		inner, _, internal := strings.Cut(rest+".", ".svc.")
		service, space, below := strings.Cut(inner, ".")
		switch {
		case internal && below:
			object.Kind, object.Namespace = "Pod", space
		case internal:
			object.Namespace = service
		case strings.Contains(rest, "."):
			return Object{} // a host of the outside: api.example.com
		default:
			object.Namespace = rest
		}
	}
	if !isName(object.Name) || object.Namespace != "" && !isName(object.Namespace) {
		return Object{}
	}
	return object
}

// isName says whether a text is a name of RFC 1123, a subdomain: letters of lower
// case, digits, dashes and dots, at most 253 bytes.
func isName(s string) bool {
	if s == "" || len(s) > 253 || !isAlphanumeric(s[0]) || !isAlphanumeric(s[len(s)-1]) {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-.") == ""
}

func isAlphanumeric(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }
