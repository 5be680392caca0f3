package diagnose

import "github.com/loglode/loglode/pipeline"

// loadRules: more is asked than there is.
func loadRules() []Rule {
	return []Rule{
		{
			Name: "disk-full", Cause: CauseDiskPressure, Depth: Root, In: Logs | Journal | Events,
			Words: []string{"no space left", "enospc", "disk full", "disk is full", "disk quota exceeded", "flood stage", "flood-stage", "not enough disk", "low disk", "disk usage exceeded", "out of disk"},
			Match: `no space left on device|ENOSPC|disk (?:is )?full|disk quota exceeded|flood[- ]stage (?:disk )?watermark|(?:not enough|insufficient|out of|low) disk ?(?:space)?|disk usage exceeded`, Says: "a disk or volume is full",
		},
		{
			Name: "heap-exhausted", Cause: CauseApplicationException, Depth: Root, In: Logs,
			Words: []string{"outofmemoryerror", "heap out of memory", "heap limit", "unable to create native thread", "last few gcs"},
			Match: `OutOfMemoryError(?:: (?P<what>[^\n]{0,80}))?|JavaScript heap out of memory|heap limit Allocation failed`, Unless: `-XX:|JAVA_(?:TOOL_)?OPTIONS`, Says: "the program used up the heap that it was given: {what|out of memory}",
		},
		{
			Name: "out-of-memory", Cause: CauseOOMKilled, Depth: Root, In: Logs,
			Words: []string{"out of memory", "memoryerror", "cannot allocate memory", "bad_alloc", "outofmemoryexception"},
			Match: `(?m:^MemoryError)|Cannot allocate memory|fatal error: (?:runtime: )?out of memory|Perhaps out of memory|std::bad_alloc|OutOfMemoryException|NoMemoryError`, Says: "the program ran out of memory",
		},
		{
			Name: "memory-grows", Cause: CauseOOMKilled, Depth: Context, In: Logs, Words: []string{"memory", "heap"},
			Match: `(?:memory|heap)[^\n]{0,60}(?:\b9\d(?:\.\d+)?\s?%|near(?:ing)? (?:the )?limit|above (?:the )?threshold|high|leak|growing)`, Says: "its memory grows",
		},
		{
			Name: "rate-limit", Cause: CauseRateLimit, Depth: Failure, In: Logs,
			Words:  []string{"too many requests", "rate limit", "ratelimit", "throttl", "rate exceeded", "resource_exhausted", "resourceexhausted", "slowdown", "429", "toomanyrequests", "client-side throttling", "toomanyrequests", "quota exceeded"},
			Match:  `(?:HTTP|status|code|error|response|failed|returned|got|->|: )[^\n]{0,12}\b429\b|\b429[: ]+(?:too many|client error)|too many requests|TooManyRequests|rate[- _]?limit(?:ed|er|ing)?[^\n]{0,30}(?:exceeded|reached|hit|error|exhausted)|(?:exceeded|hit|reached)[^\n]{0,40}rate[- _]?limit|\brate[- ]limited\b|ThrottlingException|Throttling: Rate exceeded|Rate exceeded|RESOURCE_EXHAUSTED|code = ResourceExhausted|ProvisionedThroughputExceeded|SlowDown|(?:API )?quota (?:limit )?exceeded`,
			Unless: `\b429\b(?: ?ms|ms|s\b|B\b| bytes)|client-side throttling, not priority`, Least: 2, Says: "requests are rejected: a rate limit is exceeded",
		},
		{
			Name: "cpu-throttled", Cause: CauseCPUThrottling, Depth: Failure, In: Logs | Events | Journal,
			Words: []string{"throttl", "cpu", "event loop", "thread pool", "overload", "gc overhead", "starvation", "load average", "taking too long"},
			Match: `cpu[^\n]{0,40}throttl|throttl[^\n]{0,40}cpu|CPUThrottlingHigh|cpu (?:usage|utili[sz]ation|load)[^\n]{0,40}(?:\b9\d|\b100|high|exceed|above|critical)|event loop (?:is )?(?:blocked|lag)|(?:thread|worker) ?pool[^\n]{0,40}(?:exhausted|full|saturated|rejected)|GC overhead limit exceeded|RejectedExecutionException|thread starvation|clock leap detected|(?:server|system|node) (?:is )?overloaded`,
			Least: 2, Says: "it is throttled or overloaded",
		},
		{
			Name: "slow-query", Cause: CauseSlowDependency, Depth: Failure, In: Logs, Level: pipeline.LevelInfo,
			Words: []string{"slow query", "slow-query", "duration:", "slow sql", "long-running", "took too long", "slow log", "still waiting for", "consumer lag", "lag is", "queue depth", "slow operation", "query_time", " lag "},
			Match: `slow[- ](?:query|sql|log|operation)|duration: (?P<ms>\d{4,})(?:\.\d+)? ms|long[- ]running (?:query|transaction|statement)|(?:query|statement|request|operation)[^\n]{0,40}took too long|still waiting for \w*Lock|(?:consumer|group|partition|replication)[^\n]{0,20} lag\b[^\n]{0,40}(?:exceed|high|grow|above|\b\d{4,}\b)|# Query_time: (?P<seconds>\d+)|queue depth[^\n]{0,40}(?:exceed|high|grow|above)`,
			Least: 3, Says: "queries or queues are slow",
		},
		{
			Name: "slow-response", Cause: CauseSlowDependency, Depth: Failure, In: Logs,
			Words: []string{"slow", "latency", "took", "response time", "degraded"},
			Match: `slow (?:response|request|call|upstream|downstream|dependency|database)[^\n]{0,60}|(?:response time|latency)[^\n]{0,60}(?:exceed|above|high|threshold|degraded|\d{4,} ?ms)|took (?:\d{4,} ?ms|\d{2,}(?:\.\d+)? ?s\b)|(?:connection|database|service|api) (?:is )?slow\b`,
			Least: 5, Says: "what it calls answers slowly",
		},
	}
}
