package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
)

// floor is what values must reach, by the names of report.values.
type floor struct {
	// AtLeast are values that must be reached, Above such that must be exceeded,
	// AtMost such that must not be.
	AtLeast map[string]float64 `json:"at_least"`
	Above   map[string]float64 `json:"above"`
	AtMost  map[string]float64 `json:"at_most"`
}

func readFloor(path string) (*floor, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read floor: %w", err)
	}
	defer file.Close()
	f := &floor{}
	decoder := json.NewDecoder(file)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(f); err != nil {
		return nil, fmt.Errorf("read floor %s: %w", path, err)
	}
	return f, nil
}

// check names every value on the wrong side. One that was not measured is, too.
func (f *floor) check(values map[string]float64) error {
	var wrong []error
	compare := func(bounds map[string]float64, words string, holds func(value, bound float64) bool) {
		for _, name := range slices.Sorted(maps.Keys(bounds)) {
			switch value, measured := values[name]; {
			case !measured:
				wrong = append(wrong, fmt.Errorf("%s was not measured", name))
			case !holds(value, bounds[name]):
				wrong = append(wrong, fmt.Errorf("%s is %.4f, %s %.4f is wanted", name, value, words, bounds[name]))
			}
		}
	}
	compare(f.AtLeast, "at least", func(value, bound float64) bool { return value >= bound })
	compare(f.Above, "more than", func(value, bound float64) bool { return value > bound })
	compare(f.AtMost, "at most", func(value, bound float64) bool { return value <= bound })
	if len(wrong) == 0 {
		return nil
	}
	return fmt.Errorf("below the floor: %w", errors.Join(wrong...))
}
