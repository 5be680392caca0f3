package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Field describes one key, for the reference page.
type Field struct {
	Key     string // dotted; keys of a list's items have [] in them: "drop[].level"
	Type    string // "text", "size", "section", ...
	Default string // as YAML; empty for sections and for keys of a list's items
	Doc     string
	Section bool // it only holds other keys
}

// Fields lists all keys in the order of the struct, each section before its keys.
func Fields() []Field {
	return fieldsOf(reflect.ValueOf(Default()), "")
}

func fieldsOf(v reflect.Value, prefix string) []Field {
	var fields []Field
	for i := range v.NumField() {
		tag := v.Type().Field(i)
		value := v.Field(i)
		f := Field{Key: prefix + tag.Tag.Get("koanf"), Doc: tag.Tag.Get("doc"), Type: typeName(tag.Type)}
		if tag.Type.Kind() == reflect.Struct {
			f.Section = true
			fields = append(append(fields, f), fieldsOf(value, f.Key+".")...)
			continue
		}
		if !strings.Contains(prefix, "[]") {
			f.Default = yamlText(value)
		}
		fields = append(fields, f)
		if tag.Type.Kind() == reflect.Slice && tag.Type.Elem().Kind() == reflect.Struct {
			fields = append(fields, fieldsOf(reflect.Zero(tag.Type.Elem()), f.Key+"[].")...)
		}
	}
	return fields
}

// leafTypes maps each key that takes a value to its Go type.
func leafTypes() map[string]reflect.Type {
	types := map[string]reflect.Type{}
	var walk func(t reflect.Type, prefix string)
	walk = func(t reflect.Type, prefix string) {
		for f := range t.Fields() {
			key := prefix + f.Tag.Get("koanf")
			if f.Type.Kind() == reflect.Struct {
				walk(f.Type, key+".")
				continue
			}
			types[key] = f.Type
		}
	}
	walk(reflect.TypeFor[Config](), "")
	return types
}

// typeName is the short name of a type in the reference page.
func typeName(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[Size]():
		return "size"
	case t == reflect.TypeFor[Duration]():
		return "duration"
	case t.Kind() == reflect.Int, t.Kind() == reflect.Float64:
		return "number"
	case t.Kind() == reflect.Struct:
		return "section"
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		return "list of rules"
	case t.Kind() == reflect.Slice:
		return "list of texts"
	}
	return "text"
}

// noun is a type in an error's sentence.
func noun(t reflect.Type) string {
	if t.Kind() == reflect.Int {
		return "a whole number"
	}
	return "a " + typeName(t)
}

// unknownKeys are the keys of raw that no field has, each with the nearest one
// that does exist.
func unknownKeys(raw map[string]any) Faults {
	return unknownIn(raw, reflect.TypeFor[Config](), "")
}

func unknownIn(raw map[string]any, t reflect.Type, prefix string) Faults {
	known := map[string]reflect.Type{}
	for f := range t.Fields() {
		known[f.Tag.Get("koanf")] = f.Type
	}
	var faults Faults
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		key := prefix + name
		fieldType, ok := known[name]
		if !ok {
			faults = append(faults, Fault{Key: key, Problem: "unknown key; the nearest known one is " + nearest(key, prefix, known)})
			continue
		}
		if section, ok := raw[name].(map[string]any); ok && fieldType.Kind() == reflect.Struct {
			faults = append(faults, unknownIn(section, fieldType, key+".")...)
		}
		if items, ok := raw[name].([]any); ok && fieldType.Kind() == reflect.Slice && fieldType.Elem().Kind() == reflect.Struct {
			for i, item := range items {
				if rule, ok := item.(map[string]any); ok {
					faults = append(faults, unknownIn(rule, fieldType.Elem(), fmt.Sprintf("%s[%d].", key, i))...)
				}
			}
		}
	}
	return faults
}

// nearest is the known key with the fewest edits from key: those beside it
// first, then all. The right name under another section is one edit away.
func nearest(key, prefix string, siblings map[string]reflect.Type) string {
	best, fewest := "", len(key)+100
	consider := func(candidate string, distance int) {
		if distance < fewest {
			best, fewest = candidate, distance
		}
	}
	for _, name := range slices.Sorted(maps.Keys(siblings)) {
		consider(prefix+name, edits(key, prefix+name))
	}
	last := key[strings.LastIndex(key, ".")+1:]
	for _, f := range Fields() {
		distance := edits(key, f.Key)
		if strings.HasSuffix("."+f.Key, "."+last) {
			distance = 1
		}
		consider(f.Key, distance)
	}
	return best
}

// edits is the Levenshtein distance of two short strings, in bytes.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
