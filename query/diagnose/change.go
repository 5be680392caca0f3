package diagnose

import (
	"slices"
	"strings"
	"time"

	"github.com/loglode/loglode/pipeline"
)

const (
	// changedBefore and changedAfter bound the time around a failure's beginning
	// that changes are told of.
	changedBefore = 15 * time.Minute
	changedAfter  = time.Minute
	maxChanges    = 5
)

// changeRules are events that tell of a change: the reason, a text that the
// message holds, and what it means. The first that fits counts.
var changeRules = [...]struct{ reason, holds, says string }{
	{"ScalingReplicaSet", "Scaled up", "a roll-out or a scale-up"},
	{"ScalingReplicaSet", "", "a scale-down"},
	{"DeploymentRollback", "", "a rollback"},
	{"SuccessfulRescale", "", "the autoscaler changed the number of replicas"},
	{"Pulling", "", "an image was pulled"},
	{"SuccessfulCreate", "", "a pod was created"},
	{"SuccessfulDelete", "", "a pod was deleted"},
	{"Killing", "", "a container was stopped"},
	{"NodeNotReady", "", "a node became not ready"},
	{"NodeReady", "", "a node became ready"},
	{"NodeNotSchedulable", "", "a node was cordoned"},
	{"Rebooted", "", "a node was rebooted"},
	{"RegisteredNode", "", "a node joined"},
	{"RemovingNode", "", "a node left"},
	{"UpdatedLoadBalancer", "", "a load balancer was updated"},
	{"LeaderElection", "", "a leader was elected"},
}

// changes are what changed around the time when a failure began, at places of
// the incident and their nodes, newest first.
func (s *scene) changes(first int64, places []place) []Change {
	var list []Change
	seen := map[string]bool{}
	for i := len(s.events) - 1; i >= 0 && len(list) < maxChanges; i-- {
		e := s.events[i]
		if e.Time > first+int64(changedAfter) || e.Time < first-int64(changedBefore) || !s.concerns(e, places) {
			continue
		}
		says := changeOf(e)
		if says == "" || seen[s.subjectOf(e).key().String()+says] {
			continue
		}
		seen[s.subjectOf(e).key().String()+says] = true
		list = append(list, Change{At: e.Time, Object: s.subjectOf(e), Says: says + ": " + plain(e.Message), Entry: e})
	}
	return list
}

// concerns says that an event is about one of the places, or about the node of a
// pod of theirs.
func (s *scene) concerns(e *pipeline.Entry, places []place) bool {
	subject := s.subjectOf(e)
	if slices.ContainsFunc(places, func(p place) bool { return p.object == subject.key() }) {
		return true
	}
	if subject.Kind != "Node" {
		return false
	}
	for pod, node := range s.nodes {
		if node == subject.Name && slices.ContainsFunc(places, func(p place) bool { return p.object == pod.key() }) {
			return true
		}
	}
	return false
}

func changeOf(e *pipeline.Entry) string {
	if e.Event == nil {
		return ""
	}
	for _, r := range changeRules {
		if r.reason == e.Event.Reason && strings.Contains(e.Message, r.holds) {
			return r.says
		}
	}
	return ""
}
