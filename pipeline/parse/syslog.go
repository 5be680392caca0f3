package parse

import (
	"strconv"
	"strings"
)

// priority takes syslog lines with their <priority> (RFC 3164 and RFC 5424),
// and levels in angle brackets.
func (f *Fields) priority(text string, ref int64) bool {
	n := digitRun(text[1:], 4)
	if n == 0 || n > 3 || !strings.HasPrefix(text[1+n:], ">") {
		return false
	}
	pri, _ := strconv.Atoi(text[1 : 1+n])
	if pri > 191 {
		return false
	}
	rest := text[n+2:]
	f.Level = severity(pri % 8)
	if strings.HasPrefix(rest, "1 ") {
		return f.syslog5424(rest[2:], ref)
	}
	t, after, ok := timestamp(rest, ref)
	if !ok {
		f.Message = rest
		return true
	}
	f.Time = t
	if !f.program(after, syslogHost) {
		f.Message = trimLeft(after)
	}
	return true
}

// syslog5424 reads TIMESTAMP HOST APP PROCID MSGID SD MSG, "-" for none.
func (f *Fields) syslog5424(s string, ref int64) bool {
	if strings.HasPrefix(s, "- ") {
		s = s[1:]
	} else {
		t, after, ok := timestamp(s, ref)
		if !ok || !strings.HasPrefix(after, " ") {
			return false
		}
		f.Time, s = t, after
	}
	s = trimLeft(s)
	for _, key := range [...]string{"host", "program", "pid", "message_id"} {
		var word string
		word, s = cutWord(s)
		if len(word) > 2*maxToken {
			return false
		}
		switch {
		case word == "-" || word == "":
		case key == "pid":
			f.number(key, word)
		default:
			f.text(key, word)
		}
	}
	f.Message = strings.TrimPrefix(f.structuredData(s), "\ufeff")
	return true
}

// structuredData reads [id name="value" ...]... as attributes "id.name".
func (f *Fields) structuredData(s string) string {
	if strings.HasPrefix(s, "-") {
		return trimLeft(s[1:])
	}
	whole, head := s, len(f.Attributes)
	for strings.HasPrefix(s, "[") {
		n := 1
		for n < len(s) && n <= maxToken && s[n] > ' ' && s[n] != ']' && s[n] != '"' && s[n] != '=' {
			n++
		}
		id := s[1:n]
		s = s[n:]
		for strings.HasPrefix(s, " ") {
			s = trimLeft(s)
			name, after, ok := cutName(s, `="`)
			end := -1
			if ok {
				end = quotedEnd(after, -1)
			}
			if end < 0 {
				f.Attributes = f.Attributes[:head]
				return whole
			}
			f.text(id+"."+name, unescapeParam(after[:end-1]))
			s = after[end:]
		}
		if !strings.HasPrefix(s, "]") {
			f.Attributes = f.Attributes[:head]
			return whole
		}
		s = s[1:]
	}
	return trimLeft(s)
}

// unescapeParam decodes RFC 5424's \" \\ and \].
func unescapeParam(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`, `\]`, `]`).Replace(s)
}

// hostRule says when a program's tag is believed behind a time.
type hostRule uint8

const (
	// syslogHost: the time was written as syslog does, "Dec 10 06:55:46".
	syslogHost hostRule = iota
	// isoHost: any other time, where only "host program[123]: " is taken.
	isoHost
)

// program reads " host program[pid]: message" behind a time.
func (f *Fields) program(s string, rule hostRule) bool {
	host, rest := cutWord(trimLeft(s))
	if host == "" || len(host) > maxToken {
		return false
	}
	if strings.HasSuffix(host, ":") { // no host, as some forwarders write it
		host, rest = "", trimLeft(s)
	}
	line := firstLine(rest)
	colon := strings.Index(line[:min(len(line), maxToken)], ":")
	if colon <= 0 {
		if rule == syslogHost && !isEnclosed(host) && strings.IndexByte(trimLeft(s), ' ') > 0 && isHost(host) {
			f.text("host", host)
			f.plainMessage(rest)
			return true
		}
		return false
	}
	tag := line[:colon]
	name, pid := tag, ""
	if i := strings.LastIndexByte(tag, '['); i > 0 && tag[len(tag)-1] == ']' {
		name, pid = tag[:i], tag[i+1:len(tag)-1]
	}
	if strings.IndexByte(name, ' ') >= 0 && (pid == "" || rule == isoHost) || rule == isoHost && (!isDigits(pid) || host == "") || !isHost(host) && host != "" {
		return false
	}
	if host != "" {
		f.text("host", host)
	}
	f.text("program", name)
	if pid != "" {
		f.number("pid", pid)
	}
	f.plainMessage(trimLeft(rest[colon+1:]))
	return true
}

// plainMessage sets the message and, where no priority gave one, its level.
func (f *Fields) plainMessage(s string) {
	f.Message = s
	if f.Level != 0 {
		return
	}
	if level, rest, ok := leadLevel(s); ok {
		f.Level = level
		f.Message = trimLeft(rest)
		return
	}
	f.Level = outcry(s)
}

func isEnclosed(s string) bool { return s != "" && (s[0] == '[' || s[0] == '(' || s[0] == '<') }

// isHost says whether s can be a host's name or address.
func isHost(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isNameByte(s[i]) && s[i] != ':' {
			return false
		}
	}
	_, level := headerLevel(s)
	return s != "" && !level
}
