package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/loglode/loglode/pipeline/pattern"
)

// parseScore is how well patterns group lines, as eval_parse.py of the pack
// computes it. A pattern is right when its lines are exactly those of one
// ground-truth group.
type parseScore struct {
	Name  string  `json:"name"`
	Lines int     `json:"lines"`
	Truth int     `json:"truth"` // groups of the ground truth
	Found int     `json:"found"` // patterns
	GA    float64 `json:"ga"`    // share of the lines in right patterns
	FGA   float64 `json:"fga"`   // harmonic mean of PGA and RGA
	PGA   float64 `json:"pga"`   // share of the patterns that are right
	RGA   float64 `json:"rga"`   // share of the groups that have their pattern
	// LinesPerSecond is the fastest of several passes, on one core.
	LinesPerSecond float64 `json:"lines_per_second"`
}

// labelled is a line with its group of the ground truth.
type labelled struct{ group, text string }

// parseFiles lists the files of ground truth below a folder, which need not be
// there.
func parseFiles(dir string) ([]string, error) {
	root, err := filepath.EvalSymlinks(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list ground truth of patterns: %w", err)
	}
	var paths []string
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && parseForm(path) != "" {
			paths = append(paths, path)
		}
		return err
	})
	slices.Sort(paths)
	return paths, err
}

// parseForm is csv, tsv, or empty for a file of another form.
func parseForm(path string) string {
	switch filepath.Ext(strings.TrimSuffix(path, ".gz")) {
	case ".csv":
		return "csv"
	case ".tsv":
		return "tsv"
	}
	return ""
}

// measureParse mines the patterns of one file.
func measureParse(path string) (parseScore, error) {
	name := strings.TrimSuffix(filepath.Base(path), ".gz")
	var lines []labelled
	var err error
	if parseForm(path) == "csv" {
		lines, err = readCSV(path)
	} else {
		lines, err = readTSV(path)
	}
	if err != nil {
		return parseScore{}, fmt.Errorf("read ground truth of patterns: %w", err)
	}
	mined := make([]string, len(lines))
	miner := pattern.New()
	for i, l := range lines {
		mined[i] = miner.Text(l.text).ID.String()
	}
	s := scoreGroups(lines, mined)
	s.Name = strings.TrimSuffix(name, filepath.Ext(name))
	s.LinesPerSecond = speed(lines)
	return s, nil
}

// scoreGroups holds the mined groups of lines against their truth.
func scoreGroups(lines []labelled, mined []string) parseScore {
	s := parseScore{Lines: len(lines)}
	type pair struct{ found, truth string }
	found, truth, both := map[string]int{}, map[string]int{}, map[pair]int{}
	for i, l := range lines {
		found[mined[i]]++
		truth[l.group]++
		both[pair{mined[i], l.group}]++
	}
	s.Truth, s.Found = len(truth), len(found)
	right := 0
	for p, n := range both {
		if n == max(found[p.found], truth[p.truth]) { // it is at most either of them
			right++
			s.GA += float64(n)
		}
	}
	if right == 0 {
		return s
	}
	s.GA /= float64(len(lines))
	s.PGA, s.RGA = float64(right)/float64(s.Found), float64(right)/float64(s.Truth)
	s.FGA = 2 * s.PGA * s.RGA / (s.PGA + s.RGA)
	return s
}

// speed is how many lines a second a fresh miner takes: the fastest of the
// passes within a fifth of a second, since machines are shared.
func speed(lines []labelled) float64 {
	best := 0.0
	for start := time.Now(); len(lines) > 0 && (best == 0 || time.Since(start) < 200*time.Millisecond); {
		miner := pattern.New()
		began := time.Now()
		for _, l := range lines {
			miner.Text(l.text)
		}
		best = max(best, float64(len(lines))/time.Since(began).Seconds())
	}
	return best
}

// readTSV reads the pack's own form: corpus_line, event_id, homogeneous,
// content. Lines of call sites that print several message shapes (homogeneous 0)
// are left out.
func readTSV(path string) ([]labelled, error) {
	var lines []labelled
	header := true
	err := eachLine(path, func(line []byte) error {
		columns := strings.SplitN(string(line), "\t", 4)
		if len(columns) < 4 {
			return errors.New("a row has fewer than 4 columns")
		}
		if !header && columns[2] == "1" {
			lines = append(lines, labelled{columns[1], columns[3]})
		}
		header = false
		return nil
	})
	return lines, err
}

// readCSV reads LogHub's form: a header that names EventId and Content among its
// columns. Line breaks within a content are escaped.
func readCSV(path string) ([]labelled, error) {
	file, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	r := csv.NewReader(file)
	r.LazyQuotes, r.FieldsPerRecord, r.ReuseRecord = true, -1, true
	header, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(header) > 0 {
		header[0] = strings.TrimPrefix(header[0], "\ufeff")
	}
	group, content := slices.Index(header, "EventId"), slices.Index(header, "Content")
	if group < 0 || content < 0 {
		return nil, fmt.Errorf("read %s: it has no columns EventId and Content", path)
	}
	var lines []labelled
	for {
		row, err := r.Read()
		switch {
		case errors.Is(err, io.EOF):
			return lines, nil
		case err != nil:
			return nil, fmt.Errorf("read %s: %w", path, err)
		case len(row) <= max(group, content):
			return nil, fmt.Errorf("read %s: a row has %d columns", path, len(row))
		}
		lines = append(lines, labelled{strings.Clone(row[group]), strings.ReplaceAll(row[content], "\n", `\n`)})
	}
}
