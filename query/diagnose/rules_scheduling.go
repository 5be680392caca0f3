package diagnose

// schedulingRules: the scheduler finds no node. Of several reasons in a message
// that counts which is nearest to the pod: its volumes first.
func schedulingRules() []Rule {
	failed := []string{"FailedScheduling"}
	placed := []string{"Scheduled"}
	const none = `nodes are available|no nodes available to schedule|0/\d+ nodes`
	row := func(rule string, cause Cause, match, says string) Rule {
		return Rule{Name: rule, Cause: cause, Depth: Root, In: Events | Logs, Words: []string{"nodes are available", "persistentvolumeclaim", "no nodes available"}, Match: match, Cleared: placed, Says: says}
	}
	// Why a claim is not bound the claim's own events tell.
	failing := func(rule string, cause Cause, match, says string) Rule {
		r := row(rule, cause, match, says)
		r.Depth = Failure
		return r
	}
	return []Rule{
		row("claim-missing", CauseMissingObject, `persistentvolumeclaims? [\\"']*(?P<pvc>[a-z0-9][-a-z0-9.]*)[\\"']* (?:not found|does not exist)`, "PersistentVolumeClaim {pvc} does not exist"),
		failing("schedule-claim-unbound", CausePVCUnbound, `unbound (?:immediate )?PersistentVolumeClaims?|didn't find available persistent volumes to bind|volume node affinity conflict|persistentvolumeclaim [\\"']*(?P<pvc>[a-z0-9][-a-z0-9.]*)[\\"']* (?:is|bound to)`, "a volume claim of the pod is not bound, or its volume is bound to other nodes"),
		// The scheduler asks each node for its taints, its labels, its room, then for
		// pods that must not be beside, and names the first that fails: a node without
		// room has passed the others.
		row("schedule-apart", CauseFailedSchedulingSelector, `(?:`+none+`).{0,300}(?:didn't match (?:pod )?(?:anti-)?affinity|didn't satisfy existing pods anti-affinity|didn't match pod topology spread|topology spread)`, "the pod's affinity or spread rules keep it away from all nodes that would have it"),
		row("schedule-resources", CauseFailedSchedulingResources, `Insufficient (?P<resource>[-\w./]*[-\w])|too many pods|Node didn't have enough resource`, "no node has enough {resource|room} left"),
		row("schedule-selector", CauseFailedSchedulingSelector, `(?:`+none+`).{0,300}(?:didn't match (?:Pod's |pod )?(?:node )?(?:affinity(?:/selector)?|selector)|doesn't satisfy)`, "no node matches the pod's node selector or affinity"),
		row("schedule-taint", CauseFailedSchedulingTaint, `untolerated taint(?:\(s\))?(?: \{(?P<taint>[^}]*)\})?|had (?:volume )?taints? \{?(?P<taint>[^},]*)\}?.{0,40}?that the pod didn't tolerate|node\(s\) were unschedulable|had taints that the pod didn't tolerate`, "nodes are tainted or cordoned, and the pod does not tolerate {taint|that}"),
		row("schedule-ports", CauseFailedSchedulingResources, `didn't have free ports for the requested pod ports`, "the host port that it asks for is taken on every node"),
		{
			Name: "schedule-failed", Cause: CauseFailedSchedulingResources, Depth: Symptom, In: Events, Reasons: failed, Match: `.`, Cleared: placed,
			Says: "the pod cannot be scheduled",
		},
		{
			Name: "scale-up-refused", Cause: CauseFailedSchedulingResources, Depth: Failure, In: Events, Reasons: []string{"NotTriggerScaleUp"}, Match: `.`, Cleared: placed,
			Says: "the cluster autoscaler cannot help: no group of nodes would fit the pod",
		},
		{
			Name: "preempted", Cause: CauseFailedSchedulingResources, Depth: Failure, In: Events, Reasons: []string{"Preempted"}, Match: `.`,
			Says: "the pod was preempted by one of higher priority",
		},
		{
			Name: "selector-set", Cause: CauseFailedSchedulingSelector, Depth: Context, In: Logs, Words: []string{"selector", "affinity"},
			Match: `(?:Node-Selectors|nodeSelector)` + gap + `(?:\{\s*)?["']?(?P<key>[a-zA-Z][-\w./]*)["']?\s*[=:]\s*["']?(?P<value>[-\w.]+)|nodeAffinity`,
			Says:  "the pod asks for nodes with {key|certain labels}={value|..}",
		},
	}
}
