package diagnose

import "github.com/loglode/loglode/pipeline"

// startRules: programs that cannot start as they were told to.
func startRules() []Rule {
	return []Rule{
		{
			Name: "env-missing", Cause: CauseMisconfiguredEnv, Depth: Root, In: Logs,
			Words: []string{"environment", "env var", "env_var", "keyerror", "process.env", "missing value", "getenv", "placeholder", "os.environ"},
			Match: `(?:environment variables?|env(?:ironment)? ?vars?)[: \\"'$({` + "`" + `]*(?P<env>[A-Z][A-Z0-9_]{2,})?[^\n]{0,60}?(?:is |are |was )?(?:undefined|missing|not (?:set|defined|found|provided|present)|unset|empty|required|invalid|must be)` +
				`|(?:missing|undefined|unset|required|invalid|no|expected)[^\n]{0,30}(?:environment variables?|env(?:ironment)? ?vars?)[: \\"'$({` + "`" + `]*(?P<env>[A-Z][A-Z0-9_]{2,})?` +
				`|KeyError: [\\"'](?P<env>[A-Z][A-Z0-9]*_[A-Z0-9_]+)[\\"']|required key (?P<env>[A-Z0-9_]+) missing value|Could not resolve placeholder [\\"'](?P<env>[^\\"']+)[\\"']|process\.env\.(?P<env>\w+)[^\n]{0,40}(?:undefined|missing|not set|required)`,
			Unless: `using (?:the )?default|defaults? to|falling back|optional`, Level: pipeline.LevelInfo,
			Says: "environment variable {env|that it needs} is missing or wrong",
		},
		{
			Name: "env-unset", Cause: CauseMisconfiguredEnv, Depth: Root, In: Logs,
			Words:  []string{"not set", "not defined", "undefined", "unset", "must be set", "is required", "missing", "parameter null", "unbound variable", "must set", "please set", "must specify", "please specify"},
			Match:  `(?-i:\b\$?\{?(?P<env>[A-Z][A-Z0-9]*_[A-Z0-9_]+)\}?)[\\"'` + "`" + `]?:? (?:is |was |variable |env )*(?:not set|not defined|undefined|unset|missing|required|must be set|unbound variable|parameter (?:null or )?not set)|(?:missing|must (?:set|specify)|please (?:set|specify)|required)[^\n]{0,24}?(?-i:\b(?P<env>[A-Z][A-Z0-9]*_[A-Z0-9_]+)\b)`,
			Unless: `using (?:the )?default|defaults? to|falling back|optional`,
			Says:   "environment variable {env} is missing",
		},
		{
			Name: "env-wrong", Cause: CauseMisconfiguredEnv, Depth: Root, In: Logs,
			Words: []string{"invalid value", "bad value", "wrong value", "unsupported value", "invalid literal", "cannot parse", "parsing"},
			Match: `(?:invalid|bad|wrong|unsupported) value[^\n]{0,40}?(?:for|of|in) [\\"']*(?-i:(?P<env>[A-Z][A-Z0-9_]{3,}))\b|(?:cannot parse|failed parsing|error parsing) [\\"']*(?-i:(?P<env>[A-Z][A-Z0-9]*_[A-Z0-9_]+))\b`,
			Says:  "environment variable {env} has a wrong value",
		},
		{
			Name: "command-not-found", Cause: CauseBadCommand, Depth: Root, In: Logs,
			Words: []string{"command not found", ": not found", "executable file not found", "exec format error", "cannot execute", "can't open file", "cannot find module", "could not find or load main class", "unable to access jarfile", "no such file or directory", "permission denied"},
			Match: `(?m:(?:^|[\s:])(?P<command>[-\w./]+): (?:command )?not found$)|sh: \d+: (?P<command>\S+): not found|executable file not found in \$PATH|exec format error|cannot execute(?: binary file|: required file)|exec:? [\\"']+(?P<command>[^\\"']+)[\\"']+: permission denied|can't open file [\\"']?(?P<command>[^\\"'\n]+?)[\\"']?: \[Errno 2\]|Cannot find module [\\"'](?P<command>[./][^\\"']*)[\\"']|Could not find or load main class (?P<command>\S+)|Unable to access jarfile (?P<command>\S+)|(?:/bin/)?(?:ba|da|a)?sh: (?:line )?(?:\d+: )?(?P<command>[-\w./]+): (?:No such file or directory|Permission denied)`,
			Says:  "command {command|of it} does not exist or cannot be run",
		},
		{
			Name: "script-wrong", Cause: CauseBadCommand, Depth: Root, In: Logs,
			Words:  []string{"syntax error", "unexpected end of file", "unexpected eof", "unterminated quoted string", "syntaxerror", "indentationerror", "unknown flag", "unrecognized option", "unrecognized arguments", "flag provided but not defined", "unknown option", "invalid option", "unknown command", "illegal option"},
			Match:  `(?:sh|bash|line \d+)[^\n]{0,40}: syntax error|syntax error near unexpected token|syntax error: unexpected|unexpected (?:EOF|end of file) while looking|Unterminated quoted string|(?m:^(?:\s*)(?:SyntaxError|IndentationError):)|(?:unknown|unrecognized|illegal|invalid) (?:shorthand )?(?:flag|option|arguments?|command)s?\b[: ]+[^\n]*|flag provided but not defined`,
			Unless: `at or near|SQL|YAML|JSON`, Says: "its script, command line or option is wrong",
		},
		{
			Name: "config-wrong", Cause: CauseMisconfiguration, Depth: Root, In: Logs,
			Words:  []string{"config", "[emerg]", "yaml:", "unknown field", "unknown directive", "bad directive", "toml:", "settings", "directive"},
			Match:  `\[emerg\][^\n]*|(?:invalid|bad|malformed|broken|cannot (?:parse|read|load)|can't (?:parse|read|load)|could not (?:parse|read|load|find)|failed to (?:parse|read|load|find|open)|unable to (?:parse|read|load|find)|error (?:parsing|reading|loading|in))[^\n]{0,40}(?:config(?:uration)?|settings)\b[^\n]*|config(?:uration)?(?: file)?[^\n]{0,60}(?:is invalid|not found|does not exist|no such file|missing|failed validation|could not be|parse error)|config file error|bad directive|invalid number of arguments in|directive is not (?:allowed|terminated)|yaml: (?:line \d+|unmarshal)[^\n]*|unknown (?:field|directive)s? [\\"'][^\n]*`,
			Unless: `using (?:the )?defaults?|falling back|optional|ignor(?:ed|ing)|configmap|kubeconfig|host not found|permission denied|already in use`, Says: "its configuration is wrong or missing",
		},
		{
			Name: "address-in-use", Cause: CauseMisconfiguration, Depth: Root, In: Logs, Words: []string{"address already in use", "eaddrinuse", "port is already allocated", "address in use", "already in use"},
			Match: `address already in use|EADDRINUSE|Port (?P<port>\d+) (?:was|is) already in use|Address in use`, Says: "the port {port|that it serves} is in use already",
		},
	}
}
