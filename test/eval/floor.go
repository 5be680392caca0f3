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
	// AtLeast are values that must be reached, Above such that must be exceeded.
	AtLeast map[string]float64 `json:"at_least"`
	Above   map[string]float64 `json:"above"`
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

// check names every value that is too low. One that was not measured is, too.
func (f *floor) check(values map[string]float64) error {
	var low []error
	for _, name := range slices.Sorted(maps.Keys(f.AtLeast)) {
		switch value, measured := values[name]; {
		case !measured:
			low = append(low, fmt.Errorf("%s was not measured", name))
		case !(value >= f.AtLeast[name]):
			low = append(low, fmt.Errorf("%s is %.4f, at least %.4f is wanted", name, value, f.AtLeast[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.Above)) {
		switch value, measured := values[name]; {
		case !measured:
			low = append(low, fmt.Errorf("%s was not measured", name))
		case !(value > f.Above[name]):
			low = append(low, fmt.Errorf("%s is %.4f, more than %.4f is wanted", name, value, f.Above[name]))
		}
	}
	if len(low) == 0 {
		return nil
	}
	return fmt.Errorf("below the floor: %w", errors.Join(low...))
}
