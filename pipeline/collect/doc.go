// Package collect is the source side: the bytes of one source become entries,
// in the source's order.
//
//	line -> shape -> parts joined -> traces joined -> numbered -> Emit
//	        CRI, docker,   (CRI P,      (Java, Python,   (Occurrence
//	        Fluent Bit,     docker       Go, Node, .NET)   or Origin)
//	        Event, journal, 16 KiB)
//	        plain
//
// A caller cuts the source into lines and calls [Collector.Line] for each; what
// comes out depends on the lines alone, never on how they were read. Only a
// line that may begin a stack trace or a private key, or one in progress, is
// held back: [Collector.Pending] says from where, and a caller keeps its durable
// offset there. A live source may never send the line that ends a trace: a
// tailer that has waited long enough calls [Collector.Flush].
//
// Nothing is lost for being ugly: a line that is of no shape, or a broken one of
// some shape, is a plain line.
package collect
