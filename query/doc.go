// Package query is the read path: it turns what a person or a program asks into
// queries of a store, and what the store answers into lines.
//
//	GET /v1/lines?q=..&level=warn%2B&from=15m
//	        |
//	        v
//	LineRequest --(clock, limits)--> pipeline.LineQuery --> pipeline.LineReader
//	                                        ^                      |
//	              WithScopes(ctx) ----------+                      v
//	                                             Line: JSON, JSON lines, CSV, events
//
// Service answers; API serves it over HTTP together with the operations that
// its ports name (dead letters, status, audit). Who may ask is decided outside
// and arrives as scopes in the context: see [WithScopes].
package query
