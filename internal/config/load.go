package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"

	"github.com/loglode/loglode/pipeline"
)

// EnvPrefix begins the names of the environment variables that are read. A key's
// dots become two underscores: LOGLODE_SERVER__LISTEN is server.listen.
const EnvPrefix = "LOGLODE_"

// Fault is one thing that is wrong with a configuration.
type Fault struct {
	Key     string // dotted: "server.listen", "drop[0].level"
	Problem string
	Origin  string // the layer that set the key; empty for a default
}

func (f Fault) String() string {
	if f.Origin == "" {
		return f.Key + ": " + f.Problem
	}
	return f.Key + ": " + f.Problem + " (from " + f.Origin + ")"
}

// Faults is everything that is wrong with a configuration.
type Faults []Fault

func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.String()
	}
	if len(f) == 1 {
		return "configuration: " + lines[0]
	}
	return fmt.Sprintf("configuration has %d faults:\n  %s", len(f), strings.Join(lines, "\n  "))
}

// err is nil for no faults.
func (f Faults) err() error {
	if len(f) == 0 {
		return nil
	}
	return pipeline.WithHint(f, "docs/configuration.md lists every key; `loglode config check` checks a file without starting")
}

// layer is one source of settings, over those before it.
type layer struct {
	origin func(key string) string
	values *koanf.Koanf
}

// Load reads the configuration: the defaults, over them the YAML file at path
// (none if empty), over it the environment, over it overrides (dotted keys,
// from flags). The result is valid: faults of all layers and of their values
// come back at once, as [Faults].
func Load(path string, overrides map[string]any) (*Config, error) {
	return load(path, os.Environ, overrides)
}

func load(path string, environ func() []string, overrides map[string]any) (*Config, error) {
	layers, err := read(path, environ, overrides)
	if err != nil {
		return nil, err
	}
	var faults Faults
	merged := koanf.New(".")
	for _, l := range layers {
		for _, f := range unknownKeys(l.values.Raw()) {
			f.Origin = l.origin(f.Key)
			faults = append(faults, f)
		}
		if err := merged.Merge(l.values); err != nil {
			return nil, fmt.Errorf("merge configuration: %w", err)
		}
	}
	cfg := Default()
	decoding := decode(merged, &cfg)
	checks := slices.DeleteFunc(cfg.check(), func(f Fault) bool {
		// A value that could not be read still is the default, or half of it.
		return slices.ContainsFunc(decoding, func(d Fault) bool { return d.Key == f.Key })
	})
	for _, f := range append(decoding, checks...) {
		f.Origin = originOf(f.Key, layers)
		faults = append(faults, f)
	}
	if err := faults.err(); err != nil {
		return nil, err
	}
	return &cfg, nil
}

// read loads each layer for itself, lowest first.
func read(path string, environ func() []string, overrides map[string]any) ([]layer, error) {
	var layers []layer
	if path != "" {
		k := koanf.New(".")
		if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				err = pipeline.WithHint(err, "check the path given with --config; without one the defaults are used")
			}
			return nil, fmt.Errorf("read configuration %s: %w", path, err)
		}
		layers = append(layers, layer{func(string) string { return path }, k})
	}
	kinds := leafTypes()
	k := koanf.New(".")
	provider := env.Provider(".", env.Opt{Prefix: EnvPrefix, EnvironFunc: environ, TransformFunc: func(name, value string) (string, any) {
		return fromEnv(kinds, name, value)
	}})
	if err := k.Load(provider, nil); err != nil {
		return nil, fmt.Errorf("read environment: %w", err)
	}
	layers = append(layers, layer{envName, k})
	k = koanf.New(".")
	if err := k.Load(confmap.Provider(overrides, "."), nil); err != nil {
		return nil, fmt.Errorf("read flags: %w", err)
	}
	return append(layers, layer{func(string) string { return "a flag" }, k}), nil
}

// fromEnv is the key and value of an environment variable. Lists of strings are
// separated by commas, lists of rules are YAML. A name that is no key is left
// out unless it has a section: Kubernetes itself sets variables such as
// LOGLODE_PORT and LOGLODE_SERVICE_HOST for a Service that is named loglode.
func fromEnv(kinds map[string]reflect.Type, name, value string) (string, any) {
	key := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, EnvPrefix)), "__", ".")
	kind, known := kinds[key]
	switch {
	case !known && !strings.Contains(key, "."):
		return "", nil
	case !known || kind.Kind() != reflect.Slice:
		return key, value
	case kind.Elem().Kind() == reflect.String:
		if value == "" {
			return key, []string{}
		}
		return key, strings.Split(value, ",")
	}
	doc, err := yaml.Parser().Unmarshal([]byte("list: " + value))
	if err != nil {
		return key, value // decoding says what a list looks like
	}
	return key, doc["list"]
}

// envName is the environment variable of a key.
func envName(key string) string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "__"))
}

// originOf is the last layer that sets key.
func originOf(key string, layers []layer) string {
	key, _, _ = strings.Cut(key, "[")
	for _, l := range slices.Backward(layers) {
		if l.values.Exists(key) {
			return l.origin(key)
		}
	}
	return ""
}

// decode writes the merged values over cfg, and says which it could not.
func decode(merged *koanf.Koanf, cfg *Config) Faults {
	err := merged.UnmarshalWithConf("", cfg, koanf.UnmarshalConf{DecoderConfig: &mapstructure.DecoderConfig{
		DecodeHook:       mapstructure.ComposeDecodeHookFunc(decodeUnits),
		WeaklyTypedInput: true, // the environment has only strings
	}})
	return decodingFaults(err)
}

// decodeUnits reads Size and Duration. A bare number is bytes; as a time span
// only 0 goes without a unit.
func decodeUnits(_, to reflect.Type, data any) (any, error) {
	text := fmt.Sprint(data)
	switch to {
	case reflect.TypeFor[Size]():
		return ParseSize(text)
	case reflect.TypeFor[Duration]():
		return ParseDuration(text)
	}
	return data, nil
}

// decodingFaults takes mapstructure's joined errors apart.
func decodingFaults(err error) Faults {
	if err == nil {
		return nil
	}
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		var faults Faults
		for _, e := range joined.Unwrap() {
			faults = append(faults, decodingFaults(e)...)
		}
		return faults
	}
	var at *mapstructure.DecodeError
	if errors.As(err, &at) {
		return Faults{{Key: at.Name(), Problem: problem(at.Unwrap())}}
	}
	return Faults{{Key: "(all)", Problem: err.Error()}}
}

// problem says in the words of a configuration what mapstructure says in Go's.
func problem(err error) string {
	var convert *mapstructure.UnconvertibleTypeError
	if errors.As(err, &convert) {
		return fmt.Sprintf("%v stands where %s belongs", convert.Value, noun(convert.Expected.Type()))
	}
	var parse *mapstructure.ParseError
	if errors.As(err, &parse) {
		return fmt.Sprintf("%q is not %s", parse.Value, noun(parse.Expected.Type()))
	}
	return err.Error()
}
