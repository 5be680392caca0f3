package pattern

// The lists below are of words that software in general writes: units, kinds of
// Kubernetes objects and other things that have names, function words. None of
// them is drawn from one system's logs.

// isTerm says that a token with a digit is a word of the trade and no variable:
// a protocol, an algorithm, an architecture.
func isTerm(s string) bool {
	var buf [24]byte
	switch string(lowered(s, &buf)) {
	case "x509", "ipv4", "ipv6", "ip4", "ip6", "http2", "http1", "http3", "h2", "h2c", "oauth2", "oauth1", "ssh2", "ssh1",
		"tcp4", "tcp6", "udp4", "udp6", "tls1", "ssl3", "tlsv1", "sslv3", "sha1", "sha2", "sha256", "sha384", "sha512", "md5", "crc32",
		"base64", "base32", "utf8", "utf-8", "utf16", "utf-16", "s3", "ec2", "k8s", "k3s", "k0s", "l2", "l3", "l4", "l7", "layer2",
		"i18n", "l10n", "e2e", "p2p", "b2b", "log4j", "slf4j", "oauth2.0", "web3", "ext2", "ext3", "ext4",
		"win32", "win64", "x86", "x64", "x86_64", "amd64", "arm64", "i386", "i686", "s390x", "ppc64le", "aarch64",
		"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64",
		"v4", "v6", "dhcpv4", "dhcpv6", "dhcp6", "icmpv6", "icmp6", "ip6tables", "etcd3", "raid0", "raid1", "raid5", "raid6",
		"1xx", "2xx", "3xx", "4xx", "5xx":
		return true
	}
	return false
}

// isUnit says that a word behind a number is its unit, part of the variable: a
// size or a time that is printed for people changes it with its magnitude.
func isUnit(s string) bool {
	if len(s) > 5 {
		return false
	}
	switch s {
	case "B", "b", "kB", "KB", "kb", "MB", "Mb", "mb", "GB", "Gb", "gb", "TB", "tb", "PB",
		"KiB", "MiB", "GiB", "TiB", "Ki", "Mi", "Gi", "Ti", "K", "k", "M", "G",
		"ns", "us", "µs", "ms", "msec", "msecs", "usec", "s", "sec", "secs", "min", "mins", "h", "hr", "hrs",
		"Hz", "kHz", "MHz", "GHz", "bps", "kbps", "Mbps", "Gbps",
		"AM", "PM", "am", "pm", "UTC", "GMT", "CET", "CEST", "EST", "EDT", "PST", "PDT", "MST", "MDT", "CST", "CDT", "BST", "IST", "JST", "Z":
		return true
	}
	return false
}

// isCalendar says that a word is a month's or a day's short name, which belongs
// to the number behind it.
func isCalendar(s string) bool {
	if len(s) != 3 {
		return false
	}
	switch s {
	case "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
		"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun":
		return true
	}
	return false
}

// isNamed says that a word is of a thing that has a name, which then often
// stands behind it: "namespace kube-system", "Pod web-0". Case does not matter.
func isNamed(s string) bool {
	var buf [24]byte
	switch string(lowered(s, &buf)) {
	case "namespace", "namespaces", "pod", "pods", "node", "nodes", "service", "services", "deployment", "daemonset", "statefulset",
		"replicaset", "job", "cronjob", "configmap", "configmaps", "secret", "secrets", "serviceaccount", "role", "rolebinding",
		"clusterrole", "ingress", "route", "endpoints", "endpointslice", "networkpolicy", "storageclass",
		"container", "containers", "image", "volume", "volumes", "pvc", "pv", "claim", "operator", "clusteroperator", "machine", "machineset",
		"machineconfig", "subscription", "crd", "webhook", "project", "oauthclient",
		"user", "users", "username", "group", "host", "hostname", "server", "client", "cluster", "zone", "region", "domain",
		"bucket", "database", "table", "topic", "queue", "index", "consumer", "broker", "peer", "member", "leader",
		"device", "interface", "disk", "package", "file", "directory", "application", "app", "task", "session", "name", "named",
		"clusterrolebinding", "persistentvolume", "persistentvolumeclaim", "poddisruptionbudget", "customresourcedefinition", "function", "method",
		"replicationcontroller", "clusterserviceversion", "machinehealthcheck", "lease", "lock", "resource", "object", "process", "thread", "program", "module", "chart", "release", "template", "flowschema":
		return true
	}
	return false
}

// isFunction says that a word is one that sentences are built with and names
// are not.
func isFunction(s string) bool {
	var buf [24]byte
	switch string(lowered(s, &buf)) {
	case "a", "an", "the", "is", "are", "was", "were", "be", "been", "being", "has", "have", "had", "does", "do", "did",
		"not", "no", "none", "cannot", "could", "can", "can't", "couldn't", "may", "might", "must", "should", "will", "would", "to", "from", "for", "of", "in", "on", "at", "by", "with",
		"without", "and", "or", "but", "if", "because", "while", "when", "as", "than", "that", "this", "these", "those", "it", "its",
		"failed", "unable", "error", "after", "before", "during", "already", "due", "into", "until", "via", "there", "which":
		return true
	}
	return false
}

// isErrorKey says that a key's value is text for people.
func isErrorKey(s string) bool {
	var buf [24]byte
	switch string(lowered(s, &buf)) {
	case "err", "error", "errors", "cause", "reason", "msg", "message", "exception", "warning", "panic", "fatal", "failure",
		"desc", "description", "detail", "details", "errmsg", "error_message", "errormessage", "error.message", "err_msg", "status_message", "stderr", "note", "hint":
		return true
	}
	return false
}

// isPair says that words around a slash are an expression, no path.
func isPair(s string) bool {
	var buf [24]byte
	switch string(lowered(s, &buf)) {
	case "i/o", "and/or", "n/a", "r/w", "read/write", "client/server", "tcp/ip", "ssl/tls", "tls/ssl", "on/off", "yes/no", "true/false",
		"start/stop", "up/down", "input/output", "either/or", "w/o", "his/her", "s/he", "am/pm", "cert/key", "key/value", "name/value", "request/response",
		"affinity/selector":
		return true
	}
	return false
}

// isMethod says that a word is an HTTP request's method.
func isMethod(s string) bool {
	switch s {
	case "GET", "POST", "PUT", "HEAD", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE", "PROPFIND":
		return true
	}
	return false
}

// isSync says that a word is of synchronising, behind which "for" tells the name
// of a controller, an informer or an object, of one word or several: the phrase
// of Kubernetes' client-go, "Caches are synced for garbage collector".
func isSync(s string) bool {
	switch s {
	case "sync", "synced", "syncing", "resync", "resyncing", "synchronize", "synchronized", "synchronizing":
		return true
	}
	return false
}

// isOwner says that a word is of a thing whose name may be a plain word.
func isOwner(s string) bool {
	switch s {
	case "user", "User", "namespace", "Namespace", "project", "Project", "operator", "ClusterOperator", "clusteroperator",
		"Deployment", "DaemonSet", "StatefulSet", "ReplicaSet", "Job", "CronJob", "ConfigMap", "Secret", "ServiceAccount",
		"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "Service", "Pod", "Node", "Ingress", "Route",
		"container", "function", "database", "topic", "bucket":
		return true
	}
	return false
}

// isFacet says that a word behind one of a thing that has a name tells a side of
// the thing: "user account", "namespace controller".
func isFacet(s string) bool {
	var buf [24]byte
	switch string(lowered(s, &buf)) {
	case "account", "accounts", "status", "state", "name", "names", "controller", "manager", "list", "type", "port", "ports", "ip", "address", "id", "uid",
		"count", "role", "roles", "config", "configuration", "agent", "data", "version", "object", "objects", "sync", "cache", "info", "key", "image",
		"volume", "request", "session", "password", "permission", "permissions", "access", "quota", "limit", "selector", "label", "labels",
		"lifecycle", "finalizer", "deletion", "creation", "update", "spec", "template", "resource", "plugin", "pool", "unknown", "connection",
		"rollout", "replicas", "runtime", "process", "call", "calls", "error", "errors", "failed", "failure", "pods", "logs", "log", "mode", "input", "interface", "execution", "definition", "informer", "lister", "token":
		return true
	}
	return false
}

// isOption says that a word is of a setting, whose name is the key of the pair
// behind it: "feature gate CSIMigration=true".
func isOption(s string) bool {
	switch s {
	case "gate", "gates", "flag", "flags", "option", "parameter", "setting", "variable", "property", "sysctl":
		return true
	}
	return false
}

// isResource says that a word is a resource of Kubernetes' core group. It names
// one where others have their group with them: "for pods", "for deployments.apps".
func isResource(s string) bool {
	switch s {
	case "pods", "services", "nodes", "events", "endpoints", "secrets", "namespaces", "configmaps", "serviceaccounts", "limitranges",
		"podtemplates", "persistentvolumes", "persistentvolumeclaims", "replicationcontrollers", "resourcequotas":
		return true
	}
	return false
}

// isHeader says that a field tells where, when or in which trace a line was
// written, or how it got there, rather than what it says.
func isHeader(key string) bool {
	var buf [24]byte
	switch string(lowered(key, &buf)) {
	case "time", "ts", "timestamp", "@timestamp", "date", "datetime", "original_time", "asctime", "t",
		"level", "lvl", "severity", "loglevel", "log.level", "levelname", "level_name", "priority", "facility", "severity_text", "v", "verbosity",
		"caller", "logger", "logger_name", "loggername", "log.logger", "source", "file", "filename", "line", "lineno", "func", "funcname", "function",
		"module", "pathname", "class", "location", "target", "caller_info", "log.origin", "sourcelocation",
		"thread", "threadname", "thread_name", "thread_id", "threadid", "tid", "pid", "process", "process_id", "processname", "ppid", "goroutine",
		"trace", "trace_id", "traceid", "trace.id", "trace_flags", "span", "span_id", "spanid", "span.id", "parent_id", "dd.trace_id", "dd.span_id",
		"request_id", "requestid", "req_id", "correlation_id", "correlationid", "http.req.id", "session",
		"stack", "stacktrace", "stack_trace", "error.stack", "backtrace", "exc_info", "errorverbose", "traceback", "error.stack_trace",
		"hostname", "program", "host", "label", "procid", "msgid", "version", "@version", "app", "service", "service.name", "ecs.version", "logtype":
		return true
	}
	return false
}
