package diagnose

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
)

// healthyText is what a healthy cluster writes: source is log, node, or the
// reason of an event.
type healthyText struct{ source, text string }

// healthyTexts name errors, limits, timeouts and refusals, and tell of none.
func healthyTexts() []healthyText {
	return []healthyText{
		// Programs start and stop.
		{"log", `Tomcat started on port(s): 8080 (http) with context path ''`},
		{"log", `INFO:     Uvicorn running on http://0.0.0.0:8000 (Press CTRL+C to quit)`},
		{"log", `[2024-05-01 12:00:00 +0000] [1] [INFO] Listening at: http://0.0.0.0:8000 (1)`},
		{"log", `{"level":"info","ts":1714564800.1,"caller":"app/main.go:41","msg":"starting server","addr":":8080","read_timeout":"15s","write_timeout":"30s"}`},
		{"log", `time="2024-05-01T12:00:00Z" level=info msg="containerd successfully booted in 0.041233s"`},
		{"log", `Server started, Redis version 7.2.4, errors=0`},
		{"log", `/docker-entrypoint.sh: Configuration complete; ready for start up`},
		{"log", `10-listen-on-ipv6-by-default.sh: info: Enabled listen on IPv6 in /etc/nginx/conf.d/default.conf`},
		{"log", `2024/05/01 12:00:00 [notice] 1#1: using the "epoll" event method`},
		{"log", `2024/05/01 12:00:00 [notice] 1#1: gracefully shutting down`},
		{"log", `2024-05-01T12:00:00.000000Z 0 [System] [MY-010931] [Server] /usr/sbin/mysqld: ready for connections. Version: '8.0.36'  socket: '/var/run/mysqld/mysqld.sock'  port: 3306  MySQL Community Server - GPL.`},
		{"log", `2024-05-01 12:00:00.000 UTC [1] LOG:  listening on IPv4 address "0.0.0.0", port 5432`},
		{"log", `2024-05-01 12:00:00.000 UTC [1] LOG:  received fast shutdown request`},
		{"log", `2024-05-01 12:00:00.000 UTC [27] LOG:  database system was shut down at 2024-05-01 11:58:00 UTC`},
		{"log", `2024-05-01 12:00:00.000 UTC [1] LOG:  background worker "logical replication launcher" (PID 30) exited with exit code 0`},
		{"log", `{"t":{"$date":"2024-05-01T12:00:00.000+00:00"},"s":"I","c":"NETWORK","id":23016,"ctx":"listener","msg":"Waiting for connections","attr":{"port":27017,"ssl":"off"}}`},
		{"log", `{"t":{"$date":"2024-05-01T12:00:00.000+00:00"},"s":"I","c":"NETWORK","id":22944,"ctx":"conn12","msg":"Connection ended","attr":{"remote":"10.1.0.4:51234","connectionCount":3}}`},
		{"log", `[2024-05-01T12:00:00,000][INFO ][o.e.n.Node] [es-0] started`},
		{"log", `[2024-05-01 12:00:00,000] INFO [KafkaServer id=1] started (kafka.server.KafkaServer)`},
		{"log", `[2024-05-01 12:00:00,000] INFO [GroupCoordinator 1]: Member web-1 in group shop has left, removing it from the group`},
		{"log", `2024-05-01 12:00:00.000000+00:00 [info] <0.700.0> accepting AMQP connection <0.700.0> (10.1.0.4:40000 -> 10.1.0.9:5672)`},
		{"log", `2024-05-01 12:00:00.000000+00:00 [info] <0.700.0> closing AMQP connection <0.700.0> (10.1.0.4:40000 -> 10.1.0.9:5672, vhost: '/', user: 'shop')`},
		{"log", `2024-05-01 12:00:00.000000+00:00 [info] <0.222.0> Running boot step network_partition_handling defined by app rabbit`},
		{"log", `1:M 01 May 2024 12:00:00.000 * DB saved on disk`},
		{"log", `1:S 01 May 2024 12:00:00.000 * MASTER <-> REPLICA sync: Finished with success`},
		{"log", `npm notice New minor version of npm available! 10.2.4 -> 10.5.0`},
		{"log", `2024-05-01 12:00:00.000  INFO 1 --- [main] o.h.jpa.internal.util.LogHelper : HHH000204: Processing PersistenceUnitInfo [name: default]`},
		{"log", `2024-05-01 12:00:00.000  INFO 1 --- [extShutdownHook] com.zaxxer.hikari.HikariDataSource : HikariPool-1 - Shutdown completed.`},
		{"log", `celery@worker-0 ready.`},
		{"log", `worker: Warm shutdown (MainProcess)`},
		{"log", `Applying migration 0007_add_error_code... OK`},
		{"log", `Flyway: Schema "public" is up to date. No migration necessary.`},

		// Requests.
		{"log", `10.1.0.4 - - [01/May/2024:12:00:00 +0000] "GET /api/errors?limit=10 HTTP/1.1" 200 512 "-" "Go-http-client/2.0"`},
		{"log", `10.1.0.4 - - [01/May/2024:12:00:00 +0000] "GET /static/error.css HTTP/1.1" 304 0 "https://shop.example.com/" "Mozilla/5.0"`},
		{"log", `10.1.0.4 - - [01/May/2024:12:00:00 +0000] "GET /wp-login.php HTTP/1.1" 404 146 "-" "zgrab/0.x"`},
		{"log", `10.1.0.4 - - [01/May/2024:12:00:00 +0000] "POST /api/timeout-settings HTTP/1.1" 201 17 "-" "curl/8.5.0"`},
		{"log", `10.1.0.4 - bob [01/May/2024:12:00:00 +0000] "DELETE /v1/failed-jobs/7 HTTP/1.1" 204 0`},
		{"log", `10.1.0.4 - - [01/May/2024:12:00:00 +0000] "GET /items/503 HTTP/1.1" 200 429`},
		{"log", `10.1.0.4 - - [01/May/2024:12:00:00 +0000] "GET /docs/connection-refused HTTP/1.1" 200 9011`},
		{"log", `10.1.0.4 - - [01/May/2024:12:00:00 +0000] "PUT /orders/504/gateway HTTP/1.1" 200 44`},
		{"log", `[2024-05-01T12:00:00.000Z] "GET /healthz HTTP/1.1" 200 - via_upstream - "-" 0 2 1 1 "-" "kube-probe/1.29" "7f" "web:8080" "10.1.0.5:8080"`},
		{"log", `{"level":"info","method":"GET","path":"/errors","status":200,"duration_ms":3}`},
		{"log", `{"level":"info","msg":"request","status":404,"path":"/favicon.ico"}`},
		{"log", `GET /ready 200 1.203 ms - 15`},
		{"log", `::ffff:10.1.0.4 - - "GET /metrics HTTP/1.1" 200 - 4.120 ms`},
		{"log", `level=info msg="grpc call finished" grpc.code=OK grpc.method=GetQuote grpc.time_ms=2.1`},
		{"log", `{"level":"info","msg":"grpc call finished","code":"NotFound","method":"GetUser"}`},
		{"log", `{"level":"debug","msg":"upstream responded","status":503,"will_retry":true}`},

		// Nothing is wrong.
		{"log", `scan finished: 0 errors, 0 failures, 212 checked`},
		{"log", `no errors found`},
		{"log", `fsck finished without errors`},
		{"log", `{"level":"info","msg":"sync complete","errors":[],"failed":0}`},
		{"log", `level=info msg="batch done" ok=12 errors=0 err=<nil>`},
		{"log", `error: null`},
		{"log", `Tests run: 40, Failures: 0, Errors: 0, Skipped: 1`},
		{"log", `backup verified, no corruption found`},
		{"log", `connection closed`},
		{"log", `Connection 77 closed normally`},
		{"log", `client 10.1.0.4 disconnected: EOF`},
		{"log", `INFO retry succeeded on attempt 2`},
		{"log", `INFO connection to db restored`},
		{"log", `INFO reconnected to broker-1 after timeout`},
		{"log", `health check passed`},
		{"log", `{"level":"info","msg":"all health checks passed","failing":0}`},
		{"log", `[OK] readiness: database=up cache=up queue=up`},
		{"log", `ping db: ok (2 ms)`},
		{"log", `rate limiter configured: 500 requests per second, burst 50`},
		{"log", `disk check ok: 41% of /data used`},
		{"log", `cluster health: green, no unassigned shards`},
		{"log", `partitions: []`},
		{"log", `quorum established with 3 of 3 members`},
		{"log", `elected leader: node-2 in term 9`},

		// Settings.
		{"log", `timeout=30s`},
		{"log", `request timeout set to 3000 ms`},
		{"log", `idle_timeout: 60s, max_connections: 100, error_log: /dev/stderr`},
		{"log", `--memory-limit=512Mi --oom-score-adj=-500 --fail-swap-on=false`},
		{"log", `oom_score_adj=-998`},
		{"log", `vm.panic_on_oom = 0`},
		{"log", `kernel.panic = 10`},
		{"log", `maxUnavailable: 25%`},
		{"log", `backoffLimit: 4`},
		{"log", `restartPolicy: OnFailure`},
		{"log", `failureThreshold: 3`},
		{"log", `ssl_certificate /etc/nginx/tls/tls.crt;`},
		{"log", `error_page 500 502 503 504 /50x.html;`},
		{"log", `  proxy_next_upstream error timeout http_502;`},
		{"log", `option: fail_fast=true`},
		{"log", `INFO config loaded: on_error=continue max_retries=5`},
		{"log", `LOG_LEVEL=error`},
		{"log", `{"level":"info","msg":"using config","config":{"errorThreshold":5,"panicMode":false}}`},
		{"log", `imagePullSecrets: [{name: regcred}]`},

		// People and passwords.
		{"log", `password updated`},
		{"log", `password for user carol was changed`},
		{"log", `user carol signed in`},
		{"log", `session of user carol expired`},
		{"log", `API key rotated, old key is revoked in 24h`},
		{"log", `JWT issued for carol, expires in 15m`},
		{"log", `certificate for shop.example.com renewed, valid until 2025-05-01`},
		{"log", `INFO loaded 142 trusted CA certificates`},
		{"log", `reset-password mail sent`},
		{"log", `audit: user carol was denied nothing`},

		// Metrics.
		{"log", `http_request_errors_total{service="web"} 0`},
		{"log", `process_resident_memory_bytes 9.1e+07`},
		{"log", `container_oom_events_total 0`},
		{"log", `up{job="web"} 1`},
		{"log", `stats: hits=991 misses=9 timeouts=0 refused=0 dropped=0`},
		{"log", `cpu=12% mem=44% disk=51% load=0.31`},
		{"log", `queue depth 4, oldest 2s`},
		{"log", `p50=4ms p99=41ms errors=0.00%`},
		{"log", `replication lag: 0 bytes`},
		{"log", `heap 210M of 1024M used`},
		{"log", `503 records imported in 2 s`},
		{"log", `wrote 504 bytes`},
		{"log", `page 401 of 512 rendered`},

		// klog, at the level of information.
		{"log", `I0501 12:00:00.000001       1 leaderelection.go:250] attempting to acquire leader lease shop/operator-lock...`},
		{"log", `I0501 12:00:00.000001       1 leaderelection.go:260] successfully acquired lease shop/operator-lock`},
		{"log", `I0501 12:00:00.000001       1 shared_informer.go:318] Caches are synced for configmaps`},
		{"log", `I0501 12:00:00.000001       1 controller.go:220] "Starting workers" controller="secret" worker count=1`},
		{"log", `I0501 12:00:00.000001       1 trace.go:236] Trace[11]: "List" url:/api/v1/pods (total time: 612ms)`},
		{"log", `I0501 12:00:00.000001       1 garbagecollector.go:549] "Processing item" item="[v1/Pod, namespace: shop, name: web-0]"`},
		{"log", `I0501 12:00:00.000001       1 event.go:376] "Event occurred" object="shop/web" kind="Deployment" reason="ScalingReplicaSet" message="Scaled up replica set web-7d to 3"`},
		{"node", `I0501 12:00:00.000001    1123 kubelet.go:2400] "SyncLoop (PLEG): event for pod" pod="shop/web-0" event={"ID":"7f","Type":"ContainerStarted","Data":"77aa"}`},
		{"node", `I0501 12:00:00.000001    1123 reconciler_common.go:258] "operationExecutor.MountVolume started for volume \"conf\" (UniqueName: \"kubernetes.io/configmap/7f-conf\") pod \"web-0\" (UID: \"7f\") " pod="shop/web-0"`},
		{"node", `I0501 12:00:00.000001    1123 scope.go:117] "RemoveContainer" containerID="77aa"`},
		{"node", `I0501 12:00:00.000001    1123 prober_manager.go:287] "Failed to remove probe" pod="shop/web-0"`},
		{"node", `systemd[1]: Started Kubernetes Kubelet.`},
		{"node", `systemd[1]: run-containerd-runc-k8s.io-77aa-runc.mount: Deactivated successfully.`},
		{"node", `kernel: eth0: link becomes ready`},
		{"node", `kernel: cni0: port 3(veth77aa) entered forwarding state`},
		{"node", `sshd[811]: Accepted publickey for ops from 10.9.9.9 port 51112 ssh2`},
		{"node", `chronyd[500]: Selected source 10.0.0.3`},
		{"node", `containerd[700]: time="2024-05-01T12:00:00Z" level=info msg="shim disconnected" id=77aa namespace=k8s.io`},
		{"node", `containerd[700]: time="2024-05-01T12:00:00Z" level=info msg="PullImage \"nginx:1.25\" returns image reference \"sha256:77aa\""`},

		// Garbage collection.
		{"log", `[12.345s][info][gc] GC(12) Pause Young (Normal) (G1 Evacuation Pause) 210M->44M(512M) 4.120ms`},
		{"log", `[12.345s][info][gc,start] GC(13) Pause Full (Allocation Failure)`},
		{"log", `[Full GC (Ergonomics) [PSYoungGen: 1024K->0K(2048K)] 3072K->2048K(8192K), 0.0120 secs]`},
		{"log", `gc 41 @88.120s 0%: 0.02+1.1+0.003 ms clock, 0.1+0.2/1.0/0.1+0.01 ms cpu, 4->4->2 MB, 5 MB goal, 2 P`},

		// Lines for developers, that name classes of errors.
		{"log", `DEBUG o.s.w.s.m.m.a.ExceptionHandlerExceptionResolver - ControllerAdvice beans: 1 @ExceptionHandler`},
		{"log", `{"level":"debug","msg":"mapped IllegalArgumentException to 400"}`},
		{"log", `DEBUG retry policy: retry on java.net.SocketTimeoutException, java.net.ConnectException`},
		{"log", `TRACE entering handleOutOfMemoryError`},
		{"log", `DEBUG pool stats (total=10, active=0, idle=10, waiting=0) timeout failures=0`},
		{"log", `{"level":"debug","msg":"dial attempt","err":"connection refused","attempt":1}`},
		{"log", `[DEBUG] registered error codes: ECONNREFUSED, ETIMEDOUT, ENOTFOUND`},

		// Statements and texts of others, that hold the words.
		{"log", `DELETE FROM error_events WHERE created_at < now() - interval '30 days'`},
		{"log", `INFO executing: UPDATE tasks SET status = 'failed_over' WHERE id = 7`},
		{"log", `INFO indexed article "How to fix connection refused"`},
		{"log", `INFO ticket 991 opened: "permission denied for my account"`},
		{"log", `search for "out of memory" returned 12 documents`},
		{"log", `payment of customer 12 was declined by the bank`},
		{"log", `coupon SPRING is expired`},
		{"log", `cart of guest abandoned after 30 minutes`},
		{"log", `exported report "errors by team"`},

		// Events of healthy objects.
		{"Scheduled", `Successfully assigned shop/web-5d4cf56db6-x2x7v to worker-2`},
		{"Pulling", `Pulling image "ghcr.io/acme/error-pages:1.2"`},
		{"Pulled", `Successfully pulled image "ghcr.io/acme/web:7" in 912ms (912ms including waiting). Image size: 71234567 bytes.`},
		{"Created", `Created container: web`},
		{"Started", `Started container web`},
		{"Killing", `Stopping container web`},
		{"ScalingReplicaSet", `Scaled down replica set web-5d4cf56db6 to 0 from 1`},
		{"SuccessfulCreate", `create Pod db-0 in StatefulSet db successful`},
		{"SuccessfulDelete", `Deleted pod: web-5d4cf56db6-x2x7v`},
		{"SuccessfulAttachVolume", `AttachVolume.Attach succeeded for volume "pvc-77aa"`},
		{"SuccessfulRescale", `New size: 2; reason: All metrics below target`},
		{"Completed", `Job completed`},
		{"SawCompletedJob", `Saw completed job: nightly-1, condition: Complete`},
		{"TaintManagerEviction", `Cancelling deletion of Pod shop/web-5d4cf56db6-x2x7v`},
		{"NodeReady", `Node worker-2 status is now: NodeReady`},
		{"NodeHasSufficientPID", `Node worker-2 status is now: NodeHasSufficientPID`},
		{"NodeAllocatableEnforced", `Updated Node Allocatable limit across pods`},
		{"Starting", `Starting kubelet.`},
		{"LeaderElection", `operator-0_77aa became leader`},
		{"Sync", `Scheduled for sync`},
		{"Issuing", `The certificate has been successfully issued`},
		{"Generated", `Stored new private key in temporary Secret resource "shop-tls-x"`},
		{"WaitForPodScheduled", `waiting for pod web-0 to be scheduled`},
		{"Provisioning", `External provisioner is provisioning volume for claim "shop/data"`},
		{"NoPods", `No matching pods found`},
		{"DeploymentRollback", `Rolled back deployment "web" to revision 3`},
	}
}

func TestNoRuleFindsAFaultInHealthyTexts(t *testing.T) {
	table, seen := builtin(t), map[healthyText]bool{}
	for _, row := range healthyTexts() {
		require.False(t, seen[row], "it stands twice: %s", row.text)
		seen[row] = true
		for _, m := range table.Match(told(row.source, row.text)) {
			if m.Rule.Depth > Context && m.Rule.Cause.IsFault() {
				t.Errorf("%s (%s): %s", m.Rule.Name, m.Rule.Cause, row.text)
			}
		}
	}
	require.GreaterOrEqual(t, len(seen), 120)
}

// TestAHealthyClusterIsWell asks the same of all texts at once, each of them
// often, so that no rule waits for more.
func TestAHealthyClusterIsWell(t *testing.T) {
	var s story
	for n := range 20 {
		for _, row := range healthyTexts() {
			e := told(row.source, row.text)
			if n > 0 && e.Level >= pipeline.LevelError {
				continue // its level is read of a setting: it is written at the start alone
			}
			s.at(float64(n), e)
			if e.Kind == pipeline.KindEvent {
				e.Event.UID, e.Event.Count = row.source, 20
			}
		}
	}
	for _, about := range [][]Object{nil, {{Kind: "Pod", Namespace: "shop", Name: webPod}}, {{Kind: "Node", Name: "worker-1"}}, {{Kind: "Namespace", Name: "shop"}}} {
		got := Diagnose(builtin(t), Case{About: about, Sightings: s.sightings})
		require.Equal(t, CauseInsufficientData, got.Cause, "%v: %s", about, got.Summary)
		require.Empty(t, got.Also)
		got = Diagnose(builtin(t), Case{Ask: IsItWell, About: about, Sightings: s.sightings})
		require.Equal(t, CauseNoFault, got.Cause, "%v: %s", about, got.Summary)
	}
}
