package question

import (
	"cmp"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// Surety says how clearly a part of a question names something.
type Surety uint8

// The sureties, the surest last.
const (
	Word    Surety = iota // a plain noun: "redis"
	Joined                // plain words that may be one name: "cache service"
	Written               // written as names are: "cart-7d9f"
	Said                  // said to be one: "job nightly", a quoted name, a field of JSON
)

// Subject is a part of a question that may name what it is about. Whether there
// is such a thing the caller has to ask the store.
type Subject struct {
	Span
	Surety Surety
	// Names are spellings of it, likeliest first: RFC 1123 names in lower case.
	// A * at the end stands for any rest.
	Names []string
	// Kinds are those that the question says it is of, as Kubernetes writes
	// them; none for "service" and "app", which people call anything.
	Kinds []string
	// Namespace stands with the name ("shop/cart-0"); empty where none does.
	Namespace string
}

// Place is a part of a question that may name a namespace.
type Place struct {
	Span
	Name string
	// Surety is Said for "namespace x", and Word for "in x".
	Surety Surety
}

// Topic is what a question may be about.
type Topic struct {
	// Subjects are at most 24, the surest first, of equal ones the longer, then the
	// earlier first.
	Subjects []Subject
	// Namespaces are at most 4, the surest first.
	Namespaces []Place
	// Words are those that say something beside asking what is wrong.
	Words []string
}

const (
	maxSubjects = 24
	maxJoined   = 12
	maxPlaces   = 4
	// maxJoin is how many plain words one name is made of at most.
	maxJoin = 4
)

// ReadTopic reads what a question may be about: prose, the text of an alert, or
// fields of JSON. It is generous, as what it finds is looked up.
func ReadTopic(text string) Topic {
	r := topicReader{text: text, words: split(text)}
	r.readFields()
	r.used = make([]bool, len(r.words))
	for i, w := range r.words {
		// A word of the JSON that was read says nothing else.
		r.used[i] = slices.ContainsFunc(r.fields, w.Overlaps)
	}
	r.readKinds()
	r.readNames()
	r.readJoined()
	r.readWords()
	return r.topic()
}

type topicReader struct {
	text  string
	words []word
	// used are words that are part of something that was read.
	used     []bool
	fields   []Span // of JSON that were read
	subjects []Subject
	places   []Place
}

// kindWords are what things are called, and the kind that they are then of.
var kindWords = map[string]string{
	"pod": "Pod", "pods": "Pod",
	"deployment": "Deployment", "deployments": "Deployment",
	"statefulset": "StatefulSet", "statefulsets": "StatefulSet", "stateful set": "StatefulSet",
	"daemonset": "DaemonSet", "daemonsets": "DaemonSet", "daemon set": "DaemonSet",
	"replicaset": "ReplicaSet", "replicasets": "ReplicaSet", "replica set": "ReplicaSet",
	"job": "Job", "jobs": "Job", "cronjob": "CronJob", "cronjobs": "CronJob", "cron job": "CronJob",
	"node": "Node", "nodes": "Node",
	"namespace": "Namespace", "namespaces": "Namespace", "ns": "Namespace",
	"pvc": "PersistentVolumeClaim", "persistentvolumeclaim": "PersistentVolumeClaim", "volume claim": "PersistentVolumeClaim",
	"claim": "PersistentVolumeClaim", "configmap": "ConfigMap", "config map": "ConfigMap", "secret": "Secret",
	"ingress": "Ingress", "hpa": "HorizontalPodAutoscaler", "horizontalpodautoscaler": "HorizontalPodAutoscaler",
	"service": "", "services": "", "svc": "", "app": "", "apps": "", "application": "", "applications": "",
	"microservice": "", "microservices": "", "workload": "", "workloads": "", "container": "", "containers": "", "component": "",
}

// fieldOf finds the fields of JSON that name things, in either kind of quotes,
// and in pairs as klog writes them: pod="shop/cart-0".
var fieldOf = regexp.MustCompile("(?i)\\\\?[\"']?\\b(name|pod|pod_name|podname|deployment|statefulset|daemonset|job|job_name|cronjob|service|app|node|host|container|namespace|kind|type|subject_type)" +
	"\\\\?[\"']?\\s{0,4}[:=]\\s{0,4}\\\\?[\"']([A-Za-z0-9][A-Za-z0-9._/…-]{0,252})\\\\?[\"']")

// readFields reads fields of JSON. kind and type are those of name.
func (r *topicReader) readFields() {
	var kinds []string
	var names []Subject
	for _, at := range fieldOf.FindAllStringSubmatchIndex(r.text, -1) {
		key, value := strings.ToLower(r.text[at[2]:at[3]]), r.text[at[4]:at[5]]
		span := Span{at[0], at[1]}
		r.fields = append(r.fields, span)
		switch key {
		case "kind", "type", "subject_type":
			if kind := kindWords[strings.ToLower(value)]; kind != "" && !slices.Contains(kinds, kind) {
				kinds = append(kinds, kind)
			}
		case "namespace":
			r.addPlace(span, value, Said)
		case "container": // of a pod that is named beside it
			if s, ok := newSubject(span, value); ok {
				s.Surety = Word
				r.subjects = append(r.subjects, s)
			}
		case "name":
			if s, ok := newSubject(span, value); ok {
				names = append(names, s)
			}
		default:
			if s, ok := newSubject(span, value); ok {
				s.Surety = Said
				s.Kinds = kindsOf(strings.TrimSuffix(strings.TrimSuffix(key, "name"), "_"))
				r.subjects = append(r.subjects, s)
			}
		}
	}
	for _, s := range names {
		s.Surety, s.Kinds = Said, kinds
		r.subjects = append(r.subjects, s)
	}
}

// kindsOf are the kinds that a word says.
func kindsOf(word string) []string { return listOf(kindWords[word]) }

func listOf(kind string) []string {
	if kind == "" || kind == "Namespace" {
		return nil
	}
	return []string{kind}
}

// newSubject makes a subject of a name: "cart", "cart-7d9f..", "shop/cart-0".
func newSubject(span Span, raw string) (Subject, bool) {
	s := Subject{Span: span}
	if namespace, name, qualified := strings.Cut(raw, "/"); qualified {
		var ok bool
		if s.Namespace, ok = namespaceOf(namespace); !ok {
			return s, false
		}
		raw = name
	}
	name, ok := nameValue(Pod, strings.ToLower(raw))
	if !ok || strings.Contains(name, "_") || strings.Trim(name, "0123456789.-*") == "" || isAddress(name) {
		return s, false
	}
	s.Names = []string{name}
	return s, true
}

func isAddress(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil || isTimestamp(s)
}

func (r *topicReader) addPlace(span Span, raw string, surety Surety) {
	if name, ok := namespaceOf(raw); ok {
		r.places = append(r.places, Place{span, name, surety})
	}
}

// namespaceOf is the namespace that a text may name: a label of RFC 1123.
func namespaceOf(raw string) (string, bool) {
	name, ok := nameValue(Namespace, strings.ToLower(raw))
	return name, ok && !strings.ContainsAny(name, "._") && strings.Trim(name, "0123456789-") != ""
}

// readKinds reads what stands beside the word that says what it is: "job
// nightly", "pod: cart-0", "the cart service", "pod=cart-*", "in namespace shop".
func (r *topicReader) readKinds() {
	for i := 0; i < len(r.words); i++ {
		if r.used[i] {
			continue
		}
		if r.readKindPair(i) {
			continue
		}
		kind, n, ok := r.kindAt(i)
		if !ok {
			continue
		}
		before, after := i-1, r.behind(i+n)
		hasBefore := r.follows(before) && !r.used[before] && r.mayBeCalled(before)
		hasAfter := after > 0 && !r.used[after] && r.mayBeCalled(after)
		// "the cart service redis" is hardly meant to name redis.
		if hasBefore && hasAfter && !r.looksNamed(after) && !r.endsPhrase(after) {
			hasAfter = false
		}
		switch {
		case hasAfter:
			r.addKind(after, kind)
		case hasBefore:
			r.addKind(before, kind)
		}
		for k := i; k < i+n; k++ {
			r.used[k] = true
		}
		i += n - 1
	}
}

// follows says that nothing but space and quotes stand between words[i] and
// words[i+1].
func (r *topicReader) follows(i int) bool {
	return i >= 0 && i+1 < len(r.words) && strings.Trim(r.text[r.words[i].End:r.words[i+1].Start], quotes+" \t") == ""
}

// kindAt is the kind that words[i] and perhaps the word behind it say, and how
// many words that are.
func (r *topicReader) kindAt(i int) (kind string, n int, ok bool) {
	if adjoins(r.words, i) {
		if kind, ok := kindWords[r.words[i].text+" "+r.words[i+1].text]; ok {
			return kind, 2, true
		}
	}
	kind, ok = kindWords[r.words[i].text]
	return kind, 1, ok
}

// behind is the word that may name what the words before words[i] say the kind
// of; 0 for none.
func (r *topicReader) behind(i int) int {
	if i < len(r.words) && adjoins(r.words, i-1) && (r.words[i].text == "named" || r.words[i].text == "called") {
		i++
	}
	if i >= len(r.words) {
		return 0
	}
	between := strings.TrimSpace(r.text[r.words[i-1].End:r.words[i].Start])
	if strings.Trim(between, ":"+opening) != "" || strings.Count(between, ":") > 1 {
		return 0
	}
	return i
}

func (r *topicReader) endsPhrase(i int) bool {
	return i+1 >= len(r.words) || r.words[i].closes
}

func (r *topicReader) addKind(i int, kind string) {
	w := r.words[i]
	r.used[i] = true
	if kind == "Namespace" {
		r.addPlace(w.Span, w.name(), Said)
		return
	}
	s, ok := newSubject(w.Span, w.name())
	if !ok {
		return
	}
	s.Surety, s.Kinds = Word, listOf(kind)
	if r.looksNamed(i) {
		s.Surety = Said
	} else {
		s.Names = spelled(s.Names[0])
	}
	r.subjects = append(r.subjects, s)
}

// readKindPair reads "pod=cart-*" and "app:cart".
func (r *topicReader) readKindPair(i int) bool {
	key, value, paired := strings.Cut(strings.Replace(r.words[i].raw, ":", "=", 1), "=")
	kind, known := kindWords[strings.ToLower(key)]
	if !paired || !known || value == "" {
		return false
	}
	r.used[i] = true
	if kind == "Namespace" {
		r.addPlace(r.words[i].Span, value, Said)
		return true
	}
	s, ok := newSubject(r.words[i].Span, value)
	if ok {
		s.Surety, s.Kinds = Said, kindsOf(strings.ToLower(key))
		r.subjects = append(r.subjects, s)
	}
	return ok
}

// name is the word as a name: without the 's of what it has, a port, or the
// dots of a sentence.
func (w word) name() string {
	name := w.raw
	for _, s := range [...]string{"'s", "’s"} {
		name = strings.TrimSuffix(name, s)
	}
	if host, port, ok := strings.Cut(name, ":"); ok && strings.Trim(port, "0123456789") == "" {
		name = host
	}
	return name
}

// mayName says that a word may be a name.
func (r *topicReader) mayName(i int) bool {
	w := r.words[i]
	return r.mayBeCalled(i) && (w.quoted || !in(generic, strings.ToLower(w.name())))
}

// mayBeCalled says that a word may be the name of what a word beside it says the
// kind of: "the user service", "namespace default".
func (r *topicReader) mayBeCalled(i int) bool {
	w := r.words[i]
	name := w.name()
	if _, ok := newSubject(w.Span, name); !ok {
		return false
	}
	lower := strings.ToLower(name)
	if _, isKind := kindWords[lower]; isKind || in(asking, lower) {
		return false
	}
	if w.quoted {
		return name == lower
	}
	// KubePodCrashLooping and ERROR name nothing in a cluster.
	return name[1:] == lower[1:] && !in(trouble, lower)
}

// looksNamed says that a word that may be a name is written as one: nobody writes
// cart-7d9f and means something else.
func (r *topicReader) looksNamed(i int) bool {
	w := r.words[i]
	name := strings.ToLower(w.name())
	return w.quoted && strings.Contains(r.text[max(0, w.Start-1):w.Start], "`") || isWritten(name)
}

// isWritten says that a name has what words of a language lack.
func isWritten(name string) bool {
	if in(hyphenated, name) || '0' <= name[0] && name[0] <= '9' && !strings.Contains(name, "-") {
		return false
	}
	return strings.ContainsAny(name, "-0123456789*") || strings.Contains(strings.Trim(name, "."), ".")
}

// readNames reads what is written as a name, or quoted.
func (r *topicReader) readNames() {
	for i, w := range r.words {
		if r.used[i] || !r.mayName(i) || !w.quoted && !r.looksNamed(i) && !strings.Contains(w.raw, "/") {
			continue
		}
		s, _ := newSubject(w.Span, w.name())
		s.Surety = Written
		if r.looksNamed(i) && (w.quoted || r.isSubject(i)) {
			s.Surety = Said
		}
		r.used[i] = true
		r.subjects = append(r.subjects, s)
		r.placeAt(i)
	}
}

// isSubject says that a name stands where a sentence has what it is about:
// "what is wrong with cart-web?", "is cart-web healthy?"
func (r *topicReader) isSubject(i int) bool {
	w := r.words[i]
	if strings.Contains(w.raw, ".") || !strings.ContainsAny(w.raw, "abcdefghijklmnopqrstuvwxyz") || !adjoins(r.words, i-1) {
		return false
	}
	if !in(introductions, r.words[i-1].text) {
		return false
	}
	if !adjoins(r.words, i) {
		return true
	}
	next := r.words[i+1].text // else it describes: "the long-running task"
	return in(asking, next) || in(trouble, next) || next == "pod" || next == "pods"
}

// placeAt adds the namespace that words[i] may be: "in shop".
func (r *topicReader) placeAt(i int) {
	if !adjoins(r.words, i-1) {
		return
	}
	before := i - 1
	if r.words[before].text == "the" && adjoins(r.words, before-1) {
		before--
	}
	if in(placing, r.words[before].text) {
		r.addPlace(r.words[i].Span, r.words[i].name(), Word)
	}
}

// readJoined reads names that were written as words: "the payment processing
// worker" for payment-processing-worker, "product catalog service" for
// productcatalogservice.
func (r *topicReader) readJoined() {
	var joined []Subject
	for start := range r.words {
		for end := start + 2; end <= min(len(r.words), start+maxJoin); end++ {
			if !adjoins(r.words, end-2) || !r.joins(start) || !r.joins(end-1) {
				break
			}
			parts := make([]string, 0, maxJoin)
			telling := false
			for k := start; k < end; k++ {
				parts = append(parts, strings.ToLower(r.words[k].name()))
				telling = telling || r.mayName(k)
			}
			if telling {
				joined = append(joined, Subject{Span: Span{r.words[start].Start, r.words[end-1].End}, Surety: Joined,
					Names: []string{strings.Join(parts, "-"), strings.Join(parts, "")}, Kinds: r.kindsBeside(start, end)})
			}
		}
	}
	slices.SortStableFunc(joined, func(a, b Subject) int { return cmp.Compare(len(b.Names[0]), len(a.Names[0])) })
	r.subjects = append(r.subjects, joined[:min(len(joined), maxJoined)]...)
}

// kindsBeside are the kinds that the word before words[start], or behind
// words[end-1], says.
func (r *topicReader) kindsBeside(start, end int) []string {
	if adjoins(r.words, end-1) {
		if kind, _, ok := r.kindAt(end); ok {
			return listOf(kind)
		}
	}
	if adjoins(r.words, start-1) {
		return kindsOf(r.words[start-1].text)
	}
	return nil
}

// joins says that a word may be part of a name: words for kinds of things may.
func (r *topicReader) joins(i int) bool {
	w := strings.ToLower(r.words[i].name())
	return isPlain(w) && !r.words[i].quoted && !in(asking, w) && !in(trouble, w) && !slices.ContainsFunc(r.fields, r.words[i].Overlaps)
}

func isPlain(w string) bool {
	return len(w) > 1 && len(w) <= 40 && strings.Trim(w, "abcdefghijklmnopqrstuvwxyz0123456789") == "" && strings.Trim(w, "0123456789") != ""
}

// readWords reads plain nouns.
func (r *topicReader) readWords() {
	for i, w := range r.words {
		if r.used[i] || !r.mayName(i) || !isPlain(strings.ToLower(w.name())) || isWritten(strings.ToLower(w.name())) {
			continue
		}
		s, _ := newSubject(w.Span, w.name())
		s.Surety, s.Names = Word, spelled(s.Names[0])
		r.subjects = append(r.subjects, s)
		r.placeAt(i)
	}
}

// spelled is how what people call "cart" may be named.
func spelled(name string) []string {
	if !isPlain(name) {
		return []string{name}
	}
	return []string{name, name + "-service", name + "service"}
}

func (r *topicReader) topic() Topic {
	slices.SortStableFunc(r.subjects, func(a, b Subject) int {
		return cmp.Or(cmp.Compare(b.Surety, a.Surety), cmp.Compare(len(b.Names[0]), len(a.Names[0])), cmp.Compare(a.Start, b.Start))
	})
	for _, s := range r.subjects {
		if s.Namespace != "" {
			r.addPlace(s.Span, s.Namespace, Said)
		}
	}
	slices.SortStableFunc(r.places, func(a, b Place) int { return cmp.Compare(b.Surety, a.Surety) })
	var t Topic
	for _, s := range r.subjects {
		twice := slices.ContainsFunc(t.Subjects, func(o Subject) bool {
			return o.Names[0] == s.Names[0] && o.Namespace == s.Namespace && (len(s.Kinds) == 0 || slices.Equal(o.Kinds, s.Kinds))
		})
		if !twice && len(t.Subjects) < maxSubjects {
			t.Subjects = append(t.Subjects, s)
		}
	}
	for _, p := range r.places {
		twice := slices.ContainsFunc(t.Namespaces, func(o Place) bool { return o.Name == p.Name })
		if !twice && len(t.Namespaces) < maxPlaces {
			t.Namespaces = append(t.Namespaces, p)
		}
	}
	for _, w := range r.words {
		lower := strings.ToLower(w.name())
		if !in(asking, lower) && !in(vague, lower) && !in(generic, lower) && strings.ContainsAny(lower, "abcdefghijklmnopqrstuvwxyz") {
			t.Words = append(t.Words, lower)
		}
	}
	return t
}

// AsksWhetherWell says that a question asks whether something is well, rather
// than what is wrong: "is cart healthy?", "any errors in shop?"
func AsksWhetherWell(text string) bool {
	if whatIsWrong.MatchString(text) {
		return false
	}
	return whetherWell.MatchString(text)
}

var (
	whatIsWrong = regexp.MustCompile(`(?i)\b(why|what('s|’s)?|how come|reasons?|root|causes?|caused|explain|diagnose|investigate|troubleshoot|debug|fix)\b`)
	// A sentence that begins with a verb asks for yes or no. {0,200} keeps a match
	// within a sentence.
	whetherWell = regexp.MustCompile(`(?i)(?:` +
		`(?:^|[.!?\n,:]\s*)(?:(?:please|hi|hey|hello|so|and|there)\s+)*(?:` +
		`(?:is|are|was|were|isn't|aren't)\b[^.!?\n]{0,200}?\b` + wellOrNot +
		`|(?:does|do|did)\b[^.!?\n]{0,200}?\b(?:work|run|function|start|(?:have|see|show)\b[^.!?\n]{0,80}\b` + someTrouble + `)` +
		`|(?:has|have|had)\b[^.!?\n]{0,200}?\b(?:failed|crashed|` + someTrouble + `)` +
		`|(?:can you see\s+|could you see\s+)?any(?:thing)?\s[^.!?\n]{0,60}?\b` + wellOrNot +
		`|(?:all|everything|things)\s[^.!?\n]{0,60}?\b` + wellOrNot + `)` +
		`|\b(?:check|know|tell me|verify|confirm|see|wondering|wonder)\s+(?:if|whether)\b[^.!?\n]{0,200}?\b(?:is|are|was|were|has|have)\b[^.!?\n]{0,200}?\b` + wellOrNot +
		`)\b`)
)

const (
	someTrouble = `(?:problems?|errors?|issues?|failures?|warnings?|alerts?|incidents?|trouble|outages?)`
	wellOrNot   = `(?:healthy|unhealthy|ok|okay|fine|well|good|up|working|running|alright|right|stable|ready|alive|normal|broken|wrong|down|failing|crashing|` + someTrouble + `)`
)
