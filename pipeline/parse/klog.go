package parse

import (
	"strings"

	"github.com/loglode/loglode/pipeline"
)

// klog takes the header that klog and glog write:
//
//	I0803 09:18:01.098208       1 observer_polling.go:159] message
//	I20210803 09:18:01.098208   7 file.cc:12] message            (newer C++ glog)
//
// and the structured messages of klog (`"msg" key="value"`) and klogr
// (`name "msg"="x" "key"="value"`).
func (f *Fields) klog(text string, ref int64) bool {
	if len(text) < 24 || !isDigit(text[1]) {
		return false
	}
	switch text[0] {
	case 'I':
		f.Level = pipeline.LevelInfo
	case 'W':
		f.Level = pipeline.LevelWarn
	case 'E':
		f.Level = pipeline.LevelError
	case 'F':
		f.Level = pipeline.LevelFatal
	case 'D':
		f.Level = pipeline.LevelDebug
	default:
		return false
	}
	c := cursor{s: text, i: 1}
	var d date
	switch digitRun(text[1:], 9) {
	case 4:
		d.year = yearless
	case 8:
		d.year = c.digits(4)
	default:
		return false
	}
	d.month, d.day = c.digits(2), c.digits(2)
	if !c.byte(' ') || !c.clock(&d, ':') {
		return false
	}
	f.Time = d.unixNano(ref)
	rest := trimLeft(text[c.i:])
	n := digitRun(rest, 20)
	if n == 0 || !strings.HasPrefix(rest[n:], " ") {
		return false
	}
	pid, rest := rest[:n], rest[n+1:]
	end := strings.IndexByte(rest[:min(len(rest), maxToken)], ']')
	if end <= 0 || strings.IndexByte(rest[:end], ' ') >= 0 {
		return false
	}
	f.text("caller", rest[:end])
	f.number("pid", pid)
	rest = strings.TrimPrefix(rest[end+1:], " ")
	f.Message = rest
	f.klogPairs(rest)
	return true
}

// klogPairs splits a structured message; one that is not stays as it is.
func (f *Fields) klogPairs(message string) {
	line := firstLine(message)
	if strings.HasPrefix(line, `"`) {
		end := quotedEnd(line, 0)
		if end < 0 || end < len(line) && line[end] != ' ' {
			return
		}
		head := len(f.Attributes)
		if !f.pairs(line[end:], nil) {
			f.Attributes = f.Attributes[:head]
			return
		}
		if text := unquoteGo(line[:end]); text != "" {
			f.Message = withRest(text, message[len(line):])
		}
		return
	}
	if i := strings.Index(line, `"msg"="`); i >= 0 && i <= maxToken {
		head := len(f.Attributes)
		r := roles{only: messageRole}
		if name := trim(line[:i]); name != "" {
			f.text("logger", name)
		}
		if !f.pairs(line[i:], &r) || r.message == "" {
			f.Attributes = f.Attributes[:head]
			return
		}
		f.remove(&r)
		f.Message = withRest(unquoteGo(r.message), message[len(line):])
	}
}

// withRest is a message with the lines that follow the one it was taken from:
// a stack trace belongs to what people read.
func withRest(message, rest string) string {
	if isBlank(rest) {
		return message
	}
	return message + rest
}
