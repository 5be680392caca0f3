package config

import (
	"bytes"
	"fmt"
	"net/url"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// YAML is the effective configuration as a file that Load reads back, in the
// order of the struct. Passwords in nats_url are masked.
func (c *Config) YAML() ([]byte, error) {
	shown := *c
	shown.Stream.NATSURL = maskURLs(c.Stream.NATSURL)
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(yamlNode(reflect.ValueOf(shown))); err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	if err := enc.Close(); err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	return b.Bytes(), nil
}

// yamlNode keeps the order of the struct's fields, which a map would lose.
func yamlNode(v reflect.Value) *yaml.Node {
	switch v.Kind() {
	case reflect.Struct:
		node := &yaml.Node{Kind: yaml.MappingNode}
		for i := range v.NumField() {
			name := &yaml.Node{Kind: yaml.ScalarNode, Value: v.Type().Field(i).Tag.Get("koanf")}
			node.Content = append(node.Content, name, yamlNode(v.Field(i)))
		}
		return node
	case reflect.Slice:
		node := &yaml.Node{Kind: yaml.SequenceNode}
		if v.Len() == 0 {
			node.Style = yaml.FlowStyle
		}
		for i := range v.Len() {
			node.Content = append(node.Content, yamlNode(v.Index(i)))
		}
		return node
	case reflect.String:
		node := &yaml.Node{}
		node.SetString(v.String())
		if v.Len() == 0 {
			node.Style = yaml.DoubleQuotedStyle
		}
		return node
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Value: fmt.Sprint(v.Interface())}
}

// yamlText is one value as it stands in a file.
func yamlText(v reflect.Value) string {
	b, err := yaml.Marshal(yamlNode(v))
	if err != nil {
		return fmt.Sprint(v.Interface())
	}
	return strings.TrimSpace(string(b))
}

func maskURLs(list string) string {
	urls := strings.Split(list, ",")
	for i, text := range urls {
		if u, err := url.Parse(strings.TrimSpace(text)); err == nil {
			urls[i] = u.Redacted()
		}
	}
	return strings.Join(urls, ",")
}
