package collect

import (
	"strings"

	"github.com/loglode/loglode/pipeline"
	"github.com/zeebo/xxh3"
)

// source is a Resource as lines share it, with its pod's annotations and the
// keys of its streams.
type source struct {
	resource    *pipeline.Resource
	annotations map[string]string
	streams     []streamKey
}

type streamKey struct {
	stream string
	key    Key
}

// key is the numbering context of one of the source's streams. The first few
// are kept: a container has two.
func (s *source) key(stream string) Key {
	for i := range s.streams {
		if s.streams[i].stream == stream {
			return s.streams[i].key
		}
	}
	k := KeyOf(s.resource, stream)
	if len(s.streams) < 4 {
		s.streams = append(s.streams, streamKey{stream, k})
	}
	return k
}

// kubernetes returns the source that the raw bytes of a "kubernetes" object
// name; cluster is the raw value of a cluster's name beside it, or nil.
func (c *Collector) kubernetes(raw, cluster []byte) *source {
	if cluster == nil && c.found != nil {
		return c.found
	}
	hashed := raw
	if cluster != nil {
		c.scratch = append(append(c.scratch[:0], cluster...), raw...)
		hashed = c.scratch
	}
	id := xxh3.Hash128(hashed)
	if s := c.sources[id]; s != nil {
		return s
	}
	s, err := c.readKubernetes(raw)
	if err != nil {
		return c.defaults
	}
	if name := unquote(cluster); name != "" {
		s.resource.Cluster = name
	}
	fillResource(s.resource, &c.options.Defaults)
	c.keep(id, s)
	return s
}

// knows tells whether the very bytes of this line's kubernetes object were read
// before, so that they are known to be JSON.
func (c *Collector) knows(raw []byte) bool {
	c.found = c.sources[xxh3.Hash128(raw)]
	return c.found != nil
}

// keep adds a source to the cache. A full cache is emptied: what is still in
// use comes back with its next line, and keys do not depend on the cache.
func (c *Collector) keep(id xxh3.Uint128, s *source) {
	if len(c.sources) >= maxSources {
		clear(c.sources)
	}
	c.sources[id] = s
}

func (c *Collector) readKubernetes(raw []byte) (*source, error) {
	r := &pipeline.Resource{}
	s := &source{resource: r}
	var owners []byte
	err := c.inner.object(raw, func(name, value []byte) {
		switch string(name) {
		case `"pod_name"`:
			r.Pod = unquote(value)
		case `"namespace_name"`:
			r.Namespace = unquote(value)
		case `"pod_id"`:
			r.PodUID = unquote(value)
		case `"container_name"`:
			r.Container = unquote(value)
		case `"host"`:
			r.Node = unquote(value)
		case `"cluster_name"`:
			r.Cluster = unquote(value)
		case `"labels"`:
			r.Labels = readStrings(value)
		case `"annotations"`:
			s.annotations = readStrings(value)
		case `"ownerReferences"`:
			owners = value
		}
	})
	if err != nil {
		return nil, err
	}
	r.Owner = readOwner(owners, r.Labels["pod-template-hash"])
	return s, nil
}

// readStrings reads an object of strings; values of other types are kept as
// their JSON text. It is nil for an empty object and for anything else.
func readStrings(raw []byte) map[string]string {
	if !isObject(raw) {
		return nil
	}
	var m map[string]string
	own := newScanner()
	err := own.object(raw, func(name, value []byte) {
		if m == nil {
			m = make(map[string]string)
		}
		if isString(value) {
			m[unquote(name)] = unquote(value)
		} else {
			m[unquote(name)] = string(value)
		}
	})
	if err != nil {
		return nil
	}
	return m
}

// readOwner reads the name of the first of a pod's ownerReferences, and looks
// through the controllers that Kubernetes generates: a ReplicaSet's template
// hash (templateHash, if the pod bears it as a label) leads to its Deployment, a Job's
// schedule to its CronJob.
func readOwner(raw []byte, templateHash string) string {
	var kind, name string
	own := newScanner()
	first := true
	err := own.array(raw, func(value []byte) {
		if !first || !isObject(value) {
			return
		}
		first = false
		ref := newScanner()
		if ref.object(value, func(key, v []byte) {
			switch string(key) {
			case `"kind"`:
				kind = unquote(v)
			case `"name"`:
				name = unquote(v)
			}
		}) != nil {
			name = ""
		}
	})
	if err != nil {
		return ""
	}
	stem, suffix, ok := cutLast(name, "-")
	if !ok || stem == "" {
		return name
	}
	switch {
	case kind == "ReplicaSet" && (suffix == templateHash || templateHash == "" && isTemplateHash(suffix)),
		kind == "Job" && isSchedule(suffix):
		return stem
	}
	return name
}

// isTemplateHash: 6 to 10 characters of the alphabet that Kubernetes encodes
// hashes in (k8s.io/apimachinery/pkg/util/rand).
func isTemplateHash(s string) bool {
	return len(s) >= 6 && len(s) <= 10 && strings.Trim(s, "bcdfghjklmnpqrstvwxz2456789") == ""
}

// isSchedule: a CronJob's Jobs end in their time in minutes (8 digits), in
// older versions in seconds (10).
func isSchedule(s string) bool {
	return (len(s) == 8 || len(s) == 10) && strings.Trim(s, "0123456789") == ""
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// fillResource fills r's empty fields from d.
func fillResource(r, d *pipeline.Resource) {
	for _, f := range [...]struct{ to, from *string }{
		{&r.Cluster, &d.Cluster}, {&r.Namespace, &d.Namespace}, {&r.Pod, &d.Pod}, {&r.PodUID, &d.PodUID},
		{&r.Container, &d.Container}, {&r.Node, &d.Node}, {&r.Owner, &d.Owner},
	} {
		if *f.to == "" {
			*f.to = *f.from
		}
	}
	if r.Labels == nil {
		r.Labels = d.Labels
	}
}

// node returns the source of a node's journal from the raw values of its host
// and its unit.
func (c *Collector) node(host, unit []byte) *source {
	c.scratch = append(append(c.scratch[:0], host...), unit...)
	id := xxh3.Hash128Seed(c.scratch, 1) // never a kubernetes object's
	if s := c.sources[id]; s != nil {
		return s
	}
	s := &source{resource: &pipeline.Resource{Node: unquote(host), Container: strings.TrimSuffix(unquote(unit), ".service")}}
	fillResource(s.resource, &c.options.Defaults)
	c.keep(id, s)
	return s
}
