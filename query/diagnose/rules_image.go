package diagnose

// imageRules: a container's image does not come.
func imageRules() []Rule {
	pulled := []string{"Pulled", "Started"}
	return []Rule{
		{
			Name: "image-platform", Cause: CauseImagePull, Depth: Root, In: Events | Logs, Words: []string{"no match for platform"},
			Match: `no match for platform in manifest`, Cleared: pulled, Says: "the image does not exist for the node's platform",
		},
		{
			Name: "image-pull", Cause: CauseImagePull, Depth: Root, In: Events | Logs | Journal,
			Words:   []string{"failed to pull image", "failed to pull and unpack", "pullimage", "manifest unknown", "pull access denied", "failed to resolve reference"},
			Match:   `(?:failed to pull (?:and unpack )?image|PullImage[^\n]* failed|manifest unknown|pull access denied|failed to resolve reference)[\\"': ]*(?P<image>[a-z0-9][-\w./:@]*[\w])?`,
			Cleared: pulled, Says: "image {image|of its container} cannot be pulled",
		},
		{
			Name: "image-pull-state", Cause: CauseImagePull, Depth: Root, In: Events | Logs,
			Words:   []string{"errimagepull", "imagepullbackoff", "errimageneverpull", "invalidimagename", "registryunavailable", "back-off pulling", "imageinspecterror", "errimageneverpull", "invalid image name", "couldn't parse image", "pull policy of never"},
			Match:   `ErrImagePull|ImagePullBackOff|ErrImageNeverPull|InvalidImageName|RegistryUnavailable|ImageInspectError|Failed to apply default image tag[\\": ]*(?P<image>[^\\" ]*)|couldn't parse image[^\n]*|Back-off pulling image[\\" ]*(?P<image>[^\\" ]*)|Container image[\\" ]*(?P<image>[^\\" ]*)[\\" ]*is not present with pull policy of Never`,
			Cleared: pulled, Says: "image {image|of its container} cannot be pulled",
		},
		{
			Name: "image-latest", Cause: CauseImagePull, Depth: Context, In: Logs, Words: []string{"image"},
			Match: `image` + gap + `(?P<image>[-\w./]+:latest)\b`, Says: "image {image} has no fixed version",
		},
	}
}
