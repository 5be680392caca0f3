package diagnose

// nodeRules: nodes that are not ready or full.
func nodeRules() []Rule {
	ready := []string{"NodeReady"}
	return []Rule{
		{
			Name: "node-lost", Cause: CauseNodeNotReady, Depth: Failure, In: Events, Reasons: []string{"NodeNotReady", "TaintManagerEviction", "NodeLost"}, Match: `^Node is not ready|^Marking for deletion Pod`, Cleared: ready,
			Says: "the node of the pod is not ready",
		},
		{
			Name: "node-not-ready", Cause: CauseNodeNotReady, Depth: Root, In: Events | Logs, Words: []string{"nodenotready", "notready", "not ready", "stopped posting node status"},
			Match:  `Kubelet stopped posting node status|status is now: NodeNotReady|(?m:^\S+\s+NotReady[\s,])|nodes? [\\"']*(?P<node>[-a-z0-9.]+)[\\"']* (?:is|became) not ?ready`,
			Unless: `node\.kubernetes\.io/not-ready`, Cleared: ready, Says: "{subject} is not ready",
		},
		{
			Name: "runtime-down", Cause: CauseNodeNotReady, Depth: Root, In: Events | Logs | Journal, Words: []string{"container runtime is down", "pleg is not healthy", "container runtime not ready", "containerd.sock", "crio.sock", "docker.sock", "container runtime status check may not have completed"},
			Match:  `container runtime is down|PLEG is not healthy|container runtime (?:network )?not ready|(?:containerd|crio|docker)\.sock[^\n]{0,80}(?:connection refused|no such file|connect:)`,
			Unless: `cni|NetworkPluginNotReady`, Least: 2, Cleared: ready, Says: "the node's container runtime does not answer",
		},
		{
			Name: "disk-pressure", Cause: CauseDiskPressure, Depth: Root, In: Events | Logs | Journal,
			Words:   []string{"diskpressure", "freediskspacefailed", "free disk space", "imagegcfailed", "evictionthresholdmet", "attempting to reclaim", "failed to garbage collect required amount"},
			Match:   `NodeHasDiskPressure|status is now: NodeHasDiskPressure|DiskPressure` + gap + `True|attempting to reclaim (?:ephemeral-storage|nodefs|imagefs|inodes)|failed to garbage collect required amount of images|FreeDiskSpaceFailed|ImageGCFailed|(?:node|it) had (?:the )?condition:? \[?DiskPressure`,
			Cleared: []string{"NodeHasNoDiskPressure"}, Says: "the node's disk is nearly full",
		},
		{
			Name: "node-pressure", Cause: CauseNodeCapacity, Depth: Root, In: Events | Logs | Journal, Words: []string{"memorypressure", "pidpressure", "insufficientmemory", "insufficientpid", "attempting to reclaim"},
			Match:   `NodeHasInsufficient(?P<resource>Memory|PID)|(?P<resource>Memory|PID)Pressure` + gap + `True|attempting to reclaim (?P<resource>memory|pids)`,
			Cleared: []string{"NodeHasSufficientMemory", "NodeHasSufficientPID"}, Says: "the node runs short of {resource}",
		},
		{
			Name: "node-rebooted", Cause: CauseNodeNotReady, Depth: Failure, In: Events, Reasons: []string{"Rebooted"}, Match: `.`, Cleared: ready, Says: "the node was rebooted",
		},
		{
			Name: "node-hardware", Cause: CauseNodeNotReady, Depth: Failure, In: Events | Journal, Words: []string{"kernel", "i/o error", "machine check", "blocked for more than", "soft lockup"},
			Match: `soft lockup|machine check|Buffer I/O error|blk_update_request: I/O error|task \S+ blocked for more than \d+ seconds|KernelDeadlock|ReadonlyFilesystem`, Says: "the node's kernel reports a fault of hardware or disk",
		},
		{
			Name: "cordoned", Cause: CauseFailedSchedulingTaint, Depth: Context, In: Events | Logs, Words: []string{"schedulingdisabled", "unschedulable"},
			Match: `SchedulingDisabled|Unschedulable:\s+true|status is now: NodeNotSchedulable`, Says: "a node is cordoned",
		},
	}
}
