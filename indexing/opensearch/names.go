package opensearch

import "fmt"

// names are those of indices and aliases.
type names struct{ prefix string }

// unnamed stands for the empty service, which is no part of a name.
const unnamed = "unnamed"

func serviceName(service string) string {
	if service == "" {
		return unnamed
	}
	return service
}

// alias is what a service's day is written and read as.
func (n names) alias(service, day string) string { return n.prefix + serviceName(service) + "-" + day }

// own is the physical index of a service that does not share.
func (n names) own(service, day string) string { return n.alias(service, day) + "-000001" }

// pack is the physical index that services share on a day.
func (n names) pack(day string) string { return n.prefix + "loglode-pack-" + day + "-000001" }

// lines is the alias of all physical indices of lines.
func (n names) lines() string { return n.prefix + "loglode-lines" }

// sealed is the alias of those that are closed to writes since their day is over.
func (n names) sealed() string { return n.prefix + "loglode-sealed" }

// Aliases of what belongs to no day. They are written to as aliases, so that no
// index is made by a write alone, with a mapping that nobody chose.
func (n names) patterns() string  { return n.prefix + "loglode-patterns" }
func (n names) vectors() string   { return n.prefix + "loglode-vectors" }
func (n names) placement() string { return n.prefix + "loglode-placement" }

// createHead is the first line of a create. Where OpenSearch takes no IDs it gives
// one itself, and the document's own is in its field id.
func (s *Store) createHead(index, id string) []byte {
	if s.o.AcceptDuplicates {
		return fmt.Appendf(nil, `{"create":{"_index":%q}}`+"\n", index)
	}
	return fmt.Appendf(nil, `{"create":{"_index":%q,"_id":%q}}`+"\n", index, id)
}

// ownID is what a document's field id says: nothing where OpenSearch's own does.
func (s *Store) ownID(id string) string {
	if s.o.AcceptDuplicates {
		return id
	}
	return ""
}

// first is the physical index of such an alias.
func first(alias string) string { return alias + "-000001" }
