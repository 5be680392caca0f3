package bedrock

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/loglode/loglode/pipeline"
)

const (
	// Titan is the model that is used when none is named.
	Titan = "amazon.titan-embed-text-v2:0"
	// DollarsPerMillionTokens is Titan's price in us-east-1
	// (https://aws.amazon.com/bedrock/pricing, 2025).
	DollarsPerMillionTokens = 0.02
	// maxCharacters is the longest text that Titan takes
	// (https://docs.aws.amazon.com/bedrock/latest/userguide/titan-embedding-models.html).
	maxCharacters = 50_000
)

// Options say which model embeds, where, and as whom. All fields may be left
// out where the environment names a region.
type Options struct {
	// Region is an AWS region, "eu-central-1"; empty takes that of the
	// environment (AWS_REGION, the shared configuration file).
	Region string
	// Endpoint replaces the region's address, for a VPC endpoint or a test's
	// server; empty for the region's own.
	Endpoint string
	// Model is Titan or the ARN of something that serves it: provisioned
	// throughput, an inference profile. Empty stands for Titan.
	Model string
	// Dimensions is the length of vectors: 256 (if 0), 512, 1024. 256 keep 97 % of
	// the accuracy of 1024, 512 keep 99 % (AWS's announcement of the model).
	Dimensions int
	// Credentials sign the requests; nil for the SDK's default chain: the
	// environment, the shared files, the role of the pod or the machine.
	Credentials aws.CredentialsProvider
	// Transport carries the requests; nil for one of the embedder's own.
	Transport http.RoundTripper
	// Timeout is how long an attempt may take, 30 s if 0. There are up to three.
	Timeout time.Duration
	// Concurrency is how many requests are under way at most, 4 if 0: Titan takes
	// one text a request, and answers in about 0.1 s.
	Concurrency int
	// MaxBytes is where a text is cut, on the border of a character; 16,384 if 0:
	// at two bytes a token the 8,192 tokens that Titan reads. A text that has more
	// is halved until Titan takes it. No text is longer than 50,000 characters.
	MaxBytes int
}

// withDefaults checks all options at once.
func (o Options) withDefaults() (Options, error) {
	var faults []error
	fault := func(hint, format string, args ...any) {
		faults = append(faults, pipeline.WithHint(fmt.Errorf(format, args...), hint))
	}
	if o.Endpoint != "" {
		u, err := url.Parse(o.Endpoint)
		switch {
		case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
			// The parser's error would repeat a password.
			fault(`it looks like "https://vpce-0123.bedrock-runtime.eu-central-1.vpce.amazonaws.com"`, "Bedrock's endpoint is no http or https URL")
		case u.User != nil || u.RawQuery != "" || u.Fragment != "":
			fault("credentials come from the environment", "Bedrock's endpoint holds more than an address and a path")
		}
	}
	if o.Model == "" {
		o.Model = Titan
	}
	if o.Model != Titan && !strings.HasPrefix(o.Model, "arn:") {
		fault(fmt.Sprintf("%s is, and so is the ARN of what serves it", Titan), "%q is no embedding model of Bedrock that is supported", o.Model)
	}
	switch o.Dimensions {
	case 0:
		o.Dimensions = 256
	case 256, 512, 1024:
	default:
		fault("take 256, 512 or 1024", "Titan has no vectors of %d dimensions", o.Dimensions)
	}
	for _, n := range []struct {
		name        string
		value       *int
		zero, least int
		most        int
	}{
		{"concurrency", &o.Concurrency, 4, 1, 256},
		{"max bytes", &o.MaxBytes, 16_384, minBytes, 4 * maxCharacters},
	} {
		if *n.value == 0 {
			*n.value = n.zero
		}
		if *n.value < n.least || *n.value > n.most {
			fault(fmt.Sprintf("0 stands for %d", n.zero), "%s of Bedrock's embedder is %d, not %d to %d", n.name, *n.value, n.least, n.most)
		}
	}
	if o.Timeout < 0 {
		fault("0 stands for 30 s", "the timeout of Bedrock's embedder is negative")
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	return o, errors.Join(faults...)
}

// awsConfig is the SDK's configuration. It reads the environment and the shared
// files unless the options say everything.
func (o Options) awsConfig(ctx context.Context) (aws.Config, error) {
	c := aws.Config{Region: o.Region, Credentials: o.Credentials}
	if o.Region == "" || o.Credentials == nil {
		loaded, err := config.LoadDefaultConfig(ctx)
		if err != nil {
			return aws.Config{}, pipeline.WithHint(fmt.Errorf("read the AWS configuration: %w", err), "check AWS_PROFILE and the shared files in ~/.aws")
		}
		if o.Region != "" {
			loaded.Region = o.Region
		}
		if o.Credentials != nil {
			loaded.Credentials = o.Credentials
		}
		c = loaded
	}
	if c.Region == "" {
		return aws.Config{}, pipeline.WithHint(errors.New("no AWS region is configured for Bedrock"), "name one, or set AWS_REGION")
	}
	return c, nil
}

// newClient returns a client that keeps log texts with the host that was
// configured: it follows no redirects.
func newClient(o Options) (*http.Client, *http.Transport) {
	var own *http.Transport
	if o.Transport == nil {
		own = &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			ForceAttemptHTTP2:   true,
			MaxIdleConnsPerHost: o.Concurrency,
			IdleConnTimeout:     90 * time.Second,
			TLSHandshakeTimeout: 10 * time.Second,
		}
		o.Transport = own
	}
	return &http.Client{
		Transport:     o.Transport,
		Timeout:       o.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, own
}
