package diagnose

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/pattern"
)

// values are what a rule's groups matched.
type values map[string]string

// ruleText is what a rule must find: the text as its source tells it (log, node,
// or the reason of an event) of pod shop/web-5d4cf56db6-x2x7v, the objects that
// it needs, and what its sentence takes from it.
type ruleText struct {
	rule, source, text, needs string
	values                    values
}

// deepest is what explains most of what the rules found in an entry.
func deepest(matches []Match) Match {
	var best Match
	for i, m := range matches {
		if i == 0 || m.Rule.Depth > best.Rule.Depth {
			best = m
		}
	}
	return best
}

func namesOf(objects []Object) string {
	var names []string
	for _, o := range objects {
		names = append(names, o.String())
	}
	return strings.Join(names, ", ")
}

func TestEachRuleReadsWhatProgramsWrite(t *testing.T) {
	table := builtin(t)
	for _, row := range ruleTexts() {
		e := told(row.source, row.text)
		matches := table.Match(e)
		if len(matches) == 0 {
			t.Errorf("%s: not found at level %q: %s", row.rule, e.Level, row.text)
			continue
		}
		m := deepest(matches)
		if m.Rule.Name != row.rule {
			t.Errorf("%s: %s finds %s", row.rule, m.Rule.Name, row.text)
			continue
		}
		if got := namesOf(m.Needs); got != row.needs {
			t.Errorf("%s: needs %q, not %q: %s", row.rule, got, row.needs, row.text)
		}
		for group, want := range row.values {
			if got := m.Values[group]; got != want {
				t.Errorf("%s: %s is %q, not %q: %s", row.rule, group, got, want, row.text)
			}
		}
		// The sentence names nothing that was not found, and is one.
		says := fill(m.Rule.Says, m.Values, m.Subject)
		require.NotEmpty(t, says)
		require.NotContains(t, says, "{", "%s", row.rule)
		require.False(t, strings.HasSuffix(says, "."), "%s: %s", row.rule, says)
	}
}

// TestEachRuleHasTwoTexts counts those of testdata/faults.tsv, too: a new rule's
// texts may stand there or in ruleTexts.
func TestEachRuleHasTwoTexts(t *testing.T) {
	shown, names := map[[2]string]bool{}, map[string]bool{}
	for _, row := range ruleTexts() {
		shown[[2]string{row.rule, row.text}] = true
	}
	for _, row := range rowsOf(t, "faults.tsv") {
		shown[[2]string{row[0], row[2]}] = true
	}
	texts := map[string]int{}
	for row := range shown {
		texts[row[0]]++
	}
	for _, r := range Builtin() {
		require.False(t, names[r.Name], "two rules are called %s", r.Name)
		names[r.Name] = true
		if texts[r.Name] < 2 {
			t.Errorf("rule %s has %d texts", r.Name, texts[r.Name])
		}
		delete(texts, r.Name)
	}
	require.Empty(t, texts, "rules that do not exist")
}

// TestAWordOfEachRuleStandsInItsTexts holds Words to what Rule says of them. A
// line that no pattern promises is not read in a large store: there some rule's
// word must be left of it when it is masked.
func TestAWordOfEachRuleStandsInItsTexts(t *testing.T) {
	table := builtin(t)
	rules := map[string]*compiled{}
	for i := range table.rules {
		rules[table.rules[i].Name] = &table.rules[i]
	}
	miner := pattern.New()
	for _, row := range ruleTexts() {
		e, rule := told(row.source, row.text), rules[row.rule]
		require.NotNil(t, rule, "rule %s does not exist", row.rule)
		if !rule.hasWord(strings.ToLower(Text(e))) {
			t.Errorf("%s: none of %q in %s", row.rule, rule.Words, row.text)
		}
		// Events are read without their pattern. Of several lines the first makes the
		// template, and what follows it only where it is a stack trace.
		if e.Kind == pipeline.KindEvent || strings.Contains(row.text, "\n") {
			continue
		}
		if template := miner.Entry(e).Template; !table.Promises(template, e.Level) {
			t.Errorf("%s: nothing is promised by %q of %s", row.rule, template, row.text)
		}
	}
}

// ruleTexts are at least two texts of each rule, as the programs write them:
// with their headers and levels.
func ruleTexts() []ruleText {
	return []ruleText{
		// What a pod refers to does not exist.
		{"configmap-key-missing", "Failed", `Error: couldn't find key log.level in ConfigMap shop/mail-settings`, "ConfigMap shop/mail-settings", values{"key": "log.level"}},
		{"configmap-key-missing", "node", `E0612 07:01:02.000003    1123 nestedpendingoperations.go:348] Operation for "{volumeName:kubernetes.io/configmap/7f-conf podName:7f nodeName:}" failed. Error: MountVolume.SetUp failed for volume "conf" (UniqueName: "kubernetes.io/configmap/7f-conf") pod "web-0" (UID: "7f") : configmap references non-existent config key: nginx.conf`, "", values{"key": "nginx.conf"}},
		{"configmap-missing", "FailedMount", `MountVolume.SetUp failed for volume "settings" : configmap "mail-settings" not found`, "ConfigMap shop/mail-settings", nil},
		{"configmap-missing", "log", `level=error ts=2024-05-01T12:00:00Z msg="cannot load rules" err="configmaps \"alert-rules\" not found"`, "ConfigMap shop/alert-rules", nil},
		{"configmap-missing", "node", `E0612 07:01:02.000003    1123 kuberuntime_manager.go:1256] container &Container{Name:web} start failed in pod web_shop(7f): CreateContainerConfigError: configmap "mail-settings" not found`, "ConfigMap mail-settings", nil},
		{"image-pull-secret-missing", "FailedToRetrieveImagePullSecret", `Unable to retrieve some image pull secrets (harbor-robot, regcred); attempting to pull the image may not succeed.`, "Secret shop/harbor-robot", nil},
		{"image-pull-secret-missing", "node", `W0612 07:01:02.000003    1123 kubelet_pods.go:880] Unable to retrieve some image pull secrets (regcred); attempting to pull the image may not succeed.`, "Secret regcred", nil},
		{"secret-key-missing", "Failed", `Error: couldn't find key api-token in Secret shop/partner`, "Secret shop/partner", values{"key": "api-token"}},
		{"secret-key-missing", "FailedMount", `MountVolume.SetUp failed for volume "tls" : references non-existent secret key: tls.key`, "", values{"key": "tls.key"}},
		{"secret-missing", "FailedMount", `MountVolume.SetUp failed for volume "webhook-cert" : secret "webhook-server-cert" not found`, "Secret shop/webhook-server-cert", nil},
		{"secret-missing", "log", `E0612 07:01:02.000003       1 controller.go:167] "Reconciler error" err="Secret \"grafana-admin\" not found" controller="grafana"`, "Secret shop/grafana-admin", nil},
		{"serviceaccount-missing", "FailedCreate", `Error creating: pods "worker-7d-" is forbidden: error looking up service account shop/worker: serviceaccount "worker" not found`, "ServiceAccount shop/worker", nil},
		{"serviceaccount-missing", "log", `Error from server (NotFound): serviceaccounts "deployer" not found`, "ServiceAccount shop/deployer", nil},
		{"namespace-missing", "log", `Error from server (NotFound): error when creating "app.yaml": namespaces "staging" not found`, "", values{"missing": "staging"}},
		{"namespace-missing", "FailedCreate", `Error creating: pods "web-2" is forbidden: unable to create new content in namespace old because it is being terminated`, "", nil},
		{"kind-unknown", "log", `error: resource mapping not found for name: "web" namespace: "" from "vs.yaml": no matches for kind "VirtualService" in version "networking.istio.io/v1beta1"`, "", values{"crd": "VirtualService"}},
		{"kind-unknown", "log", `E0612 07:01:02.000003       1 reflector.go:147] k8s.io/client-go@v0.28.0/tools/cache/reflector.go:229: Failed to watch *v1alpha1.Backup: the server could not find the requested resource`, "", nil},
		{"priorityclass-missing", "FailedCreate", `Error creating: pods "batch-1-" is forbidden: no PriorityClass with name batch-low was found`, "", values{"missing": "batch-low"}},
		{"priorityclass-missing", "FailedCreatePodSandBox", `Failed to create pod sandbox: failed to get sandbox runtime: RuntimeClass.node.k8s.io "gvisor" not found`, "", values{"missing": "gvisor"}},
		{"config-error", "log", `cart-0   0/1   CreateContainerConfigError   0   41s`, "", nil},
		{"config-error", "log", `{"level":"warn","msg":"pod web is not ready: CreateContainerConfigError"}`, "", nil},

		// Images.
		{"image-platform", "Failed", `Failed to pull image "acme/tool:3": rpc error: code = NotFound desc = failed to pull and unpack image "docker.io/acme/tool:3": no match for platform in manifest: not found`, "", nil},
		{"image-platform", "log", `ERROR: failed to solve: acme/base:2: no match for platform in manifest: not found`, "", nil},
		{"image-pull", "Failed", `Failed to pull image "ghcr.io/acme/stock:2.0.1": rpc error: code = Unknown desc = failed to pull and unpack image "ghcr.io/acme/stock:2.0.1": failed to resolve reference "ghcr.io/acme/stock:2.0.1": pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed`, "", values{"image": "ghcr.io/acme/stock:2.0.1"}},
		{"image-pull", "node", `E0612 07:01:02.000003    1123 remote_image.go:180] "PullImage from image service failed" err="rpc error: code = Unknown desc = failed to pull and unpack image \"docker.io/library/ngnix:1\": failed to resolve reference: not found" image="ngnix:1"`, "", nil},
		{"image-pull", "log", `time="2024-05-01T12:00:00Z" level=error msg="PullImage \"quay.io/acme/api:9\" failed" error="failed to pull and unpack image \"quay.io/acme/api:9\": manifest unknown"`, "", nil},
		{"image-pull-state", "BackOff", `Back-off pulling image "ghcr.io/acme/stock:2.0.1"`, "", values{"image": "ghcr.io/acme/stock:2.0.1"}},
		{"image-pull-state", "InspectFailed", `Failed to apply default image tag "acme/Shop:1": couldn't parse image reference "acme/Shop:1": invalid reference format: repository name must be lowercase`, "", values{"image": "acme/Shop:1"}},
		{"image-pull-state", "Failed", `Error: ImagePullBackOff`, "", nil},
		{"image-latest", "log", `image: ghcr.io/acme/stock:latest`, "", values{"image": "ghcr.io/acme/stock:latest"}},
		{"image-latest", "log", `Image:         redis:latest`, "", values{"image": "redis:latest"}},

		// Scheduling.
		{"claim-missing", "FailedScheduling", `0/6 nodes are available: persistentvolumeclaim "uploads" not found. preemption: 0/6 nodes are available: 6 Preemption is not helpful for scheduling.`, "PersistentVolumeClaim shop/uploads", nil},
		{"claim-missing", "log", `E0612 07:01:02.000003       1 scheduler.go:380] "Error scheduling pod; retrying" err="0/6 nodes are available: persistentvolumeclaim \"uploads\" not found." pod="shop/web-0"`, "PersistentVolumeClaim shop/uploads", nil},
		{"schedule-claim-unbound", "FailedScheduling", `0/3 nodes are available: 3 node(s) had volume node affinity conflict.`, "", nil},
		{"schedule-claim-unbound", "FailedScheduling", `0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind.`, "", nil},
		{"schedule-selector", "FailedScheduling", `0/7 nodes are available: 7 node(s) didn't match Pod's node affinity/selector. preemption: 0/7 nodes are available: 7 Preemption is not helpful for scheduling.`, "", nil},
		{"schedule-selector", "FailedScheduling", `0/3 nodes are available: 3 node(s) didn't match node selector.`, "", nil},
		{"schedule-apart", "FailedScheduling", `0/3 nodes are available: 3 node(s) didn't satisfy existing pods anti-affinity rules.`, "", nil},
		{"schedule-apart", "FailedScheduling", `0/6 nodes are available: 2 Insufficient cpu, 4 node(s) didn't match pod topology spread constraints.`, "", nil},
		{"schedule-resources", "FailedScheduling", `0/12 nodes are available: 4 Insufficient nvidia.com/gpu, 8 Insufficient memory.`, "", values{"resource": "nvidia.com/gpu"}},
		{"schedule-resources", "FailedScheduling", `0/2 nodes are available: 1 Too many pods, 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }.`, "", nil},
		{"schedule-taint", "FailedScheduling", `0/2 nodes are available: 2 node(s) had untolerated taint {node.kubernetes.io/not-ready: }. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.`, "", values{"taint": "node.kubernetes.io/not-ready:"}},
		{"schedule-taint", "FailedScheduling", `0/4 nodes are available: 1 node(s) were unschedulable, 3 node(s) had untolerated taint {team: data}.`, "", nil},
		{"schedule-ports", "FailedScheduling", `0/3 nodes are available: 3 node(s) didn't have free ports for the requested pod ports. preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod.`, "", nil},
		{"schedule-ports", "log", `E0612 07:01:02.000003       1 scheduler.go:380] "Error scheduling pod; retrying" err="0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports."`, "", nil},
		{"schedule-failed", "FailedScheduling", `running Reserve plugin "DynamicResources": resource claim is in use`, "", nil},
		{"schedule-failed", "FailedScheduling", `skip schedule deleting pod: shop/web-5d4cf56db6-x2x7v`, "", nil},
		{"scale-up-refused", "NotTriggerScaleUp", `pod didn't trigger scale-up (it wouldn't fit if a new node is added): 2 Insufficient memory`, "", nil},
		{"scale-up-refused", "NotTriggerScaleUp", `pod didn't trigger scale-up: 3 in backoff after failed scale-up`, "", nil},
		{"preempted", "Preempted", `Preempted by pod 6c1d on node worker-4`, "", nil},
		{"preempted", "Preempted", `Preempted by shop/payment-0 on node worker-1`, "", nil},
		{"selector-set", "log", `  nodeSelector: {accelerator: a100}`, "", values{"key": "accelerator", "value": "a100"}},
		{"selector-set", "log", `Node-Selectors:  topology.kubernetes.io/zone=eu-1a`, "", values{"key": "topology.kubernetes.io/zone", "value": "eu-1a"}},

		// Volumes.
		{"storageclass-missing", "ProvisioningFailed", `storageclass.storage.k8s.io "premium-rwo" not found`, "StorageClass premium-rwo", nil},
		{"storageclass-missing", "log", `W0612 07:01:02.000003       1 controller.go:1100] error syncing claim "7f": failed to get StorageClass: storageclass.storage.k8s.io "nvme" not found`, "StorageClass nvme", nil},
		{"provisioning-failed", "ProvisioningFailed", `failed to provision volume with StorageClass "standard": rpc error: code = ResourceExhausted desc = quota of disks is reached`, "", nil},
		{"provisioning-failed", "ProvisioningFailed", `no volume plugin matched name: kubernetes.io/aws-efs`, "", nil},
		{"claim-pending", "log", "Access Modes:  ReadWriteMany\nStatus:        Pending", "", nil},
		{"claim-pending", "log", "StorageClass:  nvme\nStatus:        Pending\nVolume:", "", nil},
		{"multi-attach", "FailedAttachVolume", `Multi-Attach error for volume "pvc-77aa" Volume is already exclusively attached to one node and can't be attached to another`, "", values{"volume": "pvc-77aa"}},
		{"multi-attach", "node", `E0612 07:01:02.000003       1 attacher.go:88] Multi-Attach error for volume "pvc-77aa" (UniqueName: "csi^vol-1") from node "worker-2" Volume is already used by pods shop/db-0 on node worker-1`, "", values{"volume": "pvc-77aa"}},
		{"hostpath-type", "FailedMount", `MountVolume.SetUp failed for volume "sock" : hostPath type check failed: /var/run/docker.sock is not a socket file`, "", values{"path": "/var/run/docker.sock"}},
		{"hostpath-type", "node", `E0612 07:01:02.000003    1123 nestedpendingoperations.go:348] MountVolume.SetUp failed for volume "models" : hostPath type check failed: /opt/models is not a directory`, "", values{"path": "/opt/models"}},
		{"mount-refused", "FailedMount", "MountVolume.MountDevice failed for volume \"pvc-77aa\" : rpc error: code = Internal desc = mount failed: exit status 32\nMounting command: mount\nOutput: mount: /var/lib/kubelet: wrong fs type, bad option, bad superblock on /dev/nvme1n1", "", nil},
		{"mount-refused", "node", `mount.nfs: Connection timed out`, "", nil},
		{"mount-refused", "FailedMount", `Unable to mount volume "pvc-77aa": device or resource busy`, "", nil},
		{"attach-failed", "FailedAttachVolume", `AttachVolume.Attach failed for volume "pvc-77aa" : timed out waiting for external-attacher of csi.example.com CSI driver to attach volume vol-1`, "", nil},
		{"attach-failed", "FailedAttachVolume", `AttachVolume.Attach failed for volume "pvc-77aa" : rpc error: code = NotFound desc = volume vol-1 not found`, "", nil},
		{"mount-failed", "FailedMount", `MountVolume.SetUp failed for volume "cache" : rpc error: code = DeadlineExceeded desc = context deadline exceeded`, "", nil},
		{"mount-failed", "FailedMapVolume", `MapVolume.MapPodDevice failed for volume "pvc-block" : blkUtil.AttachFileDevice failed`, "", nil},
		{"csi-missing", "FailedMount", `MountVolume.MountDevice failed for volume "pvc-77aa" : kubernetes.io/csi: attacher.MountDevice failed to create newCsiDriverClient: driver name nfs.csi.k8s.io not found in the list of registered CSI drivers`, "", values{"driver": "nfs.csi.k8s.io"}},
		{"csi-missing", "node", `E0612 07:01:02.000003    1123 csi_attacher.go:345] kubernetes.io/csi: attacher.MountDevice failed to create newCsiDriverClient: driver name secrets-store.csi.k8s.io not found in the list of registered CSI drivers`, "", values{"driver": "secrets-store.csi.k8s.io"}},

		// Admission.
		{"quota-exceeded", "FailedCreate", `Error creating: pods "web-9-abcde" is forbidden: exceeded quota: team-quota, requested: pods=1, used: pods=20, limited: pods=20`, "ResourceQuota shop/team-quota", values{"quota": "team-quota"}},
		{"quota-exceeded", "log", `Error from server (Forbidden): persistentvolumeclaims "data" is forbidden: exceeded quota: storage, requested: requests.storage=10Gi, used: requests.storage=95Gi, limited: requests.storage=100Gi`, "ResourceQuota shop/storage", nil},
		{"limit-range", "FailedCreate", `Error creating: pods "web-9-" is forbidden: minimum cpu usage per Container is 100m, but request is 50m`, "", values{"resource": "cpu", "limit": "100m"}},
		{"limit-range", "FailedCreate", `Error creating: pods "web-9-" is forbidden: maximum memory usage per Pod is 4Gi, but limit is 6442450944`, "", values{"resource": "memory", "limit": "4Gi"}},
		{"webhook-down", "FailedCreate", `Error creating: Internal error occurred: failed calling webhook "mutate.linkerd.io": failed to call webhook: Post "https://proxy-injector.linkerd.svc:443/?timeout=10s": no endpoints available for service "proxy-injector"`, "", values{"webhook": "mutate.linkerd.io"}},
		{"webhook-down", "log", `E0612 07:01:02.000003       1 dispatcher.go:214] failed calling webhook "validate.nginx.ingress.kubernetes.io": failed to call webhook: context deadline exceeded`, "", values{"webhook": "validate.nginx.ingress.kubernetes.io"}},
		{"webhook-denied", "FailedCreate", `Error creating: admission webhook "validation.gatekeeper.sh" denied the request: [need-owner] you must provide labels: {"owner"}`, "", values{"webhook": "validation.gatekeeper.sh"}},
		{"webhook-denied", "log", `Error from server: error when creating "ing.yaml": admission webhook "validate.nginx.ingress.kubernetes.io" denied the request: host "shop.example.com" and path "/" is already defined in ingress shop/web`, "", nil},
		{"pod-security", "FailedCreate", `Error creating: pods "agent-" is forbidden: violates PodSecurity "baseline:v1.29": host namespaces (hostNetwork=true), hostPath volumes (volume "root")`, "", values{"policy": "baseline:v1.29"}},
		{"pod-security", "FailedCreate", `Error creating: pods "agent-" is forbidden: unable to validate against any security context constraint: [provider restricted: .spec.securityContext.fsGroup: Invalid value]`, "", nil},
		{"runs-as-root", "Failed", `Error: container has runAsNonRoot and image has non-numeric user (app), cannot verify user is non-root (pod: "web-0_shop(7f)", container: web)`, "", nil},
		{"runs-as-root", "log", `E0612 07:01:02.000003    1123 kuberuntime_manager.go:1256] start failed: CreateContainerError: container has runAsNonRoot and image will run as root`, "", nil},
		{"create-failed", "FailedCreate", `create Pod db-0 in StatefulSet db failed error: Pod "db-0" is invalid: spec.containers[0].image: Required value`, "", nil},
		{"create-failed", "ReplicaSetCreateError", `Failed to create new replica set "web-7d": ReplicaSet.apps "web-7d" is invalid: spec.template.spec.containers[0].name: Required value`, "", nil},

		// Memory.
		{"oom-killed", "log", `NAME    READY   STATUS      RESTARTS      AGE` + "\n" + `web-0   0/1     OOMKilled   4 (70s ago)   5m`, "", nil},
		{"oom-killed", "log", `{"level":"warn","msg":"container terminated","reason":"OOMKilled","exitCode":137}`, "", nil},
		{"oom-kernel", "node", `oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=cri-containerd-77aa.scope,mems_allowed=0,oom_memcg=/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1b2c3d4e_0000_4000_8000_00000000abcd.slice,task_memcg=/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1b2c3d4e_0000_4000_8000_00000000abcd.slice/cri-containerd-77aa.scope,task=ruby,pid=812,uid=1000`, "", values{"poduid": "1b2c3d4e_0000_4000_8000_00000000abcd", "process": "ruby"}},
		{"oom-kernel", "node", `node invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=936`, "", nil},
		{"oom-kernel", "node", `Out of memory: Killed process 2211 (postgres) total-vm:912344kB, anon-rss:801234kB, file-rss:0kB, shmem-rss:0kB, UID:999 pgtables:1800kB oom_score_adj:985`, "", values{"process": "postgres"}},
		{"memory-limit", "log", "    Limits:\n      memory:  64Mi\n    Requests:\n      memory:  32Mi", "", values{"limit": "64Mi"}},
		{"memory-limit", "log", "Limits:\n  cpu:  1\n  memory:  2Gi", "", values{"limit": "2Gi"}},

		// Containers that end, probes, jobs, evictions.
		{"command-missing", "Failed", `Error: failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "/app/start.sh": permission denied: unknown`, "", values{"command": "/app/start.sh"}},
		{"command-missing", "Failed", `Error: failed to start container "web": Error response from daemon: OCI runtime create failed: container_linux.go:380: starting container process caused: exec: "gunicornn": executable file not found in $PATH: unknown`, "", values{"command": "gunicornn"}},
		{"hook-failed", "FailedPostStartHook", `Exec lifecycle hook ([/bin/sh -c warm-up]) for Container "web" in Pod "web-0_shop(7f)" failed - error: command '/bin/sh -c warm-up' exited with 127`, "", nil},
		{"hook-failed", "FailedPostStartHook", `PostStartHook failed: http: connect refused`, "", nil},
		{"evicted", "Evicted", `The node was low on resource: memory. Threshold quantity: 100Mi, available: 41Mi.`, "", values{"resource": "memory"}},
		{"evicted", "Evicted", `The node was low on resource: pids. Container web was using 900 pids.`, "", values{"resource": "pids"}},
		{"evicted-disk", "Evicted", `Pod ephemeral local storage usage exceeds the total limit of containers 1Gi.`, "", nil},
		{"evicted-disk", "Evicted", `The node had condition: [DiskPressure].`, "", values{"resource": "DiskPressure"}},
		{"evicted-disk", "Evicted", `The node was low on resource: imagefs. Threshold quantity: 5Gi, available: 4Gi.`, "", values{"resource": "imagefs"}},
		{"probe-failed", "Unhealthy", `Startup probe failed: command "/bin/grpc_health_probe -addr=:9000" timed out`, "", values{"probe": "Startup"}},
		{"probe-failed", "ProbeWarning", `Readiness probe errored: rpc error: code = NotFound desc = container is not created or running`, "", values{"probe": "Readiness"}},
		{"probe-failed", "node", `E0612 07:01:02.000003    1123 prober.go:104] "Probe errored" err="Liveness probe errored: rpc error" pod="shop/web-0"`, "", values{"probe": "Liveness"}},
		{"job-failed", "log", `Warning  BackoffLimitExceeded  3s  job-controller  Job has reached the specified backoff limit`, "", nil},
		{"job-failed", "DeadlineExceeded", `Job was active longer than specified deadline`, "", nil},
		{"rollout-stuck", "log", `error: deployment: ReplicaSet "web-7d" has timed out progressing.`, "", nil},
		{"rollout-stuck", "DeploymentUpdated", `Deployment does not have minimum availability: ReplicaSet "web-7d" has timed out progressing.`, "", nil},
		{"back-off", "BackOff", `Back-off restarting failed container`, "", nil},
		{"back-off", "BackOff", `Back-off restarting failed container migrate in pod web-5d4cf56db6-x2x7v_shop(7f)`, "", values{"container": "migrate"}},
		{"back-off", "node", `E0612 07:01:02.000003    1123 pod_workers.go:1300] "Error syncing pod, skipping" err="failed to \"StartContainer\" for \"web\" with CrashLoopBackOff: \"back-off 5m0s restarting failed container=web pod=web-0_shop(7f)\"" pod="shop/web-0"`, "", nil},
		{"container-failed", "log", "    Last State:     Terminated\n      Reason:       Error\n      Exit Code:    78", "", values{"exit": "78"}},
		{"container-failed", "log", "State:          Terminated\n  Reason:       Error\n  Exit Code:    1", "", values{"exit": "1"}},

		// What leads requests to pods, and what scales them.
		{"ingressclass-missing", "log", `E0612 07:01:02.000003       7 store.go:920] error syncing ingress "shop/web": ingressclasses.networking.k8s.io "nginx-internal" not found`, "IngressClass nginx-internal", nil},
		{"ingressclass-missing", "log", `W0612 07:01:02.000003       7 store.go:925] "Ignoring ingress" ingress="shop/web" reason="no default ingress class is set"`, "", nil},
		{"ingress-backend-missing", "log", `W0612 07:01:02.000003       7 controller.go:1107] Error getting Service "shop/stock": no object matching key "shop/stock" in local store`, "Service shop/stock", nil},
		{"ingress-backend-missing", "log", "Default backend:  <default>\n  /api   stock:8080 (<error: services \"stock\" not found>)", "Service shop/stock", nil},
		{"service-without-pods", "log", `W0612 07:01:02.000003       7 controller.go:1214] Service "shop/stock" does not have any active Endpoint.`, "Service shop/stock", nil},
		{"service-without-pods", "log", `Error from server (InternalError): an error on the server ("no endpoints available for service \"stock\"") has prevented the request from succeeding`, "Service shop/stock", nil},
		{"port-missing", "log", `W0612 07:01:02.000003       1 endpoints_controller.go:600] Couldn't find port: no suitable port for manifest: 7f`, "", nil},
		{"port-missing", "log", `level=warn msg="service port 8081 not found in service shop/stock"`, "", nil},
		{"hpa-without-metrics", "FailedGetResourceMetric", `failed to get memory utilization: missing request for memory in container web of Pod web-5d4cf56db6-x2x7v`, "", values{"resource": "memory"}},
		{"hpa-without-metrics", "FailedComputeMetricsReplicas", `invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: unable to get metrics for resource cpu: no metrics returned from resource metrics API`, "", nil},
		{"hpa-target-missing", "FailedGetScale", `statefulsets/scale.apps "stock" not found`, "", nil},
		{"hpa-target-missing", "FailedUpdateScale", `Operation cannot be fulfilled on deployments.apps "web": the object has been modified`, "", nil},
		{"policy-drop", "log", `level=warning msg="network policy verdict: action deny from 10.1.0.4 to 10.1.0.9:5432 policy-verdict:none EGRESS DENIED"`, "", nil},
		{"policy-drop", "node", `kernel: calico-packet: dropped by networkpolicy shop/deny-all IN=cali1 SRC=10.1.0.4 DST=10.1.0.9 PROTO=TCP DPT=6379`, "", nil},
		{"policy-isolates", "log", `  Policy Types: Ingress, Egress`, "", nil},
		{"policy-isolates", "log", "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nspec:\n  podSelector: {}", "", nil},

		// Nodes.
		{"node-lost", "NodeNotReady", `Node is not ready`, "", nil},
		{"node-lost", "TaintManagerEviction", `Marking for deletion Pod shop/cart-0`, "", nil},
		{"node-not-ready", "log", "NAME       STATUS     ROLES    AGE   VERSION\nworker-3   NotReady   <none>   12d   v1.29.2", "", nil},
		{"node-not-ready", "log", `W0612 07:01:02.000003       1 node_lifecycle_controller.go:1100] condition of worker-3: Kubelet stopped posting node status.`, "", nil},
		{"runtime-down", "node", `E0612 07:01:02.000003    1123 kubelet.go:2350] "Skipping pod synchronization" err="[container runtime is down, PLEG is not healthy: pleg was last seen active 4m2s ago; threshold is 3m0s]"`, "", nil},
		{"runtime-down", "node", `E0612 07:01:02.000003    1123 remote_runtime.go:294] "ListPodSandbox with filter from runtime service failed" err="rpc error: code = Unavailable desc = connection error: desc = \"transport: Error while dialing: dial unix /run/containerd/containerd.sock: connect: connection refused\""`, "", nil},
		{"disk-pressure", "EvictionThresholdMet", `Attempting to reclaim ephemeral-storage`, "", nil},
		{"disk-pressure", "node", `W0612 07:01:02.000003    1123 eviction_manager.go:340] "Eviction manager: attempting to reclaim" resourceName="ephemeral-storage" DiskPressure=True`, "", nil},
		{"node-pressure", "NodeHasInsufficientMemory", `Node worker-3 status is now: NodeHasInsufficientMemory`, "", values{"resource": "Memory"}},
		{"node-pressure", "EvictionThresholdMet", `Attempting to reclaim pids`, "", values{"resource": "pids"}},
		{"node-rebooted", "Rebooted", `Node worker-3 has been rebooted, boot id: 0a1b2c3d-0000-4000-8000-000000000000`, "", nil},
		{"node-rebooted", "Rebooted", `Node ip-10-0-0-7.example.internal has been rebooted, boot id: 9f`, "", nil},
		{"node-hardware", "node", `mce: [Hardware Error]: Machine check events logged`, "", nil},
		{"node-hardware", "node", `Buffer I/O error on dev sdb1, logical block 0, async page read`, "", nil},
		{"node-hardware", "KernelDeadlock", `Node condition KernelDeadlock is now: True, reason: DockerHung, kernel: task docker:7 blocked for more than 120 seconds`, "", nil},
		{"cordoned", "NodeNotSchedulable", `Node worker-3 status is now: NodeNotSchedulable, SchedulingDisabled`, "", nil},
		{"cordoned", "log", "Taints:             node.kubernetes.io/unschedulable:NoSchedule\nUnschedulable:      true", "", nil},

		// Parts of the cluster.
		{"cni-down", "FailedCreatePodSandBox", `Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "77aa": plugin type="flannel" failed (add): loadFlannelSubnetEnv failed: open /run/flannel/subnet.env: no such file or directory`, "", nil},
		{"cni-down", "NetworkNotReady", `network is not ready: container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized`, "", nil},
		{"sandbox-failed", "FailedCreatePodSandBox", `Failed to create pod sandbox: rpc error: code = Unknown desc = failed to reserve sandbox name "web-0_shop_7f_1": name is reserved for "77aa"`, "", nil},
		{"sandbox-failed", "FailedCreatePodSandBox", `Failed to create pod sandbox: rpc error: code = Unknown desc = failed to get sandbox image "registry.k8s.io/pause:3.9": context canceled`, "", nil},
		{"etcd-fails", "log", `E0612 07:01:02.000003       1 controller.go:200] unable to sync kubernetes service: etcdserver: request timed out`, "", nil},
		{"etcd-fails", "log", `{"level":"warn","ts":"2024-05-01T12:00:00.000Z","caller":"raft/raft.go:700","msg":"8e9e05c52164694d lost leader 91bc3c398fb3c146 at term 7"}`, "", nil},
		{"coredns-loop", "log", `[ERROR] plugin/errors: 2 stock.shop.svc.cluster.local. AAAA: read udp 10.1.0.5:49876->10.0.0.2:53: read: connection refused`, "", nil},
		{"coredns-loop", "log", `[FATAL] plugin/loop: Loop (127.0.0.1:44222 -> :53) detected for zone ".", see https://coredns.io/plugins/loop#troubleshooting`, "", nil},
		{"leader-lost", "log", `E0612 07:01:02.000003       1 leaderelection.go:429] Failed to renew lease shop/operator: context deadline exceeded`, "", nil},
		{"leader-lost", "log", `2024-05-01T12:00:00.000Z	ERROR	setup	problem running manager	{"error": "leader election lost"}`, "", nil},
		{"apiserver-unreachable", "node", `E0612 07:01:02.000003    1123 kubelet_node_status.go:540] "Error updating node status, will retry" err="error getting node \"worker-3\": Get \"https://cp.example.internal:6443/api/v1/nodes/worker-3?timeout=10s\": dial tcp 10.0.0.10:6443: connect: connection refused"`, "", nil},
		{"apiserver-unreachable", "log", `W0612 07:01:02.000003       1 reflector.go:539] failed to list *v1.Service: Get "https://kubernetes.default.svc:443/api/v1/services": dial tcp 10.96.0.1:443: i/o timeout`, "", nil},
		{"nameserver-limits", "DNSConfigForming", `Search Line limits were exceeded, some search paths have been omitted, the applied search line is: shop.svc.cluster.local svc.cluster.local cluster.local`, "", nil},
		{"nameserver-limits", "DNSConfigForming", `Nameserver limits were exceeded, some nameservers have been omitted`, "", nil},
		{"certificate-not-ready", "ErrInitIssuer", `Error initializing issuer: secret is empty`, "", nil},
		{"certificate-not-ready", "OrderFailed", `Failed to create Order: 403 urn:ietf:params:acme:error:rejectedIdentifier`, "", nil},

		// Programs that cannot start as they were told to.
		{"env-missing", "log", `Error: Environment variable STRIPE_KEY must be set`, "", values{"env": "STRIPE_KEY"}},
		{"env-missing", "log", `{"level":"fatal","message":"missing required environment variable JWT_SECRET"}`, "", values{"env": "JWT_SECRET"}},
		{"env-missing", "log", "Traceback (most recent call last):\n  File \"/app/settings.py\", line 9, in <module>\n    url = os.environ['BROKER_URL']\nKeyError: 'BROKER_URL'", "", values{"env": "BROKER_URL"}},
		{"env-missing", "log", `2024-05-01 12:00:00.000 ERROR 1 --- [main] o.s.boot.SpringApplication : Application run failed: java.lang.IllegalArgumentException: Could not resolve placeholder 'mail.host' in value "${mail.host}"`, "", values{"env": "mail.host"}},
		{"env-unset", "log", `/app/run.sh: line 7: API_BASE_URL: unbound variable`, "", values{"env": "API_BASE_URL"}},
		{"env-unset", "log", `run.sh: 4: DATA_DIR: parameter not set`, "", values{"env": "DATA_DIR"}},
		{"env-unset", "log", `2024-05-01 12:00:00+00:00 [ERROR] [Entrypoint]: Database is uninitialized and password option is not specified. You must specify one of MYSQL_ROOT_PASSWORD, MYSQL_ALLOW_EMPTY_PASSWORD`, "", values{"env": "MYSQL_ROOT_PASSWORD"}},
		{"env-wrong", "log", `level=fatal msg="invalid value \"verbos\" for LOG_LEVEL"`, "", values{"env": "LOG_LEVEL"}},
		{"env-wrong", "log", `error parsing HTTP_PORT: strconv.Atoi: parsing "80a": invalid syntax`, "", values{"env": "HTTP_PORT"}},
		{"command-not-found", "log", `/entrypoint.sh: line 12: pyhton: command not found`, "", values{"command": "pyhton"}},
		{"command-not-found", "log", `Error: Unable to access jarfile /opt/app/shop-1.jar`, "", values{"command": "/opt/app/shop-1.jar"}},
		{"command-not-found", "log", "node:internal/modules/cjs/loader:1080\n  throw err;\n\nError: Cannot find module '/app/dist/main.js'", "", values{"command": "/app/dist/main.js"}},
		{"script-wrong", "log", `./run.sh: line 9: syntax error: unexpected end of file`, "", nil},
		{"script-wrong", "log", `flag provided but not defined: -lisen`, "", nil},
		{"script-wrong", "log", "  File \"/app/main.py\", line 3\n    def main(:\n             ^\nSyntaxError: invalid syntax", "", nil},
		{"script-wrong", "log", `usage: worker.py [-h] [--queue QUEUE]` + "\n" + `worker.py: error: unrecognized arguments: --queu orders`, "", nil},
		{"config-wrong", "log", `2024/05/01 12:00:00 [emerg] 1#1: unknown directive "prox_pass" in /etc/nginx/nginx.conf:14`, "", nil},
		{"config-wrong", "log", `error: failed to parse config file /etc/app.toml: expected '=' after a key`, "", nil},
		{"config-wrong", "log", `*** FATAL CONFIG FILE ERROR (Redis 7.2.4) *** Bad directive or wrong number of arguments`, "", nil},
		{"address-in-use", "log", `Error: listen EADDRINUSE: address already in use :::3000`, "", nil},
		{"address-in-use", "log", `Web server failed to start. Port 8080 was already in use.`, "", values{"port": "8080"}},

		// Clusters of services.
		{"partition", "log", `2024-05-01 12:00:00.000000+00:00 [error] <0.300.0> Mnesia('rabbit@mq-1'): ** ERROR ** mnesia_event got {inconsistent_database, starting_partitioned_network, 'rabbit@mq-0.mq.shop.svc.cluster.local'}`, "Pod shop/mq-0", values{"host": "mq-0.mq.shop.svc.cluster.local"}},
		{"partition", "log", `WARN [members.3] Split brain detected: two masters in the group`, "", nil},
		{"quorum-lost", "log", `{"type":"server","level":"WARN","component":"o.e.c.c.ClusterFormationFailureHelper","message":"master not discovered yet: have discovered only itself, which is not a quorum"}`, "", nil},
		{"quorum-lost", "log", `(error) NOREPLICAS Not enough good replicas to write, CLUSTERDOWN Hash slot not served`, "", nil},
		{"quorum-lost", "log", `pymongo.errors.ServerSelectionTimeoutError: No primary found in the replica set, Timeout: 30s`, "", nil},

		// Databases.
		{"database-login", "log", `2024-05-01 12:00:00.000 UTC [77] FATAL:  no pg_hba.conf entry for host "10.1.0.7", user "shop", database "orders", no encryption; authentication failed`, "", nil},
		{"database-login", "log", `django.db.utils.OperationalError: (1045, "Access denied for user 'orders'@'10.1.0.7' (using password: YES)")`, "", values{"user": "orders"}},
		{"database-login", "log", `MongoServerError: Authentication failed.`, "", nil},
		{"database-connections", "log", `2024-05-01 12:00:00.000 UTC [77] FATAL:  remaining connection slots are reserved for non-replication superuser connections`, "", nil},
		{"database-connections", "log", `ERROR 1040 (HY000): Too many connections`, "", nil},
		{"database-connections", "log", `org.springframework.transaction.CannotCreateTransactionException: Could not open JPA EntityManager for transaction: Unable to acquire JDBC Connection`, "", nil},
		{"database-unreachable", "log", `ERROR: connection to server at "orders-db" (10.96.4.4), port 5432 failed: Connection refused`, "Service shop/orders-db", values{"host": "orders-db"}},
		{"database-unreachable", "log", `2024-05-01 12:00:00.000 UTC [77] FATAL:  the database system is starting up`, "", nil},
		{"database-unreachable", "log", `failed to connect to database: dial tcp 10.96.4.4:3306: connect: connection refused`, "", nil},
		{"database-unreachable", "log", `SequelizeConnectionRefusedError: connect ECONNREFUSED 10.96.4.4:5432`, "", nil},
		{"database-statement", "log", `2024-05-01 12:00:00.000 UTC [77] ERROR:  column "discount" does not exist at character 8`, "", nil},
		{"database-statement", "log", `java.sql.SQLException: Deadlock found when trying to get lock; try restarting transaction`, "", nil},
		{"database-statement", "log", `sqlite3.OperationalError: no such table: sessions`, "", nil},
		{"database-statement", "log", `ERROR:  null value in column "total" of relation "orders" violates not-null constraint`, "", nil},

		// Names, connections, certificates.
		{"certificate", "log", `level=error msg="forward failed" err="Post \"https://stock.shop.svc:8443/v1\": tls: failed to verify certificate: x509: certificate is valid for stock, not stock.shop.svc"`, "", nil},
		{"certificate", "log", `Error: self-signed certificate in certificate chain` + "\n" + `    at TLSSocket.onConnectSecure (node:_tls_wrap:1600:34)`, "", nil},
		{"certificate", "node", `E0612 07:01:02.000003    1123 server.go:200] part of the existing bootstrap client certificate in /etc/kubernetes/kubelet.conf is expired: certificate has expired`, "", nil},
		{"certificate", "log", `curl: (60) SSL certificate problem: unable to get local issuer certificate`, "", nil},
		{"dns", "log", `level=error msg="cannot dial" err="dial tcp: lookup stock on 10.96.0.10:53: server misbehaving"`, "Service shop/stock", values{"host": "stock"}},
		{"dns", "log", `2024/05/01 12:00:00 [error] 7#7: *9 stock.shop.svc.cluster.local could not be resolved: cannot resolve host stock.shop.svc.cluster.local (3: Host not found)`, "Service shop/stock", nil},
		{"dns", "log", `wget: bad address 'stock:8080'`, "Service shop/stock", values{"host": "stock:8080"}},
		{"dns", "log", `Caused by: java.net.UnknownHostException: stock.shop.svc`, "Service shop/stock", nil},
		{"connection-refused", "log", `level=error msg="call failed" err="Get \"http://stock.shop.svc:8080/items\": dial tcp 10.96.3.3:8080: connect: connection refused"`, "Service shop/stock", nil},
		{"connection-refused", "log", `redis.exceptions.ConnectionError: Error 111 connecting to cache:6379. Connection refused.`, "Service shop/cache", nil},
		{"connection-refused", "log", `Error: connect ECONNREFUSED 10.96.3.3:6379` + "\n" + `    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1555:16)`, "", nil},
		{"connection-timeout", "log", `{"level":"error","msg":"request failed","err":"Get \"http://pricing:8080/v1/quote\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"}`, "Service shop/pricing", nil},
		{"connection-timeout", "log", `io.lettuce.core.RedisCommandTimeoutException: Command timed out after 1 minute(s)`, "", nil},
		{"connection-timeout", "log", `2024/05/01 12:00:00 [error] 7#7: *9 upstream timed out (110: Operation timed out) while connecting to upstream, client: 10.1.0.4, server: _, request: "GET /api HTTP/1.1"`, "", nil},
		{"dependency-down", "log", `rpc error: code = Unavailable desc = name resolver error: produced zero addresses`, "", nil},
		{"dependency-down", "log", `2024/05/01 12:00:00 [error] 7#7: *9 no live upstreams while connecting to upstream, client: 10.1.0.4`, "", nil},
		{"dependency-down", "log", `WARN [Producer clientId=web] Error while fetching metadata: {orders=LEADER_NOT_AVAILABLE}, broker is not known`, "", nil},
		{"network-degraded", "log", `[Errno 32] Broken pipe`, "", nil},
		{"network-degraded", "node", `kernel: eth0: NIC Link is Down, link is not ready`, "", nil},
		{"network-degraded", "log", `Error: read ECONNRESET` + "\n" + `    at TCP.onStreamRead (node:internal/stream_base_commons:217:20)`, "", nil},

		// Access.
		{"rbac-forbidden", "log", `User "system:serviceaccount:shop:operator" cannot list resource "secrets" in API group "" at the cluster scope`, "", values{"user": "system:serviceaccount:shop:operator", "verb": "list", "resource": "secrets"}},
		{"rbac-forbidden", "log", `Error from server (Forbidden): deployments.apps is forbidden: User "ci" cannot create resource "deployments" in API group "apps" in the namespace "shop"`, "", nil},
		{"cloud-denied", "log", `botocore.exceptions.ClientError: An error occurred (AccessDeniedException) when calling the GetSecretValue operation: User: arn:aws:sts::1:assumed-role/web is not authorized to perform: secretsmanager:GetSecretValue`, "", nil},
		{"cloud-denied", "log", `rpc error: code = PermissionDenied desc = caller does not have permission`, "", nil},
		{"file-denied", "log", `Error: EACCES: permission denied, open '/data/cache.db'`, "", nil},
		{"file-denied", "log", `mkdir /var/lib/app/index: permission denied`, "", values{"path": "/var/lib/app/index"}},
		{"file-denied", "log", `level=error msg="cannot write snapshot" err="open /snapshots/1.tmp: read-only file system"`, "", values{"path": "/snapshots/1.tmp"}},
		{"credentials-refused", "log", `WRONGPASS invalid username-password pair or user is disabled.`, "", nil},
		{"credentials-refused", "log", `org.apache.kafka.common.errors.SaslAuthenticationException: SASL/PLAIN mechanism failed`, "", nil},
		{"credentials-refused", "log", `ERROR:  permission denied for table orders`, "", nil},
		{"logins-failed", "node", `sshd[811]: Failed password for invalid user admin from 10.9.9.9 port 51112 ssh2`, "", nil},
		{"logins-failed", "log", `{"level":"info","msg":"login failed","user":"carol"}`, "", nil},

		// More is asked than there is.
		{"disk-full", "log", `ERROR 1114 (HY000): The table 'orders' is full: No space left on device (28)`, "", nil},
		{"disk-full", "log", `MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk: write error: ENOSPC`, "", nil},
		{"disk-full", "node", `systemd-journald[301]: Failed to write entry: No space left on device`, "", nil},
		{"heap-exhausted", "log", "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", "", nil},
		{"heap-exhausted", "log", "Exception in thread \"http-1\" java.lang.OutOfMemoryError: Metaspace\n\tat java.base/java.lang.ClassLoader.defineClass1(Native Method)", "", values{"what": "Metaspace"}},
		{"out-of-memory", "log", `what():  std::bad_alloc, out of memory while building the index`, "", nil},
		{"out-of-memory", "log", `OSError: [Errno 12] Cannot allocate memory`, "", nil},
		{"memory-grows", "log", `level=warn msg="heap memory is near the limit" percent=94`, "", nil},
		{"memory-grows", "log", `WARN memory usage above threshold, shrinking the cache`, "", nil},
		{"rate-limit", "log", `{"level":"warn","msg":"request rejected: rate limit exceeded","client":"10.1.0.4"}`, "", nil},
		{"rate-limit", "log", `googleapi: Error 429: Too Many Requests, rateLimitExceeded`, "", nil},
		{"cpu-throttled", "log", `WARN HikariPool-1 - Thread starvation or clock leap detected (housekeeper delta=1m2s).`, "", nil},
		{"cpu-throttled", "CPUThrottlingHigh", `82% throttling of CPU in namespace shop for container web`, "", nil},
		{"slow-query", "log", `2024-05-01 12:00:00.000 UTC [77] LOG:  process 77 still waiting for ShareLock on transaction 900 after 1000.100 ms`, "", nil},
		{"slow-query", "log", `2024-05-01 12:00:00.000 UTC [77] LOG:  duration: 8412.250 ms  execute <unnamed>: SELECT sum(total) FROM orders`, "", values{"ms": "8412"}},
		{"slow-response", "log", `WARN  c.a.shop.StockClient - response time of stock exceeds the threshold`, "", nil},
		{"slow-response", "log", `level=warn msg="slow call to pricing" duration=5.2s`, "", nil},

		// Faults of a program's own code.
		{"crash", "log", "panic: assignment to entry in nil map\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/main.go:7 +0x1d", "", nil},
		{"crash", "node", `web[4411]: segfault at 0 ip 00007f0000000000 sp 00007ffe00000000 error 4 in web[400000+1000]`, "", nil},
		{"crash", "log", "Unhandled rejection TypeError: boom\n    at /app/index.js:3:7", "", nil},
		{"exception", "log", "2024-05-01 12:00:00 ERROR OrderService:88 - java.lang.NullPointerException: total is null\n\tat shop.OrderService.total(OrderService.java:88)", "", values{"exception": "java.lang.NullPointerException"}},
		{"exception", "log", `undefined method 'name' for nil (NoMethodError): NoMethodError: undefined method 'name' for nil`, "", values{"exception": "NoMethodError"}},
		{"wrong-result", "log", `ERROR ledger: balance mismatch: booked 120, counted 119`, "", nil},
		{"wrong-result", "log", `WARN invariant violated: stock is below zero`, "", nil},
		{"cannot-go-on", "log", `level=fatal msg="giving up after five attempts"`, "", nil},
		{"cannot-go-on", "log", `npm ERR! worker exited with code 3`, "", nil},
		{"errors", "log", `ERROR cannot finish job 17`, "", nil},
		{"errors", "log", `{"level":"error","msg":"failed to render invoice"}`, "", nil},
	}
}
