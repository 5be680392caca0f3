package diagnose

import "slices"

// Builtin returns the rules, in their order.
func Builtin() []Rule {
	return slices.Concat(
		// What Kubernetes says of a workload.
		configRules(),
		imageRules(),
		schedulingRules(),
		volumeRules(),
		admissionRules(),
		memoryRules(),
		lifecycleRules(),
		// What stands around workloads.
		trafficRules(),
		nodeRules(),
		componentRules(),
		// What programs say of themselves.
		startRules(),
		clusteringRules(),
		databaseRules(),
		networkRules(),
		accessRules(),
		loadRules(),
		programRules(),
	)
}
