package diagnose

// Cause is what a failure comes from: one value of a closed list. The values are
// part of the API: they are never renamed.
type Cause string

// The causes.
const (
	CauseImagePull                 Cause = "image_pull"
	CauseMissingConfigMap          Cause = "missing_configmap"
	CauseMissingSecret             Cause = "missing_secret"
	CauseMissingObject             Cause = "missing_object"
	CauseOOMKilled                 Cause = "oom_killed"
	CauseCrashLoopAppError         Cause = "crash_loop_app_error"
	CauseApplicationException      Cause = "application_exception"
	CauseApplicationLogic          Cause = "application_logic"
	CauseBadCommand                Cause = "bad_command"
	CauseMisconfiguredEnv          Cause = "misconfigured_env"
	CauseMisconfiguration          Cause = "misconfiguration"
	CauseFailedSchedulingResources Cause = "failed_scheduling_resources"
	CauseFailedSchedulingSelector  Cause = "failed_scheduling_selector"
	CauseFailedSchedulingTaint     Cause = "failed_scheduling_taint"
	CausePVCUnbound                Cause = "pvc_unbound"
	CauseVolumeMount               Cause = "volume_mount"
	CauseProbeFailure              Cause = "probe_failure"
	CauseDNSFailure                Cause = "dns_failure"
	CauseNetworkPolicy             Cause = "network_policy"
	CauseConnectionRefused         Cause = "connection_refused"
	CauseConnectionTimeout         Cause = "connection_timeout"
	CauseNetworkDegraded           Cause = "network_degraded"
	CauseCertificate               Cause = "certificate"
	CausePermissionDenied          Cause = "permission_denied"
	CauseQuota                     Cause = "quota"
	CauseAdmissionDenied           Cause = "admission_denied"
	CauseDiskPressure              Cause = "disk_pressure"
	CauseNodeCapacity              Cause = "node_capacity"
	CauseNodeNotReady              Cause = "node_not_ready"
	CauseClusterComponentDown      Cause = "cluster_component_down"
	CauseCPUThrottling             Cause = "cpu_throttling"
	CauseServiceSelectorMismatch   Cause = "service_selector_mismatch"
	CausePortMismatch              Cause = "port_mismatch"
	CauseIngressMisconfigured      Cause = "ingress_misconfigured"
	CauseHPA                       Cause = "hpa"
	CauseJobFailure                Cause = "job_failure"
	CauseDependencyDown            Cause = "dependency_down"
	CauseSlowDependency            Cause = "slow_dependency"
	CauseDatabaseError             Cause = "database_error"
	CauseClusterPartition          Cause = "cluster_partition"
	CauseRateLimit                 Cause = "rate_limit"
	CauseNoFault                   Cause = "no_fault"
	CauseInsufficientData          Cause = "insufficient_data"
)

// meanings say each cause in a line, in the order in which they are listed.
var meanings = [...]struct {
	cause   Cause
	meaning string
}{
	{CauseImagePull, "a container image cannot be pulled: wrong name or tag, registry unreachable, untrusted or refusing access"},
	{CauseMissingConfigMap, "a referenced ConfigMap or one of its keys does not exist"},
	{CauseMissingSecret, "a referenced Secret or one of its keys does not exist"},
	{CauseMissingObject, "another referenced object does not exist: namespace, service account, claim, class, custom resource"},
	{CauseOOMKilled, "a container was killed because it reached its memory limit or the node ran out of memory"},
	{CauseCrashLoopAppError, "the application stops by itself again and again with an error of its own that no other value names"},
	{CauseApplicationException, "the application runs and throws exceptions from its own code"},
	{CauseApplicationLogic, "the application returns wrong, empty or early results without an exception"},
	{CauseBadCommand, "the container's command, argument or script is wrong: not found, syntax error, not executable"},
	{CauseMisconfiguredEnv, "an environment variable is missing or has a wrong value"},
	{CauseMisconfiguration, "another wrong setting in a manifest or configuration file"},
	{CauseFailedSchedulingResources, "no node has enough free CPU, memory, GPU or pod slots for the pod"},
	{CauseFailedSchedulingSelector, "node selector, node affinity or pod (anti-)affinity rules match no node"},
	{CauseFailedSchedulingTaint, "node taints are not tolerated, or the nodes are cordoned (unschedulable)"},
	{CausePVCUnbound, "a volume claim stays unbound: no matching volume, wrong storage class, size, access mode or selector"},
	{CauseVolumeMount, "a volume cannot be attached or mounted (wrong path or type, device busy)"},
	{CauseProbeFailure, "a liveness, readiness or startup probe fails or is set up wrongly"},
	{CauseDNSFailure, "a host name cannot be resolved"},
	{CauseNetworkPolicy, "a network policy or firewall rule blocks the traffic"},
	{CauseConnectionRefused, "the other side actively refuses the connection (nothing listens there)"},
	{CauseConnectionTimeout, "connections or requests to another service time out"},
	{CauseNetworkDegraded, "the network is slow, loses packets or is interrupted"},
	{CauseCertificate, "a TLS certificate is expired, untrusted or does not match the name"},
	{CausePermissionDenied, "access denied by file mode, RBAC or wrong credentials"},
	{CauseQuota, "a resource quota or limit range of the namespace is used up"},
	{CauseAdmissionDenied, "an admission webhook, pod security or policy rejects the object"},
	{CauseDiskPressure, "a node's disk or a volume is full"},
	{CauseNodeCapacity, "a node is at its limit: pod count, memory or PID pressure, evictions"},
	{CauseNodeNotReady, "a node is not ready: kubelet or container runtime is down, node unreachable"},
	{CauseClusterComponentDown, "a cluster component does not work: scheduler, API server, etcd, controller, kube-proxy, CNI, DNS server"},
	{CauseCPUThrottling, "a container is throttled at its CPU limit or overloaded"},
	{CauseServiceSelectorMismatch, "a Service selects no pod because labels and selector differ"},
	{CausePortMismatch, "a Service's port, target port or protocol does not fit what the container listens on"},
	{CauseIngressMisconfigured, "an Ingress, Gateway or route has a wrong host, path, class or backend"},
	{CauseHPA, "an autoscaler is absent, misconfigured or without metrics"},
	{CauseJobFailure, "a Job failed (backoff limit, deadline) and no deeper cause is shown"},
	{CauseDependencyDown, "another service that is needed (not a database) is down or reports errors"},
	{CauseSlowDependency, "a query, queue or downstream service answers slowly"},
	{CauseDatabaseError, "a database cannot be reached, has no free connections or rejects a statement"},
	{CauseClusterPartition, "members of a clustered service are partitioned, in split brain or without quorum"},
	{CauseRateLimit, "requests are rejected because a rate limit is exceeded"},
	{CauseNoFault, "nothing is wrong with the object asked about"},
	{CauseInsufficientData, "the inputs do not show the cause"},
}

// Causes lists all causes.
func Causes() []Cause {
	list := make([]Cause, len(meanings))
	for i, m := range meanings {
		list[i] = m.cause
	}
	return list
}

// Meaning says the cause in a line; empty for one that is not of the list.
func (c Cause) Meaning() string {
	for _, m := range meanings {
		if m.cause == c {
			return m.meaning
		}
	}
	return ""
}

// IsFault says that the cause is one: something is wrong, and known.
func (c Cause) IsFault() bool {
	return c != "" && c != CauseNoFault && c != CauseInsufficientData
}
