package normalise

import (
	"testing"

	"github.com/loglode/loglode/pipeline"
)

func BenchmarkEntry(b *testing.B) {
	for _, c := range []struct {
		name string
		raw  pipeline.RawEntry
	}{
		{"klog", pipeline.RawEntry{Time: sent, Stream: "stderr", Resource: web, Message: "I0803 09:18:01.098208       1 observer_polling.go:159] Starting file observer for the certificate that the kubelet serves, which was rotated a while ago, again"}},
		{"json", pipeline.RawEntry{Time: sent, Stream: "stderr", Resource: web, Message: `{"level":"info","ts":"2021-08-03T09:24:40.272Z","caller":"etcdmain/etcd.go:134","msg":"server has been already initialized","data-dir":"/var/lib/etcd","dir-type":"member"}`}},
		{"event", pipeline.RawEntry{Kind: pipeline.KindEvent, Resource: web, Message: podEvent}},
	} {
		b.Run(c.name, func(b *testing.B) {
			n := New()
			var e pipeline.Entry
			b.ReportAllocs()
			for b.Loop() {
				if err := n.Entry(&c.raw, sent, &e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
