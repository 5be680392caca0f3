package question

import (
	"slices"
	"strings"
)

// pairFields are the keys of "key:value" and "key=value".
var pairFields = map[string]Field{
	"cluster": Cluster, "namespace": Namespace, "ns": Namespace, "service": Service, "svc": Service,
	"pod": Pod, "container": Container, "node": Node, "level": Level, "kind": Kind,
}

// fieldWords are what names are introduced by in prose; of plurals a list
// follows.
var fieldWords = map[string]struct {
	field Field
	many  bool
}{
	"cluster": {Cluster, false}, "clusters": {Cluster, true},
	"namespace": {Namespace, false}, "namespaces": {Namespace, true}, "ns": {Namespace, false},
	"service": {Service, false}, "services": {Service, true}, "svc": {Service, false},
	"pod": {Pod, false}, "pods": {Pod, true},
	"container": {Container, false}, "containers": {Container, true},
	"node": {Node, false}, "nodes": {Node, true},
}

// places are the prepositions that put lines into a thing. "for pod x" and "to
// service x" are not among them: such lines are written by others.
var places = map[Field][]string{
	Cluster:   {"in", "inside", "within", "on"},
	Namespace: {"in", "inside", "within"},
	Service:   {"in", "inside", "within"},
	Pod:       {"in", "inside", "within"},
	Container: {"in", "inside", "within"},
	Node:      {"on"},
}

// outputs are what a thing writes: "errors of pod x", "logs from node y".
var outputs = wordSet("error errors warning warnings log logs line lines event events message messages output " +
	"exception exceptions panic panics trace traces problem problems failure failures issue issues")

// aspects of a service are spoken of by others: "endpoints of service x".
var aspects = wordSet("endpoint endpoints port ports ip address selector deletion creation removal type name spec update " +
	"definition backend backends discovery annotations labels")

// negations in front of a phrase turn its meaning round.
var negations = wordSet("not except excluding without than unlike but never outside isn't aren't wasn't weren't")

// noNames are words that stand behind a field's word without being a name.
var noNames = wordSet("a an the and or not no of to in on at is are was were be been has have had can cannot can't does did do " +
	"will would should could must may it its that which who what where when why how with without for from by as but if then " +
	"than since until before after between around about during while within into out up down over under again all any both " +
	"each every few more most other some such only own same so too very just still yet never always ready notready starting " +
	"started stuck failing failed fails running pending missing unknown name names today yesterday last past this")

// compounds are the second halves of terms that begin with a field's word.
var compounds = map[Field]map[string]struct{}{
	Cluster: wordSet("role roles rolebinding rolebindings autoscaler autoscaling operator operators version ip ips network api " +
		"domain dns config configuration state status scope scoped admin issuer member members"),
	Namespace: wordSet("deletion controller selector quota lifecycle terminating creation finalizer finalizers isolation"),
	Service: wordSet("account accounts mesh endpoint endpoints ip ips port ports monitor monitors discovery selector unavailable " +
		"level broker catalog controller type proxy token tokens unit units"),
	Pod: wordSet("sandbox sandboxes security disruption template templates network networking spec status ip ips cidr eviction " +
		"evictions lifecycle restart restarts priority affinity anti autoscaler scheduling startup creation deletion phase " +
		"volume volumes worker workers identity"),
	Container: wordSet("image images runtime runtimes network networking status state statuses spec exit restart restarts creation id ids " +
		"port ports registry storage process processes linux log logs start startup config"),
	Node: wordSet("selector affinity pressure port ports pool pools group groups exporter controller lifecycle status condition " +
		"conditions ip ips lease leases problem label labels taint taints tuning config image drain reboot version js"),
}

// heads are what a place may only describe: "the shop namespace controller".
var heads = wordSet("controller operator autoscaler deletion role selector quota version member members network admin status")

// determiners stand where "in the shop namespace" has its name.
var determiners = wordSet("a an the any every each all same other another this that these those some which what no its my our " +
	"their your one wrong right correct new old own different whole entire given specified current target single multi")

func wordSet(list string) map[string]struct{} {
	set := map[string]struct{}{}
	for w := range strings.FieldsSeq(list) {
		set[w] = struct{}{}
	}
	return set
}

func in(set map[string]struct{}, w string) bool {
	_, ok := set[w]
	return ok
}

// readNames reads the names, from left to right. Times are known already: they
// end a phrase.
func readNames(words []word, times []Span) []Name {
	var names []Name
	for i := 0; i < len(words); {
		n, next, ok := readPair(words, i)
		if !ok {
			n, next, ok = readProse(words, i, times, names)
		}
		if !ok {
			n, next, ok = readPostfix(words, i)
		}
		if !ok {
			i++
			continue
		}
		names = append(names, n)
		i = next
	}
	return names
}

// readPair reads "namespace:shop", "pod=cart-*", "level:warn+".
func readPair(words []word, i int) (Name, int, bool) {
	w := words[i]
	at := strings.IndexAny(w.raw, ":=")
	if at < 0 {
		return Name{}, 0, false
	}
	field, known := pairFields[w.text[:at]]
	if !known {
		return Name{}, 0, false
	}
	n := Name{Span: w.Span, Field: field}
	for value := range strings.SplitSeq(w.raw[at+1:], ",") {
		value, ok := pairValue(field, strings.Trim(value, quotes))
		if !ok {
			return Name{}, 0, false
		}
		n.Values = append(n.Values, value)
	}
	return n, i + 1, true
}

func pairValue(field Field, value string) (string, bool) {
	switch field {
	case Level:
		value = strings.ToLower(value)
		bare := strings.TrimSuffix(value, "+")
		switch bare {
		case "warning":
			return "warn" + value[len(bare):], true
		case "trace", "debug", "info", "warn", "error", "fatal":
			return value, true
		}
		return value, value == "unknown"
	case Kind:
		value = strings.ToLower(value)
		return value, value == "log" || value == "event" || value == "node"
	}
	return nameValue(field, value)
}

// nameValue is a value that may name something, with the dots of "cart-7d9f.."
// made a star.
func nameValue(field Field, value string) (string, bool) {
	stem := strings.TrimRight(value, "*.…")
	rest := value[len(stem):]
	isPrefix := rest == "*" || strings.HasPrefix(rest, "..") || strings.HasPrefix(rest, "…")
	if rest != "" && !isPrefix || stem == "" || len(stem) > 253 {
		return "", false
	}
	if isPrefix {
		if field != Pod && field != Container && field != Node {
			return "", false
		}
		if strings.Trim(stem, nameBytes) != "" || !isAlphanumeric(stem[0]) {
			return "", false
		}
		return stem + "*", true
	}
	ok := strings.Trim(stem, nameBytes) == "" && isAlphanumeric(stem[0]) && isAlphanumeric(stem[len(stem)-1])
	return stem, ok
}

const nameBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._"

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// readProse reads "in namespace shop", "of service cart", "on nodes a and b",
// and "namespace shop" where it stands by itself.
func readProse(words []word, i int, times []Span, before []Name) (Name, int, bool) {
	noun := i // of the field's word
	preposition := words[i].text
	switch preposition {
	case "in", "inside", "within", "on", "of", "from":
		noun++
		if adjoins(words, i) && words[noun].text == "the" {
			noun++
		}
		for k := i; k < noun; k++ {
			if !adjoins(words, k) {
				return Name{}, 0, false
			}
		}
	default:
		preposition = ""
	}
	introduced, ok := fieldWords[words[noun].text]
	if !ok || words[noun].closes || noun+1 == len(words) {
		return Name{}, 0, false
	}
	n := Name{Span: Span{Start: words[i].Start}, Field: introduced.field}
	next := noun + 1
	for {
		value, ok := proseValue(introduced.field, words, next)
		if !ok {
			return Name{}, 0, false
		}
		n.Values = append(n.Values, value)
		n.End = words[next].End
		next++
		if !introduced.many || next == len(words) {
			break
		}
		if words[next].text == "and" || words[next].text == "or" {
			if next+1 == len(words) {
				break
			}
			next++
		} else if !words[next-1].closes {
			break
		}
		if _, ok := proseValue(introduced.field, words, next); !ok {
			next-- // "in namespaces a and b, and since .."
			break
		}
	}
	if !introducedWell(words, i, preposition, introduced.field, before) {
		return Name{}, 0, false
	}
	if preposition == "" && (introduced.many || !endsHere(words, next, times)) {
		return Name{}, 0, false
	}
	return n, next, true
}

// proseValue is the name at words[i], if that word can be one.
func proseValue(field Field, words []word, i int) (string, bool) {
	w := words[i]
	if w.opens && !w.quoted && !words[i-1].closes {
		return "", false
	}
	if !w.quoted && (in(noNames, w.text) || in(compounds[field], w.text)) {
		return "", false
	}
	return nameValue(field, w.raw)
}

// introducedWell says whether what stands before words[i] lets the phrase that
// begins there, with this preposition or none, say where lines are from.
func introducedWell(words []word, i int, preposition string, field Field, before []Name) bool {
	previous := ""
	if adjoins(words, i-1) {
		previous = words[i-1].text
	}
	if in(negations, previous) {
		return false
	}
	switch {
	case slices.Contains(places[field], preposition):
		return true
	case preposition == "of" && field == Service:
		return !in(aspects, previous)
	case preposition == "":
		follows := len(before) > 0 && i > 0 && before[len(before)-1].End == words[i-1].End
		return previous == "" || follows || in(outputs, previous)
	}
	return previous == "" && i == 0 || in(outputs, previous)
}

// endsHere says whether a phrase that ends before words[next] stands by itself:
// punctuation, the end, or another phrase follows.
func endsHere(words []word, next int, times []Span) bool {
	if next == len(words) || words[next-1].closes || words[next].opens {
		return true
	}
	switch words[next].text {
	case "in", "on", "since", "with":
		return true
	}
	if _, another := fieldWords[words[next].text]; another {
		return true
	}
	return slices.ContainsFunc(times, func(s Span) bool { return s.Start == words[next].Start })
}

// readPostfix reads "in the shop namespace" and "in the west cluster". Pods and
// services are not read so: "in the cart service" is as often what lines of
// others speak about.
func readPostfix(words []word, i int) (Name, int, bool) {
	at := i + 1
	if adjoins(words, i) && words[at].text == "the" {
		at++
	}
	noun := at + 1
	if noun >= len(words) {
		return Name{}, 0, false
	}
	introduced, ok := fieldWords[words[noun].text]
	if !ok || introduced.many || introduced.field != Namespace && introduced.field != Cluster ||
		!slices.Contains(places[introduced.field], words[i].text) || words[at].closes && !words[at].quoted {
		return Name{}, 0, false
	}
	value, ok := proseValue(introduced.field, words, at)
	if !ok || in(determiners, words[at].text) || adjoins(words, i-1) && in(negations, words[i-1].text) ||
		adjoins(words, noun) && in(heads, words[noun+1].text) {
		return Name{}, 0, false
	}
	if _, isField := fieldWords[words[at].text]; isField {
		return Name{}, 0, false
	}
	return Name{Span: Span{words[i].Start, words[noun].End}, Field: introduced.field, Values: []string{value}}, noun + 1, true
}
