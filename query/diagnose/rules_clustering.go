package diagnose

// clusteringRules: members of a clustered service that have lost each other.
func clusteringRules() []Rule {
	return []Rule{
		{
			Name: "partition", Cause: CauseClusterPartition, Depth: Root, In: Logs,
			Words:  []string{"partition", "split brain", "split-brain", "unreachable", "mnesia"},
			Match:  `network_?partitions?(?:_detected)?` + gap + `true(?:.*?unreachable_nodes.{0,40}?@(?P<host>[-\w.]+))?|unreachable_nodes` + gap + `\[[\s"']*[^\]\s"']*@(?P<host>[-\w.]+)|partitions` + gap + `\[[\s"']+[^\]\s"']*@(?P<host>[-\w.]+)|inconsistent_database[^\n@]*(?:@(?P<host>[-\w.]+))?|running_partitioned_network|partial partition|network partition (?:detected|occurred)|split[- ]brain`,
			Unless: `no (?:network )?partitions?|partitions?` + gap + `(?:none|\[\s*\])\s*$`, Says: "members of the cluster are cut off from each other: {host|one} is not reached",
		},
		{
			Name: "quorum-lost", Cause: CauseClusterPartition, Depth: Root, In: Logs,
			Words: []string{"quorum", "no primary", "no master", "master not discovered", "master_not_discovered", "clusterdown", "not enough replicas", "notenoughreplicas", "no elected master", "non-primary", "no known primary", "no suitable servers", "no leader", "no cluster leader"},
			Match: `(?:lost|no|without|loss of) quorum|quorum (?:is )?(?:lost|not (?:reached|available|met))|master[_ ]not[_ ]discovered|no (?:elected )?master\b|CLUSTERDOWN|NotEnoughReplicas|not enough (?:in-?sync )?replicas|non-primary (?:component|view)|no (?:known )?primary (?:found|available|member|in the replica set)|cluster is down|raft[^\n]*no (?:known )?leader|no cluster leader`,
			Says:  "the cluster has no quorum or leader",
		},
	}
}
