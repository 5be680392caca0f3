package demo

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// template is a line with variable parts in braces, parsed once:
//
//	{id} {uid} {user} {sku} {ip} {ts} {klog} {pgts} {pid}   drawn for each line
//	{5-90}                                                a whole number from 5 to 90
//	{5-90.2}                                              with two decimals
//	{a|b|c}                                               one of these
//	{name}                                                a value of the incident; as it stands where there is none
type template []part

type part struct {
	text   string // literal, where draw is nil
	draw   func(b []byte, g *draws) []byte
	lookup string
}

// draws is what variable parts are drawn from.
type draws struct {
	rand   *rand.Rand
	at     time.Time
	values map[string]string
}

func parse(text string) template {
	var t template
	for {
		head, tail, found := strings.Cut(text, "{")
		if head != "" {
			t = append(t, part{text: head})
		}
		if !found {
			return t
		}
		inner, rest, closed := strings.Cut(tail, "}")
		if !closed || inner == "" || strings.ContainsAny(inner, ` "`) && !strings.Contains(inner, "|") {
			t = append(t, part{text: "{"}) // a brace of its own, as in JSON
			text = tail
			continue
		}
		t = append(t, variable(inner))
		text = rest
	}
}

func variable(name string) part {
	if draw, ok := drawn[name]; ok {
		return part{draw: draw}
	}
	if choices := strings.Split(name, "|"); len(choices) > 1 {
		return part{draw: func(b []byte, g *draws) []byte { return append(b, choices[g.rand.IntN(len(choices))]...) }}
	}
	low, high, _ := strings.Cut(name, "-")
	high, decimals, fraction := strings.Cut(high, ".")
	if !fraction {
		decimals = "0"
	}
	from, err1 := strconv.ParseUint(low, 10, 32)
	to, err2 := strconv.ParseUint(high, 10, 32)
	places, err3 := strconv.ParseUint(decimals, 10, 3)
	if err1 != nil || err2 != nil || err3 != nil || to < from {
		return part{lookup: name}
	}
	return part{draw: func(b []byte, g *draws) []byte {
		b = strconv.AppendInt(b, int64(from)+int64(g.rand.IntN(int(to-from+1))), 10)
		if places > 0 {
			b = append(b, '.')
			for range places {
				b = append(b, '0'+byte(g.rand.IntN(10)))
			}
		}
		return b
	}}
}

var drawn = map[string]func([]byte, *draws) []byte{
	"id":  func(b []byte, g *draws) []byte { return appendHex(b, g.rand, 16) },
	"uid": func(b []byte, g *draws) []byte { return append(b, uid(g.rand)...) },
	"user": func(b []byte, g *draws) []byte {
		return strconv.AppendInt(append(b, "u-"...), 10000+int64(g.rand.IntN(90000)), 10)
	},
	"sku": func(b []byte, g *draws) []byte {
		return strconv.AppendInt(append(b, "SKU-"...), 1000+int64(g.rand.IntN(9000)), 10)
	},
	"ip": func(b []byte, g *draws) []byte {
		b = append(b, "10.244."...)
		b = strconv.AppendInt(b, int64(1+g.rand.IntN(3)), 10)
		return strconv.AppendInt(append(b, '.'), int64(2+g.rand.IntN(250)), 10)
	},
	"pid":  func(b []byte, g *draws) []byte { return strconv.AppendInt(b, 100+int64(g.rand.IntN(900)), 10) },
	"ts":   func(b []byte, g *draws) []byte { return g.at.AppendFormat(b, "2006-01-02T15:04:05.000Z07:00") },
	"pgts": func(b []byte, g *draws) []byte { return g.at.AppendFormat(b, "2006-01-02 15:04:05.000 UTC") },
	"log4": func(b []byte, g *draws) []byte { return g.at.AppendFormat(b, "2006-01-02 15:04:05,000") },
	"klog": func(b []byte, g *draws) []byte { return g.at.AppendFormat(b, "0102 15:04:05.000000") },
	"clf":  func(b []byte, g *draws) []byte { return g.at.AppendFormat(b, "02/Jan/2006:15:04:05 -0700") },
}

func (t template) append(b []byte, g *draws) []byte {
	for i := range t {
		switch p := &t[i]; {
		case p.draw != nil:
			b = p.draw(b, g)
		case p.lookup != "":
			value, ok := g.values[p.lookup]
			if !ok {
				value = "{" + p.lookup + "}"
			}
			b = append(b, value...)
		default:
			b = append(b, p.text...)
		}
	}
	return b
}

const hexDigits = "0123456789abcdef"

func appendHex(b []byte, r *rand.Rand, n int) []byte {
	for n > 0 {
		for bits := r.Uint64(); n > 0 && bits != 0; bits >>= 4 {
			b = append(b, hexDigits[bits&15])
			n--
		}
	}
	return b
}

// uid is a UUID of version 4.
func uid(r *rand.Rand) string {
	b := appendHex(nil, r, 32)
	b[12], b[16] = '4', "89ab"[r.IntN(4)]
	return string(b[:8]) + "-" + string(b[8:12]) + "-" + string(b[12:16]) + "-" + string(b[16:20]) + "-" + string(b[20:])
}

// appendQuoted appends text as the inside of a JSON string.
func appendQuoted(b, text []byte) []byte {
	start := 0
	for i, c := range text {
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		b = append(b, text[start:i]...)
		start = i + 1
		switch c {
		case '\n':
			b = append(b, '\\', 'n')
		case '\t':
			b = append(b, '\\', 't')
		case '"', '\\':
			b = append(b, '\\', c)
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(b, text[start:]...)
}
