package parse

import (
	"strings"

	"github.com/loglode/loglode/pipeline"
)

// tail styles: how much of what follows a level is header.
type tailStyle uint8

const (
	looseTail     tailStyle = iota // the level stood as a word
	bracketedTail                  // in brackets, so brackets behind it are header too
)

// dated takes a line that begins with its time.
func (f *Fields) dated(text string, ref int64) bool {
	t, rest, ok := timestamp(text, ref)
	if !ok || !isBoundary(rest) {
		return false
	}
	if isDigits(text[:len(text)-len(rest)]) {
		return false // a bare number is a time only in formats that say so
	}
	f.Time = t
	if isLetter(text[0]) && f.program(rest, syslogHost) {
		return true
	}
	f.afterTime(rest, ref)
	return true
}

// bracketed takes a line that begins with [...]: a time, a level, or both.
//
//	[2021-08-03 09:18:00.123][1][warning][main] [source/x.cc:1] msg    Envoy
//	[2021-08-03T09:18:00Z INFO  crate::module] msg                     env_logger
//	[I 2021-08-03 09:18:00.123 ServerApp] msg                          Jupyter
//	[INFO] plugin/reload: msg                                          CoreDNS
//	[0.123s][info][gc] msg                                             JVM
func (f *Fields) bracketed(text string, ref int64) bool {
	content, rest, ok := cutBracket(text)
	if !ok {
		return false
	}
	if t, after, ok := timestamp(content, ref); ok && isBoundary(after) && !isDigits(content) {
		f.Time = t
		f.inBracket(after)
		f.afterTime(rest, ref)
		return true
	}
	if uptime := strings.TrimSuffix(trim(content), "s"); strings.IndexByte(uptime, '.') > 0 && isDigits(strings.Replace(uptime, ".", "", 1)) {
		f.afterTime(rest, ref)
		return true
	}
	if len(content) > 12 && content[1] == ' ' && isUpper(content[0]) {
		if t, after, ok := timestamp(content[2:], ref); ok {
			f.Time = t
			f.Level, _ = levelWord(content[:1])
			f.inBracket(after)
			f.afterTime(rest, ref)
			return true
		}
	}
	return false
}

// inBracket reads what shares the time's brackets: " INFO crate::module",
// ": WARNING/MainProcess" (Celery), " ServerApp".
func (f *Fields) inBracket(s string) {
	s = strings.TrimLeft(s, " :")
	if s == "" {
		return
	}
	if i := strings.IndexByte(s, '/'); i > 0 {
		if level, ok := headerLevel(s[:i]); ok {
			f.Level = level
			f.text("process", s[i+1:])
			return
		}
	}
	word, rest := cutWord(s)
	if level, ok := headerLevel(word); ok && f.Level == pipeline.LevelUnknown {
		f.Level = level
		s = rest
	}
	if s = trim(s); s != "" {
		f.text("logger", s)
	}
}

// maxItems bounds the items of a header between its time and its level.
const maxItems = 5

// afterTime reads on behind a time: what stands before the level (a process
// ID, a thread, a logger's name), the level, and what stands behind it. Where
// there is no level, all of it is the message.
func (f *Fields) afterTime(s string, ref int64) {
	s = strings.TrimPrefix(s, ":")
	if strings.HasPrefix(s, "\t") && f.zapConsole(s[1:]) {
		return
	}
	if strings.HasPrefix(s, "|") && f.barred(s[1:]) {
		return
	}
	rest := trimLeft(strings.TrimLeft(s, " ,"))
	if strings.HasPrefix(rest, `"`) && f.request(rest) {
		return
	}
	if f.Level != pipeline.LevelUnknown {
		f.tail(s, looseTail)
		return
	}
	var items [maxItems]string
	n := 0
	for ; n < maxItems && rest != ""; n++ {
		if f.level(rest, items[:n]) {
			return
		}
		var ok bool
		if items[n], rest, ok = cutItem(rest); !ok {
			break
		}
	}
	rest = trimLeft(s)
	if f.program(rest, isoHost) {
		return
	}
	if keyLength(rest) > 0 && f.nestedLogfmt(rest, ref) {
		return
	}
	rest = strings.TrimPrefix(rest, "- ")
	if caller, after, ok := cutName(rest, ":"); ok && strings.HasSuffix(caller, ".go") {
		if d := digitRun(after, 6); d > 0 && strings.HasPrefix(after[d:], ": ") {
			f.text("caller", rest[:len(caller)+1+d])
			rest = after[d+2:]
		}
	}
	f.Message = rest
	f.Level = outcry(rest)
}

// level reads the level that s begins with and, with it, the items before it.
func (f *Fields) level(s string, items []string) bool {
	level, rest, ok := leadLevel(s)
	if !ok && len(items) == 2 && isDigits(items[0]) && isDigits(items[1]) && len(s) > 2 && s[1] == ' ' && isUpper(s[0]) {
		// Android: pid tid L Tag: message
		if level, ok = levelWord(s[:1]); ok {
			if tag, after, found := strings.Cut(firstLine(s[2:]), ": "); found && len(tag) < maxToken {
				f.Level = level
				f.number("pid", items[0])
				f.number("tid", items[1])
				f.text("logger", trim(tag))
				f.Message = s[len(s)-len(after)-(len(s[2:])-len(firstLine(s[2:]))):]
				return true
			}
			ok = false
		}
	}
	if !ok {
		return false
	}
	f.Level = level
	for _, item := range items {
		f.item(item)
	}
	style := looseTail
	if s[0] == '[' {
		style = bracketedTail
	}
	f.tail(rest, style)
	return true
}

// cutItem cuts what may stand between a time and a level: [x], a number, a
// name before " - " or with an @ in it, and separators, which are dropped.
func cutItem(s string) (item, rest string, ok bool) {
	switch {
	case s[0] == '[':
		_, rest, ok := cutBracket(s)
		return s[:len(s)-len(rest)], skipSeparators(rest), ok
	case isDigit(s[0]):
		n := digitRun(s, 20)
		rest = s[n:]
		return s[:n], skipSeparators(rest), rest != "" && rest[0] == ' '
	case s[0] == '-' || s[0] == '|':
		return "", skipSeparators(s[1:]), true
	}
	name, rest, ok := cutName(s, " ")
	if !ok {
		return "", s, false
	}
	if strings.HasPrefix(rest, "- ") || strings.IndexByte(name, '@') > 0 {
		return name, skipSeparators(rest), true
	}
	return "", s, false
}

// skipSeparators skips spaces, bars and free-standing dashes.
func skipSeparators(s string) string {
	for s != "" {
		switch {
		case s[0] == ' ' || s[0] == '\t' || s[0] == '|':
			s = s[1:]
		case s[0] == '-' && len(s) > 1 && s[1] == ' ':
			s = s[1:]
		default:
			return s
		}
	}
	return s
}

// item names an item from before the level by its form.
func (f *Fields) item(item string) {
	switch {
	case item == "":
	case isDigits(item):
		f.number("pid", item)
	case item[0] == '[':
		switch content := trim(item[1 : len(item)-1]); {
		case isDigits(content):
			f.number("pid", content)
		case content != "":
			f.text("thread", content)
		}
	case strings.IndexByte(item, '@') > 0:
		f.text("user", item)
	default:
		f.text("logger", item)
	}
}

// tail reads what stands between a level and its message.
func (f *Fields) tail(s string, style tailStyle) {
	s = trimLeft(strings.TrimPrefix(trimLeft(s), ":"))
	if style == bracketedTail {
		s = f.brackets(s)
	}
	s = strings.TrimPrefix(s, "- ")
	s = f.springProcess(s)
	s = f.thread(s)
	f.Message = trimRight(f.logger(s))
	if f.Message != "" && f.Message[0] == '"' {
		f.message(f.Message)
	}
}

// message reads a message that is a request line.
func (f *Fields) message(s string) {
	if level := f.Level; f.request(s) {
		f.Level = max(level, f.Level)
	}
}

// brackets reads the run of brackets behind a level in brackets, and nginx's
// "7#7:". Brackets with a sentence in them belong to the message.
func (f *Fields) brackets(s string) string {
	for named := 0; named < 2; {
		content, rest, ok := cutBracket(s)
		if !ok {
			break
		}
		content = trim(content)
		switch {
		case content == "" || strings.HasPrefix(rest, ":"):
			return s
		case isDigits(content):
			f.number("pid", content)
		case strings.HasPrefix(content, "client "):
			f.text("client", content[len("client "):])
		case strings.HasPrefix(content, "pid "):
			f.text("pid", content[len("pid "):])
		case strings.IndexByte(content, ' ') >= 0:
			return s
		case strings.IndexByte(content, ':') > 0 && isDigit(content[len(content)-1]):
			f.text("caller", content)
		case named == 0:
			f.text("logger", content)
			named++
		default:
			f.text("context", content)
			named++
		}
		s = trimLeft(rest)
	}
	if n := digitRun(s, 10); n > 0 && strings.HasPrefix(s[n:], "#") {
		if m := digitRun(s[n+1:], 10); m > 0 && strings.HasPrefix(s[n+1+m:], ": ") {
			f.number("pid", s[:n])
			s = s[n+m+3:]
		}
	}
	return s
}

// springProcess reads Spring Boot's "1 --- ".
func (f *Fields) springProcess(s string) string {
	n := digitRun(s, 10)
	if n == 0 || !strings.HasPrefix(s[n:], " --- ") {
		return s
	}
	f.number("pid", s[:n])
	return trimLeft(s[n+5:])
}

// thread reads the [thread] of log4j and logback and the (thread) of JBoss,
// where a logger or a dash behind it says that it is one.
func (f *Fields) thread(s string) string {
	content, rest, ok := cutBracket(s)
	if !ok && strings.HasPrefix(s, "[") { // ZooKeeper's threads have brackets in them
		line := firstLine(s[:min(len(s), 2*maxToken)])
		if i := strings.Index(line, "] - "); i > 0 {
			content, rest, ok = s[1:i], s[i+1:], true
		}
	}
	if ok {
		after := trimLeft(rest)
		_, _, named := cutLogger(after)
		switch {
		case named || strings.HasPrefix(after, "- "):
			f.text("thread", trim(content))
			return strings.TrimPrefix(after, "- ")
		case strings.HasPrefix(after, "(") && strings.IndexByte(content, '.') > 0: // JBoss: [logger] (thread) msg
			f.text("logger", trim(content))
			if i := strings.IndexByte(after[:min(len(after), maxToken)], ')'); i > 1 {
				f.text("thread", after[1:i])
				return trimLeft(after[i+1:])
			}
			return after
		}
	}
	return s
}

// logger reads a class or package before the message.
func (f *Fields) logger(s string) string {
	name, rest, ok := cutLogger(s)
	if !ok {
		return s
	}
	f.text("logger", name)
	return rest
}

// cutLogger cuts a dotted or slashed name before ": ", " - " or " [": a bare
// word before a colon is as likely a part of the message.
func cutLogger(s string) (name, rest string, ok bool) {
	if s == "" || !isLetter(s[0]) && s[0] != '_' {
		return "", s, false
	}
	i, dotted := 1, false
	for i < len(s) && i <= maxToken && (isNameByte(s[i]) || s[i] == ':' && i+2 < len(s) && (s[i+1] == ':' || s[i-1] == ':')) {
		dotted = dotted || s[i] == '.' || s[i] == '$' || s[i] == '/' || s[i] == ':'
		i++
	}
	if i > maxToken || !dotted {
		return "", s, false
	}
	name, rest = s[:i], s[i:]
	if strings.HasPrefix(rest, ": ") {
		return name, rest[2:], true
	}
	switch after := trimLeft(rest); {
	case len(after) == len(rest):
	case strings.HasPrefix(after, ": ") || strings.HasPrefix(after, "- "):
		return name, after[2:], true
	case strings.HasPrefix(after, "["):
		return name, after, true
	}
	return "", s, false
}

// zapConsole reads zap's console form behind the time's tab:
//
//	INFO\tlogger\tfile.go:1\tmessage\t{"key": "value"}
func (f *Fields) zapConsole(s string) bool {
	line := firstLine(s)
	word, rest, ok := strings.Cut(line, "\t")
	if !ok {
		return false
	}
	if f.Level, ok = levelWord(word); !ok {
		return false
	}
	fields := ""
	if i := strings.LastIndex(rest, "\t{"); i >= 0 {
		rest, fields = rest[:i], rest[i:]
	}
	logger, after, more := strings.Cut(rest, "\t")
	if more && !isCaller(logger) && len(logger) <= maxToken && strings.IndexByte(logger, ' ') < 0 {
		f.text("logger", logger)
		rest = after
	}
	if caller, after, more := strings.Cut(rest, "\t"); more && isCaller(caller) {
		f.text("caller", caller)
		rest = after
	}
	if fields != "" && !f.members(fields[1:]) {
		rest = line[len(line)-len(rest)-len(fields):]
	}
	f.Message = withRest(rest, s[len(line):])
	return true
}

// members adds the fields of a JSON object that is all of s.
func (f *Fields) members(s string) bool {
	head := len(f.Attributes)
	o := newObject(s)
	for o.next() {
		f.add(o.key, o.value)
	}
	if o.bad || !isBlank(s[o.i:]) {
		f.Attributes = f.Attributes[:head]
		return false
	}
	return true
}

// isCaller says whether s is a file and a line.
func isCaller(s string) bool {
	i := strings.LastIndexByte(s, ':')
	return i > 0 && len(s) <= 2*maxToken && isDigits(s[i+1:]) && strings.IndexByte(s[:i], '.') > 0 && strings.IndexByte(s, ' ') < 0
}

// barred reads |component|pid|message (HealthApp) or |LEVEL|message.
func (f *Fields) barred(s string) bool {
	first, rest, ok := strings.Cut(s, "|")
	if !ok || len(first) > maxToken {
		return false
	}
	if level, ok := headerLevel(trim(first)); ok {
		f.Level = level
		f.tail(rest, looseTail)
		return true
	}
	pid, message, ok := strings.Cut(rest, "|")
	if !ok || !isDigits(pid) {
		return false
	}
	f.text("logger", trim(first))
	f.number("pid", pid)
	f.Message = message
	return true
}

// nestedLogfmt reads pairs behind a time that is not one of them.
func (f *Fields) nestedLogfmt(s string, ref int64) bool {
	saved := *f
	if f.logfmt(s, ref) {
		if f.Time == 0 {
			f.Time = saved.Time
		}
		return true
	}
	f.Time, f.Level, f.Attributes = saved.Time, saved.Level, saved.Attributes
	return false
}
