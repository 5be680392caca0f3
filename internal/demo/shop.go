package demo

// service is a workload of the shop with what it says when all is well.
type service struct {
	name, namespace, kind, container, image string
	replicas                                int
	// share is its part of all lines.
	share int
	lines []line
}

// line is a text that a service writes, with how often in relation to its others.
type line struct {
	weight int
	stream string
	text   string
}

const (
	out  = "stdout"
	errs = "stderr"
)

// shop lists the services of the demo cluster.
func shop() []service {
	return []service{
		{"frontend", "shop", "Deployment", "server", "registry.shop.example/frontend:v2.7.3", 3, 22, []line{
			{60, out, `{"level":"info","time":"{ts}","req_id":"{id}","method":"GET","path":"/{|products|cart|account|offers}","status":200,"duration_ms":{4-180},"msg":"request completed"}`},
			{20, out, `{"level":"info","time":"{ts}","req_id":"{id}","method":"GET","path":"/product/{sku}","status":200,"duration_ms":{6-220},"msg":"request completed"}`},
			{8, out, `{"level":"info","time":"{ts}","req_id":"{id}","method":"POST","path":"/cart/checkout","status":302,"duration_ms":{90-700},"msg":"order placed","order":"o-{100000-999999}"}`},
			{3, out, `{"level":"info","time":"{ts}","req_id":"{id}","method":"GET","path":"/product/{sku}","status":404,"duration_ms":{2-20},"msg":"product not found"}`},
			{6, out, `{"level":"debug","time":"{ts}","req_id":"{id}","msg":"session restored","user":"{user}"}`},
			{1, out, `{"level":"warn","time":"{ts}","req_id":"{id}","msg":"recommendations skipped, answering without them","after_ms":{200-260}}`},
		}},
		{"catalog", "shop", "Deployment", "catalog", "registry.shop.example/catalog:v1.14.0", 2, 16, []line{
			{60, errs, `time={ts} level=INFO msg="list products" page={1-40} count={10-50} took={2-60}ms trace={id}`},
			{25, errs, `time={ts} level=INFO msg="get product" sku={sku} cache={hit|hit|hit|miss} took={1-25}ms trace={id}`},
			{10, errs, `time={ts} level=DEBUG msg="price rule applied" rule=r-{1-30} sku={sku} price={3-250.2}`},
			{1, errs, `time={ts} level=WARN msg="request retried" target=cache-service attempt=1 outcome=ok took={40-90}ms`},
		}},
		{"cart", "shop", "Deployment", "cart", "registry.shop.example/cart:v3.2.1", 2, 12, []line{
			{50, errs, `time={ts} level=INFO msg="item added" user={user} sku={sku} quantity={1-4} trace={id}`},
			{30, errs, `time={ts} level=INFO msg="cart read" user={user} items={0-9} took={1-12}ms trace={id}`},
			{8, errs, `time={ts} level=INFO msg="cart emptied" user={user} trace={id}`},
			{1, errs, `time={ts} level=WARN msg="cart expired, a new one was made" user={user}`},
		}},
		{"checkout", "shop", "Deployment", "checkout", "registry.shop.example/checkout:v2.3.0", 2, 10, []line{
			{40, out, `{"severity":"info","ts":"{ts}","msg":"checkout started","user":"{user}","items":{1-9},"trace":"{id}"}`},
			{40, out, `{"severity":"info","ts":"{ts}","msg":"checkout finished","user":"{user}","amount":{10-400.2},"currency":"{EUR|USD|GBP}","took_ms":{80-600},"trace":"{id}"}`},
			{6, out, `{"severity":"info","ts":"{ts}","msg":"voucher applied","code":"V{1000-9999}","trace":"{id}"}`},
			{1, out, `{"severity":"info","ts":"{ts}","msg":"card declined by issuer","user":"{user}","trace":"{id}"}`},
		}},
		{"payment", "shop", "Deployment", "payment", "registry.shop.example/payment:v5.0.2", 2, 8, []line{
			{50, out, `{log4} INFO  [http-nio-8080-exec-{1-20}] com.shop.payment.ChargeController - charged {10-400.2} {EUR|USD|GBP} for order o-{100000-999999} in {40-300} ms`},
			{20, out, `{log4} INFO  [scheduler-{1-4}] com.shop.payment.Settlement - batch {1000-9999} settled, {5-90} charges`},
			{10, out, `{log4} DEBUG [http-nio-8080-exec-{1-20}] com.shop.payment.Ledger - entry {id} written`},
			{1, out, `{log4} WARN  [http-nio-8080-exec-{1-20}] com.shop.payment.Gateway - answer of the gateway came late, {900-1400} ms`},
		}},
		{"orders", "shop", "Deployment", "orders", "registry.shop.example/orders:v4.1.5", 2, 10, []line{
			{50, out, `{log4} INFO  [http-nio-8080-exec-{1-20}] com.shop.orders.OrderController - order o-{100000-999999} stored for {user}`},
			{30, out, `{log4} INFO  [http-nio-8080-exec-{1-20}] com.shop.orders.OrderController - order o-{100000-999999} read in {2-40} ms`},
			{10, out, `{log4} INFO  [outbox-1] com.shop.orders.Outbox - {1-20} messages published`},
		}},
		{"auth", "shop", "Deployment", "auth", "registry.shop.example/auth:v1.9.4", 1, 6, []line{
			{50, errs, `INFO:     {ip}:{30000-60000} - "POST /token HTTP/1.1" 200 OK`},
			{30, errs, `INFO:auth.sessions:session opened for {user}`},
			{2, errs, `INFO:auth.login:wrong password for {user}, {1-2} tries left`},
		}},
		{"cache-service", "shop", "Deployment", "cache", "docker.io/library/redis:7.2.5", 1, 2, []line{
			{10, out, `1:M {klog} * {100-900} changes in 300 seconds. Saving...`},
			{10, out, `1:M {klog} * Background saving terminated with success`},
			{10, out, `1:M {klog} - DB 0: {10000-90000} keys ({1000-9000} volatile) in {131072|262144} slots HT.`},
		}},
		{"orders-db", "shop", "StatefulSet", "postgres", "docker.io/library/postgres:16.4", 1, 4, []line{
			{10, errs, `{pgts} [27] LOG:  checkpoint starting: time`},
			{10, errs, `{pgts} [27] LOG:  checkpoint complete: wrote {20-900} buffers ({0-5.1}%); 0 WAL file(s) added, 0 removed, {0-1} recycled; write={1-90.3} s, sync={0-1.3} s, total={1-91.3} s`},
			{20, errs, `{pgts} [{pid}] LOG:  connection authorized: user=orders database=orders application_name=orders`},
			{4, errs, `{pgts} [{pid}] LOG:  automatic vacuum of table "orders.public.outbox": index scans: 1`},
		}},
		{"ingress-nginx-controller", "ingress-nginx", "Deployment", "controller", "registry.k8s.io/ingress-nginx/controller:v1.11.2", 1, 14, []line{
			{80, out, `{ip} - - [{clf}] "GET /{|products|cart|account} HTTP/2.0" 200 {900-40000} "-" "Mozilla/5.0 (X11; Linux x86_64)" {300-900} 0.{100-400} [shop-frontend-80] [] {ip}:8080 {900-40000} 0.{100-400} 200 {id}`},
			{6, out, `{ip} - - [{clf}] "GET /product/{sku} HTTP/2.0" 404 {200-400} "-" "Mozilla/5.0 (Macintosh)" {300-900} 0.0{10-90} [shop-frontend-80] [] {ip}:8080 {200-400} 0.0{10-90} 404 {id}`},
			{2, errs, `I{klog}       7 controller.go:210] "Backend successfully reloaded"`},
		}},
		{"coredns", "kube-system", "Deployment", "coredns", "registry.k8s.io/coredns/coredns:v1.11.3", 2, 4, []line{
			{40, out, `[INFO] {ip}:{30000-60000} - {1000-60000} "A IN {cart|catalog|orders|payment}.shop.svc.cluster.local. udp 54 false 512" NOERROR qr,aa,rd 106 0.000{100-300}s`},
			{10, out, `[INFO] {ip}:{30000-60000} - {1000-60000} "AAAA IN api.card-gateway.example. udp 47 false 512" NOERROR qr,rd,ra 120 0.0{10-60}s`},
		}},
		{"metrics-agent", "monitoring", "DaemonSet", "agent", "registry.shop.example/metrics-agent:v0.9.1", 3, 3, []line{
			{20, errs, `level=info ts={ts} caller=scrape.go:88 component=scraper msg="scrape finished" targets={10-40} failed=0 duration={1-9}.{100-999}s`},
			{5, errs, `level=info ts={ts} caller=wal.go:211 component=wal msg="segment rotated" segment={100-900}`},
		}},
	}
}

// nodeLines are what nodes write to their journals when all is well.
var nodeLines = []struct{ unit, text string }{
	{"kubelet.service", `I{klog}    1102 kubelet_getters.go:187] "Pod status updated" pod="kube-system/kube-proxy-{10000-99999}" status="Running"`},
	{"kubelet.service", `I{klog}    1102 reconciler_common.go:245] "operationExecutor.VerifyControllerAttachedVolume started for volume" volumeName="kube-api-access-{id}"`},
	{"containerd.service", `time="{ts}" level=info msg="ImageUpdate event name:\"sha256:{id}{id}{id}{id}\""`},
	{"systemd", `Started Session {100-900} of User root.`},
}
