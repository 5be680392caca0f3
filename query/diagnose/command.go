package diagnose

import "strings"

// maxCommands bounds the commands of an answer.
const maxCommands = 5

// commandRule is a row of the table of commands. {ns} is " -n namespace", {name}
// the object's name, {workload} its workload's, {configmap} and the like the name
// of a needed object of that kind. A row whose names are not known, or are no
// names of RFC 1123, is left out.
type commandRule struct {
	causes []Cause // empty for any
	kinds  []string
	text   string
	why    string
}

var commandRules = [...]commandRule{
	{[]Cause{CauseMissingConfigMap}, nil, "kubectl{ns} get configmap {configmap}", "whether it exists by now"},
	{[]Cause{CauseMissingSecret}, nil, "kubectl{ns} get secret {secret} -o name", "whether it exists by now"},
	{[]Cause{CausePVCUnbound, CauseMissingObject}, nil, "kubectl get storageclass", "which storage classes there are"},
	{[]Cause{CausePVCUnbound, CauseVolumeMount, CauseDiskPressure}, nil, "kubectl{ns} describe persistentvolumeclaim {persistentvolumeclaim}", "why it is not bound"},
	{nil, []string{"Pod"}, "kubectl{ns} describe pod {name}", "its state, its last state and its events"},
	{nil, []string{"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicaSet", "PersistentVolumeClaim", "Service", "Ingress", "HorizontalPodAutoscaler", "ConfigMap", "Secret"},
		"kubectl{ns} describe {kind} {name}", "its state and its events"},
	{nil, []string{"Node"}, "kubectl describe node {name}", "its conditions and what runs on it"},
	{[]Cause{CauseFailedSchedulingResources, CauseFailedSchedulingSelector, CauseFailedSchedulingTaint, CauseNodeCapacity, CauseNodeNotReady}, nil,
		"kubectl get nodes -o wide --show-labels", "what the nodes offer"},
	{[]Cause{CauseQuota}, nil, "kubectl{ns} describe resourcequota", "what is used of the quotas"},
	{[]Cause{CauseOOMKilled, CauseCPUThrottling}, []string{"Pod"}, "kubectl{ns} top pod {name} --containers", "what it uses now"},
	{[]Cause{CauseServiceSelectorMismatch, CausePortMismatch, CauseConnectionRefused, CauseDependencyDown, CauseDatabaseError, CauseConnectionTimeout}, nil,
		"kubectl{ns} get endpoints {service}", "whether anything stands behind the service"},
	{[]Cause{CauseDNSFailure}, nil, "kubectl -n kube-system get pods -l k8s-app=kube-dns", "whether cluster DNS runs"},
	{[]Cause{CauseNetworkPolicy, CauseConnectionTimeout}, nil, "kubectl{ns} get networkpolicy", "what may talk to what"},
	{[]Cause{CauseCrashLoopAppError, CauseMisconfiguredEnv, CauseMisconfiguration, CauseBadCommand, CauseOOMKilled, CauseApplicationException, CauseDatabaseError}, []string{"Pod"},
		"kubectl{ns} logs {name} --all-containers --previous --tail=100", "what it said before it ended"},
	{nil, []string{"Job"}, "kubectl{ns} logs job/{name} --all-containers --tail=100", "what it said"},
	{nil, []string{"Pod"}, "kubectl{ns} get events --field-selector involvedObject.name={name}", "what happened to it, in order"},
	{nil, []string{"Pod"}, "kubectl{ns} rollout history deployment/{workload}", "whether a roll-out came before it"},
}

// commandKinds are kinds as kubectl takes them.
var commandKinds = map[string]string{
	"Pod": "pod", "Deployment": "deployment", "StatefulSet": "statefulset", "DaemonSet": "daemonset", "Job": "job",
	"CronJob": "cronjob", "ReplicaSet": "replicaset", "PersistentVolumeClaim": "persistentvolumeclaim",
	"PersistentVolume": "persistentvolume", "Service": "service", "Ingress": "ingress", "ConfigMap": "configmap", "Secret": "secret",
	"HorizontalPodAutoscaler": "hpa", "Node": "node", "StorageClass": "storageclass", "ServiceAccount": "serviceaccount",
}

// commands are what to look at next.
func commands(cause Cause, object Object, needs []Object) []Command {
	values := map[string]string{"name": object.Name, "workload": object.Workload(), "kind": commandKinds[object.Kind], "ns": ""}
	for _, o := range needs {
		kind := strings.ToLower(o.Kind)
		if values[kind] == "" && (o.Namespace == "" || o.Namespace == object.Namespace) {
			values[kind] = o.Name
		}
	}
	for _, v := range values {
		if v != "" && !isName(v) {
			return nil
		}
	}
	if object.Namespace != "" {
		if !isName(object.Namespace) {
			return nil
		}
		values["ns"] = " -n " + object.Namespace
	}
	var list []Command
	for _, r := range commandRules {
		if len(list) == maxCommands {
			break
		}
		if !fits(r.causes, cause) || !fits(r.kinds, object.Kind) {
			continue
		}
		if text, ok := expand(r.text, values); ok {
			list = append(list, Command{Text: text, Why: r.why})
		}
	}
	return list
}

func fits[T comparable](list []T, v T) bool {
	for _, x := range list {
		if x == v {
			return true
		}
	}
	return len(list) == 0
}

// expand puts values into a command; ok is false where one is not known.
func expand(text string, values map[string]string) (command string, ok bool) {
	var b strings.Builder
	for {
		head, tail, found := strings.Cut(text, "{")
		b.WriteString(head)
		if !found {
			return b.String(), true
		}
		name, rest, _ := strings.Cut(tail, "}")
		value, known := values[name]
		if !known || value == "" && name != "ns" {
			return "", false
		}
		b.WriteString(value)
		text = rest
	}
}
