package diagnose

import "github.com/loglode/loglode/pipeline"

// Depth says how far a rule's finding explains: of the findings on one object
// the deepest is its cause.
type Depth uint8

// The depths.
const (
	// Context supports a cause and is never one itself: a node selector that is
	// set, a memory limit.
	Context Depth = iota
	// Sign tells that something ended, and nothing of why: back-off, an exit code.
	// Alone it is no answer.
	Sign
	// Symptom tells that something fails, not why: a failing probe, an error.
	Symptom
	// Failure tells what fails, and may have its reason elsewhere: a refused
	// connection, a name that does not resolve.
	Failure
	// Root tells why: a ConfigMap that does not exist, a process that was killed
	// for its memory.
	Root
)

// Sources are the kinds of entry that a rule reads.
type Sources uint8

// The sources, to be added.
const (
	Events  Sources = 1 << iota // Kubernetes events
	Logs                        // lines of containers, and of files without a kind
	Journal                     // lines of nodes
)

// Rule recognises one failure. It is a row of a table and says nothing of where
// else to look: findings are joined by the objects they name.
//
// Of the rules of one depth that match an entry only the first in the table
// makes a finding, as in a switch: the more specific stand above.
type Rule struct {
	// Name is unique and stays once it is released: "configmap-missing".
	Name  string
	Cause Cause
	Depth Depth
	In    Sources
	// Reasons are the reasons of events that it reads; empty for any.
	Reasons []string
	// Words are lower-case texts of which one stands in every entry that Match
	// finds, outside of what a pattern masks (numbers, quoted names, paths, IDs):
	// they say cheaply where to look. A rule of Events alone needs none.
	Words []string
	// Match is an RE2 expression on the entry's Text; (?i) is set, and . matches a line's
	// end. Its named groups name things:
	//
	//	pod ("name" or "namespace/name"), node: the subject, where the entry is
	//	    written by a node or another component about it
	//	configmap, secret, pvc, storageclass, serviceaccount, ingressclass, service,
	//	    job, deployment, hpa, quota, webhook, needs: objects that it lacks or that
	//	    stop it
	//	host: whom it talked to, "db", "db.shop.svc:5432", "10.0.0.7:5432"
	//	any other (image, key, env, port, path, user, status, ..): values for Says
	Match string
	// Unless is an RE2 expression, likewise; entries that it finds are left alone.
	Unless string
	// Level is the least level of lines that name theirs; Unknown means Warn. Lines
	// that name none, and events, are always read.
	Level pipeline.Level
	// Least is how often it must have happened to one workload to count; 0 means
	// once.
	Least int64
	// Cleared are reasons of later events of the same object, or words of Normal
	// events about it, that end the failure: "Scheduled" for a pod that could not
	// be scheduled.
	Cleared []string
	// Explains are causes that a rule of Context turns into its own, where such a
	// failure stands in the same namespace: time-outs beside a network policy.
	Explains []Cause
	// Says tells what was found, in a clause that begins with a lower-case letter
	// or a name and ends without a full stop. {group} stands for what a group
	// matched, {group|words} for words where it matched nothing; {subject} for the
	// subject.
	Says string
}
