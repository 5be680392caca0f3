package question

import (
	"strings"
	"time"
)

// Widths of what people mean by a time.
const (
	atWidth      = 5 * time.Minute  // "at 09:42": clocks differ
	aroundWidth  = 15 * time.Minute // "around 09:42", "just after 09:42"
	aroundHour   = 30 * time.Minute // "around 9am"
	minAgo       = 30 * time.Second // "10 seconds ago"
	minAgoMinute = 5 * time.Minute  // "10 minutes ago"
	day          = 24 * time.Hour
)

// A phrase's part in what is said about time.
type role uint8

const (
	locates role = iota // a span that clock times may stand in: "yesterday"
	starts              // since
	ends                // before
	covers              // between, at, around, ago
)

// timePhrase is a phrase about time that was found, not yet put on a day.
type timePhrase struct {
	Span
	role role
	// a is the time it speaks of, b the second one of "between a and b".
	a, b moment
	// width is how far "around" and "at" reach to both sides; before and after
	// how far "just before" and "just after" do.
	width, before, after time.Duration
	// through says that an end includes the day that it names.
	through bool
}

// moment is a point or span of time as it was said: a span, a clock's time on
// no certain day, or both.
type moment struct {
	from, to time.Time // zero without a day
	hasClock bool
	clock    time.Duration // since midnight
	grain    time.Duration // of the clock: a second, a minute, an hour
}

// readTime finds the phrases about time and what they amount to. Phrases that
// contradict each other, or of which only one could hold, are all left alone.
func readTime(words []word, now time.Time) Time {
	p := timeReader{words: words, now: now}
	var phrases []timePhrase
	for i := 0; i < len(words); {
		phrase, next, ok := p.phrase(i)
		if !ok {
			i++
			continue
		}
		if p.guarded(i, next) { // then the others may not mean what they seem to, either
			return Time{}
		}
		phrase.Span = Span{words[i].Start, words[next-1].End}
		phrases = append(phrases, phrase)
		i = next
	}
	from, to, ok := combine(phrases, now)
	if !ok || from.After(now) {
		return Time{}
	}
	t := Time{From: from, To: to}
	for _, phrase := range phrases {
		t.Spans = append(t.Spans, phrase.Span)
	}
	return t
}

// combine is what phrases amount to together.
func combine(phrases []timePhrase, now time.Time) (from, to time.Time, ok bool) {
	var count [covers + 1]int
	var context moment
	for _, phrase := range phrases {
		count[phrase.role]++
		if phrase.role == locates {
			context = phrase.a
		}
	}
	if len(phrases) == 0 || count[locates] > 1 || count[starts] > 1 || count[ends] > 1 || count[covers] > 1 ||
		count[covers] > 0 && count[starts]+count[ends] > 0 {
		return from, to, false
	}
	if count[locates] == len(phrases) {
		return context.from, context.to, true
	}
	located := count[locates] == 0
	for _, phrase := range phrases {
		if phrase.role == locates {
			continue
		}
		if phrase.a.from.IsZero() {
			located = true // the context says on which day
		}
		start, end, ok := phrase.resolve(context, now)
		if !ok {
			return from, to, false
		}
		if !start.IsZero() {
			from = start
		}
		if !end.IsZero() {
			to = end
		}
	}
	if !located {
		return from, to, false // "today since yesterday"
	}
	if count[ends] > 0 && count[starts] == 0 && count[locates] > 0 {
		from = context.from
	}
	return from, to, from.IsZero() || to.IsZero() || from.Before(to)
}

// resolve puts the phrase on a day.
func (p *timePhrase) resolve(context moment, now time.Time) (from, to time.Time, ok bool) {
	a, ok := p.a.resolve(context, now)
	if !ok {
		return from, to, false
	}
	switch p.role {
	case starts:
		if p.after > 0 {
			return a.from, a.from.Add(p.after), true
		}
		return a.from, to, true
	case ends:
		if p.before > 0 {
			return a.from.Add(-p.before), a.from, true
		}
		if p.through && !p.a.hasClock {
			return from, a.to, true
		}
		return from, a.from, true
	}
	if p.width > 0 {
		return a.from.Add(-p.width), a.to.Add(p.width), true
	}
	if p.b == (moment{}) {
		return a.from, a.to, true
	}
	b := p.b
	if b.hasClock && b.from.IsZero() { // "between yesterday 23:00 and 01:00"
		b.from = a.from.Truncate(day).Add(b.clock)
		if b.from.Before(a.from) {
			b.from = b.from.Add(day)
		}
		b.to = b.from
	}
	to = b.from
	if !b.hasClock {
		to = b.to // "between 1 August and 3 August" holds the 3rd
	}
	return a.from, to, a.from.Before(to)
}

// resolve puts a clock's time on a day: of the context, else the latest on which
// it has passed.
func (m moment) resolve(context moment, now time.Time) (moment, bool) {
	if !m.hasClock || !m.from.IsZero() {
		return m, true
	}
	if context.from.IsZero() {
		m.from = now.Truncate(day).Add(m.clock)
		if m.from.After(now) {
			m.from = m.from.Add(-day)
		}
		m.to = m.from.Add(m.grain)
		return m, true
	}
	for d := context.from.Truncate(day); d.Before(context.to); d = d.Add(day) {
		if at := d.Add(m.clock); !at.Before(context.from) && at.Before(context.to) {
			if context.to.Sub(context.from) > day {
				return m, false // "at 09:00 this week" is on any of its days
			}
			m.from, m.to = at, at.Add(m.grain)
			return m, true
		}
	}
	return m, false
}

// timeReader reads phrases about time. Its methods take where to begin, and
// return the word behind what they read.
type timeReader struct {
	words []word
	now   time.Time
}

// otherwise are the words in front of a time that make it something else than
// when lines were written: what a certificate, a schedule or a backup says, a
// comparison, a phrase that was not understood.
var otherwise = wordSet("expires expire expired expiring expiry expiration valid invalid due schedule scheduled cron runs run " +
	"every each is are be by as like not over nearly almost line the a an of from to with than vs versus compared until till " +
	"since before after between about")

// units and zones behind a time, too: "after 10:15 hours", "at 09:00 CEST".
var otherZones = wordSet("of ms retries attempts times cet cest eet eest wet bst ist est edt cst cdt mst mdt pst pdt jst aest aedt " +
	"msk local")

// guarded says whether the words around make the phrase words[i:next] mean
// something else.
func (p *timeReader) guarded(i, next int) bool {
	first := p.words[i].text
	if adjoins(p.words, i-1) && first != "since" {
		switch previous := strings.TrimSuffix(p.words[i-1].text, "'s"); {
		case in(otherwise, previous):
			return true
		case previous == "and" || previous == "or": // "after 09:00 and before 10:00" is fine
			return first == "today" || first == "yesterday"
		}
	}
	if !adjoins(p.words, next-1) {
		return false
	}
	behind := p.words[next].text
	_, isUnit := units[behind]
	return isUnit || in(otherZones, behind) || strings.HasPrefix(behind, "+0") || strings.HasPrefix(behind, "utc+") ||
		strings.HasPrefix(behind, "utc-")
}

// is says whether words[i] is one of texts.
func (p *timeReader) is(i int, texts ...string) bool {
	if i >= len(p.words) {
		return false
	}
	for _, text := range texts {
		if p.words[i].text == text {
			return true
		}
	}
	return false
}

// follows is is for a word that must adjoin the one before.
func (p *timeReader) follows(i int, texts ...string) bool {
	return adjoins(p.words, i-1) && p.is(i, texts...)
}

// phrase reads one phrase about time.
func (p *timeReader) phrase(i int) (timePhrase, int, bool) {
	if phrase, next, ok := p.last(i); ok {
		return phrase, next, ok
	}
	next := i + 1
	switch p.words[i].text {
	case "since":
		if length, end, counted, ok := p.length(next); ok && counted && end == next+1 && adjoins(p.words, i) { // "since 2h"
			return timePhrase{role: starts, a: moment{from: p.now.Add(-length)}}, end, true
		}
		return p.one(next, timePhrase{role: starts})
	case "after":
		return p.one(next, timePhrase{role: starts})
	case "before":
		return p.one(next, timePhrase{role: ends})
	case "until", "till":
		return p.one(next, timePhrase{role: ends, through: true})
	case "just", "shortly", "right", "immediately":
		if p.follows(next, "after") {
			return p.one(next+1, timePhrase{role: starts, after: aroundWidth})
		}
		if p.follows(next, "before") {
			return p.one(next+1, timePhrase{role: ends, before: aroundWidth})
		}
	case "between":
		return p.two(next, "and")
	case "from":
		if phrase, end, ok := p.two(next, "to", "until", "till"); ok {
			return phrase, end, ok
		}
		phrase, end, ok := p.one(next, timePhrase{role: starts})
		if ok && p.follows(end, "on", "onwards", "onward") {
			return phrase, end + 1, true
		}
		if ok && p.ofOutput(i) && !phrase.a.hasClock { // "errors from yesterday"
			phrase.role = locates
			return phrase, end, true
		}
	case "of":
		if phrase, end, ok := p.one(next, timePhrase{role: locates}); ok && p.ofOutput(i) && !phrase.a.hasClock {
			return phrase, end, true
		}
	case "at", "around", "about", "approximately", "near":
		return p.near(i)
	case "on":
		if p.follows(next, "the") {
			next++
		}
		if m, end, ok := p.date(next); ok && adjoins(p.words, next-1) {
			return p.located(m, end)
		}
	}
	return p.bare(i)
}

// ofOutput says that what stands before words[i] is something that is written.
func (p *timeReader) ofOutput(i int) bool {
	return adjoins(p.words, i-1) && in(outputs, p.words[i-1].text)
}

// one reads a moment behind "since" and the like.
func (p *timeReader) one(i int, phrase timePhrase) (timePhrase, int, bool) {
	if !adjoins(p.words, i-1) {
		return phrase, 0, false
	}
	m, next, ok := p.moment(i)
	phrase.a = m
	return phrase, next, ok
}

// two reads "09:00 and 10:00".
func (p *timeReader) two(i int, joints ...string) (timePhrase, int, bool) {
	phrase, next, ok := p.one(i, timePhrase{role: covers})
	if !ok || !p.follows(next, joints...) {
		if a, b, found := p.clocks(i); found {
			return timePhrase{role: covers, a: a, b: b}, i + 1, true
		}
		return phrase, 0, false
	}
	end := phrase
	end, next, ok = p.one(next+1, end)
	phrase.b = end.a
	return phrase, next, ok
}

// clocks reads "09:00-10:00", one word.
func (p *timeReader) clocks(i int) (a, b moment, ok bool) {
	if i >= len(p.words) {
		return a, b, false
	}
	first, second, found := strings.Cut(strings.ReplaceAll(p.words[i].text, "–", "-"), "-")
	if !found {
		return a, b, false
	}
	a, okA := parseClock(first)
	b, okB := parseClock(second)
	return a, b, okA && okB && strings.Contains(first, ":") && strings.Contains(second, ":")
}

// near reads "at 09:42", "around 9am", "about 2 hours ago".
func (p *timeReader) near(i int) (timePhrase, int, bool) {
	phrase, next, ok := p.one(i+1, timePhrase{role: covers})
	if !ok {
		return phrase, 0, false
	}
	m := &phrase.a
	isAt := p.words[i].text == "at"
	switch {
	case m.hasClock && isAt:
		phrase.width = atWidth
		if m.grain < time.Minute {
			phrase.width = time.Minute
		}
		if m.grain > time.Minute {
			phrase.width = aroundWidth
			m.grain = 0 // 9am is a point
			if !m.from.IsZero() {
				m.to = m.from
			}
		}
	case m.hasClock:
		phrase.width = aroundWidth
		if m.grain > time.Minute {
			phrase.width = aroundHour
			m.grain = 0
			if !m.from.IsZero() {
				m.to = m.from
			}
		}
	case isAt:
		return phrase, 0, false
	case !m.from.IsZero() && m.from.Equal(m.to): // ago
		phrase.width = 2 * p.agoWidth(*m)
	case p.is(i, "around"):
		phrase.width = day
	default: // "about yesterday"
		return phrase, 0, false
	}
	return phrase, next, true
}

// bare reads what needs no preposition.
func (p *timeReader) bare(i int) (timePhrase, int, bool) {
	if a, b, ok := p.clocks(i); ok {
		return timePhrase{role: covers, a: a, b: b}, i + 1, true
	}
	switch p.words[i].text {
	case "today", "yesterday", "this", "last", "tonight":
		m, next, ok := p.moment(i)
		if !ok {
			return timePhrase{}, 0, false
		}
		return p.located(m, next)
	}
	if m, next, ok := p.ago(i); ok {
		return timePhrase{role: covers, a: m, width: p.agoWidth(m)}, next, true
	}
	return timePhrase{}, 0, false
}

// located is a phrase that names a day, or a clock's time on one.
func (p *timeReader) located(m moment, next int) (timePhrase, int, bool) {
	phrase := timePhrase{role: locates, a: m}
	if m.hasClock {
		phrase.role, phrase.width = covers, atWidth
	}
	return phrase, next, true
}

// last reads "in the last 2 hours", "past 30 minutes", "last hour".
func (p *timeReader) last(i int) (timePhrase, int, bool) {
	at := i
	prepositions := []string{"in", "within", "over", "during", "for", "from", "across", "since"}
	introduced := p.is(at, prepositions...) || p.is(at, "of") && p.ofOutput(at)
	if introduced {
		at++
	}
	the := p.is(at, "the") && (at == i || adjoins(p.words, at-1))
	if the {
		at++
	}
	if !p.is(at, "last", "past", "previous") || at > i && !adjoins(p.words, at-1) || !adjoins(p.words, at) {
		return timePhrase{}, 0, false
	}
	length, next, counted, ok := p.length(at + 1)
	if !ok {
		return timePhrase{}, 0, false
	}
	if !counted {
		switch {
		case length < time.Hour && !(introduced && the): // "at the last minute"
			return timePhrase{}, 0, false
		case length >= 7*day && p.is(at, "last", "previous") && !the: // the week before this one
			return timePhrase{}, 0, false
		}
	}
	return timePhrase{role: starts, a: moment{from: p.now.Add(-length)}}, next, true
}

// length reads "2 hours", "30m", "hour". Counted says that there was a number.
func (p *timeReader) length(i int) (length time.Duration, next int, counted, ok bool) {
	if i >= len(p.words) {
		return 0, 0, false, false
	}
	text := p.words[i].text
	if unit, isUnit := units[text]; isUnit && len(text) > 2 {
		return unit, i + 1, false, true
	}
	digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
	if n, isNumber := parseCount(text[:digits]); isNumber && digits < len(text) {
		unit, isUnit := units[text[digits:]]
		return time.Duration(n) * unit, i + 1, true, isUnit
	}
	n, isNumber := parseCount(text)
	if !isNumber || !adjoins(p.words, i) {
		return 0, 0, false, false
	}
	unit, isUnit := units[p.words[i+1].text]
	return time.Duration(n) * unit, i + 2, true, isUnit
}

// ago reads "2 hours ago".
func (p *timeReader) ago(i int) (moment, int, bool) {
	length, next, counted, ok := p.length(i)
	if !ok || !counted || !p.follows(next, "ago") {
		return moment{}, 0, false
	}
	at := p.now.Add(-length)
	return moment{from: at, to: at}, next + 1, true
}

// agoWidth is how exact "2 hours ago" is: half its unit to both sides, or an
// eighth of the whole if that is more.
func (p *timeReader) agoWidth(m moment) time.Duration {
	length := p.now.Sub(m.from)
	width := length / 8
	switch {
	case length >= 7*day && length%(7*day) == 0:
		return max(width, 7*day/2)
	case length >= day && length%day == 0:
		return max(width, day/2)
	case length >= time.Hour && length%time.Hour == 0:
		return max(width, time.Hour/2)
	case length >= time.Minute && length%time.Minute == 0:
		return max(width, minAgoMinute)
	}
	return max(width, minAgo)
}

// moment reads a day, a clock's time, both, or so long ago.
func (p *timeReader) moment(i int) (moment, int, bool) {
	if i >= len(p.words) {
		return moment{}, 0, false
	}
	if m, next, ok := p.ago(i); ok {
		return m, next, true
	}
	if m, next, ok := p.date(i); ok {
		return m, next, true
	}
	if m, next, ok := p.relative(i); ok {
		return m, next, true
	}
	return p.clock(i)
}

// date reads "2021-08-03", "3 August", "the 3rd of August 2021", "August 3",
// "Monday", each with a clock's time behind it or none.
func (p *timeReader) date(i int) (moment, int, bool) {
	if i >= len(p.words) {
		return moment{}, 0, false
	}
	text := p.words[i].text
	if at, ok := parseInstant(text); ok {
		grain := time.Minute
		if at.Second() != 0 {
			grain = time.Second
		}
		return moment{from: at, to: at.Add(grain), hasClock: true, grain: grain}, p.zone(i + 1), true
	}
	if d, ok := parseDate(text); ok {
		return p.onDay(d, i+1)
	}
	if weekday, ok := weekdays[text]; ok {
		back := (int(p.now.Weekday()) - int(weekday) + 7) % 7
		return p.onDay(p.today().AddDate(0, 0, -back), i+1)
	}
	return p.monthDay(i)
}

func (p *timeReader) monthDay(i int) (moment, int, bool) {
	if p.is(i, "the") && adjoins(p.words, i) {
		i++
	}
	if !adjoins(p.words, i) {
		return moment{}, 0, false
	}
	number, month, next := 0, time.Month(0), i+2
	named := i
	if monthOf(p.words[i]) != 0 {
		number = dayNumber(p.words[i+1].text)
	} else {
		number = dayNumber(p.words[i].text)
		if named++; p.follows(named, "of") && adjoins(p.words, named) {
			named++
		}
		next = named + 1
	}
	month = monthOf(p.words[named])
	if number == 0 || month == 0 {
		return moment{}, 0, false
	}
	year := p.now.Year()
	said := next < len(p.words) && !p.words[next].opens && isYear(p.words[next].text)
	if said {
		n, _ := parseCount(p.words[next].text)
		year = n
		next++
	}
	d := time.Date(year, month, number, 0, 0, 0, 0, time.UTC)
	if d.Day() != number { // 31 June
		return moment{}, 0, false
	}
	if !said && d.After(p.now) {
		d = time.Date(year-1, month, number, 0, 0, 0, 0, time.UTC)
	}
	return p.onDay(d, next)
}

// monthOf is the month that a word names, 0 for none. "after 3 may help" names
// none.
func monthOf(w word) time.Month {
	if (w.text == "may" || w.text == "march") && w.raw == w.text {
		return 0
	}
	return months[w.text]
}

// relative reads "yesterday 18:00", "this morning", "last night", "last week".
func (p *timeReader) relative(i int) (moment, int, bool) {
	today := p.today()
	next := i + 1
	switch p.words[i].text {
	case "today":
		return p.onDay(today, next)
	case "yesterday":
		if adjoins(p.words, i) {
			if m, ok := partOf(today.Add(-day), p.words[next].text); ok {
				return m, next + 1, true
			}
		}
		return p.onDay(today.Add(-day), next)
	case "tonight":
		m, _ := partOf(today, "evening")
		return m, next, true
	}
	if !adjoins(p.words, i) {
		return moment{}, 0, false
	}
	said := p.words[next].text
	monday := today.AddDate(0, 0, -(int(p.now.Weekday())+6)%7)
	first := time.Date(p.now.Year(), p.now.Month(), 1, 0, 0, 0, 0, time.UTC)
	switch p.words[i].text + " " + said {
	case "this morning", "this afternoon", "this evening":
		m, ok := partOf(today, said)
		return m, next + 1, ok
	case "last night":
		m, ok := partOf(today.Add(-day), "night")
		m.from = m.from.Add(-6 * time.Hour) // people mean the evening, too
		return m, next + 1, ok
	case "this week":
		return moment{from: monday, to: monday.AddDate(0, 0, 7)}, next + 1, true
	case "last week":
		return moment{from: monday.AddDate(0, 0, -7), to: monday}, next + 1, true
	case "this month":
		return moment{from: first, to: first.AddDate(0, 1, 0)}, next + 1, true
	case "last month":
		return moment{from: first.AddDate(0, -1, 0), to: first}, next + 1, true
	}
	if weekday, ok := weekdays[said]; ok && len(said) > 3 && p.is(i, "last") {
		back := (int(p.now.Weekday())-int(weekday)+6)%7 + 1
		return p.onDay(today.AddDate(0, 0, -back), next+1)
	}
	return moment{}, 0, false
}

// partOf is a part of a day.
func partOf(d time.Time, part string) (moment, bool) {
	switch part {
	case "morning":
		return moment{from: d, to: d.Add(12 * time.Hour)}, true
	case "afternoon":
		return moment{from: d.Add(12 * time.Hour), to: d.Add(18 * time.Hour)}, true
	case "evening":
		return moment{from: d.Add(18 * time.Hour), to: d.Add(day)}, true
	case "night":
		return moment{from: d.Add(day), to: d.Add(30 * time.Hour)}, true
	}
	return moment{}, false
}

// onDay is a day, or the clock's time on it that stands at words[i], also behind
// "at".
func (p *timeReader) onDay(d time.Time, i int) (moment, int, bool) {
	at := i
	if p.follows(at, "at") {
		at++
	}
	if at > 0 && adjoins(p.words, at-1) {
		if m, next, ok := p.clock(at); ok {
			m.from = d.Add(m.clock)
			m.to = m.from.Add(m.grain)
			return m, next, true
		}
	}
	return moment{from: d, to: d.Add(day)}, i, true
}

// clock reads "09:42", "9:42 pm", "9am", "noon", with UTC behind it or not.
func (p *timeReader) clock(i int) (moment, int, bool) {
	if i >= len(p.words) {
		return moment{}, 0, false
	}
	text, next := p.words[i].text, i+1
	if p.follows(next, "am", "pm") {
		text += p.words[next].text
		next++
	}
	m, ok := parseClock(text)
	return m, p.zone(next), ok
}

// zone passes over a zone that changes nothing.
func (p *timeReader) zone(i int) int {
	if i > 0 && p.follows(i, "utc", "gmt", "z", "o'clock") {
		return i + 1
	}
	return i
}

func (p *timeReader) today() time.Time { return p.now.Truncate(day) }
