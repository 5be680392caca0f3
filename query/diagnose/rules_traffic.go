package diagnose

// trafficRules: what leads requests to pods, and what scales them.
func trafficRules() []Rule {
	return []Rule{
		{
			Name: "ingressclass-missing", Cause: CauseIngressMisconfigured, Depth: Root, In: Events | Logs, Words: []string{"ingressclass", "ingress class"},
			Match: `(?:no object matching key|ingressclass(?:es)?(?:\.networking\.k8s\.io)?) [\\"']*(?P<ingressclass>[-a-z0-9.]+)[\\"']* (?:in local store|not found)|ingress does not contain a valid IngressClass|no (?:default )?ingress ?class`,
			Says:  "the Ingress names IngressClass {ingressclass|that nothing serves}, which does not exist",
		},
		{
			Name: "ingress-backend-missing", Cause: CauseIngressMisconfigured, Depth: Root, In: Events | Logs, Words: []string{"error obtaining endpoints", "error getting service", "endpoints for service", "service does not exist", "<error: endpoints", "<error: services"},
			Match: `(?:error obtaining endpoints for service|error getting service|no active endpoints for service) [\\"']*(?P<service>[-a-z0-9./]+)[^\n]*(?:no object matching key|not found|does not exist)|<error: (?:endpoints|services) [\\"']+(?P<service>[-a-z0-9.]+)[\\"']+ not found>`,
			Says:  "the Ingress leads to Service {service|that does not exist}, which does not exist",
		},
		{
			Name: "service-without-pods", Cause: CauseServiceSelectorMismatch, Depth: Failure, In: Events | Logs, Words: []string{"endpoints", "endpoint"},
			Match: `Endpoints:[ \t]+<none>|(?m:^Endpoints:[ \t]*$)|Service [\\"']*(?P<service>[-a-z0-9./]+)[\\"']* does not have any active endpoints?|no endpoints available for service [\\"']*(?P<service>[-a-z0-9./]+)|subsets` + gap + `(?:null|\[\])`,
			Least: 1, Says: "Service {service|of it} selects no ready pod",
		},
		{
			Name: "port-missing", Cause: CausePortMismatch, Depth: Root, In: Events | Logs, Words: []string{"targetport", "port"},
			Match: `(?:couldn't find|could not find) (?:a )?(?:named |target ?)?port\b|no (?:named|target) ?port[\\"' ]*(?P<port>[-\w]+)?|targetPort [^\n]{0,60}(?:not found|does not exist|doesn't match)|service port [^\n]{0,60}(?:not found|does not exist)`,
			Says:  "the port that the Service names is not one of the container",
		},
		{
			Name: "hpa-without-metrics", Cause: CauseHPA, Depth: Root, In: Events | Logs,
			Words:   []string{"unable to get metrics", "failedgetresourcemetric", "failed to get cpu utilization", "failed to get memory utilization", "missing request for", "unable to fetch metrics", "failed to compute desired number", "unable to compute the replica count", "failedcomputemetricsreplicas"},
			Match:   `missing request for (?P<resource>cpu|memory)|unable to (?:get|fetch) metrics|failed to get (?P<resource>cpu|memory) utilization|FailedGetResourceMetric|FailedComputeMetricsReplicas|failed to compute desired number of replicas|unable to compute the replica count|no metrics returned`,
			Cleared: []string{"SuccessfulRescale"}, Least: 2, Says: "the autoscaler gets no metrics: {resource|the metrics server's} is missing",
		},
		{
			Name: "hpa-target-missing", Cause: CauseHPA, Depth: Root, In: Events, Reasons: []string{"FailedGetScale", "FailedUpdateScale"}, Match: `.`, Says: "the autoscaler cannot read what it scales",
		},
		{
			Name: "policy-drop", Cause: CauseNetworkPolicy, Depth: Root, In: Logs | Journal, Words: []string{"policy", "dropped"},
			Match: `policy[- _](?:denied|verdict[^\n]*(?:deny|denied|drop))|denied by (?:network )?polic(?:y|ies)|(?:dropped|drop)[^\n]{0,80}network ?policy|networkpolicy[^\n]{0,60}(?:blocks|denies|dropped|denied)`,
			Says:  "a network policy denies the traffic",
		},
		{
			Name: "policy-isolates", Cause: CauseNetworkPolicy, Depth: Context, In: Events | Logs, Words: []string{"networkpolicy", "policy types", "podselector"},
			Match:    `kind` + gap + `NetworkPolicy\b(?:.{0,400}?\bname` + gap + `(?P<networkpolicy>[a-z0-9][-a-z0-9.]*))?|Policy Types:|Allowing (?:in|e)gress traffic`,
			Explains: []Cause{CauseConnectionTimeout}, Says: "NetworkPolicy {networkpolicy|that is there} says what may talk to pods here",
		},
	}
}
