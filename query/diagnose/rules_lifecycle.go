package diagnose

// lifecycleRules: containers that end, probes that fail, jobs, evictions.
func lifecycleRules() []Rule {
	return []Rule{
		{
			Name: "command-missing", Cause: CauseBadCommand, Depth: Root, In: Events | Logs | Journal,
			Words:   []string{"executable file not found", "runc create failed", "exec format error", "starterror", "containercannotrun", "oci runtime"},
			Match:   `exec: [\\"']*(?P<command>[^\\"':]+)[\\"']*: (?:executable file not found|stat [^:]+: no such file|permission denied)|exec:? [\\"']*(?P<command>[^\\"':\s]+)[\\"']*: (?:no such file or directory|is a directory)|exec format error|(?:StartError|ContainerCannotRun)`,
			Unless:  `probe|rpc error: code = Unknown desc = failed to exec in container`,
			Cleared: nil, Says: "the container's command {command|of it} cannot be run",
		},
		{
			Name: "hook-failed", Cause: CauseBadCommand, Depth: Failure, In: Events, Reasons: []string{"FailedPostStartHook"}, Match: `.`,
			Says: "the container's postStart hook fails",
		},
		{
			Name: "evicted", Cause: CauseNodeCapacity, Depth: Root, In: Events | Logs, Words: []string{"evicted", "low on resource", "the node had condition"},
			Match: `The node was low on resource: (?P<resource>memory|pids?|inodes?)|The node had condition: \[?(?P<resource>MemoryPressure|PIDPressure)`, Says: "the pod was evicted: its node ran low on {resource}",
		},
		{
			Name: "evicted-disk", Cause: CauseDiskPressure, Depth: Root, In: Events | Logs, Words: []string{"evicted", "low on resource", "ephemeral", "diskpressure", "emptydir volume"},
			Match: `The node was low on resource: (?P<resource>ephemeral-storage|imagefs|nodefs)|The node had condition: \[?(?P<resource>DiskPressure)|ephemeral local storage usage exceeds|usage of EmptyDir volume [^\n]* exceeds`, Says: "the pod was evicted: {resource|its disk space} was used up",
		},
		{
			Name: "probe-failed", Cause: CauseProbeFailure, Depth: Symptom, In: Events | Journal, Words: []string{"probe failed", "probe errored", "failed liveness probe", "failed startup probe"},
			Match: `(?P<probe>liveness|readiness|startup) probe (?:failed|errored)|failed (?P<probe>liveness|startup) probe`, Least: 3,
			Says: "the {probe} probe fails",
		},
		{
			Name: "job-failed", Cause: CauseJobFailure, Depth: Symptom, In: Events | Logs, Words: []string{"backoff limit", "backofflimitexceeded", "deadlineexceeded", "longer than specified deadline"},
			Match: `Job has reached the specified backoff limit|BackoffLimitExceeded|Job was active longer than specified deadline`, Says: "the Job failed: it reached its backoff limit or deadline",
		},
		{
			Name: "rollout-stuck", Cause: CauseCrashLoopAppError, Depth: Symptom, In: Events | Logs, Words: []string{"progressdeadlineexceeded", "has timed out progressing"},
			Match: `ProgressDeadlineExceeded|has timed out progressing`, Says: "the roll-out does not get on",
		},
		{
			Name: "back-off", Cause: CauseCrashLoopAppError, Depth: Sign, In: Events | Logs | Journal, Words: []string{"back-off restarting", "crashloopbackoff"},
			Match: `Back-off \S* ?restarting failed container(?:[= ](?P<container>[-a-z0-9]+))?(?: in pod| pod=)?|CrashLoopBackOff`, Says: "container {container|of it} ends again and again",
		},
		{
			Name: "container-failed", Cause: CauseCrashLoopAppError, Depth: Sign, In: Logs, Words: []string{"terminated"},
			Match: `Terminated.{0,40}?Reason` + gap + `Error.{0,40}?Exit ?Code` + gap + `(?P<exit>\d+)|terminated.{0,400}?"exitCode": (?P<exit>[1-9]\d*)`, Says: "a container ended with exit code {exit}",
		},
	}
}
