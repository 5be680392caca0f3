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
//	POST /v1/search {"query":"timeouts in namespace shop since this morning"}
//	        |
//	        v
//	SearchRequest --(package question)--> filters, times --> pipeline.PatternReader.Groups
//	        |                                                      | patterns that they leave
//	        v                                                      v
//	terms, vector -----------------------------------> pipeline.PatternReader.Candidates
//	                                                               |
//	Hits <--(numbers, examples)-- one a pattern <--(one exact score: score.go)
//
//	POST /v1/ask {"query":"why does the cache service not start?"}
//	        |
//	        v
//	AskRequest --(package question)--> filters, times; names --(the store)--> objects
//	                                                               |
//	              events, lines of patterns that promise most <----+ within a window
//	                             |
//	                             v
//	AskResponse <--(words: rules', or a Generator's, checked)-- diagnose.Diagnose
//
// Service answers; API serves it over HTTP together with the operations that
// its ports name (dead letters, status, audit). Who may ask is decided outside
// and arrives as scopes in the context: see [WithScopes].
package query
