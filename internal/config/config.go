// Package config is loglode's one configuration: the struct, its defaults, and
// how it is read and checked.
//
//	defaults < YAML file < LOGLODE_* environment < flags -> Config -> Validate
//
// The defaults work with no file, no network and no account. Every fault of
// every layer is reported at once, before anything is opened.
// docs/configuration.md is generated from the struct's tags.
package config

import "time"

// Config is all that can be configured. Sizes are bytes.
type Config struct {
	Data        string      `koanf:"data" doc:"Directory that holds all that is durable. One process at a time may use it."`
	Cluster     string      `koanf:"cluster" doc:"Cluster name of entries whose source names none. It is part of an entry's identity: change it only for new data."`
	Server      Server      `koanf:"server" doc:"The HTTP service: ingestion, queries, metrics."`
	Sources     Sources     `koanf:"sources" doc:"Where log lines come from, besides HTTP."`
	Stream      Stream      `koanf:"stream" doc:"The durable stream between sources and index."`
	Index       Index       `koanf:"index" doc:"The index of lines."`
	OpenSearch  OpenSearch  `koanf:"opensearch" doc:"The cluster, with index.store opensearch."`
	Embedding   Embedding   `koanf:"embedding" doc:"What turns patterns and questions into vectors."`
	Redaction   Redaction   `koanf:"redaction" doc:"Secrets become tokens before anything is durable."`
	Drop        []DropRule  `koanf:"drop" doc:"Entries that are dropped at the source, counted by rule. A rule drops what meets all of its conditions."`
	DeadLetters DeadLetters `koanf:"dead_letters" doc:"What can never be indexed is kept here, with its reason."`
	Disk        Disk        `koanf:"disk" doc:"The guard that stops before the disk fills."`
	Log         Log         `koanf:"log" doc:"loglode's own log, on standard error."`
	Memory      Memory      `koanf:"memory" doc:"The process's memory."`
}

// Server configures the HTTP service.
type Server struct {
	Listen         string   `koanf:"listen" doc:"Address and port. Without a tokens_file only a loopback address is allowed."`
	TokensFile     string   `koanf:"tokens_file" doc:"File with the access tokens; empty: none, loopback only."`
	MaxBody        Size     `koanf:"max_body" doc:"Largest request body as it is sent, compressed or not."`
	MaxBodyDecoded Size     `koanf:"max_body_decoded" doc:"Largest request body after decompression."`
	ReadTimeout    Duration `koanf:"read_timeout" doc:"Longest time to read a body of /v1/ingest."`
	IdleTimeout    Duration `koanf:"idle_timeout" doc:"How long an idle connection is kept."`
}

// Sources configures where lines come from.
type Sources struct {
	Tail Tail `koanf:"tail" doc:"Log files that are followed."`
}

// Tail configures the followed files.
type Tail struct {
	Globs        []string `koanf:"globs" doc:"Patterns of the files to follow, such as /var/log/containers/*.log."`
	PollInterval Duration `koanf:"poll_interval" doc:"How often files are looked at for new lines."`
	JoinIdle     Duration `koanf:"join_idle" doc:"How long a line that may continue (a stack trace) waits for its next line."`
	MaxLine      Size     `koanf:"max_line" doc:"Longest line, and longest joined entry. A longer one is rejected and counted; its first 4 KiB go to the dead letters."`
	From         string   `koanf:"from" doc:"Where to start in files that are there at the first start: beginning or end."`
}

// Stream configures the durable stream.
type Stream struct {
	NATSURL         string `koanf:"nats_url" doc:"URLs of an external NATS cluster, separated by commas; empty: the embedded server, without a network port."`
	NATSCredentials string `koanf:"nats_credentials" doc:"Credentials file for nats_url."`
	Replicas        int    `koanf:"replicas" doc:"Copies of the stream in an external cluster: 1, 3 or 5."`
	Partitions      int    `koanf:"partitions" doc:"Ordered parts of the stream. Fixed once data is in it."`
	MaxBytes        Size   `koanf:"max_bytes" doc:"Largest size of the stream on disk. When unfinished records fill it, sources wait and HTTP answers 429."`
	KeepBytes       Size   `koanf:"keep_bytes" doc:"How much of the finished records is kept for audit and replay."`
	RecordBytes     Size   `koanf:"record_bytes" doc:"Decoded size at which a record is full."`
}

// Index configures the index of lines.
type Index struct {
	Store        string   `koanf:"store" doc:"sqlite: files in the data directory, nothing else is needed; opensearch: a cluster. What is in one is not in the other."`
	Retention    Duration `koanf:"retention" doc:"Age at which whole days are deleted and older entries are refused and counted; 0: never."`
	MaxBytes     Size     `koanf:"max_bytes" doc:"Disk that the index may use: beyond it the oldest days are deleted and counted; 0: no cap."`
	BatchEntries int      `koanf:"batch_entries" doc:"Entries at which a transaction is closed: whole records, so it may be some more."`

	MaxServicePatterns int `koanf:"max_service_patterns" doc:"Patterns that a service may have on one day. Lines beyond it are indexed without a pattern, and counted."`
	MaxPatterns        int `koanf:"max_patterns" doc:"Patterns of all services on one day, as max_service_patterns."`
}

// OpenSearch configures the cluster that holds the index.
type OpenSearch struct {
	URLs             string   `koanf:"urls" doc:"URLs of nodes, separated by commas, such as https://search.logs.svc:9200."`
	Username         string   `koanf:"username" doc:"User of basic authentication; empty: none."`
	PasswordFile     string   `koanf:"password_file" doc:"File with that user's password."`
	Region           string   `koanf:"region" doc:"AWS region of a domain of Amazon OpenSearch Service: requests are signed with the credentials of the environment. Empty: no signature."`
	CAFile           string   `koanf:"ca_file" doc:"PEM file of the authorities to trust instead of the system's."`
	Prefix           string   `koanf:"prefix" doc:"Put before the name of every index and alias, so that several loglodes can share a cluster: prod-."`
	Replicas         int      `koanf:"replicas" doc:"Replicas of new indices. 0 loses data with a node."`
	OwnIndices       []string `koanf:"own_indices" doc:"Services that have an index of their own each day; all others share one. A cluster carries some 1,000 shards a node."`
	BulkBytes        Size     `koanf:"bulk_bytes" doc:"Size of a bulk request's body before it is compressed."`
	Timeout          Duration `koanf:"timeout" doc:"Longest time of one request."`
	AcceptDuplicates bool     `koanf:"accept_duplicates" doc:"Write without document IDs, which vector collections of OpenSearch Serverless refuse: what is sent again is there twice, and an audit says so. Such a collection is refused without it."`
	SealAfter        Duration `koanf:"seal_after" doc:"How long after its end a day is merged into few segments and closed to writes, such as 2h; late lines open it again, until none came for as long. 0: never."`
}

// Embedding configures the embedder and what of a pattern is embedded.
type Embedding struct {
	Provider       string   `koanf:"provider" doc:"builtin: the table in the binary, no network; openai: any endpoint that speaks OpenAI's /v1/embeddings (Ollama, vLLM, LiteLLM ..); bedrock: Amazon Titan, with the credentials of the environment; none: words alone."`
	URL            string   `koanf:"url" doc:"With openai: the endpoint's base, such as http://127.0.0.1:11434/v1."`
	Model          string   `koanf:"model" doc:"With openai: the model's name there."`
	Dimensions     int      `koanf:"dimensions" doc:"With openai: components of a vector, asked of models that can shorten theirs; 0: as the model has them."`
	APIKeyFile     string   `koanf:"api_key_file" doc:"With openai: file with the API key; empty: none is sent."`
	DocumentPrefix string   `koanf:"document_prefix" doc:"With openai: text put before every document, where the model wants one (\"search_document: \")."`
	QueryPrefix    string   `koanf:"query_prefix" doc:"With openai: text put before every question (\"search_query: \")."`
	Batch          int      `koanf:"batch" doc:"With openai: texts of one request."`
	Timeout        Duration `koanf:"timeout" doc:"With openai: longest time of one request."`
	Region         string   `koanf:"region" doc:"With bedrock: AWS region; empty: that of the environment. url, if given, is the endpoint; model, if given, an ARN instead of amazon.titan-embed-text-v2:0; dimensions 256 (if 0), 512 or 1024."`

	RequestsPerMinute       int     `koanf:"requests_per_minute" doc:"With openai and bedrock: requests in any minute, the account's quota; 0: no limit. What is beyond waits; nothing else does."`
	TokensPerMinute         int     `koanf:"tokens_per_minute" doc:"With openai and bedrock: tokens in any minute; 0: no limit."`
	DollarsPerDay           float64 `koanf:"dollars_per_day" doc:"With openai and bedrock: budget of a UTC day. When it is spent, patterns are found by words until the next day; 0: no budget."`
	DollarsPerMillionTokens float64 `koanf:"dollars_per_million_tokens" doc:"Price, for loglode cost and dollars_per_day; 0: Titan's 0.02 with bedrock, else nothing."`

	Glossary string `koanf:"glossary" doc:"File that adds to the built-in glossary: key<TAB>expansion, a line each; an empty expansion removes a key. What a pattern's words mean in words that people ask with."`
}

// Redaction configures how secrets are removed.
type Redaction struct {
	KeyFile string          `koanf:"key_file" doc:"File with the deployment key, 64 hexadecimal digits; empty: redaction.key in the data directory, generated at the first start."`
	Disable []string        `koanf:"disable" doc:"Names of built-in rules that are switched off."`
	Rules   []RedactionRule `koanf:"rules" doc:"Rules of your own."`
}

// RedactionRule is one rule of a deployment's own.
type RedactionRule struct {
	Name    string `koanf:"name" doc:"Name in the token and in the metrics."`
	Pattern string `koanf:"pattern" doc:"Regular expression (RE2)."`
	Group   int    `koanf:"group" doc:"Group of the pattern that is the secret; 0: the whole match."`
}

// DropRule drops the entries that meet all of its conditions. Empty conditions
// are not asked.
type DropRule struct {
	Name       string `koanf:"name" doc:"Name in the metrics."`
	Namespace  string `koanf:"namespace" doc:"Namespace; a * at its beginning or end stands for any text."`
	Service    string `koanf:"service" doc:"Service; * as in namespace."`
	Label      string `koanf:"label" doc:"Label of the pod: a key, or key=value; * in the value."`
	Level      string `koanf:"level" doc:"Level: this one and all below it, so info drops trace, debug and info. Lines of unknown level stay."`
	Annotation string `koanf:"annotation" doc:"Annotation of the pod: a key, or key=value; * in the value."`
}

// DeadLetters configures what is kept of what was rejected.
type DeadLetters struct {
	Retention Duration `koanf:"retention" doc:"Age at which dead letters are deleted; 0: never."`
}

// Disk configures the disk guard.
type Disk struct {
	MinFree Size `koanf:"min_free" doc:"Free space that is left to others: below it sources wait. 0: 5 % of the file system, at most 1 GiB."`
}

// Log configures loglode's own log.
type Log struct {
	Level  string `koanf:"level" doc:"debug, info, warn or error."`
	Format string `koanf:"format" doc:"text or json."`
}

// Memory configures the process's memory.
type Memory struct {
	Limit Size `koanf:"limit" doc:"Soft limit of the Go runtime (GOMEMLIMIT); 0: none."`
}

// Default is the configuration that works with no file and no cloud.
func Default() Config {
	return Config{
		Data:    "./loglode-data",
		Cluster: "default",
		Server: Server{
			Listen:         "127.0.0.1:7280",
			MaxBody:        16 * MiB,
			MaxBodyDecoded: 64 * MiB,
			ReadTimeout:    Duration(time.Minute),
			IdleTimeout:    Duration(2 * time.Minute),
		},
		Sources: Sources{Tail: Tail{
			PollInterval: Duration(250 * time.Millisecond),
			JoinIdle:     Duration(time.Second),
			MaxLine:      1 * MiB,
			From:         "beginning",
		}},
		Stream: Stream{
			Replicas:    1,
			Partitions:  4,
			MaxBytes:    2 * GiB,
			KeepBytes:   512 * MiB,
			RecordBytes: 256 * KiB,
		},
		Index:       Index{Store: "sqlite", BatchEntries: 4000, MaxServicePatterns: 10_000, MaxPatterns: 200_000},
		OpenSearch:  OpenSearch{Replicas: 1, OwnIndices: []string{}, BulkBytes: 8 * MiB, Timeout: Duration(time.Minute)},
		Embedding:   Embedding{Provider: "builtin", Batch: 64, Timeout: Duration(30 * time.Second)},
		DeadLetters: DeadLetters{Retention: Duration(30 * day)},
		Log:         Log{Level: "info", Format: "text"},
		Memory:      Memory{Limit: 140 * MiB},
	}
}
