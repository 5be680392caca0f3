package diagnose

// volumeRules: claims that stay unbound, volumes that cannot be attached or
// mounted.
func volumeRules() []Rule {
	bound := []string{"ProvisioningSucceeded", "Started"}
	mounted := []string{"SuccessfulAttachVolume", "SuccessfulMountVolume", "Started"}
	return []Rule{
		{
			Name: "storageclass-missing", Cause: CausePVCUnbound, Depth: Root, In: Events | Logs,
			Words:   []string{"storageclass"},
			Match:   `storageclass(?:\.storage\.k8s\.io)? [\\"']*(?P<storageclass>[a-z0-9][-a-z0-9.]*)[\\"']* not found`,
			Cleared: bound, Says: "StorageClass {storageclass} does not exist, so the volume claim stays unbound",
		},
		{
			Name: "provisioning-failed", Cause: CausePVCUnbound, Depth: Root, In: Events | Logs,
			Reasons: []string{"ProvisioningFailed", "FailedBinding", "ProvisioningCleanupFailed", "ExternalProvisioningFailed", "VolumeMismatch"},
			Words:   []string{"failed to provision volume", "no persistent volumes available", "no volume plugin matched", "does not match", "does not satisfy", "incompatible", "cannot bind"},
			Match:   `failed to provision volume|no persistent volumes available for this claim|no volume plugin matched|does not (?:satisfy|match)|incompatible|cannot bind`,
			Cleared: bound, Says: "the volume claim stays unbound: nothing provides a volume that fits it",
		},
		{
			Name: "claim-pending", Cause: CausePVCUnbound, Depth: Symptom, In: Logs, Words: []string{"accessmodes", "access modes", "storageclass", "persistentvolumeclaim"},
			Match: `(?:PersistentVolumeClaim|StorageClass|Access ?Modes).*?(?:Status|phase)` + gap + `Pending`, Says: "the volume claim is pending",
		},
		{
			Name: "multi-attach", Cause: CauseVolumeMount, Depth: Root, In: Events | Logs | Journal, Words: []string{"multi-attach", "already used by", "already exclusively attached"},
			Match: `Multi-Attach error for volume[\\" ]*(?P<volume>[-\w.]+)?|Volume is already (?:exclusively )?attached to (?:one|another) node`, Cleared: mounted,
			Says: "volume {volume|of the pod} is still attached to another node",
		},
		{
			Name: "hostpath-type", Cause: CauseVolumeMount, Depth: Root, In: Events | Logs | Journal, Words: []string{"hostpath type check failed"},
			Match: `hostPath type check failed: (?P<path>\S+)`, Cleared: mounted, Says: "the node has no {path} of the kind that the volume names",
		},
		{
			Name: "mount-refused", Cause: CauseVolumeMount, Depth: Root, In: Events | Logs | Journal,
			Words:  []string{"mount failed", "mount.nfs", "wrong fs type", "mounting command", "device is busy", "device or resource busy", "failed to mount", "not a directory"},
			Match:  `mount failed: [^\n]*|mount\.nfs: [^\n]*|wrong fs type|(?:device or resource|device is) busy|special device \S+ does not exist|error mounting [^\n]*not a directory`,
			Unless: `connection refused while|no space left`, Cleared: mounted, Says: "the volume cannot be mounted on the node",
		},
		{
			Name: "attach-failed", Cause: CauseVolumeMount, Depth: Failure, In: Events, Reasons: []string{"FailedAttachVolume"}, Match: `.`, Cleared: mounted,
			Says: "a volume cannot be attached to the node",
		},
		{
			Name: "mount-failed", Cause: CauseVolumeMount, Depth: Failure, In: Events, Reasons: []string{"FailedMount", "FailedMapVolume"}, Match: `.`,
			Unless: `object .{0,200}not registered|failed to sync (?:configmap|secret) cache`, Least: 2, Cleared: mounted, Says: "a volume of the pod cannot be mounted",
		},
		{
			Name: "csi-missing", Cause: CauseVolumeMount, Depth: Root, In: Events | Logs | Journal, Words: []string{"csi driver", "csi drivers", "csinode"},
			Match: `driver name (?P<driver>\S+) not found in the list of registered CSI drivers`, Cleared: mounted, Says: "CSI driver {driver} does not run on the node",
		},
	}
}
