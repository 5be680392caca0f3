// Package pipeline is the core of loglode: the nouns of each hop, the one
// contract between a stream and its consumers, and the ports that stores
// implement. It knows no vendor.
//
//	source -> RawEntry -> Record (a stream's) -> Handler -> Entry -> Index (documents)
//
// The packages below it do the work of one hop each:
//
//	collect    a source's bytes -> RawEntry: shapes, joined lines, occurrence numbers
//	redact     secrets -> tokens, before anything is durable
//	policy     drop rules
//	wire       RawEntry <-> Record: the stream's format, and foreign formats
//	parse      a line's text -> time, level, message, attributes
//	normalise  RawEntry -> Entry: identity, service, time
//	analysis   text -> search terms
//	pattern    a text -> its template: the same text with its variable parts masked
//	glossary   words of the trade -> what they mean in plain words
//	embedding  what of a pattern is ranked; the embedder's port; the loop that fills vectors in
//	indexer    the Handler: Record -> Entry -> Index, dead letters
//	audit      stream against index: missing, doubled, collapsed
//	memo       a bounded cache that they share
package pipeline
