package opensearch

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/opensearch-project/opensearch-go/v4/signer"
	"github.com/opensearch-project/opensearch-go/v4/signer/awsv2"

	"github.com/loglode/loglode/pipeline"
)

// serverless ends the hosts of Amazon OpenSearch Serverless.
const serverless = ".aoss.amazonaws.com"

// newSigner signs requests with Signature Version 4, for Amazon OpenSearch
// Service; nil where no region is given.
func newSigner(ctx context.Context, o Options) (signer.Signer, error) {
	if o.Region == "" {
		return nil, nil
	}
	if o.Username != "" {
		return nil, pipeline.WithHint(errors.New("a user and a region are both given: requests carry a password or a signature"), "leave one of them out")
	}
	loaded, err := config.LoadDefaultConfig(ctx, config.WithRegion(o.Region))
	if err != nil {
		return nil, pipeline.WithHint(fmt.Errorf("read the AWS configuration: %w", err), "check AWS_PROFILE and the shared files in ~/.aws")
	}
	if _, err := loaded.Credentials.Retrieve(ctx); err != nil {
		return nil, pipeline.WithHint(fmt.Errorf("find AWS credentials: %w: %w", pipeline.ErrTryLater, err),
			"give the pod a role (IRSA, Pod Identity), or set AWS_PROFILE or AWS_ACCESS_KEY_ID")
	}
	return awsv2.NewSigner(loaded)
}

// checkAddresses refuses what cannot keep our promise.
func checkAddresses(o Options) error {
	if len(o.Addresses) == 0 {
		return errors.New("no address is given")
	}
	for _, text := range o.Addresses {
		u, err := url.Parse(text)
		if err != nil { // its text would repeat a password
			return errors.New("an address is no URL")
		}
		if strings.HasSuffix(u.Hostname(), serverless) && !o.AcceptDuplicates {
			return pipeline.WithHint(fmt.Errorf("%s is a collection of OpenSearch Serverless: those for vectors refuse document IDs, so what is written again would be there twice", u.Hostname()),
				"use a domain of Amazon OpenSearch Service, or a cluster of your own; opensearch.accept_duplicates goes on all the same")
		}
	}
	return nil
}
