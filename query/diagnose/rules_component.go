package diagnose

// componentRules: parts of the cluster itself.
func componentRules() []Rule {
	return []Rule{
		{
			Name: "cni-down", Cause: CauseClusterComponentDown, Depth: Root, In: Events | Logs | Journal,
			Words:   []string{"cni", "network plugin", "networkpluginnotready", "ip addresses", "network for sandbox", "plugin type"},
			Match:   `cni plugin not initialized|network plugin is not ready|NetworkPluginNotReady|failed to setup network for sandbox|plugin type=\S+ (?:name=\S+ )?failed|failed to assign an IP address|no (?:available )?IP addresses (?:available|in)`,
			Cleared: started, Least: 2, Says: "the cluster's network plugin does not serve the pod's node",
		},
		{
			Name: "sandbox-failed", Cause: CauseClusterComponentDown, Depth: Failure, In: Events, Reasons: []string{"FailedCreatePodSandBox"}, Match: `.`, Least: 2, Cleared: started,
			Says: "the pod's sandbox cannot be made",
		},
		{
			Name: "etcd-fails", Cause: CauseClusterComponentDown, Depth: Root, In: Logs | Journal, Words: []string{"etcdserver:", "database space exceeded", "lost leader", "no leader"},
			Match: `etcdserver: (?:no leader|mvcc: database space exceeded|request timed out|leader changed|not healthy|too many requests)|lost leader|alarm:? ?NOSPACE`, Least: 3, Says: "etcd does not answer as it should",
		},
		{
			Name: "coredns-loop", Cause: CauseClusterComponentDown, Depth: Root, In: Logs, Words: []string{"detected for zone", "plugin/kubernetes", "read udp"},
			Match: `Loop \([^)\n]*\) detected for zone|plugin/kubernetes:[^\n]*(?:timed out|unable|failed)|\b\d \S+\. [A-Z]+: [^\n]*read udp [^\n]*(?:i/o timeout|connection refused|no route)`, Least: 2, Says: "the cluster's DNS server fails",
		},
		{
			Name: "leader-lost", Cause: CauseClusterComponentDown, Depth: Failure, In: Logs | Journal, Words: []string{"leaderelection lost", "leader election lost", "failed to renew lease"},
			Match: `leader ?election lost|failed to renew lease [^\n]*(?:timed out|timeout|deadline)`, Least: 2, Says: "it lost its leadership: the API server did not answer in time",
		},
		{
			Name: "apiserver-unreachable", Cause: CauseClusterComponentDown, Depth: Failure, In: Logs | Journal, Words: []string{":6443", "kubernetes.default", "10.96.0.1", ":443"},
			Match: `(?:https?://|tcp )(?:[-\w.]*kubernetes\.default[-\w.]*|10\.96\.0\.1|[-\w.]+:6443)[^\n]*(?:connection refused|i/o timeout|no route to host|context deadline exceeded)`, Least: 3, Says: "the API server does not answer",
		},
		{
			Name: "nameserver-limits", Cause: CauseDNSFailure, Depth: Context, In: Events, Reasons: []string{"DNSConfigForming"}, Match: `.`, Says: "the pod has more name servers or search domains than are used",
		},
		{
			Name: "certificate-not-ready", Cause: CauseCertificate, Depth: Root, In: Events, Reasons: []string{"BadConfig", "ErrInitIssuer", "OrderFailed", "IssuerNotReady", "ErrGetKeyPair"}, Match: `.`, Least: 2,
			Cleared: []string{"Issued", "Issuing", "KeyPairVerified"}, Says: "the certificate cannot be issued",
		},
	}
}
