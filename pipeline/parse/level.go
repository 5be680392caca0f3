package parse

import (
	"strings"

	"github.com/loglode/loglode/pipeline"
)

// levelWord reads a level in any spelling that logs use: a word or its
// abbreviation in any case ("W", "warn", "WARNING", "notice", "crit",
// "DPANIC", "SEVERE"), bunyan's and pino's numbers (10 trace to 60 fatal), and
// the severities of syslog (RFC 5424, 0 emergency to 7 debug).
func levelWord(s string) (pipeline.Level, bool) {
	s = trim(s)
	if s == "" || len(s) > 16 {
		return pipeline.LevelUnknown, false
	}
	if isDigit(s[0]) {
		return levelNumber(s)
	}
	var lower [16]byte
	toLower(lower[:len(s)], s)
	switch string(lower[:len(s)]) {
	case "trace", "trc", "trce", "finest", "finer", "verbose", "verb", "vrb", "vrbs", "v", "t":
		return pipeline.LevelTrace, true
	case "debug", "dbg", "dbug", "deb", "debg", "fine", "d",
		"debug1", "debug2", "debug3", "debug4", "debug5", "level(-1)", "level(-2)", "level(-3)", "level(-4)":
		return pipeline.LevelDebug, true
	case "info", "inf", "information", "informational", "notice", "note", "ntc", "log", "config",
		"success", "normal", "system", "i", "n":
		return pipeline.LevelInfo, true
	case "warn", "wrn", "warning", "w":
		return pipeline.LevelWarn, true
	case "error", "err", "erro", "eror", "severe", "fail", "e", "failure":
		return pipeline.LevelError, true
	case "fatal", "ftl", "crit", "critical", "crt", "alert", "emerg", "emergency", "panic", "pnc", "dpanic", "f", "c":
		return pipeline.LevelFatal, true
	}
	return pipeline.LevelUnknown, false
}

// levelNumber reads bunyan's tens and syslog's single digits.
func levelNumber(s string) (pipeline.Level, bool) {
	switch {
	case len(s) == 1 && s[0] <= '7':
		return severity(int(s[0] - '0')), true
	case len(s) == 2 && isDigit(s[1]) && s[0] >= '1' && s[0] <= '6':
		return pipeline.LevelTrace + pipeline.Level(s[0]-'1'), true
	}
	return pipeline.LevelUnknown, false
}

// severity is the level of a syslog severity (RFC 5424, 6.2.1).
func severity(n int) pipeline.Level {
	switch n {
	case 0, 1, 2:
		return pipeline.LevelFatal
	case 3:
		return pipeline.LevelError
	case 4:
		return pipeline.LevelWarn
	case 5, 6:
		return pipeline.LevelInfo
	}
	return pipeline.LevelDebug
}

// headerLevel reads a word that stands where a header has its level. Single
// letters and words that are as likely a name ("log", "config") need more
// certainty: those count only in capitals.
func headerLevel(word string) (pipeline.Level, bool) {
	if len(word) < 3 || !isLetter(word[0]) {
		return pipeline.LevelUnknown, false
	}
	level, ok := levelWord(word)
	if !ok || isUpper(word[len(word)-1]) {
		return level, ok
	}
	for _, name := range [...]string{"log", "config", "fine", "finer", "finest", "fail", "failure", "note", "normal",
		"success", "system", "alert", "verb", "deb"} {
		if strings.EqualFold(word, name) {
			return pipeline.LevelUnknown, false
		}
	}
	return level, true
}

// leadLevel reads the level that s begins with, where its form leaves no doubt
// that it is one and not the first word of a sentence: in brackets, before a
// colon, bar or tab, in capitals, or padded to a column. rest begins behind the
// delimiter, with its spaces.
func leadLevel(s string) (level pipeline.Level, rest string, ok bool) {
	if s == "" {
		return 0, s, false
	}
	if s[0] == '[' || s[0] == '<' {
		return enclosedLevel(s)
	}
	n := 0
	for n < len(s) && n < 16 && (isLetter(s[n]) || n > 0 && isDigit(s[n])) {
		n++
	}
	if n == 1 {
		return letterLevel(s)
	}
	level, ok = headerLevel(s[:n])
	if !ok {
		return 0, s, false
	}
	rest = s[n:]
	capitals := isUpper(s[0]) && isUpper(s[n-1])
	switch {
	case rest == "":
		return level, rest, capitals
	case rest[0] == '\t' || rest[0] == '|':
		return level, rest[1:], true
	case rest[0] == ':':
		if !capitals && keepsWord(level) {
			return level, s, true // "Error: x" is the message, not its header
		}
		return level, rest[1:], true
	case rest[0] != ' ':
		return 0, s, false
	case capitals, strings.HasPrefix(rest, "  "):
		return level, rest, true
	case strings.HasPrefix(rest, " - "), strings.HasPrefix(rest, " | "), strings.HasPrefix(rest, " --- "):
		return level, rest, true
	}
	return 0, s, false
}

// keepsWord says whether a small-letter level word before a colon is part of
// what it says: "error: no such file", "panic: boom", "Error: ECONNREFUSED".
func keepsWord(l pipeline.Level) bool { return l >= pipeline.LevelError }

// enclosedLevel reads "[error]", "[ info]", "<warn>", "[core:error]".
func enclosedLevel(s string) (level pipeline.Level, rest string, ok bool) {
	end := byte(']')
	if s[0] == '<' {
		end = '>'
	}
	i := strings.IndexByte(s[:min(len(s), 24)], end)
	if i < 0 {
		return 0, s, false
	}
	word := trim(s[1:i])
	if len(word) == 1 && isUpper(word[0]) {
		level, ok = levelWord(word)
		return level, s[i+1:], ok
	}
	if j := strings.LastIndexByte(word, ':'); j > 0 {
		word = word[j+1:]
	}
	level, ok = headerLevel(word)
	if !ok && strings.EqualFold(word, "note") || strings.EqualFold(word, "alert") || strings.EqualFold(word, "system") {
		level, ok = levelWord(word)
	}
	return level, s[i+1:], ok
}

// letterLevel reads a level of one letter where the shape behind it is known:
// capnslog's "I | pkg: x" and MongoDB's "I NETWORK  [ctx] x".
func letterLevel(s string) (level pipeline.Level, rest string, ok bool) {
	level, ok = levelWord(s[:1])
	if !ok || len(s) < 4 || s[1] != ' ' || !isUpper(s[0]) {
		return 0, s, false
	}
	if s[2] == '|' && s[3] == ' ' {
		return level, s[3:], true
	}
	i := 2
	for i < len(s) && isUpper(s[i]) {
		i++
	}
	if i > 4 && strings.HasPrefix(s[i:], " ") && strings.HasPrefix(trimLeft(s[i:]), "[") {
		return level, s[1:], true
	}
	return 0, s, false
}

// outcry is the level of a text that has no header but begins as a crash or an
// exception does.
func outcry(s string) pipeline.Level {
	if s == "" {
		return pipeline.LevelUnknown
	}
	for _, p := range &outcries {
		if s[0] == p.text[0] && strings.HasPrefix(s, p.text) {
			return p.level
		}
	}
	// An exception's class and a colon: "java.lang.IllegalStateException: x",
	// "ValueError: x". Only the class's own name may stand before the colon.
	if name, _, ok := cutName(s, ":"); ok && len(name) > 5 &&
		(strings.HasSuffix(name, "Error") || strings.HasSuffix(name, "Exception")) {
		return pipeline.LevelError
	}
	return pipeline.LevelUnknown
}

var outcries = [...]struct {
	text  string
	level pipeline.Level
}{
	{"panic: ", pipeline.LevelFatal},
	{"fatal error: ", pipeline.LevelFatal},
	{"fatal: ", pipeline.LevelFatal},
	{"runtime: goroutine stack exceeds", pipeline.LevelFatal},
	{"thread '", pipeline.LevelFatal}, // Rust: thread 'main' panicked at
	{"terminate called ", pipeline.LevelFatal},
	{"Segmentation fault", pipeline.LevelFatal},
	{"segmentation fault", pipeline.LevelFatal},
	{"SIGSEGV", pipeline.LevelFatal},
	{"Fatal error", pipeline.LevelFatal},
	{"Fatal Python error", pipeline.LevelFatal},
	{"FATAL ERROR", pipeline.LevelFatal},
	{"Traceback (most recent call last)", pipeline.LevelError},
	{"Exception in thread ", pipeline.LevelError},
	{"Caused by: ", pipeline.LevelError},
	{"Unhandled exception", pipeline.LevelError},
	{"Unhandled Exception", pipeline.LevelError},
	{"Uncaught ", pipeline.LevelError},
	{"UnhandledPromiseRejection", pipeline.LevelError},
	{"npm ERR! ", pipeline.LevelError},
	{"Error: ", pipeline.LevelError},
	{"error: ", pipeline.LevelError},
}
