package diagnose

import "github.com/loglode/loglode/pipeline"

// Numbers are those of the pattern that an entry is of, within what was asked
// about.
type Numbers struct {
	// Count is how often it happened; First and Last when, Unix ns.
	Count       int64
	First, Last int64
	// Heard is when the same service was last heard of at all, Unix ns: a failure
	// that is silent while its service still speaks is over.
	Heard int64
}

// Sighting is an entry that may matter.
type Sighting struct {
	Entry *pipeline.Entry
	// Numbers are zero where the entry stands for itself, as events do.
	Numbers Numbers
}

// Ask says what a question wants to know.
type Ask uint8

// What is asked.
const (
	// WhatIsWrong: a cause, of anything, or of what is named.
	WhatIsWrong Ask = iota
	// IsItWell: whether there is a fault at all.
	IsItWell
)

// Case is all that a diagnosis rests on.
type Case struct {
	Ask Ask
	// About are the objects that the question names, the surest first; empty for
	// a question about everything. Kinds, namespaces and clusters may be unknown.
	About []Object
	// Services are those that the question's words lead to, where it names no
	// object: of the best hits of a search, best first.
	Services []string
	// Namespaces are those that were asked about, where no object was: what is wrong is
	// in one of them, though its cause may lie on a node. Empty for any.
	Namespaces []string
	// Sightings in any order, each entry once. Events MUST be all of the
	// window's, Normal ones too: they say what was joined, changed and cleared.
	Sightings []Sighting
	// From (inclusive) and To (exclusive) are what was looked at, Unix ns.
	From, To int64
}

// Confidence says how sure a diagnosis is.
type Confidence string

// The confidences.
const (
	// High: Kubernetes itself says so, or two findings of different kinds agree.
	High Confidence = "high"
	// Medium: lines say so, repeatedly.
	Medium Confidence = "medium"
	// Low: it is likely, of what there is.
	Low Confidence = "low"
)

// Choice says by what the place of a diagnosis was chosen.
type Choice uint8

// The choices.
const (
	// ByObject: it is what was asked about, or its cause.
	ByObject Choice = iota
	// ByService: the question's words led to it.
	ByService
	// ByAll: it is the worst of all that there is.
	ByAll
)

// Diagnosis is what the rules make of a case.
type Diagnosis struct {
	By Choice
	// Cause is CauseInsufficientData where the entries do not hold an answer, and
	// CauseNoFault where IsItWell was asked and they show that all is well.
	Cause      Cause
	Confidence Confidence
	// Object is what the failure befalls: what was asked about where it is that,
	// else where the failure begins. Zero where nothing names one.
	Object Object
	// Summary is one or two sentences, without control characters.
	Summary string
	// Findings are the cause's first, then what goes with it: symptoms, context,
	// what depends on it. Empty without a fault.
	Findings []Finding
	// Cascade are the services of the incident, in the order in which they began
	// to fail, at most 12; fewer than two are none. More is how many are left out.
	Cascade []Step
	More    int
	// Changes are what changed just before, newest first.
	Changes []Change
	// Next is what to look at, read-only.
	Next []Command
	// Also are other incidents, most severe first.
	Also []Finding
}

// Finding is a rule that matched, for one object.
type Finding struct {
	Rule    string
	Cause   Cause
	Depth   Depth
	Subject Object
	// Needs are objects that the entries name beside the subject.
	Needs []Object
	// Values are what the rule's groups matched, of the newest entry.
	Values map[string]string
	// Says is the rule's sentence, filled in.
	Says string
	// Count is how often it happened, First and Last when (Unix ns).
	Count       int64
	First, Last int64
	// Over says that it has ended: cleared by a later event, or silent while its
	// service still speaks.
	Over bool
	// Evidence are entries, those that say most first, at most 8.
	Evidence []Evidence
}

// Evidence is an entry that shows a finding.
type Evidence struct {
	Entry *pipeline.Entry
	// Start and End are the bytes of Text(Entry) that the rule matched.
	Start, End int
}

// Step is a service in a cascade.
type Step struct {
	Cluster, Namespace, Service string
	// Since is when it began to fail, Unix ns.
	Since int64
	Says  string
	// Entry is the first that shows it.
	Entry *pipeline.Entry
}

// Change is something that changed in the cluster.
type Change struct {
	At     int64 // Unix ns
	Object Object
	Says   string
	Entry  *pipeline.Entry
}

// Command is a read-only command for a person to run. Its names match RFC 1123:
// nothing that a log line says can make it another command.
type Command struct {
	Text string // "kubectl -n shop describe pod cart-7d9f"
	Why  string
}
