// Package diagnose recognises the known failures of Kubernetes and its workloads
// in log lines and events, by rules, and says which of them is the cause.
//
//	Case: sightings (entries, with the numbers of their pattern), what was asked about
//	  |
//	  v
//	Rules (tables: rules_*.go) --match--> Matches --same rule, same object--> Findings
//	                                                                           |
//	           objects that findings name (pod -> owner, node, ConfigMap, host)|
//	                                                                           v
//	Diagnosis <--words, commands-- cause and cascade <--follow what depends on what-- incidents
//
// It is pure: the same Case gives the same Diagnosis. It reads no clock and no
// store, and needs no language model.
package diagnose
