package render

import "github.com/dustin/go-humanize"

// Bytes is a size for people, in powers of 1024: "1.5 MiB".
func Bytes(n int64) string {
	if n < 0 {
		return "-" + humanize.IBytes(uint64(-n))
	}
	return humanize.IBytes(uint64(n))
}

// Count is a number for people: "134,692".
func Count(n int64) string { return humanize.Comma(n) }
