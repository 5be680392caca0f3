package diagnose

// memoryRules: killed for memory.
func memoryRules() []Rule {
	return []Rule{
		{
			Name: "oom-killed", Cause: CauseOOMKilled, Depth: Root, In: Events | Logs | Journal,
			Words: []string{"oomkilled", "oomkilling", "oom-killed", "oom killed"},
			Match: `\bOOM[- ]?Killed\b(?:.{0,60}?Exit ?Code` + gap + `(?P<exit>\d+))?`,
			Says:  "a container was killed: it reached its memory limit",
		},
		{
			Name: "oom-kernel", Cause: CauseOOMKilled, Depth: Root, In: Events | Logs | Journal,
			Words: []string{"oom-kill:", "out of memory", "oom-killer", "oom encountered"},
			Match: `oom-kill:constraint=\S*?(?:task_memcg=\S*?pod(?P<poduid>[0-9a-f][-_0-9a-f]{34}[0-9a-f])\S*)?,task=(?P<process>[^,\s]+)|(?:Memory cgroup out of memory|Out of memory): Kill(?:ed)? process \d+ \((?P<process>[^)]+)\)|invoked oom-killer|System OOM encountered(?:, victim process: (?P<process>[^,]+))?`,
			Says:  "the kernel killed process {process|of a container} for want of memory",
		},
		{
			Name: "memory-limit", Cause: CauseOOMKilled, Depth: Context, In: Logs, Words: []string{"limits"},
			Match: `Limits:.{0,80}?memory:\s+(?P<limit>\S+)`, Says: "its memory limit is {limit}",
		},
	}
}
