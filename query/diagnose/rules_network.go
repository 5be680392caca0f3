package diagnose

// host is whom a program talks to.
const host = `(?P<host>[a-zA-Z0-9][-\w.]*(?::\d{1,5})?)`

// target is a host after the words that lead to it.
const target = `(?:(?:dial tcp|connect(?:ing|ion)?(?: attempt)? to|requests? to|calls? to|calling|from|ECONNREFUSED|\bPOST|\bGET|\bPut|failed to connect to)[ \\"':]*(?:[a-z]+://)?|[a-z]+://|host(?:name)?=[\\"']?)` + host

// networkRules: names that do not resolve, connections that are refused, time
// out or break, certificates.
func networkRules() []Rule {
	return []Rule{
		{
			Name: "certificate", Cause: CauseCertificate, Depth: Root, In: Logs | Journal | Events,
			Words:  []string{"x509", "certificate", "pkix", "tls", "ssl"},
			Match:  `x509: (?P<why>[^\n"]{0,120})|certificate (?:has expired|is expired|expired|verify failed|is not trusted|signed by unknown authority|is not valid|will not be trusted)|certificate[^\n]{0,60}(?:has expired|is not yet valid|expired on)|CERTIFICATE_VERIFY_FAILED|PKIX path (?:building|validation) failed|SSLHandshakeException|(?:unable to (?:verify|get)|self[- ]signed)[^\n]{0,40}certificate|SSL certificate problem|ERR_TLS_CERT|remote error: tls: (?:bad|expired|unknown) certificate|tlsv1 alert (?:unknown ca|certificate expired|bad certificate)`,
			Unless: `EOF$`, Says: "a TLS certificate is not accepted: {why|it is expired, untrusted or for another name}",
		},
		{
			Name: "dns", Cause: CauseDNSFailure, Depth: Failure, In: Logs | Journal,
			Words:  []string{"no such host", "name resolution", "enotfound", "eai_again", "unknownhost", "resolve", "name or service not known", "nxdomain", "servfail", "server misbehaving", "nodename nor servname", "lookup", "getaddrinfo", "bad address", "host not found", "unknown host"},
			Match:  `lookup ` + host + `(?: on \S+)?: (?:no such host|server misbehaving|i/o timeout|Temporary failure|[^\n]*timeout)|getaddrinfo (?:ENOTFOUND|EAI_AGAIN)(?: ` + host + `)?|UnknownHostException:? ?` + host + `?|(?:could not|couldn't|cannot|can't|unable to|failed to) resolve (?:host(?:name)?|address|name|proxy)?:? ?[\\"']?` + host + `?|(?:Temporary failure in name resolution|Name or service not known|nodename nor servname|Name does not resolve|NXDOMAIN|SERVFAIL|bad address [\\"']` + host + `|host not found(?: in upstream)? ?[\\"']?` + host + `?|unknown host:? ?` + host + `?)`,
			Unless: `resolve (?:reference|dependenc|config|placeholder|symbol|image)`, Says: "the host name {host|that it asks for} cannot be resolved",
		},
		{
			Name: "connection-refused", Cause: CauseConnectionRefused, Depth: Failure, In: Logs | Journal,
			Words: []string{"refused", "econnrefused", "nothing listens"},
			Match: target + `[^\n]{0,240}?(?:refused|ECONNREFUSED)|connection refused(?: (?:by|from|to) ` + host + `)?|ECONNREFUSED(?: ` + host + `)?|actively refused`,
			Least: 2, Says: "{host|the other side} refuses connections",
		},
		{
			Name: "connection-timeout", Cause: CauseConnectionTimeout, Depth: Failure, In: Logs | Journal,
			Words:  []string{"timeout", "timed out", "deadline exceeded", "etimedout", "deadline_exceeded", "deadlineexceeded"},
			Match:  target + `[^\n]{0,160}?(?:timed ?out|deadline exceeded|time-?out\b[^=:\d\n]*(?:\n|$))|i/o timeout|context deadline exceeded|ETIMEDOUT|ESOCKETTIMEDOUT|SocketTimeoutException|ConnectTimeoutException|ReadTimeout(?:Error)?|ConnectTimeout(?:Error)?|Read timed out|connect(?:ion)? timed ?out|upstream (?:request )?timed? ?out|request timed? ?out|timed out (?:after|waiting|while|calling|talking)|DEADLINE_EXCEEDED|\bDeadlineExceeded|(?:connection|request|call|query|operation) timeout\b(?:[^=:\d\n]|$)|\b504\b[^\n]{0,30}Gateway`,
			Unless: `timeout (?:is )?set to|Job was active|idle|keep-?alive`, Least: 2, Says: "requests to {host|another service} time out",
		},
		{
			Name: "dependency-down", Cause: CauseDependencyDown, Depth: Failure, In: Logs,
			Words:  []string{"unavailable", "no healthy upstream", "circuit breaker", "circuitbreaker", "bad gateway", "upstream connect error", "503", "502", "broker", "no live upstreams"},
			Match:  `no healthy upstream|no live upstreams|upstream connect error|circuit ?breaker(?:[ :=]*[\\"'](?P<host>[a-z][-a-z0-9.]*)[\\"'])?[^\n]{0,60}(?:open|not permit)|code = Unavailable|StatusCode\.UNAVAILABLE|` + target + `[^\n]{0,60}?\b50[23]\b|(?:` + host + ` )?(?:returned|responded|answered)[^\n]{0,30}\b50[23]\b|(?:status|HTTP|code|got)[^\n]{0,30}\b50[23]\b|\b50[23] (?:Service (?:Temporarily )?Unavailable|Bad Gateway)|(?P<host>[a-z][-a-z0-9.]+) (?:service )?(?:is )?(?:unavailable|not available|down)\b|[Bb]roker(?: may)? not (?:be )?available|LEADER_NOT_AVAILABLE`,
			Unless: `to CLOSED|is CLOSED`, Least: 2, Says: "{host|another service that it needs} is down or reports errors",
		},
		{
			Name: "network-degraded", Cause: CauseNetworkDegraded, Depth: Failure, In: Logs | Journal,
			Words: []string{"packet loss", "connection reset", "broken pipe", "retransmi", "link is down", "network is unreachable", "no route to host", "econnreset", "link down", "high latency", "network latency"},
			Match: `packet loss|connection reset by peer|ECONNRESET|broken pipe|retransmi\w+ (?:rate|timeout|high)|link is (?:not ready|down)|network is unreachable|no route to host|network (?:latency|jitter)[^\n]{0,40}(?:high|exceed|degraded)|high (?:network )?latency`,
			Least: 5, Says: "connections break or lose packets",
		},
	}
}
