package diagnose

import (
	"cmp"
	"strings"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/normalise"
)

// Object names a thing of a cluster: what a failure befalls, or what it needs.
// Empty fields are not known.
type Object struct {
	Cluster   string `json:"cluster,omitempty"`
	Kind      string `json:"kind,omitempty"` // as Kubernetes writes it: Pod, ConfigMap
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
}

// IsZero says that nothing is named.
func (o Object) IsZero() bool { return o.Name == "" }

// String is "Pod shop/cart-7d9f", with what is known of it.
func (o Object) String() string {
	name := o.Name
	if o.Namespace != "" {
		name = o.Namespace + "/" + name
	}
	return strings.TrimSpace(o.Kind + " " + name)
}

// workloadKinds are pods and what makes them: they are joined on the name that
// is left without generated suffixes.
var workloadKinds = map[string]bool{
	"": true, "Pod": true, "Deployment": true, "ReplicaSet": true, "StatefulSet": true, "DaemonSet": true,
	"Job": true, "CronJob": true, "ReplicationController": true,
}

// clusterKinds are those that lie in no namespace.
var clusterKinds = map[string]bool{"Node": true, "Namespace": true, "PersistentVolume": true, "StorageClass": true, "IngressClass": true, "ClusterIssuer": true, "CustomResourceDefinition": true}

// IsOfCluster says that an event is about something that lies in no namespace, as
// nodes do.
func IsOfCluster(e *pipeline.Entry) bool { return e.Event != nil && clusterKinds[e.Event.ObjectKind] }

// IsWorkload says that the object is a pod or what makes pods.
func (o Object) IsWorkload() bool { return workloadKinds[o.Kind] }

// Workload is the name without what controllers append: "cart" of the pod
// cart-78c688f56b-9qz26, its ReplicaSet and its Deployment. Of other kinds it is
// the name.
func (o Object) Workload() string {
	switch o.Kind {
	case "", "Pod", "ReplicaSet", "Job":
		return normalise.WorkloadName(o.Name)
	}
	return o.Name
}

// key is what findings are joined on: equal for a pod and its controllers.
func (o Object) key() Object {
	if o.IsWorkload() {
		return Object{Cluster: o.Cluster, Namespace: o.Namespace, Name: o.Workload()}
	}
	return o
}

// subjectOf is the object that an entry is about: an event's own, else the pod
// or node that wrote the line; zero for a line of neither.
func subjectOf(e *pipeline.Entry) Object {
	r := e.Resource
	if r == nil {
		r = &pipeline.Resource{}
	}
	switch {
	case e.Event != nil && e.Event.ObjectName != "":
		namespace := cmp.Or(e.Event.ObjectNamespace, r.Namespace)
		if clusterKinds[e.Event.ObjectKind] {
			namespace = "" // the event itself lies in "default"
		}
		return Object{r.Cluster, e.Event.ObjectKind, namespace, e.Event.ObjectName}
	case r.Pod != "":
		return Object{r.Cluster, "Pod", r.Namespace, r.Pod}
	case e.Kind == pipeline.KindNode && r.Node != "":
		return Object{r.Cluster, "Node", "", r.Node}
	}
	return Object{}
}
