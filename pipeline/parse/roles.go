package parse

import (
	"strings"

	"github.com/loglode/loglode/pipeline"
)

// role is what a structured line's field says of the line itself.
type role uint8

const (
	noRole role = iota
	messageRole
	levelRole
	timeRole
)

// roles gathers, while a structured line is read, which of its fields is the
// message, which the level and which the time: of several, the one with the
// lowest rank that can be read.
type roles struct {
	only  role // where set, no other role is given
	picks [timeRole + 1]pick
	// message is the field's token: in quotes, or bare.
	message string
	level   pipeline.Level
	time    int64
	ref     int64
	// strings says that only quoted tokens are text (JSON); else bare ones
	// are too (logfmt).
	strings bool
	// gelf is a syslog severity: what "level" with one digit means beside
	// short_message (the Graylog extended log format), and only there.
	gelf string
}

type pick struct{ rank, at int }

// of is the role that a key may have.
func (r *roles) of(key string) (role, int) {
	if r == nil {
		return noRole, 0
	}
	role, rank := keyRole(key)
	if r.only != noRole && role != r.only {
		return noRole, 0
	}
	return role, rank
}

// consider offers the attribute at index at, whose token is raw, for a role. It
// returns the index of the attribute that lost by it (at itself, or the former
// holder), or -1.
func (r *roles) consider(ro role, rank int, key, raw string, at int) (loser int) {
	p := &r.picks[ro]
	if p.rank != 0 && rank > p.rank || !r.read(ro, key, raw) {
		return at
	}
	loser = -1
	if p.rank != 0 && p.at != at {
		loser = p.at
	}
	*p = pick{rank: rank, at: at}
	return loser
}

// read reads a token in its role and reports whether it can be.
func (r *roles) read(ro role, key, raw string) bool {
	if raw == "" {
		return false
	}
	text, quoted := raw, raw[0] == '"'
	if quoted {
		text = raw[1 : len(raw)-1]
	}
	switch ro {
	case messageRole:
		if r.strings && !quoted || isBlank(text) {
			return false
		}
		r.message = raw
		return true
	case levelRole:
		if len(text) == 1 && isDigit(text[0]) && !strings.EqualFold(key, "priority") {
			r.gelf = text
			return false
		}
		level, ok := levelWord(text)
		if key == "s" && (len(text) != 1 || !isUpper(text[0])) {
			ok = false // MongoDB's letter, or some other s
		}
		if ok {
			r.level = level
		}
		return ok
	case timeRole:
		ns, ok := timeValue(text, r.ref)
		if ok {
			r.time = ns
		}
		return ok
	}
	return false
}

// timeValue reads a field that holds a time and nothing else.
func timeValue(s string, ref int64) (int64, bool) {
	if s == "" {
		return 0, false
	}
	if s[0] == '{' {
		return timeObject(s)
	}
	if ns, rest, ok := timestamp(s, ref); ok && ns != 0 && isBlank(rest) {
		return ns, true
	}
	return epoch(s)
}

// timeObject reads a time that is split into fields: {"$date":"..."}
// (MongoDB), {"seconds":1,"nanos":2} (protobuf), {"epochSecond":1,
// "nanoOfSecond":2} (Log4j 2).
func timeObject(s string) (ns int64, ok bool) {
	seconds, nanos := "", ""
	o := newObject(s)
	for o.next() {
		switch o.key {
		case "$date":
			if v := o.value; len(v) > 2 && v[0] == '"' {
				return timeValue(v[1:len(v)-1], 0)
			}
		case "seconds", "epochSecond":
			seconds = o.value
		case "nanos", "nanoOfSecond":
			nanos = o.value
		}
	}
	if ns, ok = epoch(seconds); !ok || len(nanos) > 9 {
		return 0, false
	}
	n := int64(0)
	for i := 0; i < len(nanos); i++ {
		if !isDigit(nanos[i]) {
			return 0, false
		}
		n = n*10 + int64(nanos[i]-'0')
	}
	return ns + n, true
}

// settle takes the roles' fields out of the attributes and into their places.
func (f *Fields) settle(r *roles) {
	if r.picks[levelRole].rank == 0 && r.gelf != "" && r.picks[messageRole].rank == rankShortMessage {
		r.level, _ = levelNumber(r.gelf)
	}
	f.Level, f.Time = r.level, r.time
	f.remove(r)
}

// remove takes the fields that have a role out of the attributes.
func (f *Fields) remove(r *roles) {
	kept := f.Attributes[:0]
	for i, a := range f.Attributes {
		if r.holds(i) {
			continue
		}
		kept = append(kept, a)
	}
	f.Attributes = kept
}

func (r *roles) holds(at int) bool {
	for _, p := range r.picks[1:] {
		if p.rank != 0 && p.at == at {
			return true
		}
	}
	return false
}

const rankShortMessage = 4

// keyRole is the role that a field's name claims, and the rank of the claim
// among those for the same role. Case does not matter.
func keyRole(key string) (role, int) {
	if len(key) > 22 || key == "" {
		return noRole, 0
	}
	var lower [22]byte
	toLower(lower[:len(key)], key)
	switch string(lower[:len(key)]) {
	case "msg":
		return messageRole, 1
	case "message":
		return messageRole, 2
	case "@message":
		return messageRole, 3
	case "short_message":
		return messageRole, rankShortMessage
	case "@m", "renderedmessage":
		return messageRole, 5
	case "@mt", "messagetemplate":
		return messageRole, 6
	case "log":
		return messageRole, 7
	case "text", "textpayload":
		return messageRole, 8
	case "body":
		return messageRole, 9
	case "event":
		return messageRole, 10
	case "error.message":
		return messageRole, 11
	case "error":
		return messageRole, 12
	case "err":
		return messageRole, 13
	case "exception":
		return messageRole, 14

	case "level":
		return levelRole, 1
	case "severity":
		return levelRole, 2
	case "lvl":
		return levelRole, 3
	case "loglevel", "log_level":
		return levelRole, 4
	case "log.level":
		return levelRole, 5
	case "@level", "@l":
		return levelRole, 6
	case "level_name", "levelname":
		return levelRole, 7
	case "severitytext", "severity_text":
		return levelRole, 8
	case "s":
		return levelRole, 9
	case "priority":
		return levelRole, 10

	case "ts":
		return timeRole, 1
	case "time":
		return timeRole, 2
	case "timestamp":
		return timeRole, 3
	case "@timestamp":
		return timeRole, 4
	case "date":
		return timeRole, 5
	case "datetime", "time_iso8601", "time_local":
		return timeRole, 6
	case "t", "@t":
		return timeRole, 7
	case "asctime", "eventtime", "start_time", "timemillis", "instant":
		return timeRole, 8
	case "__realtime_timestamp":
		return timeRole, 9
	}
	return noRole, 0
}
