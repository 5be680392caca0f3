package collect

import "bytes"

// The tests of single lines that the rules of traces are made of. Each is
// strict: ordinary indented text, YAML, JSON and wrapped messages pass none.

type word uint8

const (
	noWord word = iota
	errorsWord
	panicWord
)

// triggers are the letters that the words of errorWord are looked up by, one
// that is rare in each.
var triggers = [256]bool{'x': true, 'E': true, 'W': true, 'V': true, 'C': true, 'F': true, 'p': true, 'P': true, 'f': true}

// errorWord finds the words that a trace's header bears: a level, an exception,
// a panic. It reads the first 512 bytes.
func errorWord(text []byte) word {
	if len(text) > 512 {
		text = text[:512]
	}
	found := noWord
	for i, b := range text {
		if !triggers[b] {
			continue
		}
		rest := text[i+1:]
		switch b {
		case 'p', 'P':
			if hasPrefix(rest, "anic") {
				return panicWord
			}
		case 'f', 'F':
			if hasPrefix(rest, "atal") || hasPrefix(rest, "ATAL") {
				return panicWord
			}
		case 'x':
			if hasPrefix(rest, "ception") {
				found = errorsWord
			}
		case 'E':
			if hasPrefix(rest, "rror") || hasPrefix(rest, "RROR") || hasPrefix(rest, "xception") {
				found = errorsWord
			}
		case 'W':
			if hasPrefix(rest, "ARN") {
				found = errorsWord
			}
		case 'V':
			if i >= 2 && hasPrefix(text[i-2:], "SEVERE") {
				found = errorsWord
			}
		case 'C':
			if hasPrefix(rest, "RITICAL") {
				found = errorsWord
			}
		}
	}
	return found
}

func hasPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix
}

// isKlog: "F0803 09:18:00.844999       1 main.go:1] msg", of any severity.
func isKlog(b []byte) bool {
	if len(b) < 21 || b[5] != ' ' || b[8] != ':' {
		return false
	}
	switch b[0] {
	case 'I', 'W', 'E', 'F':
		return isDigits(b[1:5])
	}
	return false
}

func isKlogFatal(b []byte) bool { return b[0] == 'F' && isKlog(b) }

// isException: a line that begins with an exception's class, as a runtime
// prints it, not a log line's head: "java.lang.IllegalStateException: boom",
// "Exception in thread "main" ...", "TypeError: x", "Unhandled exception. ...".
func isException(b []byte) bool {
	for _, p := range [...]string{"Exception in thread ", "Unhandled exception", "Unhandled Exception"} {
		if hasPrefix(b, p) {
			return true
		}
	}
	b = bytes.TrimPrefix(b, []byte("Uncaught "))
	n := 0
	for n < len(b) && (isLetter(b[n]) || b[n] >= '0' && b[n] <= '9' || b[n] == '.' || b[n] == '_' || b[n] == '$' || b[n] == '/' || b[n] == '`') {
		n++
	}
	name, rest := b[:n], b[n:]
	if n == 0 || !isLetter(name[0]) || len(rest) > 0 && rest[0] != ':' && !hasPrefix(rest, " [") && !hasPrefix(rest, " (") {
		return false
	}
	dots := bytes.Count(name, []byte{'.'})
	last := name[bytes.LastIndexByte(name, '.')+1:]
	if len(last) == 0 || last[0] < 'A' || last[0] > 'Z' {
		return false
	}
	return dots >= 2 || bytes.Contains(last, []byte("Exception")) || bytes.Contains(last, []byte("Error")) || bytes.Contains(last, []byte("Throwable"))
}

// isMessage: a further line of an exception's message, as far as one can be
// told from a new log line: indented, or Node's list of who required a module.
func isMessage(b []byte) bool {
	return b[0] == ' ' || b[0] == '\t' || hasPrefix(b, "- ") || string(b) == "Require stack:"
}

// isCause: what leads from one exception of a trace to the next.
func isCause(bare []byte) bool {
	for _, p := range [...]string{"Caused by: ", "Suppressed: ", "Wrapped by: ", "[cause]: ", "---> "} {
		if hasPrefix(bare, p) {
			return true
		}
	}
	return false
}

// isElision: lines that stand among a trace's frames without being one: Java's
// "... 12 more", .NET's "--- End of inner exception stack trace ---".
func isElision(bare []byte) bool {
	if hasPrefix(bare, "--- End of ") {
		return true
	}
	if !hasPrefix(bare, "... ") {
		return false
	}
	n, rest, _ := bytes.Cut(bare[4:], []byte{' '})
	return isDigits(n) && (hasPrefix(rest, "more") || hasPrefix(rest, "common frames omitted"))
}

// isAtFrame: an indented frame of Java, JavaScript or .NET.
//
//	at com.shop.Orders.place(Orders.java:42) ~[app.jar:1.0]
//	at async place (/app/orders.js:10:5)
//	at /app/orders.js:10:5
//	at Shop.Orders.Place(Order o) in /src/Orders.cs:line 42
func isAtFrame(b []byte) bool {
	bare := bytes.TrimLeft(b, " \t")
	if len(bare) == len(b) || !hasPrefix(bare, "at ") {
		return false
	}
	s := bytes.TrimSuffix(bytes.TrimRight(bare[3:], " \t\r"), []byte(" {"))
	open := bytes.IndexByte(s, '(')
	switch {
	case open < 0:
		place := s[bytes.LastIndexByte(s, ' ')+1:]
		return isScriptPlace(place) && bytes.Count(s, []byte{' '}) <= 1
	case open == 0:
		return false
	case s[open-1] == ' ':
		return s[len(s)-1] == ')' && isScriptPlace(s[open+1:len(s)-1])
	}
	name := s[:open]
	return bytes.IndexByte(name, ' ') < 0 && (bytes.IndexByte(name, '.') > 0 || hasPrefix(name, "lambda_method")) && bytes.IndexByte(s[open:], ')') > 0
}

// isScriptPlace: "file.js:10:5" and what stands in its place.
func isScriptPlace(b []byte) bool {
	switch string(b) {
	case "<anonymous>", "native":
		return true
	}
	if hasPrefix(b, "index ") {
		return isDigits(b[len("index "):])
	}
	column := bytes.LastIndexByte(b, ':')
	if column <= 0 || !isDigits(b[column+1:]) {
		return false
	}
	line := bytes.LastIndexByte(b[:column], ':')
	return line > 0 && isDigits(b[line+1:column])
}

// opensBraces: Node prints an error's own properties behind its last frame.
func opensBraces(b []byte) bool { return bytes.HasSuffix(b, []byte(" {")) }

// isTraceback: "Traceback (most recent call last):", also behind a log line's
// head, and an ExceptionGroup's.
func isTraceback(b []byte) bool {
	return bytes.HasSuffix(b, []byte("Traceback (most recent call last):"))
}

// isPythonFile: `File "app.py", line 10, in place`.
func isPythonFile(bare []byte) bool {
	if !hasPrefix(bare, `File "`) {
		return false
	}
	at := bytes.Index(bare, []byte(`", line `))
	return at > 0 && at+8 < len(bare) && bare[at+8] >= '0' && bare[at+8] <= '9'
}

// isPythonFinal: the exception that ends a traceback: a dotted name, alone or
// before a colon; never a level's name.
func isPythonFinal(b []byte) bool {
	n := 0
	for n < len(b) && (isLetter(b[n]) || b[n] == '_' || b[n] == '.' || b[n] >= 0x80 || n > 0 && b[n] >= '0' && b[n] <= '9') {
		n++
	}
	switch string(b[:n]) {
	case "", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL":
		return false
	}
	return n == len(b) || b[n] == ':' && (n+1 == len(b) || b[n+1] == ' ')
}

func isPythonChain(bare []byte) bool {
	switch string(bare) {
	case "During handling of the above exception, another exception occurred:",
		"The above exception was the direct cause of the following exception:":
		return true
	}
	return false
}

// isGoroutine: "goroutine 1 [running]:".
func isGoroutine(b []byte) bool {
	if !hasPrefix(b, "goroutine ") {
		return false
	}
	b = b[len("goroutine "):]
	n, rest, ok := bytes.Cut(b, []byte{' '})
	return ok && isDigits(n) && bytes.IndexByte(rest, '[') >= 0 && bytes.HasSuffix(bytes.TrimRight(rest, " "), []byte("]:"))
}

// isGoLocation: "\t/app/main.go:10 +0x1d", also with the frame's addresses
// behind it, and without an offset where a call was inlined. Real dumps bear
// stray timestamps in their lines, so with an offset the rest may be damaged.
func isGoLocation(b []byte) bool {
	if len(b) < 5 || b[0] != '\t' {
		return false
	}
	if i := bytes.Index(b, []byte(" +0x")); i > 0 {
		b = b[:i]
		if bytes.Contains(b, []byte(".go:")) {
			return true
		}
	}
	colon := bytes.LastIndexByte(b, ':')
	if colon < 0 || !isDigits(b[colon+1:]) {
		return false
	}
	file := b[:colon]
	for _, end := range [...]string{".go", ".s", ".c", ".cc", ".cpp", ".h", "<autogenerated>", "??"} {
		if bytes.HasSuffix(file, []byte(end)) {
			return true
		}
	}
	return false
}

// isGoCall: a function's line of a dump, known by its arguments:
// "main.(*T).Do(0xc000010001, {0x1, 0x2}, ...)", "main.main()".
func isGoCall(b []byte) bool {
	open := bytes.LastIndexByte(b, '(')
	if open <= 0 || bytes.IndexByte(b[:open], ' ') >= 0 || bytes.IndexByte(b[:open], '.') <= 0 || !isLetter(b[0]) {
		return false
	}
	for _, x := range b[open+1 : len(b)-1] {
		switch {
		case x >= '0' && x <= '9', x >= 'a' && x <= 'f', x == 'x', x == ',', x == ' ', x == '.', x == '{', x == '}', x == '_', x == '?':
		default:
			return false
		}
	}
	return true
}

// isGoName: a function's line without arguments, as zap prints stacks:
// "sigs.k8s.io/controller-runtime/pkg/internal/controller.(*Controller).Start".
func isGoName(b []byte) bool {
	return isLetter(b[0]) && bytes.IndexByte(b, ' ') < 0 && bytes.IndexByte(b, '\t') < 0 && bytes.IndexByte(b[1:], '.') >= 0
}

func isUnavailable(b []byte) bool {
	return b[0] == '\t' && bytes.HasSuffix(b, []byte("stack unavailable"))
}

func isGoElision(b []byte) bool {
	return hasPrefix(b, "...") && bytes.HasSuffix(b, []byte("frames elided..."))
}

func isRuntimeStack(b []byte) bool { return string(b) == "runtime stack:" }

func isSignal(b []byte) bool {
	return hasPrefix(b, "[signal ") || hasPrefix(b, "[originating from goroutine ")
}

// isRegister: "rax    0x7f", the registers that follow a crash's goroutines.
func isRegister(b []byte) bool {
	name, rest, ok := bytes.Cut(b, []byte{' '})
	value := bytes.TrimLeft(rest, " ")
	return ok && len(name) <= 8 && hasPrefix(value, "0x") && len(value) > 2 && len(value) <= 18 &&
		len(bytes.Trim(value[2:], "0123456789abcdef")) == 0 && len(bytes.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789")) == 0
}

func isDigits(b []byte) bool {
	for _, d := range b {
		if d < '0' || d > '9' {
			return false
		}
	}
	return len(b) > 0
}
