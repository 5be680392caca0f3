package diagnose

// gap is what stands between a key and its value in kubectl's descriptions, in
// YAML and in JSON, also where that is quoted once more.
const gap = `[\s"',:=\\]+`

// started are reasons of events after which a pod's container did start.
var started = []string{"Started"}

// configRules: what a pod refers to does not exist.
func configRules() []Rule {
	return []Rule{
		{
			Name: "configmap-key-missing", Cause: CauseMissingConfigMap, Depth: Root, In: Events | Logs | Journal,
			Words:   []string{"configmap"},
			Match:   `(?:couldn't find key (?P<key>[-\w.]+) in configmap (?P<configmap>[-a-z0-9./]+)|configmap [\\"']*(?P<configmap>[-a-z0-9./]+)[\\"']* (?:references non-existent config key|has no key):? ?(?P<key>[-\w.]*)|references non-existent config key: (?P<key>[-\w./]+))`,
			Cleared: started, Says: "key {key|that is asked for} is not in ConfigMap {configmap|that it names}",
		},
		{
			Name: "configmap-missing", Cause: CauseMissingConfigMap, Depth: Root, In: Events | Logs | Journal,
			Words:   []string{"configmap"},
			Match:   `configmaps? [\\"']*(?:(?P<namespace>[-a-z0-9]+)/)?(?P<configmap>[a-z0-9][-a-z0-9.]*)[\\"']* (?:is )?(?:not found|does not exist|could not be found)`,
			Unless:  `extension-apiserver-authentication|optional`,
			Cleared: started, Says: "ConfigMap {configmap} does not exist",
		},
		{
			Name: "image-pull-secret-missing", Cause: CauseMissingSecret, Depth: Failure, In: Events | Journal,
			Words: []string{"image pull secret"}, Match: `unable to retrieve some image pull secrets \((?P<secret>[-a-z0-9.]+)`,
			Says: "image pull Secret {secret} cannot be read; pulling the image may fail",
		},
		{
			Name: "secret-key-missing", Cause: CauseMissingSecret, Depth: Root, In: Events | Logs | Journal,
			Words:   []string{"secret"},
			Match:   `(?:couldn't find key (?P<key>[-\w.]+) in secret (?P<secret>[-a-z0-9./]+)|secret [\\"']*(?P<secret>[-a-z0-9./]+)[\\"']* (?:has no key|references non-existent secret key):? ?(?P<key>[-\w.]*)|references non-existent secret key: (?P<key>[-\w./]+))`,
			Cleared: started, Says: "key {key|that is asked for} is not in Secret {secret|that it names}",
		},
		{
			Name: "secret-missing", Cause: CauseMissingSecret, Depth: Root, In: Events | Logs | Journal,
			Words:   []string{"secret"},
			Match:   `secrets? [\\"']*(?:(?P<namespace>[-a-z0-9]+)/)?(?P<secret>[a-z0-9][-a-z0-9.]*)[\\"']* (?:is )?(?:not found|does not exist|could not be found)`,
			Cleared: started, Says: "Secret {secret} does not exist",
		},
		{
			Name: "serviceaccount-missing", Cause: CauseMissingObject, Depth: Root, In: Events | Logs,
			Words:   []string{"serviceaccount", "service account"},
			Match:   `(?:error looking up service account (?:[-a-z0-9]+/)?(?P<serviceaccount>[-a-z0-9.]+)|serviceaccounts? [\\"']*(?P<serviceaccount>[-a-z0-9.]+)[\\"']* not found)`,
			Cleared: []string{"SuccessfulCreate"}, Says: "ServiceAccount {serviceaccount} does not exist",
		},
		{
			Name: "namespace-missing", Cause: CauseMissingObject, Depth: Root, In: Events | Logs,
			Words: []string{"namespace"}, Match: `namespaces? [\\"'](?P<missing>[-a-z0-9]+)[\\"'] not found|because it is being terminated`,
			Says: "namespace {missing|of it} does not exist or is being deleted",
		},
		{
			Name: "kind-unknown", Cause: CauseMissingObject, Depth: Root, In: Events | Logs,
			Words: []string{"no matches for kind", "could not find the requested resource"},
			Match: `no matches for kind [\\"']*(?P<crd>\w+)|the server could not find the requested resource`, Unless: `metrics`,
			Says: "kind {crd|that is asked for} is not known to the API server: its CustomResourceDefinition is missing",
		},
		{
			Name: "priorityclass-missing", Cause: CauseMissingObject, Depth: Root, In: Events | Logs,
			Words: []string{"priorityclass", "runtimeclass"}, Match: `no (?P<class>priorityclass|runtimeclass)(?: with name (?P<missing>\S+))? was found|runtimeclass[^\n]*[\\"'](?P<missing>[-a-z0-9.]+)[\\"'] not found`,
			Says: "class {missing|that it names} does not exist",
		},
		{
			Name: "config-error", Cause: CauseMissingConfigMap, Depth: Symptom, In: Logs, Words: []string{"createcontainerconfigerror"},
			Match: `CreateContainerConfigError`, Says: "a container cannot be made: something that its configuration refers to is missing",
		},
	}
}
