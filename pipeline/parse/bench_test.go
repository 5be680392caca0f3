package parse

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const klogLine = "I0803 09:18:01.098208       1 observer_polling.go:159] Starting file observer for the certificate that the kubelet serves, which was rotated a while ago, again"

const jsonLine = `{"level":"info","ts":"2021-08-03T09:24:40.272Z","caller":"etcdmain/etcd.go:134","msg":"server has been already initialized","data-dir":"/var/lib/etcd","dir-type":"member","http.req.id":"fc488aaa-165f-4927-a4c6-e6f25b196a7c","http.req.method":"GET","http.req.path":"/product/OLJ","session":"fbd160cc-2914-4d"}`

const logrusLine = `time="2021-08-03T09:26:47.109111598Z" level=info msg="start registry" distribution_version=v2.7.1+unknown go.version=go1.16.6 openshift_version=4.8.0`

func TestNoGarbage(t *testing.T) {
	var f Fields
	for name, text := range map[string]string{
		"klog": klogLine, "json": jsonLine, "logfmt": logrusLine,
		"plain": "Serving canary healthcheck request", "indented": "\t/usr/lib/golang/src/io.go:347 +0x1",
		"log4j": "2021-08-03 09:18:00,123 [main] ERROR com.x.Y - it failed",
	} {
		if n := testing.AllocsPerRun(100, func() { Line(text, ref, &f) }); n != 0 {
			t.Errorf("%s: %v allocations a line", name, n)
		}
	}
}

func BenchmarkLine(b *testing.B) {
	for _, c := range []struct{ name, text string }{
		{"klog", klogLine}, {"json", jsonLine}, {"logfmt", logrusLine},
		{"log4j", "2021-08-03 09:18:00,123 [main] ERROR com.x.Y - it failed"},
		{"plain", "Serving canary healthcheck request for the router of the default ingress controller"},
		{"syslog", "Dec 10 06:55:46 LabSZ sshd[24200]: reverse mapping checking getaddrinfo failed"},
	} {
		b.Run(c.name, func(b *testing.B) {
			var f Fields
			b.ReportAllocs()
			b.SetBytes(int64(len(c.text)))
			for b.Loop() {
				Line(c.text, ref, &f)
			}
		})
	}
}

// BenchmarkCorpus parses the lines of the corpus where LOGLODE_PACK names it,
// else generated ones.
func BenchmarkCorpus(b *testing.B) {
	lines := corpus(b)
	var f Fields
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		Line(lines[i%len(lines)], ref, &f)
	}
}

func corpus(b *testing.B) []string {
	pack := os.Getenv("LOGLODE_PACK")
	if pack == "" {
		var lines []string
		for _, c := range lineCases {
			lines = append(lines, c.text, strings.Replace(klogLine, "again", c.name, 1))
		}
		return lines
	}
	file, err := os.Open(filepath.Join(pack, "corpus", "openshift-aws.jsonl.gz"))
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	gz, err := gzip.NewReader(file)
	if err != nil {
		b.Fatal(err)
	}
	var lines []string
	for s := bufio.NewScanner(gz); s.Scan() && len(lines) < 20_000; {
		var record struct{ Log string }
		if json.Unmarshal(s.Bytes(), &record) == nil {
			lines = append(lines, record.Log)
		}
	}
	return lines
}
