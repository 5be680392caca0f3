package diagnose

// programRules: faults of a program's own code, and what is left: lines that tell
// that something failed, and not what.
func programRules() []Rule {
	return []Rule{
		{
			Name: "crash", Cause: CauseApplicationException, Depth: Failure, In: Logs | Journal,
			Words: []string{"panic", "segfault", "segmentation fault", "sigsegv", "unhandled", "uncaught", "exception in thread", "traceback", "core dumped", "nil pointer", "sigabrt", "fatal exception"},
			Match: `(?m:^panic: [^\n]*)|panic recovered|http: panic serving|nil pointer dereference|segfault at|segmentation fault|SIGSEGV|SIGABRT|core dumped|(?:Unhandled|Uncaught) (?:promise )?(?:exception|rejection|error)[^\n]*|UnhandledPromiseRejection|Exception in thread [^\n]*|Traceback \(most recent call last\)`,
			Says:  "the program ends with an exception of its own code",
		},
		{
			Name: "exception", Cause: CauseApplicationException, Depth: Failure, In: Logs,
			Words:  []string{"exception", "typeerror", "referenceerror", "valueerror", "attributeerror", "zerodivisionerror", "indexerror", "keyerror", "nomethoderror", "runtimeerror", "stack trace", "assertionerror", "rangeerror", "undefined method", "of undefined", "of null"},
			Match:  `(?P<exception>\b[A-Za-z.]*(?:NullPointer|IllegalState|IllegalArgument|IndexOutOfBounds|ClassCast|Arithmetic|NumberFormat|Runtime|NullReference|InvalidOperation|Concurrent\w*|NoSuch\w+|Unsupported\w+)Exception)|(?P<exception>\b(?:Type|Reference|Value|Attribute|ZeroDivision|Index|Key|NoMethod|Runtime|Assertion|Range|Name)Error)\b:? |Cannot read propert(?:y|ies) of (?:undefined|null)`,
			Unless: `register(?:ed|ing)`,
			Least:  2, Says: "the program throws {exception|exceptions}",
		},
		{
			Name: "wrong-result", Cause: CauseApplicationLogic, Depth: Failure, In: Logs,
			Words: []string{"unexpected result", "inconsistent", "mismatch", "invariant", "sanity check", "incorrect", "expected"},
			Match: `unexpected (?:empty )?(?:result|response|value)|data (?:inconsisten\w+|mismatch|corruption)|(?:total|amount|balance|checksum|count|price) mismatch|invariant (?:violated|failed)|sanity check failed|incorrect (?:result|total|amount|value)`,
			Least: 2, Says: "it returns or finds wrong results",
		},
		{
			Name: "cannot-go-on", Cause: CauseCrashLoopAppError, Depth: Symptom, In: Logs,
			Words:  []string{"exit", "cannot start", "shutting down", "failed to start", "terminating", "aborting", "fatal", "startup failed", "initialization failed", "giving up"},
			Match:  `exit(?:ing|ed)?(?: with)?(?: status| code)?[ :=]+[1-9]\d*\b|(?:cannot|could not|unable to|failed to) (?:start|initiali[sz]e|boot)|shutting down (?:due to|after|because)|(?:startup|initiali[sz]ation) failed|FATAL|giving up|aborting`,
			Unless: `exit(?:ed)? (?:status|code)?[ :=]*0\b|non[- ]?fatal|SIGTERM|graceful|(?m:^\s*(?:Last )?State:)|"exitCode"`, Says: "it cannot go on: {subject} says that it ends",
		},
		{
			Name: "errors", Cause: CauseCrashLoopAppError, Depth: Symptom, In: Logs,
			Words:  []string{"error", "fail", "exception", "fatal", "unable", "cannot", "could not", "refused", "denied"},
			Match:  `(?-i:\b(?:ERROR|FATAL|CRITICAL|SEVERE|Error|Exception)\b)[^\n]*|\b(?:failed|failure|unable to|cannot|could not)\b[^\n]*`,
			Unless: `\b(?:0|no) (?:errors?|failures?|failed)\b|errors?["' ]*[=:]\s*["']?(?:0|null|nil|none|\[\s*\]|false|<nil>)|without errors?|failed["' ]*[=:]\s*["']?0|(?m:^\s*(?:Last )?State:)|"exitCode"`,
			Least:  3, Says: "it reports errors",
		},
	}
}
