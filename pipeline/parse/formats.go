package parse

import (
	"strings"

	"github.com/loglode/loglode/pipeline"
)

// request takes a line or its end that begins with a request in quotes, as
// access logs have it: "GET /path HTTP/1.1" 503 12 ... A status of 5xx is an
// error, 4xx a warning.
func (f *Fields) request(s string) bool {
	end := quotedEnd(firstLine(s), 0)
	if end < 0 {
		return false
	}
	method, rest, _ := strings.Cut(s[1:end-1], " ")
	if !isMethod(method) {
		return false
	}
	path, _, _ := strings.Cut(rest, " ")
	after := trimLeft(s[end:])
	n := digitRun(after, 4)
	if n != 3 || !isBoundary(after[n:]) || after[0] < '1' || after[0] > '5' {
		return false
	}
	switch after[0] {
	case '5':
		f.Level = pipeline.LevelError
	case '4':
		f.Level = pipeline.LevelWarn
	default:
		f.Level = pipeline.LevelInfo
	}
	if method != "-" {
		f.text("method", method)
		f.text("path", path)
	}
	f.add("status", after[:n])
	f.Message = s
	return true
}

func isMethod(s string) bool {
	if s == "-" {
		return true
	}
	for i := 0; i < len(s); i++ {
		if !isUpper(s[i]) {
			return false
		}
	}
	return len(s) >= 3 && len(s) <= 9
}

// access takes the common and combined log formats of Apache and nginx, also
// with a virtual host before the client:
//
//	10.0.0.1 - alice [03/Aug/2021:09:18:00 +0000] "GET / HTTP/1.1" 200 12 "-" "curl"
func (f *Fields) access(text string, ref int64) bool {
	line := firstLine(text)
	i := strings.IndexByte(line[:min(len(line), 2*maxToken)], '[')
	if i < 4 || line[i-1] != ' ' {
		return false
	}
	content, rest, ok := cutBracket(line[i:])
	if !ok || !strings.HasPrefix(rest, ` "`) {
		return false
	}
	t, after, ok := timestamp(content, ref)
	if !ok || after != "" {
		return false
	}
	if !f.request(text[len(line)-len(rest)+1:]) {
		return false
	}
	f.Time = t
	words := strings.Fields(line[:i])
	if len(words) < 3 {
		return true
	}
	client, user := words[len(words)-3], words[len(words)-1]
	f.text("client", client)
	if user != "-" {
		f.text("user", user)
	}
	return true
}

// redis takes Redis' header: 1:M 03 Aug 2021 09:18:00.123 * message.
func (f *Fields) redis(text string, ref int64) bool {
	n := digitRun(text, 10)
	if len(text) < n+5 || text[n] != ':' || !isUpper(text[n+1]) || text[n+2] != ' ' {
		return false
	}
	t, rest, ok := timestamp(text[n+3:], ref)
	if !ok || len(rest) < 3 || rest[0] != ' ' || rest[2] != ' ' {
		return false
	}
	switch rest[1] {
	case '.':
		f.Level = pipeline.LevelDebug
	case '-', '*':
		f.Level = pipeline.LevelInfo
	case '#':
		f.Level = pipeline.LevelWarn
	default:
		return false
	}
	f.Time = t
	f.number("pid", text[:n])
	f.text("role", text[n+1:n+2])
	f.Message = rest[3:]
	return true
}

// ruby takes the header of Ruby's Logger:
//
//	I, [2021-08-03T09:18:00.123456 #1]  INFO -- : message
func (f *Fields) ruby(text string, ref int64) bool {
	if len(text) < 24 || text[1:4] != ", [" {
		return false
	}
	content, rest, ok := cutBracket(text[3:])
	if !ok {
		return false
	}
	t, after, ok := timestamp(content, ref)
	if !ok || !strings.HasPrefix(after, " #") {
		return false
	}
	level, rest, ok := leadLevel(trimLeft(rest))
	if !ok {
		return false
	}
	f.Time, f.Level = t, level
	f.number("pid", after[2:])
	name, message, ok := strings.Cut(rest, ": ")
	if !ok {
		message = rest
	} else if name = trim(strings.TrimPrefix(trimLeft(name), "--")); name != "" && len(name) <= maxToken {
		f.text("logger", name)
	}
	f.Message = message
	return true
}

// bluegene takes the lines of the supercomputers in LogHub: a label (- for
// none), the time in seconds, the date, the node. Blue Gene goes on with its
// own header, the others with syslog's.
//
//   - 1117838570 2005.06.03 R02-M1 2005-06-03-15.42.50.675872 R02-M1 RAS KERNEL INFO message
//   - 1131566461 2005.11.09 dn228 Nov 9 12:01:01 dn228/dn228 crond[2915]: message
func (f *Fields) bluegene(text string, ref int64) bool {
	label, rest := cutWord(text)
	if len(label) > maxToken || digitRun(rest, 11) != 10 || len(rest) < 23 || rest[10] != ' ' || digitRun(rest[11:], 5) != 4 || rest[15] != '.' {
		return false
	}
	t, ok := epoch(rest[:10])
	if !ok {
		return false
	}
	_, rest = cutWord(rest[11:])
	node, rest := cutWord(rest)
	precise, after, ok := timestamp(rest, t)
	if !ok || len(node) > maxToken {
		return false
	}
	f.Time = t
	if label != "-" {
		f.text("label", label)
	}
	if isLetter(rest[0]) {
		if !f.program(after, syslogHost) {
			f.Message = trimLeft(after)
		}
		return true
	}
	f.Time = precise
	f.text("node", node)
	_, rest = cutWord(trimLeft(after))
	kind, rest := cutWord(rest)
	component, rest := cutWord(rest)
	level, message := cutWord(rest)
	if l, ok := levelWord(level); ok && len(kind) <= maxToken && len(component) <= maxToken {
		f.Level = l
		f.text("type", kind)
		f.text("component", component)
		rest = message
	}
	f.Message = rest
	return true
}

// hpc takes the lines of LogHub's HPC cluster: number, node, component, state,
// time in seconds, flag, message.
func (f *Fields) hpc(text string) bool {
	number, rest := cutWord(text)
	if !isDigits(number) {
		return false
	}
	node, rest := cutWord(rest)
	component, rest := cutWord(rest)
	state, rest := cutWord(rest)
	seconds, rest := cutWord(rest)
	flag, message := cutWord(rest)
	if len(seconds) != 10 || !isDigits(flag) || len(component) > maxToken || len(state) > maxToken || len(node) > maxToken {
		return false
	}
	t, ok := epoch(seconds)
	if !ok {
		return false
	}
	f.Time = t
	f.text("node", node)
	f.text("component", component)
	f.text("state", state)
	f.Message = message
	return true
}
