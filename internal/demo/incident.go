package demo

import (
	"strings"
	"time"

	"github.com/loglode/loglode/query/diagnose"
)

// Incident is something that goes wrong in the shop, and goes on from then.
type Incident struct {
	Name string
	// Is tells what happens, Ask a question whose answer is Cause.
	Is, Ask string
	Cause   diagnose.Cause
	// After is how long after the start it begins.
	After time.Duration
	begin func(*Generator, time.Time)
}

// Incidents lists what can go wrong, in the order in which it begins.
func Incidents() []Incident {
	return []Incident{
		{"cache-config", "a roll-out of cache-service whose ConfigMap does not exist", "why does the cache service not start?",
			diagnose.CauseMissingConfigMap, 2 * time.Minute, (*Generator).cacheConfig},
		{"payment-oom", "payment needs more memory than its limit and is killed, again and again", "why is payment restarting?",
			diagnose.CauseOOMKilled, 4 * time.Minute, (*Generator).paymentOOM},
		{"bad-rollout", "a new version of frontend lacks an environment variable", "why does the new frontend crash?",
			diagnose.CauseMisconfiguredEnv, 6 * time.Minute, (*Generator).badRollout},
		{"slow-db", "orders-db becomes slow; orders, checkout and frontend time out behind it", "why do orders time out?",
			diagnose.CauseSlowDependency, 8 * time.Minute, (*Generator).slowDB},
	}
}

// backOff is how long kubelet waits before a container's next start: it doubles
// from 10 s to 5 min.
func backOff(restarts int) time.Duration {
	return min(10*time.Second<<min(restarts, 5), 5*time.Minute)
}

func (g *Generator) cacheConfig(at time.Time) {
	s := g.workload("cache-service")
	old := s.pods[0]
	deployment := object{"Deployment", "shop", "cache-service", ""}
	pod := g.newPod(s)
	set := object{"ReplicaSet", "shop", strings.TrimSuffix(pod.name, pod.name[len(pod.name)-6:]), ""}
	g.event(at, deployment, "Normal", "ScalingReplicaSet", "deployment-controller", "", "Scaled down replica set "+old.set+" from 1 to 0")
	g.event(at.Add(time.Second), old.object(), "Normal", "Killing", "kubelet", old.node, "Stopping container cache")
	s.pods = nil // strategy Recreate: nothing serves from here on
	g.event(at.Add(3*time.Second), deployment, "Normal", "ScalingReplicaSet", "deployment-controller", "", "Scaled up replica set "+set.name+" from 0 to 1")
	g.event(at.Add(3*time.Second), set, "Normal", "SuccessfulCreate", "replicaset-controller", "", "Created pod: "+pod.name)
	g.event(at.Add(4*time.Second), pod.object(), "Normal", "Scheduled", "default-scheduler", "", "Successfully assigned shop/"+pod.name+" to "+pod.node)
	failed := g.series(pod.object(), "Warning", "Failed", "kubelet", pod.node, `Error: configmap "cache-service-config" not found`)
	pulled := g.series(pod.object(), "Normal", "Pulled", "kubelet", pod.node, `Container image "docker.io/library/redis:7.2.5" already present on machine`)
	values := map[string]string{"pod": pod.name, "uid0": pod.uid}
	g.every(at.Add(6*time.Second), func(n int, at time.Time) time.Duration {
		pulled.seen(at)
		failed.seen(at.Add(200 * time.Millisecond))
		g.journal(at.Add(210*time.Millisecond), pod.node, "kubelet.service",
			`E{klog}    1102 pod_workers.go:1301] "Error syncing pod, skipping" err="failed to \"StartContainer\" for \"cache\" with CreateContainerConfigError: \"configmap \\\"cache-service-config\\\" not found\"" pod="shop/{pod}" podUID="{uid0}"`, values)
		if n < 25 {
			return 13 * time.Second
		}
		return 5 * time.Minute // kubelet's own limit of equal events
	})
	for _, client := range []string{"cart", "catalog"} {
		g.every(at.Add(2*time.Second), func(int, time.Time) time.Duration {
			return g.says(client, errs, `time={ts} level=WARN msg="cache unavailable, reading from the database" target=cache-service err="dial tcp cache-service.shop.svc.cluster.local:6379: connect: connection refused"`, nil, 7*time.Second)
		})
	}
}

func (g *Generator) paymentOOM(at time.Time) {
	pod := g.workload("payment").pods[0]
	values := map[string]string{"pod": pod.name, "uid0": pod.uid, "slice": strings.ReplaceAll(pod.uid, "-", "_"), "ctr": string(appendHex(nil, g.rand, 64))}
	object := pod.object()
	pulled := g.series(object, "Normal", "Pulled", "kubelet", pod.node, `Container image "registry.shop.example/payment:v5.0.2" already present on machine`)
	created := g.series(object, "Normal", "Created", "kubelet", pod.node, "Created container payment")
	begun := g.series(object, "Normal", "Started", "kubelet", pod.node, "Started container payment")
	back := g.series(object, "Warning", "BackOff", "kubelet", pod.node, "Back-off restarting failed container payment in pod "+pod.name+"_shop("+pod.uid+")")
	g.every(at, func(n int, at time.Time) time.Duration {
		for i, text := range []string{
			`{log4} WARN  [scheduler-1] com.shop.payment.Settlement - heap usage is 91% after batch {1000-9999}`,
			`{log4} WARN  [scheduler-1] com.shop.payment.Settlement - heap usage is 97% after batch {1000-9999}`,
		} {
			g.line(at.Add(time.Duration(3*i)*time.Second), pod, out, text, nil)
		}
		killed := at.Add(8 * time.Second)
		g.journal(killed, pod.node, "kernel", `java invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=986`, nil)
		g.journal(killed.Add(time.Millisecond), pod.node, "kernel",
			`oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=cri-containerd-{ctr}.scope,mems_allowed=0,oom_memcg=/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{slice}.slice,task_memcg=/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{slice}.slice/cri-containerd-{ctr}.scope,task=java,pid={10000-40000},uid=1000`, values)
		g.journal(killed.Add(2*time.Millisecond), pod.node, "kernel",
			`Memory cgroup out of memory: Killed process {10000-40000} (java) total-vm:{3000000-4000000}kB, anon-rss:{520000-524000}kB, file-rss:{1000-9000}kB, shmem-rss:0kB, UID:1000 pgtables:{1500-1900}kB oom_score_adj:986`, nil)
		wait := backOff(n)
		for after := time.Second; after < wait; after += 15 * time.Second {
			back.seen(killed.Add(after))
		}
		g.journal(killed.Add(time.Second), pod.node, "kubelet.service",
			`E{klog}    1102 pod_workers.go:1301] "Error syncing pod, skipping" err="failed to \"StartContainer\" for \"payment\" with CrashLoopBackOff: \"back-off restarting failed container=payment pod={pod}_shop({uid0})\"" pod="shop/{pod}" podUID="{uid0}"`, values)
		next := killed.Add(wait)
		pulled.seen(next)
		created.seen(next.Add(100 * time.Millisecond))
		begun.seen(next.Add(200 * time.Millisecond))
		return 8*time.Second + wait + 25*time.Second
	})
	g.every(at.Add(9*time.Second), func(int, time.Time) time.Duration {
		return g.says("checkout", out, `{"severity":"error","ts":"{ts}","msg":"payment failed","error":"Post \"http://payment.shop.svc:8080/charge\": dial tcp 10.96.20.7:8080: connect: connection refused","trace":"{id}"}`, nil, 6*time.Second)
	})
}

func (g *Generator) badRollout(at time.Time) {
	pod := g.newPod(g.workload("frontend"))
	deployment := object{"Deployment", "shop", "frontend", ""}
	set := pod.name[:len(pod.name)-6]
	g.event(at, deployment, "Normal", "ScalingReplicaSet", "deployment-controller", "", "Scaled up replica set "+set+" from 0 to 1")
	g.event(at, object{"ReplicaSet", "shop", set, ""}, "Normal", "SuccessfulCreate", "replicaset-controller", "", "Created pod: "+pod.name)
	g.event(at.Add(time.Second), pod.object(), "Normal", "Scheduled", "default-scheduler", "", "Successfully assigned shop/"+pod.name+" to "+pod.node)
	g.event(at.Add(2*time.Second), pod.object(), "Normal", "Pulling", "kubelet", pod.node, `Pulling image "registry.shop.example/frontend:v2.8.0"`)
	g.event(at.Add(6*time.Second), pod.object(), "Normal", "Pulled", "kubelet", pod.node, `Successfully pulled image "registry.shop.example/frontend:v2.8.0" in 3.912s (3.912s including waiting). Image size: 88120331 bytes.`)
	begun := g.series(pod.object(), "Normal", "Started", "kubelet", pod.node, "Started container server")
	back := g.series(pod.object(), "Warning", "BackOff", "kubelet", pod.node, "Back-off restarting failed container server in pod "+pod.name+"_shop("+pod.uid+")")
	g.every(at.Add(7*time.Second), func(n int, at time.Time) time.Duration {
		begun.seen(at)
		g.line(at.Add(300*time.Millisecond), pod, errs, `{"level":"info","time":"{ts}","msg":"starting frontend","version":"v2.8.0"}`, nil)
		g.line(at.Add(400*time.Millisecond), pod, errs, "Error: missing required environment variable CHECKOUT_API_URL\n    at loadConfig (/app/src/config.js:41:11)\n    at Object.<anonymous> (/app/src/server.js:9:16)\n    at Module._compile (node:internal/modules/cjs/loader:1369:14)", nil)
		wait := backOff(n)
		for after := 2 * time.Second; after < wait; after += 14 * time.Second {
			back.seen(at.Add(after))
		}
		return wait + 2*time.Second
	})
}

func (g *Generator) slowDB(at time.Time) {
	db := g.workload("orders-db").pods[0]
	g.every(at, func(n int, at time.Time) time.Duration {
		g.line(at, db, errs, `{pgts} [{pid}] LOG:  duration: {4100-9800.3} ms  statement: SELECT * FROM orders WHERE customer_id = {1000-9000} ORDER BY created_at DESC`, nil)
		if n%3 == 2 {
			g.line(at.Add(time.Second), db, errs, `{pgts} [{pid}] LOG:  process {pid} still waiting for ShareLock on transaction {100000-900000} after 1000.{100-900} ms`, nil)
		}
		return 3 * time.Second
	})
	g.every(at.Add(20*time.Second), func(n int, _ time.Time) time.Duration {
		if n%2 == 0 {
			return g.says("orders", out, `{log4} WARN  [http-nio-8080-exec-{1-20}] com.shop.orders.Repository - slow query: orders-db answered after {4100-9800} ms`, nil, 2*time.Second)
		}
		return g.says("orders", out, "{log4} ERROR [http-nio-8080-exec-{1-20}] com.shop.orders.OrderController - request to orders-db:5432 timed out\njava.net.SocketTimeoutException: Read timed out\n\tat java.base/sun.nio.ch.NioSocketImpl.timedRead(NioSocketImpl.java:288)\n\tat org.postgresql.core.PGStream.receiveChar(PGStream.java:469)\n\tat com.shop.orders.Repository.find(Repository.java:57)", nil, 4*time.Second)
	})
	g.every(at.Add(40*time.Second), func(int, time.Time) time.Duration {
		return g.says("checkout", out, `{"severity":"error","ts":"{ts}","msg":"order could not be stored","error":"Post \"http://orders.shop.svc:8080/orders\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)","trace":"{id}"}`, nil, 4*time.Second)
	})
	g.every(at.Add(60*time.Second), func(int, time.Time) time.Duration {
		return g.says("frontend", out, `{"level":"error","time":"{ts}","req_id":"{id}","msg":"request to http://checkout:8080/checkout timed out after 10000 ms","path":"/cart/checkout","status":504}`, nil, 5*time.Second)
	})
}
