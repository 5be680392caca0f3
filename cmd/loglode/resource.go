package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/loglode/loglode/pipeline"
)

// resourceFlags say who wrote lines that do not say it themselves.
type resourceFlags struct {
	res    pipeline.Resource
	labels []string
}

func (f *resourceFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.res.Cluster, "cluster", "", "cluster of lines that name none (default from the configuration)")
	flags.StringVar(&f.res.Namespace, "namespace", "", "namespace of lines that name none")
	flags.StringVar(&f.res.Pod, "pod", "", "pod of lines that name none")
	flags.StringVar(&f.res.Container, "container", "", "container of lines that name none (default: the file's name)")
	flags.StringVar(&f.res.Node, "node", "", "node of lines that name none")
	flags.StringArrayVar(&f.labels, "label", nil, "label key=value of lines that have none; may be repeated (app=NAME sets the service)")
}

func (f *resourceFlags) resource() (pipeline.Resource, error) {
	for _, label := range f.labels {
		key, value, ok := strings.Cut(label, "=")
		if !ok || key == "" {
			return pipeline.Resource{}, fmt.Errorf("label %q is not key=value", label)
		}
		if f.res.Labels == nil {
			f.res.Labels = map[string]string{}
		}
		f.res.Labels[key] = value
	}
	return f.res, nil
}
