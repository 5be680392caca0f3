package embedding

import (
	"context"
	"maps"
)

// ServiceUsage is a service's part in what embedding took. A text that several
// services have is embedded once, for the first.
type ServiceUsage struct {
	Texts   int64   `json:"texts"`
	Tokens  int64   `json:"tokens"`
	Dollars float64 `json:"dollars"`
}

func (u ServiceUsage) plus(v ServiceUsage) ServiceUsage {
	return ServiceUsage{u.Texts + v.Texts, u.Tokens + v.Tokens, u.Dollars + v.Dollars}
}

// What stands in the place of a service's name. No service can be called so.
const (
	// Questions is what people's questions took.
	Questions = "(questions)"
	// NoService is what no document is named for.
	NoService = "(none)"
	// OtherServices is what there was no room for: a day names at most maxServices.
	OtherServices = "(others)"
)

// maxServices bounds a day's record, and the labels of metrics.
const maxServices = 500

type servicesKey struct{}

// withServices has what an Embed takes be counted for services, by text.
func withServices(ctx context.Context, of map[string]string) context.Context {
	return context.WithValue(ctx, servicesKey{}, of)
}

// shares are what a call took, by service; without stands for one that is not
// known.
func shares(ctx context.Context, texts []string, tokens []int, price func(tokens int) float64, without string) map[string]ServiceUsage {
	of, _ := ctx.Value(servicesKey{}).(map[string]string)
	list := map[string]ServiceUsage{}
	for i, text := range texts {
		if isBlank(text) {
			continue
		}
		name := of[text]
		if name == "" {
			name = without
		}
		taken := ServiceUsage{Texts: 1}
		if i < len(tokens) {
			taken.Tokens, taken.Dollars = int64(tokens[i]), price(tokens[i])
		}
		list[name] = list[name].plus(taken)
	}
	return list
}

// merged is both, in a map of its own; what there is no room for is under
// OtherServices.
func merged(a, b map[string]ServiceUsage) map[string]ServiceUsage {
	if len(a) == 0 && len(b) == 0 {
		return nil
	}
	sum := make(map[string]ServiceUsage, len(a)+len(b))
	maps.Copy(sum, a)
	for name, u := range b {
		if _, known := sum[name]; !known && len(sum) >= maxServices {
			name = OtherServices
		}
		sum[name] = sum[name].plus(u)
	}
	return sum
}
