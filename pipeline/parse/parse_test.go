package parse

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
)

// ref is the time near which yearless times are taken to be.
var ref = time.Date(2021, 8, 3, 12, 0, 0, 0, time.UTC).UnixNano()

func at(s string) int64 {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t.UnixNano()
}

// attrs writes attributes as "key=json key=json".
func attrs(list []pipeline.Attribute) string {
	var parts []string
	for _, a := range list {
		parts = append(parts, a.Key+"="+a.Value)
	}
	return strings.Join(parts, " ")
}

type lineCase struct {
	name, text string
	time       string // RFC 3339, or none
	level      string
	message    string // "" for the text itself
	attributes string
}

var lineCases = []lineCase{
	{"klog", "I0803 09:18:01.098208       1 observer_polling.go:159] Starting file observer",
		"2021-08-03T09:18:01.098208Z", "info", "Starting file observer", `caller="observer_polling.go:159" pid=1`},
	{"klog warning", "W0803 09:18:00.844999    2427 cmd.go:204] Using insecure", "2021-08-03T09:18:00.844999Z", "warn", "Using insecure", `caller="cmd.go:204" pid=2427`},
	{"klog fatal, lines follow", "F1231 23:59:59.000001       7 main.go:5] gone\ngoroutine 1 [running]:",
		"2020-12-31T23:59:59.000001Z", "fatal", "gone\ngoroutine 1 [running]:", `caller="main.go:5" pid=7`},
	{"klog structured", `E0803 09:18:01.000000       1 pod.go:3] "Failed to \"sync\" pod" err="no\nluck" pod="ns/a" n=3 list=[a b] d=`,
		"2021-08-03T09:18:01Z", "error", `Failed to "sync" pod`, `caller="pod.go:3" pid=1 err="no\nluck" pod="ns/a" n="3" list="[a b]" d=""`},
	{"klog quoted word is no structure", `I0803 09:18:01.000000       1 a.go:3] "a" is not ready, b=c`, "2021-08-03T09:18:01Z", "info", `"a" is not ready, b=c`, `caller="a.go:3" pid=1`},
	{"klog quoted comma", `I0803 09:18:01.000000       1 a.go:3] "a", b=c`, "2021-08-03T09:18:01Z", "info", `"a", b=c`, `caller="a.go:3" pid=1`},
	{"klogr", `I0803 09:26:51.162004       1 template.go:437] router "msg"="starting \"x\""  "version"="1\n2" "n"={"a": 1}`,
		"2021-08-03T09:26:51.162004Z", "info", `starting "x"`, `caller="template.go:437" pid=1 logger="router" version="1\n2" n="{\"a\": 1}"`},
	{"glog with year", "I20210803 09:18:00.123456  1234 file.cc:12] msg", "2021-08-03T09:18:00.123456Z", "info", "msg", `caller="file.cc:12" pid=1234`},

	{"zap json", `{"level":"info","ts":"2021-08-03T09:24:40.272Z","caller":"etcdmain/etcd.go:134","msg":"server \"up\"","n":1.50,"o":{"a":[1, 2]}}`,
		"2021-08-03T09:24:40.272Z", "info", `server "up"`, `caller="etcdmain/etcd.go:134" n=1.50 o={"a":[1, 2]}`},
	{"zap epoch", `{"level":"error","ts":1627982429.4300766,"msg":"m","error":"e"}`, "2021-08-03T09:20:29.4300766Z", "error", "m", `error="e"`},
	{"bunyan", `{"name":"n","hostname":"h","pid":1,"level":30,"msg":"hi","time":"2021-08-03T09:18:00.123Z","v":0}`, "2021-08-03T09:18:00.123Z", "info", "hi", `name="n" hostname="h" pid=1 v=0`},
	{"pino", `{"level":50,"time":1627982280123,"msg":"boom"}`, "2021-08-03T09:18:00.123Z", "error", "boom", ""},
	{"ecs", `{"@timestamp":"2021-08-03T09:18:00.123Z","log.level":"WARN","message":"m","ecs.version":"1.2"}`, "2021-08-03T09:18:00.123Z", "warn", "m", `ecs.version="1.2"`},
	{"ecs nested", `{"@timestamp":"2021-08-03T09:18:00Z","log":{"level":"error","logger":"x"},"error":{"message":"deep"}}`, "2021-08-03T09:18:00Z", "error", "deep", `log={"level":"error","logger":"x"} error={"message":"deep"}`},
	{"stackdriver", `{"severity":"CRITICAL","timestamp":{"seconds":1627982280,"nanos":5},"message":"m"}`, "2021-08-03T09:18:00.000000005Z", "fatal", "m", ""},
	{"hclog", `{"@level":"debug","@message":"m","@timestamp":"2021-08-03T09:27:14.112941Z","q":true}`, "2021-08-03T09:27:14.112941Z", "debug", "m", "q=true"},
	{"mongo", `{"t":{"$date":"2021-08-03T09:18:00.123+02:00"},"s":"W","c":"NETWORK","msg":"m"}`, "2021-08-03T07:18:00.123Z", "warn", "m", `c="NETWORK"`},
	{"serilog", `{"@t":"2021-08-03T09:18:00Z","@mt":"Hi {x}","@l":"Warning","x":1}`, "2021-08-03T09:18:00Z", "warn", "Hi {x}", "x=1"},
	{"gelf", `{"version":"1.1","short_message":"m","timestamp":1627982280.5,"level":3}`, "2021-08-03T09:18:00.5Z", "error", "m", `version="1.1" level=3`},
	{"logr number is no level", `{"logger":"l","level":0,"msg":"m"}`, "", "", "m", `logger="l" level=0`},
	{"tracing", `{"timestamp":"2021-08-03T09:18:00Z","level":"INFO","fields":{"message":"m","k":1},"target":"t"}`, "2021-08-03T09:18:00Z", "info", "m", `fields={"message":"m","k":1} target="t"`},
	{"json without message", `{"kind":"Pod","n":[1]}`, "", "", "", `kind="Pod" n=[1]`},
	{"json empty message, error", `{"level":"error","msg":"","err":"why"}`, "", "error", "why", `msg=""`},
	{"json time that is a duration", `{"msg":"m","time":0.25}`, "", "", "m", "time=0.25"},
	{"json level that is none", `{"msg":"m","level":"main"}`, "", "", "m", `level="main"`},
	{"json same key twice", `{"msg":"m","a":1,"b":2,"a":3}`, "", "", "m", "a=3 b=2"},
	{"json escaped key", `{"msg":"m","a\u0062":1,"":2}`, "", "", "m", "ab=1"},
	{"json and a trace", "{\"level\":\"error\",\"msg\":\"m\"}\n\tat x.Y(Y.java:1)", "", "error", "m\n\tat x.Y(Y.java:1)", ""},
	{"json broken", `{"level":"info","msg":"m"`, "", "", "", ""},
	{"json trailing", `{"level":"info"} x`, "", "", "", ""},
	{"json too deep", `{"a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, "", "", "", ""},

	{"logrus", `time="2021-08-03T09:26:47.109111598Z" level=info msg="start \"registry\"\n" go.version=go1.16.6 empty= x="a\tb"`,
		"2021-08-03T09:26:47.109111598Z", "info", "start \"registry\"\n", `go.version="go1.16.6" empty="" x="a\tb"`},
	{"go-kit", `level=error ts=2021-08-03T09:27:15.247Z caller=main.go:347 msg="Error loading" err="open /x: \x00"`, "2021-08-03T09:27:15.247Z", "error", "Error loading", `caller="main.go:347" err="open /x: \u0000"`},
	{"grafana", `t=2021-08-03T09:27:10+0000 lvl=warn msg=short logger=server`, "2021-08-03T09:27:10Z", "warn", "short", `logger="server"`},
	{"logfmt without message", `level=info ts=2021-08-03T09:27:15.775Z caller=main.go:148 ctx="(a=b)"`, "2021-08-03T09:27:15.775Z", "info", `caller=main.go:148 ctx="(a=b)"`, `caller="main.go:148" ctx="(a=b)"`},
	{"logfmt unquoted", `level=warn msg=it went wrong code=7`, "", "warn", "it went wrong", `code="7"`},
	{"logfmt key twice", `ts=2021-08-03T09:24:56Z caller=stdlib.go:89 caller=server.go:3117 msg="http: TLS"`, "2021-08-03T09:24:56Z", "", "http: TLS", `caller="server.go:3117"`},
	{"logfmt message and error", `error="e" msg=m message=n level=x`, "", "", "m", `error="e" message="n" level="x"`},
	{"an assignment is no logfmt", `ETCD_HEARTBEAT_INTERVAL=100`, "", "", "", ""},
	{"logfmt behind a time", `2021-08-03T09:18:00Z level=info msg="m" a=b`, "2021-08-03T09:18:00Z", "info", "m", `a="b"`},
	{"logfmt open quote", `level=info msg="never closed`, "", "", "", ""},

	{"zap console", "2021-08-03T09:22:14.676Z\tINFO\toperator.main\tingress-operator/start.go:63\tusing namespace\t{\"namespace\": \"x\"}",
		"2021-08-03T09:22:14.676Z", "info", "using namespace", `logger="operator.main" caller="ingress-operator/start.go:63" namespace="x"`},
	{"zap console float", "1.627982429e+09\tDEBUG\tsetup\tstarting manager", "2021-08-03T09:20:29Z", "debug", "starting manager", `logger="setup"`},
	{"istio", "2021-08-03T09:18:00.123456Z\tinfo\txdsproxy\tconnected\nmore", "2021-08-03T09:18:00.123456Z", "info", "connected\nmore", `logger="xdsproxy"`},

	{"log4j", "2021-08-03 09:18:00,123 [main] ERROR com.x.Y - it failed\n\tat a.b", "2021-08-03T09:18:00.123Z", "error", "it failed\n\tat a.b", `thread="main" logger="com.x.Y"`},
	{"hadoop", "2015-10-18 18:01:47,978 INFO [main] org.apache.hadoop.MRAppMaster: Created", "2015-10-18T18:01:47.978Z", "info", "Created", `thread="main" logger="org.apache.hadoop.MRAppMaster"`},
	{"zookeeper", "2015-07-29 17:41:44,747 - INFO  [QuorumPeer[myid=1]/0:0:0:0:0:0:0:0:2181:FastLeaderElection@774] - Notification time out: 3200", "2015-07-29T17:41:44.747Z", "info", "Notification time out: 3200", `thread="QuorumPeer[myid=1]/0:0:0:0:0:0:0:0:2181:FastLeaderElection@774"`},
	{"spring", "2021-08-03 09:18:00.123  WARN 1 --- [           main] c.x.Y                    : msg", "2021-08-03T09:18:00.123Z", "warn", "msg", `pid=1 thread="main" logger="c.x.Y"`},
	{"kafka", "[2021-08-03 09:18:00,123] INFO [GroupCoordinator 1]: Preparing (kafka.coordinator.Group)", "2021-08-03T09:18:00.123Z", "info", "[GroupCoordinator 1]: Preparing (kafka.coordinator.Group)", ""},
	{"elasticsearch", "[2021-08-03T09:18:00,123][INFO ][o.e.n.Node               ] [node-1] started", "2021-08-03T09:18:00.123Z", "info", "started", `logger="o.e.n.Node" context="node-1"`},
	{"jboss", "09:18:00,123 INFO  [org.jboss.as] (main) WFLYSRV0025: up", "2021-08-03T09:18:00.123Z", "info", "WFLYSRV0025: up", `logger="org.jboss.as" thread="main"`},
	{"time of day", "05:18:20.847 INFO  - TraceID: c9 Received ad request", "2021-08-03T05:18:20.847Z", "info", "TraceID: c9 Received ad request", ""},
	{"tomcat", "03-Aug-2021 09:18:00.123 SEVERE [main] org.apache.catalina.X.y stopped", "2021-08-03T09:18:00.123Z", "error", "[main] org.apache.catalina.X.y stopped", ""},
	{"hdfs", "081109 203518 143 INFO dfs.DataNode$PacketResponder: PacketResponder 1 terminating", "2008-11-09T20:35:18Z", "info", "PacketResponder 1 terminating", `pid=143 logger="dfs.DataNode$PacketResponder"`},
	{"spark", "17/06/09 20:10:40 INFO executor.CoarseGrainedExecutorBackend: Registered", "2017-06-09T20:10:40Z", "info", "Registered", `logger="executor.CoarseGrainedExecutorBackend"`},
	{"windows", "2016-09-28 04:30:30, Info                  CBS    Loaded Servicing Stack", "2016-09-28T04:30:30Z", "info", "CBS    Loaded Servicing Stack", ""},
	{"openstack", `nova-api.log.1.2017-05-16_13:53:08 2017-05-16 00:00:00.008 25746 INFO nova.osapi.server [req-38 a] 10.11.10.1 "GET /v2" status: 200`, "2017-05-16T00:00:00.008Z", "info",
		`[req-38 a] 10.11.10.1 "GET /v2" status: 200`, `source="nova-api.log.1.2017-05-16_13:53:08" pid=25746 logger="nova.osapi.server"`},
	{"bgl", "- 1117838570 2005.06.03 R02-M1-N0 2005-06-03-15.42.50.675872 R02-M1-N0 RAS KERNEL INFO instruction cache parity error corrected", "2005-06-03T15:42:50.675872Z", "info", "instruction cache parity error corrected", `node="R02-M1-N0" type="RAS" component="KERNEL"`},
	{"bgl alert", "APPREAD 1117869872 2005.06.04 R23 2005-06-04-00.24.32.432192 R23 RAS APP FATAL ciod: failed", "2005-06-04T00:24:32.432192Z", "fatal", "ciod: failed", `label="APPREAD" node="R23" type="RAS" component="APP"`},
	{"thunderbird", "- 1131566461 2005.11.09 dn228 Nov 9 12:01:01 dn228/dn228 crond(pam_unix)[2915]: session closed for user root", "2005-11-09T20:01:01Z", "", "session closed for user root", `host="dn228/dn228" program="crond(pam_unix)" pid=2915`},
	{"hpc", "460 niff unix.hw state_change.unavailable 1084680778 1 Component State Change: x", "2004-05-16T04:12:58Z", "", "Component State Change: x", `node="niff" component="unix.hw" state="state_change.unavailable"`},
	{"android", "03-17 16:13:38.811  1702  2395 D WindowManager: opening app", "2021-03-17T16:13:38.811Z", "debug", "opening app", `pid=1702 tid=2395 logger="WindowManager"`},
	{"healthapp", "20171223-22:15:29:606|Step_LSC|30002312|onStandStepChanged 3579", "2017-12-23T22:15:29.606Z", "", "onStandStepChanged 3579", `logger="Step_LSC" pid=30002312`},
	{"proxifier", "[10.30 16:49:06] chrome.exe - proxy:5070 open through", "2020-10-30T16:49:06Z", "", "chrome.exe - proxy:5070 open through", ""},

	{"python", "2021-08-03 09:18:00,123 - my.name - WARNING - careful", "2021-08-03T09:18:00.123Z", "warn", "careful", `logger="my.name"`},
	{"python basic", "WARNING:root:careful: x", "", "warn", "careful: x", `logger="root"`},
	{"tuned", "2021-08-03 09:20:33,920 INFO     tuned.daemon.application: disabled", "2021-08-03T09:20:33.92Z", "info", "disabled", `logger="tuned.daemon.application"`},
	{"gunicorn", "[2021-08-03 09:18:00 +0200] [7] [INFO] Booting worker", "2021-08-03T07:18:00Z", "info", "Booting worker", "pid=7"},
	{"celery", "[2021-08-03 09:18:00,123: WARNING/MainProcess] m", "2021-08-03T09:18:00.123Z", "warn", "m", `process="MainProcess"`},
	{"uvicorn", `INFO:     127.0.0.1:1234 - "GET /x HTTP/1.1" 500 Internal Server Error`, "", "error", `"GET /x HTTP/1.1" 500 Internal Server Error`, `method="GET" path="/x" status=500 client="127.0.0.1:1234"`},
	{"jupyter", "[I 2021-08-03 09:18:00.123 ServerApp] up", "2021-08-03T09:18:00.123Z", "info", "up", `logger="ServerApp"`},
	{"serilog text", "[09:18:00 INF] Serilog", "2021-08-03T09:18:00Z", "info", "Serilog", ""},

	{"nginx error", `2021/08/03 09:18:00 [error] 7#7: *1 open() "/x" failed`, "2021-08-03T09:18:00Z", "error", `*1 open() "/x" failed`, "pid=7"},
	{"nginx access", `10.0.0.1 - alice [03/Aug/2021:09:18:00 +0000] "GET /a?b=c HTTP/1.1" 503 12 "-" "curl/7"`, "2021-08-03T09:18:00Z", "error",
		`"GET /a?b=c HTTP/1.1" 503 12 "-" "curl/7"`, `method="GET" path="/a?b=c" status=503 client="10.0.0.1" user="alice"`},
	{"vhost access", `example.com:80 10.0.0.1 - - [03/Aug/2021:09:18:00 +0000] "POST / HTTP/1.1" 404 12`, "2021-08-03T09:18:00Z", "warn", `"POST / HTTP/1.1" 404 12`, `method="POST" path="/" status=404 client="10.0.0.1"`},
	{"http.server", `::ffff:10.130.0.1 - - [03/Aug/2021 09:25:59] "GET / HTTP/1.1" 200 -`, "2021-08-03T09:25:59Z", "info", `"GET / HTTP/1.1" 200 -`, `method="GET" path="/" status=200 client="::ffff:10.130.0.1"`},
	{"envoy access", `[2021-08-03T09:18:00.123Z] "GET /x HTTP/2" 200 - via_upstream`, "2021-08-03T09:18:00.123Z", "info", `"GET /x HTTP/2" 200 - via_upstream`, `method="GET" path="/x" status=200`},
	{"apache error", "[Sun Dec 04 04:47:44 2005] [notice] workerEnv.init() ok", "2005-12-04T04:47:44Z", "info", "workerEnv.init() ok", ""},
	{"apache 2.4 error", "[Tue Aug 03 09:18:00.123456 2021] [core:error] [pid 1:tid 2] [client 1.2.3.4:5] AH00124: x", "2021-08-03T09:18:00.123456Z", "error", "AH00124: x", `pid="1:tid 2" client="1.2.3.4:5"`},
	{"envoy", "[2021-08-03 09:18:00.123][1][warning][main] [source/server/server.cc:12] msg", "2021-08-03T09:18:00.123Z", "warn", "msg", `pid=1 logger="main" caller="source/server/server.cc:12"`},

	{"go log", "2021/08/03 09:18:00 Listening insecurely on 127.0.0.1:9095", "2021-08-03T09:18:00Z", "", "Listening insecurely on 127.0.0.1:9095", ""},
	{"go log with caller", "2021/08/03 09:20:15 provider.go:120: Defaulting client-id", "2021-08-03T09:20:15Z", "", "Defaulting client-id", `caller="provider.go:120"`},
	{"go log with level", "2021/09/13 14:50:22 [DEBUG] Starting checker", "2021-09-13T14:50:22Z", "debug", "Starting checker", ""},
	{"grpc", "WARNING: 2021/08/03 09:20:28 grpc: addrConn failed", "2021-08-03T09:20:28Z", "warn", "grpc: addrConn failed", ""},
	{"capnslog", "2021-08-03 09:24:40.271799 I | pkg/flags: recognized", "2021-08-03T09:24:40.271799Z", "info", "recognized", `logger="pkg/flags"`},
	{"multus", `2021-08-03T09:18:12+00:00 WARN: {unknown parameter "-"}`, "2021-08-03T09:18:12Z", "warn", `{unknown parameter "-"}`, ""},
	{"coredns", "[INFO] plugin/reload: Running", "", "info", "Running", `logger="plugin/reload"`},
	{"vault", "2021-08-03T09:18:00.123Z [WARN]  agent: slow: a=b", "2021-08-03T09:18:00.123Z", "warn", "agent: slow: a=b", ""},
	{"fluent bit", "[2021/08/03 09:18:00] [ info] [engine] started", "2021-08-03T09:18:00Z", "info", "started", `logger="engine"`},
	{"fluentd", "2021-08-03 09:18:00 +0000 [warn]: #0 slow", "2021-08-03T09:18:00Z", "warn", "#0 slow", ""},
	{"calico", "2021-08-03 09:18:00.123 [INFO][1] ipam/ipam.go 12: msg", "2021-08-03T09:18:00.123Z", "info", "ipam/ipam.go 12: msg", "pid=1"},
	{"env_logger", "[2021-08-03T09:18:00Z ERROR my::krate] msg", "2021-08-03T09:18:00Z", "error", "msg", `logger="my::krate"`},
	{"tracing text", "2021-08-03T09:18:00.123456Z  INFO my::krate: msg", "2021-08-03T09:18:00.123456Z", "info", "msg", `logger="my::krate"`},
	{"ansi", "\x1b[2m2021-08-03T09:18:00Z\x1b[0m \x1b[33m WARN\x1b[0m msg", "2021-08-03T09:18:00Z", "warn", "msg", ""},
	{"ruby", "E, [2021-08-03T09:18:00.123456 #17] ERROR -- app: msg: x", "2021-08-03T09:18:00.123456Z", "error", "msg: x", `pid=17 logger="app"`},
	{"dotnet", "fail: Microsoft.Host[0]\n      boom", "", "", "", ""},
	{"php", "[03-Aug-2021 09:18:00 UTC] PHP Warning:  x", "2021-08-03T09:18:00Z", "", "PHP Warning:  x", ""},
	{"php-fpm", "[03-Aug-2021 09:18:00] NOTICE: ready", "2021-08-03T09:18:00Z", "info", "ready", ""},
	{"jvm", "[0.123s][warning][gc] slow", "", "warn", "slow", `logger="gc"`},
	{"compose", "web_1  | 2021-08-03 09:18:00 ERROR x", "2021-08-03T09:18:00Z", "error", "x", `source="web_1"`},

	{"redis", "1:M 03 Aug 2021 09:18:00.123 # Warning: x", "2021-08-03T09:18:00.123Z", "warn", "Warning: x", `pid=1 role="M"`},
	{"postgres", "2021-08-03 09:18:00.123 UTC [42] LOG:  ready", "2021-08-03T09:18:00.123Z", "info", "ready", "pid=42"},
	{"postgres session", "2021-08-03 09:18:00.123 UTC [42] bob@shop FATAL:  no", "2021-08-03T09:18:00.123Z", "fatal", "no", `pid=42 user="bob@shop"`},
	{"mysql", "2021-08-03T09:18:00.123456Z 0 [Warning] [MY-010931] [Server] x", "2021-08-03T09:18:00.123456Z", "warn", "x", `pid=0 logger="MY-010931" context="Server"`},
	{"mysql note", "2021-08-03T09:18:00.123456Z 7 [Note] Server up", "2021-08-03T09:18:00.123456Z", "info", "Server up", "pid=7"},
	{"old mysql", "180803  9:18:00 [ERROR] x", "2018-08-03T09:18:00Z", "error", "x", ""},
	{"old mongo", "2021-08-03T09:18:00.123+0000 I NETWORK  [listener] up", "2021-08-03T09:18:00.123Z", "info", "NETWORK  [listener] up", ""},
	{"rabbitmq", "2021-08-03 09:18:00.123 [error] <0.222.0> x", "2021-08-03T09:18:00.123Z", "error", "<0.222.0> x", ""},

	{"sshd", "Dec 10 06:55:46 LabSZ sshd[24200]: reverse mapping failed", "2020-12-10T06:55:46Z", "", "reverse mapping failed", `host="LabSZ" program="sshd" pid=24200`},
	{"sshd error", "Jul 10 06:55:46 LabSZ sshd[24200]: error: no tty", "2021-07-10T06:55:46Z", "error", "error: no tty", `host="LabSZ" program="sshd" pid=24200`},
	{"linux", "Jun 14 15:16:01 combo sshd(pam_unix)[19939]: authentication failure; uid=0", "2021-06-14T15:16:01Z", "", "authentication failure; uid=0", `host="combo" program="sshd(pam_unix)" pid=19939`},
	{"linux kernel", "Jun  9 06:06:51 combo kernel: audit(1118298411.1): initialized", "2021-06-09T06:06:51Z", "", "audit(1118298411.1): initialized", `host="combo" program="kernel"`},
	{"mac", "Jul  1 09:00:55 calvisitor-10-105 com.apple.cts[258]: x", "2021-07-01T09:00:55Z", "", "x", `host="calvisitor-10-105" program="com.apple.cts" pid=258`},
	{"syslog no program", "Jul  1 09:00:55 host last message repeated 2 times", "2021-07-01T09:00:55Z", "", "last message repeated 2 times", `host="host"`},
	{"rfc 3164", "<34>Aug  2 22:14:15 mymachine su: 'su root' failed", "2021-08-02T22:14:15Z", "fatal", "'su root' failed", `host="mymachine" program="su"`},
	{"rfc 5424", `<165>1 2021-08-03T09:18:00.003Z host app 77 ID47 [e@1 a="b\"c" d="1"][f] An event`, "2021-08-03T09:18:00.003Z", "info", "An event", `host="host" program="app" pid=77 message_id="ID47" e@1.a="b\"c" e@1.d="1"`},
	{"rfc 5424 nil", "<11>1 - - - - - - \ufeffm", "", "error", "m", ""},
	{"iso syslog", "2021-08-03T09:18:00.123456+02:00 node1 kubelet[12]: I am", "2021-08-03T07:18:00.123456Z", "", "I am", `host="node1" program="kubelet" pid=12`},

	{"error word", "ERROR: disk is full", "", "error", "disk is full", ""},
	{"small error word", "error: disk is full", "", "error", "", ""},
	{"bracketed word", "[error] disk is full", "", "error", "disk is full", ""},
	{"capitals", "WARN  slow disk", "", "warn", "slow disk", ""},
	{"panic", "panic: boom\n\ngoroutine 1 [running]:", "", "fatal", "", ""},
	{"go fatal", "fatal error: all goroutines are asleep - deadlock!", "", "fatal", "", ""},
	{"traceback", "Traceback (most recent call last):\n  File \"x\"\nValueError: no", "", "error", "", ""},
	{"java exception", "Exception in thread \"main\" java.lang.X: boom", "", "error", "", ""},
	{"exception class", "java.lang.IllegalStateException: boom\n\tat x", "", "error", "", ""},
	{"node error", "TypeError: x is not a function\n    at y (z.js:1:2)", "", "error", "", ""},
	{"rust", "thread 'main' panicked at 'x'", "", "fatal", "", ""},

	{"no level in a sentence", "0 errors found", "", "", "", ""},
	{"nor at its start", "error handling is on", "", "", "", ""},
	{"nor a name", "info is cheap", "", "", "", ""},
	{"nor behind a time", "2021/08/03 09:18:00 error handling is on", "2021-08-03T09:18:00Z", "", "error handling is on", ""},
	{"nor a bare list", "config: loaded", "", "", "", ""},
	{"nor in yaml", "  level: error", "", "", "", ""},
	{"health checks", "[-]poststarthook/rbac failed: not finished", "", "", "", ""},
	{"a number is no time", "1627982429 objects in the cache", "", "", "", ""},
	{"address", "10.0.0.1:443 is up", "", "", "", ""},
	{"plain", "Serving canary healthcheck request", "", "", "", ""},
	{"indented", "\t/usr/lib/golang/src/io.go:347 +0x1", "", "", "", ""},
	{"blank", "  ", "", "", "", ""},
	{"header only", "2021-08-03 09:18:00 INFO", "2021-08-03T09:18:00Z", "info", "", ""},
	{"unicode", "ошибка: диск полон", "", "", "", ""},
}

func TestLine(t *testing.T) {
	var f Fields
	for _, c := range lineCases {
		t.Run(c.name, func(t *testing.T) {
			Line(c.text, ref, &f)
			want := c.message
			if want == "" {
				want = c.text
			}
			stamp := ""
			if f.Time != 0 {
				stamp = time.Unix(0, f.Time).UTC().Format(time.RFC3339Nano)
			}
			require.Equal(t, []string{c.time, c.level, want, c.attributes}, []string{stamp, f.Level.String(), f.Message, attrs(f.Attributes)})
			for _, a := range f.Attributes {
				require.True(t, json.Valid([]byte(a.Value)), a)
			}
		})
	}
}

// However odd a long line is, it is parsed, with a bound on its attributes.
func TestLongLines(t *testing.T) {
	const n = 1 << 17
	for name, unit := range map[string]string{
		"words": `word `, "pairs": `k=v `, "quotes": `k="v" `, "open quotes": `a=b "c `, "brackets": `[x] `, "nesting": `[`,
		"escapes": `\"`, "digits": `1`, "spaces": ` `, "tabs": "\t{", "bars": "|", "dashes": "- ", "colons": ":", "equals": "=", "newlines": "\n",
	} {
		for _, head := range []string{"", "level=info ", `I0803 09:18:01.000000       1 a.go:3] "m" `, "2021-08-03 09:18:00 ", "2021-08-03T09:18:00Z\tINFO\t", "<13>1 - - - - - ", `{"a":`, "[2021-08-03 09:18:00] "} {
			var f Fields
			text := head + strings.Repeat(unit, n/len(unit))
			Line(text, ref, &f)
			require.NotEmpty(t, f.Message, "%s behind %q", name, head)
			require.LessOrEqual(t, len(f.Attributes), maxAttributes)
		}
	}
	keys := `{"msg":"m"`
	for i := range 10_000 {
		keys += `,"` + strings.Repeat("k", i%50+1) + string(rune('a'+i%26)) + `":1`
	}
	var f Fields
	Line(keys+"}", ref, &f)
	require.Equal(t, "m", f.Message)
	require.LessOrEqual(t, len(f.Attributes), maxAttributes)
}
