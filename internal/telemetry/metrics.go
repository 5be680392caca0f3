package telemetry

import (
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const namespace = "loglode"

// Metrics are the counters of one process, on a registry of their own. Their
// methods take plain values, so that a package of pipeline can ask for a small
// interface or a func and needs to know nothing of this one. All may be called
// at once. Label values MUST come from a fixed set or the configuration (names
// of rules, reasons, partitions), never from a log; services, of which what is
// spent tells, are bounded in number.
type Metrics struct {
	registry *prometheus.Registry

	lines, bytes, rejected, dropped, redacted, lost *prometheus.CounterVec
	entries, indexed, duplicates, futureTimes       prometheus.Counter
	unpatterned, embedded                           prometheus.Counter
	unembeddable, embedTokens, embedDollars         *prometheus.CounterVec
	embedRequests                                   prometheus.Counter
	// spenders are the services that have labels.
	spenders spenders

	streamLag                                                             *prometheus.GaugeVec
	streamBytes, indexBytes, indexDays, diskFreeBytes, tailFiles, tailLag prometheus.Gauge
	patterns, patternsWaiting                                             prometheus.Gauge

	publish, handle, write, query, embed prometheus.Histogram
}

// NewMetrics makes all metrics at zero, with those of the Go runtime and the
// process beside them.
func NewMetrics(build Build) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),

		lines:         counters("lines_total", "Source lines read.", "source"),
		entries:       counter("entries_total", "Entries collected: lines less those joined into one entry."),
		bytes:         counters("bytes_total", "Bytes read from sources (in), written to the stream (stream).", "direction"),
		rejected:      counters("rejected_total", "Records and entries that went to the dead letters.", "reason"),
		dropped:       counters("dropped_total", "Entries dropped by policy.", "rule"),
		redacted:      counters("redacted_total", "Secrets replaced by tokens.", "rule"),
		lost:          counters("lost_files_total", "Files of which something was gone before it was read.", "reason"),
		indexed:       counter("indexed_total", "Entries that became a new document."),
		duplicates:    counter("duplicates_total", "Entries whose document was there already."),
		futureTimes:   counter("future_times_total", "Times more than 24 h ahead of the send time, replaced by it."),
		unpatterned:   counter("unpatterned_total", "Entries indexed without a pattern: their service, or the day, has too many."),
		embedded:      counter("embedded_total", "Pattern documents that got a vector."),
		unembeddable:  counters("unembeddable_total", "Pattern documents that the embedder refuses for good: they are found by words alone.", "reason"),
		embedRequests: counter("embedding_requests_total", "Requests to an embedder that costs time or money."),
		embedTokens:   counters("embedding_tokens_total", "Tokens that such an embedder has read, by the service whose patterns they were.", "service"),
		embedDollars:  counters("embedding_dollars_total", "What they cost, in US dollars.", "service"),

		streamLag:     gauges("stream_lag_records", "Records of the stream that are not yet indexed.", "partition"),
		streamBytes:   gauge("stream_bytes", "Size of the stream."),
		indexBytes:    gauge("index_bytes", "Size of the index."),
		indexDays:     gauge("index_days", "Days that the index holds."),
		diskFreeBytes: gauge("disk_free_bytes", "Free space on the data directory's file system."),
		tailFiles:     gauge("tail_files", "Files that are followed."),
		tailLag:       gauge("tail_lag_bytes", "Bytes of followed files that are not in the stream yet."),

		patterns:        gauge("patterns", "Pattern documents in the index."),
		patternsWaiting: gauge("patterns_waiting", "Pattern documents that wait for their vector."),

		publish: histogram("publish_seconds", "Time until a batch of records is durable in the stream."),
		handle:  histogram("handle_seconds", "Time to handle a batch of records."),
		write:   histogram("write_seconds", "Time until a batch of entries is durable in the index."),
		query:   histogram("query_seconds", "Time to answer a query."),
		embed:   histogram("embed_seconds", "Time of a call of the embedder."),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: "build_info", Help: "Always 1; the labels say what was built.",
		ConstLabels: prometheus.Labels{"version": build.Version, "commit": build.Commit, "go": build.Go}})
	info.Set(1)
	m.registry.MustRegister(info,
		m.lines, m.entries, m.bytes, m.rejected, m.dropped, m.redacted, m.lost, m.indexed, m.duplicates, m.futureTimes,
		m.unpatterned, m.embedded, m.unembeddable, m.embedRequests, m.embedTokens, m.embedDollars, m.patterns, m.patternsWaiting, m.embed,
		m.streamLag, m.streamBytes, m.indexBytes, m.indexDays, m.diskFreeBytes, m.tailFiles, m.tailLag,
		m.publish, m.handle, m.write, m.query,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler serves the metrics in Prometheus' text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// AddLines counts source lines: "tail", "http", "file".
func (m *Metrics) AddLines(source string, n int) { m.lines.WithLabelValues(source).Add(float64(n)) }

// AddEntries counts entries collected.
func (m *Metrics) AddEntries(n int) { m.entries.Add(float64(n)) }

// AddBytes counts bytes: "in" from sources, decoded; "stream" as published.
func (m *Metrics) AddBytes(direction string, n int64) {
	m.bytes.WithLabelValues(direction).Add(float64(n))
}

// AddRejected counts what went to the dead letters.
func (m *Metrics) AddRejected(reason string, n int) {
	m.rejected.WithLabelValues(reason).Add(float64(n))
}

// AddDropped counts entries dropped by a rule.
func (m *Metrics) AddDropped(rule string, n int) { m.dropped.WithLabelValues(rule).Add(float64(n)) }

// AddRedacted counts secrets replaced by a rule.
func (m *Metrics) AddRedacted(rule string, n int) { m.redacted.WithLabelValues(rule).Add(float64(n)) }

// AddIndexed counts new documents.
func (m *Metrics) AddIndexed(n int) { m.indexed.Add(float64(n)) }

// AddDuplicates counts documents that were there already.
func (m *Metrics) AddDuplicates(n int) { m.duplicates.Add(float64(n)) }

// AddFutureTimes counts times that were replaced.
func (m *Metrics) AddFutureTimes(n int) { m.futureTimes.Add(float64(n)) }

// AddUnpatterned counts entries that were indexed without a pattern.
func (m *Metrics) AddUnpatterned(n int) { m.unpatterned.Add(float64(n)) }

// AddEmbedded counts pattern documents that got a vector.
func (m *Metrics) AddEmbedded(n int) { m.embedded.Add(float64(n)) }

// AddUnembeddable counts pattern documents that the embedder refuses for good.
func (m *Metrics) AddUnembeddable(reason string, n int) {
	m.unembeddable.WithLabelValues(reason).Add(float64(n))
}

// AddEmbedRequests counts requests to an embedder that costs time or money.
func (m *Metrics) AddEmbedRequests(n int) { m.embedRequests.Add(float64(n)) }

// maxSpenders bounds the labels of what services spend.
const maxSpenders = 200

// spenders are services that have labels.
type spenders struct {
	mu    sync.Mutex
	known map[string]bool
}

// admit returns the label of a service: its name, or "(others)" when there are too
// many.
func (s *spenders) admit(service string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.known[service] {
		if len(s.known) >= maxSpenders {
			return "(others)"
		}
		if s.known == nil {
			s.known = map[string]bool{}
		}
		s.known[service] = true
	}
	return service
}

// AddSpent counts what embedding took for a service.
func (m *Metrics) AddSpent(service string, tokens int64, dollars float64) {
	label := m.spenders.admit(service)
	m.embedTokens.WithLabelValues(label).Add(float64(tokens))
	m.embedDollars.WithLabelValues(label).Add(dollars)
}

// SetPatterns sets how many pattern documents there are, and how many of them
// wait for their vector.
func (m *Metrics) SetPatterns(total, waiting int64) {
	m.patterns.Set(float64(total))
	m.patternsWaiting.Set(float64(waiting))
}

// ObserveEmbed records how long a call of the embedder took.
func (m *Metrics) ObserveEmbed(d time.Duration) { m.embed.Observe(d.Seconds()) }

// SetStreamLag sets how many records of a partition wait.
func (m *Metrics) SetStreamLag(partition string, records int64) {
	m.streamLag.WithLabelValues(partition).Set(float64(records))
}

// SetStreamBytes sets the stream's size.
func (m *Metrics) SetStreamBytes(n int64) { m.streamBytes.Set(float64(n)) }

// SetIndex sets the index's size and how many days it holds.
func (m *Metrics) SetIndex(bytes int64, days int) {
	m.indexBytes.Set(float64(bytes))
	m.indexDays.Set(float64(days))
}

// SetDiskFree sets the room that is left, in bytes.
func (m *Metrics) SetDiskFree(n int64) { m.diskFreeBytes.Set(float64(n)) }

// SetTailFiles sets how many files are followed.
func (m *Metrics) SetTailFiles(n int) { m.tailFiles.Set(float64(n)) }

// SetTailLag sets how many bytes of followed files are not in the stream yet.
func (m *Metrics) SetTailLag(n int64) { m.tailLag.Set(float64(n)) }

// AddLost counts a file of which something was lost before it was read.
func (m *Metrics) AddLost(reason string) { m.lost.WithLabelValues(reason).Inc() }

// ObservePublish records how long a batch took to be durable in the stream.
func (m *Metrics) ObservePublish(d time.Duration) { m.publish.Observe(d.Seconds()) }

// ObserveHandle records how long a batch of records took.
func (m *Metrics) ObserveHandle(d time.Duration) { m.handle.Observe(d.Seconds()) }

// ObserveWrite records how long a batch of entries took to be durable.
func (m *Metrics) ObserveWrite(d time.Duration) { m.write.Observe(d.Seconds()) }

// ObserveQuery records how long a query took.
func (m *Metrics) ObserveQuery(d time.Duration) { m.query.Observe(d.Seconds()) }

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help})
}

func counters(name, help, label string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, []string{label})
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help})
}

func gauges(name, help, label string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, []string{label})
}

// histogram has buckets from 1 ms, a query of one block, to 30 s, a stalled disk.
func histogram(name, help string) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help,
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}})
}
