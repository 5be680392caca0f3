package diagnose

// admissionRules: the API server does not let objects in.
func admissionRules() []Rule {
	created := []string{"SuccessfulCreate"}
	return []Rule{
		{
			Name: "quota-exceeded", Cause: CauseQuota, Depth: Root, In: Events | Logs, Words: []string{"exceeded quota", "quota exceeded", "failed quota"},
			Match: `(?:exceeded|failed) quota: (?P<quota>[-a-z0-9.]+)|quota exceeded`, Unless: `disk quota|API`, Cleared: created, Says: "the namespace's quota {quota|for it} is used up",
		},
		{
			Name: "limit-range", Cause: CauseQuota, Depth: Root, In: Events | Logs, Words: []string{"usage per container", "usage per pod", "limitrange"},
			Match: `(?:maximum|minimum) (?P<resource>\w+) usage per (?:container|pod) is (?P<limit>[^.,\s]+)`, Cleared: created, Says: "a limit range of the namespace does not allow what the pod asks for: {resource} {limit}",
		},
		{
			Name: "webhook-down", Cause: CauseAdmissionDenied, Depth: Root, In: Events | Logs, Words: []string{"failed calling webhook"},
			Match: `failed calling webhook [\\"']*(?P<webhook>[^\\"' ]+)`, Cleared: created, Says: "admission webhook {webhook} cannot be called",
		},
		{
			Name: "webhook-denied", Cause: CauseAdmissionDenied, Depth: Root, In: Events | Logs, Words: []string{"denied the request", "admission webhook"},
			Match: `admission webhook [\\"']*(?P<webhook>[^\\"' ]+)[\\"']* denied the request`, Cleared: created, Says: "admission webhook {webhook} denies it",
		},
		{
			Name: "pod-security", Cause: CauseAdmissionDenied, Depth: Root, In: Events | Logs, Words: []string{"violates podsecurity", "unable to validate against any", "securitycontextconstraint"},
			Match: `violates PodSecurity [\\"']*(?P<policy>[-\w:.]+)|unable to validate against any (?:pod security policy|security context constraint)`, Cleared: created,
			Says: "the namespace's pod security {policy|policy} does not allow the pod",
		},
		{
			Name: "runs-as-root", Cause: CauseAdmissionDenied, Depth: Root, In: Events | Logs, Words: []string{"runasnonroot"},
			Match: `container has runAsNonRoot and image (?:will run as root|has non-numeric user)`, Cleared: started, Says: "the container must not run as root, and its image does",
		},
		{
			Name: "create-failed", Cause: CauseAdmissionDenied, Depth: Failure, In: Events, Reasons: []string{"FailedCreate", "ReplicaSetCreateError"}, Match: `is forbidden|is invalid|denied`, Cleared: created,
			Says: "its pods cannot be created",
		},
	}
}
