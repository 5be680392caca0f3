package normalise

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
)

func TestStripGenerated(t *testing.T) {
	for _, c := range []struct{ name, node, want string }{
		{"network-operator-78c688f56b-9qz26", "", "network-operator"},
		{"machine-config-operator-5958949465-fqh9s", "", "machine-config-operator"}, // all digits
		{"csi-snapshot-controller-b7b756b4-7dcdn", "", "csi-snapshot-controller"},
		{"grafana-656bf4cfc-g7568", "", "grafana"},
		{"web-1234567890-x2x7v", "", "web"}, // before 1.10: FNV in decimal
		{"web-3f0ae12b9a-x2x7v", "", "web"}, // or in hexadecimal
		{"backup-27133440-x2x7v", "", "backup"},
		{"backup-1627982280-x2x7v", "", "backup"},
		{"backup-27133440", "", "backup"},
		{"web-78c688f56b", "", "web"},
		{"sdn-w5qbf", "", "sdn"},
		{"kube-proxy-zzzzz", "", "kube-proxy"},
		{"my-pgsql-59d7f5c8bc-x2x7v", "", "my-pgsql"},
		{"alertmanager-main-0", "", "alertmanager-main"},
		{"db-12", "", "db"},
		{"etcd-node-1", "node-1", "etcd"},
		{"etcd-ip-10-0-195-177.ec2.internal", "ip-10-0-195-177.ec2.internal", "etcd"},
		{"etcd-ip-10-0-195-177.ec2.internal", "", "etcd"},
		{"installer-3-ip-10-0-189-142.ec2.internal", "ip-10-0-189-142.ec2.internal", "installer"},
		{"revision-pruner-11-ip-10-0-189-142", "", "revision-pruner"},
		// 63 bytes: the base was cut to make room.
		{"a-very-long-name-of-a-deployment-that-was-cut-off-78c688f5x2x7v", "", "a-very-long-name-of-a-deployment-that-was-cut-off"},

		{"coredns", "", "coredns"},
		{"coredns", "coredns", "coredns"},
		{"my-redis", "", "my-redis"},
		{"redis-master", "", "redis-master"},
		{"my-https", "", "my-https"},
		{"my-pgsql", "", "my-pgsql"},
		{"kube-dns", "", "kube-dns"},
		{"web-v2", "", "web-v2"},
		{"web-2021a", "", "web-2021a"},
		{"node-007", "", "node-007"},
		{"app-ip-10-0-1", "", "app-ip-10-0"}, // an ordinal, not a host
		{"ip-10-0-195-177.ec2.internal", "ip-10-0-195-177.ec2.internal", "ip-10-0-195-177.ec2.internal"},
		{"-0", "", "-0"}, {"-x2x7v", "", "-x2x7v"}, {"", "", ""}, {"-", "-", "-"}, {"x2x7v", "", "x2x7v"},
	} {
		require.Equal(t, c.want, stripGenerated(c.name, c.node), c.name)
	}
}

// The label says exactly what the hash is, and a source what the owner is.
func TestOwner(t *testing.T) {
	for _, c := range []struct {
		r    pipeline.Resource
		want string
	}{
		{pipeline.Resource{Pod: "web-bcdf-x2x7v"}, "web-bcdf"},
		{pipeline.Resource{Pod: "web-bcdf-x2x7v", Labels: map[string]string{"pod-template-hash": "bcdf"}}, "web"},
		{pipeline.Resource{Pod: "web-other-x2x7v", Labels: map[string]string{"pod-template-hash": "bcdf"}}, "web-other"},
		{pipeline.Resource{Pod: "a-very-long-name-of-a-deployment-that-was-cut-off-in-it-78cx2x7v"[:58] + "x2x7v", Labels: map[string]string{"pod-template-hash": "78c688f56b"}}, "a-very-long-name-of-a-deployment-that-was-cut-off-in-it"},
		{pipeline.Resource{Pod: "web-0", Owner: "web-78c688f56b"}, "web"},
		{pipeline.Resource{Owner: "web-bcdf", Labels: map[string]string{"pod-template-hash": "bcdf"}}, "web"},
		{pipeline.Resource{Owner: "backup-27133440"}, "backup"},
		{pipeline.Resource{Owner: "db-0"}, "db-0"},
		{pipeline.Resource{Owner: "sdn-w5qbf"}, "sdn-w5qbf"},
		{pipeline.Resource{Container: "c"}, ""},
	} {
		require.Equal(t, c.want, ownerOf(&c.r), c.r)
	}
}

func TestService(t *testing.T) {
	r := pipeline.Resource{Namespace: "ns", Container: "C", Pod: "web-78c688f56b-9qz26", Labels: map[string]string{"app": "Shop Front", "app.kubernetes.io/name": "front"}}
	require.Equal(t, "front", Service(&r))
	delete(r.Labels, "app.kubernetes.io/name")
	require.Equal(t, "shop-front", Service(&r))
	r.Labels = nil
	require.Equal(t, "web", Service(&r))
	r.Pod = ""
	require.Equal(t, "c", Service(&r))
	r.Container = ""
	require.Equal(t, "ns", Service(&r))
	require.Equal(t, "unknown", Service(&pipeline.Resource{}))
}

func TestEventService(t *testing.T) {
	for _, c := range []struct {
		o              object
		service, owner string
	}{
		{object{kind: "Pod", name: "web-78c688f56b-9qz26"}, "web", "web"},
		{object{kind: "Pod", name: "etcd-n1", node: "n1"}, "etcd", "etcd"},
		{object{kind: "ReplicaSet", name: "web-78c688f56b"}, "web", "web"},
		{object{kind: "Deployment", name: "web-2"}, "web-2", "web-2"},
		{object{kind: "DaemonSet", name: "my-w5qbf"}, "my-w5qbf", "my-w5qbf"},
		{object{kind: "Node", name: "ip-10-0-195-177.ec2.internal", node: "ip-10-0-195-177.ec2.internal"}, "ip-10-0-195-177.ec2.internal", ""},
		{object{kind: "PersistentVolumeClaim", name: "data-db-0"}, "data-db", ""},
		{object{namespace: "ns"}, "ns", ""},
		{object{}, "unknown", ""},
	} {
		w := newSubject(c.o)
		require.Equal(t, c.service, w.service, c.o)
		require.Equal(t, c.owner, w.resource.Owner, c.o)
	}
}

func TestLegalName(t *testing.T) {
	for in, want := range map[string]string{
		"web": "web", "Web": "web", "a b": "a-b", "a / b": "a-b", "a--b": "a-b", "a-/b": "a-b", "_x": "x", "-x": "x", "+x": "x", "..x": "x",
		"x-": "x", "x.": "x", "a.b_c-1": "a.b_c-1", "": "unknown", "///": "unknown", "é": "unknown", "Straße": "stra-e", "a,b*?": "a-b", ".": "unknown",
	} {
		require.Equal(t, want, legalName(in), in)
	}
	long := strings.Repeat("x", 101)
	require.Equal(t, strings.Repeat("x", 100), legalName(long[:100]))
	require.Len(t, legalName(long), 100)
	require.NotEqual(t, legalName(long), legalName(long+"y"), "two names stay two")
	require.Equal(t, strings.Repeat("x", 91)+"-79ad038b", legalName(long), "frozen: it names indices")
}

func FuzzNames(f *testing.F) {
	f.Add("web-78c688f56b-9qz26", "node-1", "78c688f56b")
	f.Add("Straße", "", "")
	legal := regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,98}[a-z0-9_])?$`)
	f.Fuzz(func(t *testing.T, name, node, hash string) {
		service := legalName(name)
		require.Regexp(t, legal, service)
		require.Equal(t, service, legalName(service))
		base := strip(name, node, hash)
		require.True(t, strings.HasPrefix(name, base))
		require.True(t, base != "" || name == "", name)
		require.True(t, strings.HasPrefix(name, stripOwner(name, hash)))
	})
}
