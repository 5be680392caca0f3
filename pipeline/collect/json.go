package collect

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/loglode/loglode/pipeline"
)

// field numbers the members of a JSON line that say something about its shape.
type field uint8

const (
	fTime field = iota
	fDate
	fTimestamp
	fStream
	fLog
	fMessage
	fLogtag
	fP
	fKubernetes
	fCluster
	fClusterName
	fInvolved
	fRegarding
	fMetadata
	fItems
	fKind
	fJournalTime
	fJournalSourceTime
	fJournalMessage
	fJournalHost
	fJournalUnit
	fJournalIdentifier
	fJournalPriority
	fJournalTransport
	fAttrs
	fKubernetesNamespace
	fOther // all the rest
)

func fieldOf(name []byte) field {
	switch string(name) {
	case `"time"`:
		return fTime
	case `"date"`:
		return fDate
	case `"@timestamp"`:
		return fTimestamp
	case `"stream"`:
		return fStream
	case `"log"`:
		return fLog
	case `"message"`:
		return fMessage
	case `"logtag"`:
		return fLogtag
	case `"_p"`:
		return fP
	case `"kubernetes"`:
		return fKubernetes
	case `"kubernetes_namespace"`:
		return fKubernetesNamespace
	case `"cluster"`:
		return fCluster
	case `"cluster_name"`:
		return fClusterName
	case `"attrs"`:
		return fAttrs
	case `"involvedObject"`:
		return fInvolved
	case `"regarding"`:
		return fRegarding
	case `"metadata"`:
		return fMetadata
	case `"items"`:
		return fItems
	case `"kind"`:
		return fKind
	case `"__REALTIME_TIMESTAMP"`:
		return fJournalTime
	case `"_SOURCE_REALTIME_TIMESTAMP"`:
		return fJournalSourceTime
	case `"MESSAGE"`:
		return fJournalMessage
	case `"_HOSTNAME"`:
		return fJournalHost
	case `"_SYSTEMD_UNIT"`:
		return fJournalUnit
	case `"SYSLOG_IDENTIFIER"`:
		return fJournalIdentifier
	case `"PRIORITY"`:
		return fJournalPriority
	case `"_TRANSPORT"`:
		return fJournalTransport
	}
	return fOther
}

// members are the raw values of a line's top level. Of a name that stands
// twice the first counts: Fluent Bit puts the envelope first, and what its
// Merge_Log adds from the text behind it.
type members struct {
	raw    [fOther][]byte
	others int // members of no envelope: an application's own
}

func (m *members) scan(s *scanner, text []byte) error {
	clear(m.raw[:])
	m.others = 0
	return s.object(text, func(name, value []byte) {
		f := fieldOf(name)
		switch {
		case f == fOther:
			m.others++
		case m.raw[f] == nil:
			m.raw[f] = value
		}
	})
}

func (m *members) any(fields ...field) bool {
	for _, f := range fields {
		if m.raw[f] != nil {
			return true
		}
	}
	return false
}

// jsonLine takes a line of one of the JSON shapes; done is false when it is
// none.
func (c *Collector) jsonLine(l line, text []byte) (done bool, err error) {
	switch c.options.Format {
	case FormatCRI, FormatText:
		return false, nil
	}
	m := &c.members
	c.found = nil
	if !m.compact(text, c.knows) && m.scan(&c.json, text) != nil {
		return false, nil
	}
	switch {
	case bytes.HasPrefix(text, []byte(`{"log":`)) && isDocker(m):
		return c.dockerLine(l)
	case c.options.Format == FormatDocker:
		return false, nil
	case isFluentBit(m):
		return c.fluentBitLine(l, text)
	case isArray(m.raw[fItems]):
		return c.eventList(l)
	case isEvent(m):
		return c.event(l, text)
	case isJournal(m):
		return c.journalLine(l)
	}
	return false, nil
}

// isDocker: a line of docker's json-file driver, which writes its log member
// first (moby daemon/logger/jsonfilelog/jsonlog) and nothing but these.
func isDocker(m *members) bool {
	return isString(m.raw[fLog]) && isString(m.raw[fStream]) && isString(m.raw[fTime]) && m.others == 0 &&
		!m.any(fKubernetes, fDate, fTimestamp, fMessage, fLogtag, fP)
}

// dockerLine takes a line of docker's. A log without a final newline is a part:
// docker splits lines at 16 KiB.
func (c *Collector) dockerLine(l line) (done bool, err error) {
	var ok bool
	if l.time, ok = readTimeValue(c.members.raw[fTime]); !ok {
		return false, nil
	}
	l.kind, l.stream = pipeline.KindLog, c.streamName()
	l.key = l.src.key(l.stream)
	log := c.unquoted(c.members.raw[fLog])
	if cut, ok := bytes.CutSuffix(log, []byte{'\n'}); ok {
		return true, c.part(&l, cutReturn(cut), whole)
	}
	return true, c.part(&l, log, partial)
}

// isFluentBit: a record of Fluent Bit's tail input, mostly past its kubernetes
// filter. Without that filter's object, log alone is too common a name: beside it
// stands nothing but the envelope, or a container's stream.
func isFluentBit(m *members) bool {
	switch {
	case isObject(m.raw[fKubernetes]):
		return true
	case m.any(fInvolved, fRegarding, fJournalMessage):
		return false
	case m.raw[fLogtag] != nil || m.raw[fP] != nil:
		return isString(m.raw[fLog]) || isString(m.raw[fMessage])
	case !isString(m.raw[fLog]) || m.raw[fMessage] != nil:
		return false
	}
	return m.any(fTime, fDate, fTimestamp) && (m.others == 0 || isOutput(m.raw[fStream]))
}

// isOutput: a stream that a container has.
func isOutput(stream []byte) bool {
	return string(stream) == `"stdout"` || string(stream) == `"stderr"`
}

func (c *Collector) fluentBitLine(l line, text []byte) (done bool, err error) {
	m := &c.members
	l.kind, l.time, l.stream = pipeline.KindLog, c.envelopeTime(), c.streamName()
	cluster := m.raw[fCluster]
	if !isString(cluster) {
		cluster = m.raw[fClusterName]
	}
	switch {
	case isObject(m.raw[fKubernetes]):
		l.src = c.kubernetes(m.raw[fKubernetes], cluster)
	case isString(cluster):
		l.src = c.kubernetes([]byte("{}"), cluster)
	}
	l.key = l.src.key(l.stream)

	log := m.raw[fLog]
	switch {
	case isString(log):
		log = c.unquoted(log)
	case log != nil && !bytes.Equal(log, []byte("null")):
		// Merge_Log_Key log: the parsed text stands in the text's place.
	case isString(m.raw[fMessage]) && (m.raw[fLogtag] != nil || m.others == 0):
		log = c.unquoted(m.raw[fMessage])
	default:
		if log, err = c.record(text); err != nil {
			return false, nil
		}
		return true, c.whole(&l, log)
	}
	log = cutReturn(bytes.TrimSuffix(log, []byte{'\n'}))
	return true, c.part(&l, log, m.completeness(log))
}

// completeness reads a Fluent Bit record's tag. Its cri parser hands on the
// parts of a line as they are (logtag). Its multiline parser joins them and
// keeps the first part's _p, so that _p "P" mostly marks a line which is
// complete: only one no longer than a runtime's part (conmon's 8 KiB,
// containerd's 16 KiB) can be a part.
func (m *members) completeness(text []byte) completeness {
	tag := m.raw[fLogtag]
	if tag == nil && (len(text) <= 8<<10 || len(text) == 16<<10) {
		tag = m.raw[fP]
	}
	if isString(tag) && isTag(tag[1:len(tag)-1], 'P') {
		return partial
	}
	return whole
}

// record is the line without its envelope: with Merge_Log and Keep_Log Off the
// application's own fields are all that is left of the text.
func (c *Collector) record(text []byte) ([]byte, error) {
	out := append(c.text[:0], '{')
	err := c.json.object(text, func(name, value []byte) {
		switch fieldOf(name) {
		case fTime, fDate, fStream, fP, fLogtag, fKubernetes, fKubernetesNamespace, fLog:
			return
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, name...), ':'), value...)
	})
	c.text = append(out, '}')
	return c.text, err
}

// isEvent: a v1.Event, an events.k8s.io/v1.Event or what Fluent Bit's
// kubernetes_events makes of them, which bears no kind.
func isEvent(m *members) bool {
	return isObject(m.raw[fMetadata]) && (isObject(m.raw[fInvolved]) || isObject(m.raw[fRegarding])) &&
		(m.raw[fKind] == nil || string(m.raw[fKind]) == `"Event"`)
}

func (c *Collector) event(l line, text []byte) (done bool, err error) {
	if !c.isIdentified(c.members.raw[fMetadata]) {
		return false, nil
	}
	return true, c.emitEvent(&l, text)
}

// isIdentified tells whether metadata holds what an event's ID is made of.
// Without it two events would be one: such an object stays a plain line.
func (c *Collector) isIdentified(metadata []byte) bool {
	var uid, version bool
	err := c.inner.object(metadata, func(name, value []byte) {
		switch string(name) {
		case `"uid"`:
			uid = isString(value) && len(value) > 2
		case `"resourceVersion"`:
			version = isString(value) && len(value) > 2
		}
	})
	return err == nil && uid && version
}

// eventList takes a List or EventList: one entry for each event, all with the
// line's byte range. A list that holds anything else is a plain line.
func (c *Collector) eventList(l line) (done bool, err error) {
	if !bytes.HasSuffix(c.members.raw[fKind], []byte(`List"`)) {
		return false, nil
	}
	var items [][]byte
	if c.inner.array(c.members.raw[fItems], func(value []byte) { items = append(items, value) }) != nil || len(items) == 0 {
		return false, nil
	}
	for _, item := range items {
		if c.members.scan(&c.json, item) != nil || !isEvent(&c.members) || !c.isIdentified(c.members.raw[fMetadata]) {
			return false, nil
		}
	}
	for _, item := range items {
		if err := c.emitEvent(&l, item); err != nil {
			return true, err
		}
	}
	return true, nil
}

func (c *Collector) emitEvent(l *line, object []byte) error {
	// Compact formats in place; the source's bytes are not ours to change.
	compact := jsontext.Value(append(c.text[:0], object...))
	err := compact.Compact(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	c.text = compact
	if err != nil {
		c.text = append(c.text[:0], object...)
	}
	c.plain(l)
	l.kind = pipeline.KindEvent
	c.fill(l, string(c.text))
	e := &c.out
	e.Resource, e.Annotations = c.cluster, nil
	e.key, e.keyed = Key{}, false
	return c.send()
}

// unquoted is the text of a JSON string, valid until the next line.
func (c *Collector) unquoted(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	c.text = appendText(c.text[:0], raw)
	return c.text
}

// streamName is the line's stream, without an allocation for the usual two.
func (c *Collector) streamName() string {
	switch raw := c.members.raw[fStream]; string(raw) {
	case `"stdout"`:
		return "stdout"
	case `"stderr"`:
		return "stderr"
	default:
		return unquote(raw)
	}
}

// envelopeTime is the collector's time: time is the runtime's own, date and
// @timestamp Fluent Bit's; 0 if there is none.
func (c *Collector) envelopeTime() int64 {
	for _, f := range [...]field{fTime, fTimestamp, fDate} {
		if t, ok := readTimeValue(c.members.raw[f]); ok {
			return t
		}
	}
	return 0
}

// readTimeValue reads a JSON string as a time, a number as an epoch.
func readTimeValue(raw []byte) (int64, bool) {
	switch {
	case len(raw) == 0:
		return 0, false
	case isString(raw):
		return readTime(raw[1 : len(raw)-1])
	case raw[0] >= '0' && raw[0] <= '9':
		return readEpoch(raw)
	}
	return 0, false
}
