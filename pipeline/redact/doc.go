// Package redact replaces secrets in log text by tokens before anything is
// durable.
//
//	text -> scan (one pass, trigger bytes) -> matcher of the neighbourhood -+
//	     -> own rules (literal prefilter, RE2) -----------------------------+-> text with tokens
//
// A token is
//
//	[redacted:<rule>:<first 12 hex digits of HMAC-SHA256(key, secret)>]
//
// so equal secrets stay comparable whatever rule found them, and none can be
// guessed without the deployment's key. Redaction is idempotent: tokens are
// stepped over, and text that holds tokens only is returned as it is.
//
// What guides the built-in rules: a secret that stays is worse than a name that
// goes, but logs full of tokens are of no use either. So values behind a key
// such as "password=" are taken unless they are plainly something else (a file,
// a boolean, a placeholder, an object's name, the rest of a sentence), and what
// has no key must have an unmistakable form. No matcher reads a byte more than
// a bounded number of times, so that a hostile line costs no more than any.
package redact
