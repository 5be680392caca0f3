package collect

import "bytes"

// verdict says what a line is to the trace before it.
type verdict uint8

const (
	foreign  verdict = iota // none of it
	doubtful                // perhaps: a later line will tell
	belongs                 // part of it, with the doubtful lines before it
	ends                    // part of it, and its last line
)

// family is a kind of stack trace.
type family uint8

const (
	header family = iota // a line that may be a trace's cause
	frames               // Java, JavaScript, .NET: lines of "at"
	python
	goroutines
	privateKey // no trace, but joined alike
)

// trace is what must be known of a trace's lines to judge the next one. Its
// rules are strict: a line joined wrongly is worse than one left alone.
type trace struct {
	family family

	// header
	bare  bool // begins with an exception's name, not with a log line's head
	panic bool // a Go program's end: a goroutine dump may follow

	// frames
	braces  bool // within the { } that Node prints behind a frame
	message bool // the last sure line named an exception: its text may go on

	// python
	indent int       // that of "Traceback", and of the exception that ends it
	stage  pythonPos // what came last

	// Doubtful lines so far, since the last sure one.
	blanks, messages, functions int
	exception                   bool
}

type pythonPos uint8

const (
	pythonHead  pythonPos = iota // Traceback
	pythonFrame                  // File, code
	pythonFinal                  // the exception
	pythonChain                  // During handling of the above exception
)

// opening tells whether a line may begin a trace, and how. It runs for every
// line: what is usual must be told apart fast.
func opening(text []byte) (trace, bool) {
	if len(text) == 0 {
		return trace{}, false
	}
	switch text[0] {
	case '{':
		return trace{}, false // structured logs bring their traces along
	case ' ', '\t':
		return openingIndented(text)
	case 'g':
		if isGoroutine(text) {
			return trace{family: goroutines}, true
		}
	case 'C', 'W':
		if isCause(text) {
			return trace{family: frames, message: true}, true
		}
	}
	switch text[len(text)-1] {
	case ')':
		if isGoCall(text) {
			return trace{family: goroutines, functions: 1}, true
		}
	case ':':
		if isTraceback(text) {
			return trace{family: python}, true
		}
	}
	word := errorWord(text)
	if word == noWord && !isKlogFatal(text) && !bytes.HasPrefix(text, []byte("SIG")) {
		return trace{}, false
	}
	return trace{
		bare:  isException(text),
		panic: word == panicWord || isKlogFatal(text) || bytes.HasPrefix(text, []byte("SIG")),
	}, true
}

// openingIndented: an indented line begins a trace only if it is a line of one,
// whose beginning was lost or stands in another stream; or an exception's.
func openingIndented(text []byte) (trace, bool) {
	bare := bytes.TrimLeft(text, " \t")
	switch {
	case isAtFrame(text):
		return trace{family: frames, braces: opensBraces(text)}, true
	case isGoLocation(text):
		return trace{family: goroutines}, true
	case isTraceback(bare):
		return trace{family: python, indent: len(text) - len(bare)}, true
	case isPythonFile(bare) && len(text)-len(bare) >= 2:
		return trace{family: python, indent: len(text) - len(bare) - 2, stage: pythonFrame}, true
	case isException(bare):
		return trace{bare: true}, true
	}
	return trace{}, false
}

// next judges the line that follows.
func (t *trace) next(text []byte) verdict {
	var v verdict
	switch t.family {
	case header:
		v = t.afterHeader(text)
	case frames:
		v = t.afterFrame(text)
	case python:
		v = t.afterPython(text)
	case goroutines:
		v = t.afterGo(text)
	case privateKey:
		v = afterKey(text)
	}
	if v == belongs || v == ends {
		t.blanks, t.messages, t.functions, t.exception = 0, 0, 0, false
	}
	return v
}

// afterHeader: only what is plainly a trace makes the line before its header.
// What may stand between the two is doubtful until then: an exception's name
// below a log line, the further lines of its message, what Go prints between a
// panic and the goroutines.
func (t *trace) afterHeader(text []byte) verdict {
	if isBlank(text) {
		if !t.panic || t.blanks == 2 {
			return foreign
		}
		t.blanks++
		return doubtful
	}
	bare := bytes.TrimLeft(text, " \t")
	switch {
	case t.panic && (isGoroutine(text) || isRuntimeStack(text)):
		t.family = goroutines
		return belongs
	case t.panic && isSignal(bare):
		return belongs
	case t.blanks > 0:
		return foreign
	case isAtFrame(text):
		t.family, t.braces = frames, opensBraces(text)
		return belongs
	case isCause(bare):
		t.family, t.message = frames, true
		return belongs
	case isTraceback(bare) && (hasPrefix(bare, "Traceback") || bare[0] == '+') && !t.bare && !t.exception && t.messages == 0:
		t.family, t.stage, t.indent = python, pythonHead, len(text)-len(bare)
		return belongs
	case t.functions == 1 && isGoLocation(text):
		t.family = goroutines
		return belongs
	case t.functions > 0:
		return foreign
	case t.panic && (bytes.HasPrefix(bare, []byte("panic: ")) && len(bare) < len(text) || bytes.HasPrefix(text, []byte("PC=0x"))):
		return doubtful
	case (t.bare || t.exception || t.panic && text[0] == '\t') && t.messages < 8 && isMessage(text):
		t.messages++
		return doubtful
	case t.messages > 0:
		return foreign
	case !t.bare && !t.exception && isException(bare):
		t.exception = true
		return doubtful
	case !t.exception && isGoName(text):
		t.functions++
		return doubtful
	}
	return foreign
}

func (t *trace) afterFrame(text []byte) verdict {
	if len(text) == 0 {
		return foreign
	}
	bare := bytes.TrimLeft(text, " \t")
	indented := len(bare) < len(text)
	switch {
	case isAtFrame(text):
		t.message = false
		t.braces = t.braces || opensBraces(text)
		return belongs
	case isCause(bare):
		t.message = true
		return belongs
	case isElision(bare) && indented:
		t.message = false
		return belongs
	case t.braces && indented && len(bare) > 0:
		return belongs
	case t.braces && text[0] == '}':
		t.braces = false
		return belongs
	case t.message && t.messages < 8 && isMessage(text):
		t.messages++
		return doubtful
	}
	return foreign
}

func (t *trace) afterPython(text []byte) verdict {
	if isBlank(text) {
		if t.stage < pythonFinal || t.blanks == 1 {
			return foreign
		}
		t.blanks++
		return doubtful
	}
	bare := bytes.TrimLeft(text, " \t")
	indent := len(text) - len(bare)
	isGroup := indent > 0 && (bare[0] == '|' || bare[0] == '+') // an ExceptionGroup's drawing
	switch t.stage {
	case pythonHead:
		if isPythonFile(bare) && indent > t.indent || isGroup {
			t.stage = pythonFrame
			return belongs
		}
	case pythonFrame:
		if indent > t.indent || isGroup {
			return belongs
		}
		if indent == t.indent && isPythonFinal(bare) {
			t.stage = pythonFinal
			return belongs
		}
	case pythonFinal:
		if isPythonChain(bare) {
			t.stage = pythonChain
			return belongs
		}
	case pythonChain:
		if isTraceback(bare) {
			t.stage, t.indent = pythonHead, indent
			return belongs
		}
	}
	return foreign
}

// afterGo: a function's line is known by the location below it.
func (t *trace) afterGo(text []byte) verdict {
	if isBlank(text) {
		if t.functions > 0 || t.blanks == 2 {
			return foreign
		}
		t.blanks++
		return doubtful
	}
	switch {
	case t.functions > 0:
		if isGoLocation(text) {
			return belongs
		}
		return foreign
	case isGoroutine(text), isRuntimeStack(text), isSignal(text), isRegister(text):
		return belongs
	case bytes.HasPrefix(text, []byte("exit status ")):
		return ends
	case t.blanks > 0:
		return foreign
	case isGoLocation(text), isUnavailable(text):
		return belongs
	case bytes.HasPrefix(text, []byte("created by ")), isGoElision(text):
		return belongs
	case text[0] != ' ' && text[0] != '\t' && (bytes.IndexByte(text, '(') > 0 || bytes.IndexByte(text, ' ') < 0):
		t.functions++
		return doubtful
	}
	return foreign
}
