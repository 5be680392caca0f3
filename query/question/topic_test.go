package question_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/query/question"
)

// showTopic is a topic in one line: subjects | namespaces. Of a subject its
// surety (! said, + written, ~ joined, none for a word), kinds and first name.
func showTopic(text string) string {
	t := question.ReadTopic(text)
	var subjects, places []string
	for _, s := range t.Subjects {
		name := map[question.Surety]string{question.Said: "!", question.Written: "+", question.Joined: "~"}[s.Surety] + s.Names[0]
		if s.Namespace != "" {
			name = s.Namespace + "/" + name
		}
		if len(s.Kinds) > 0 {
			name = strings.Join(s.Kinds, ",") + ":" + name
		}
		subjects = append(subjects, name)
	}
	for _, p := range t.Namespaces {
		name := p.Name
		if p.Surety == question.Said {
			name = "!" + name
		}
		places = append(places, name)
	}
	return strings.Join(subjects, " ") + " | " + strings.Join(places, " ")
}

func TestTopics(t *testing.T) {
	for text, want := range map[string]string{
		"why does the cache service not start?":                              "~cache-service cache | ",
		"What is wrong with payment-processing-worker?":                      "!payment-processing-worker | ",
		"is rabbitmq healthy?":                                               "rabbitmq | ",
		"Why did the `long-app` app in the `team-7` namespace stop working?": "!long-app | !team-7",
		"what is the issue with job nightly-report in namespace batch":       "Job:!nightly-report ~namespace-batch | !batch",
		"post last 10 logs that contain ERROR from billing in production":    "production billing | billing production",
		"what is wrong?":                  " | ",
		"what is wrong with the cluster?": " | ",
		"are there any errors?":           " | ",
		"why is pod cart-7d9f.. pending":  "Pod:!cart-7d9f* | ",
		"why is pod shop/cart-7d9f5c8b6-x2x7v crashing since yesterday":     "Pod:shop/!cart-7d9f5c8b6-x2x7v | !shop",
		"pod: web-1 keeps restarting":                                       "Pod:!web-1 | ",
		"is deployment web ok?":                                             "~deployment-web Deployment:web | ",
		"why is the web deployment failing":                                 "~web-deployment Deployment:web | ",
		"which pods are failing on node ip-10-0-1-2.ec2.internal?":          "Node:!ip-10-0-1-2.ec2.internal | ",
		"what happened to node n1":                                          "Node:!n1 ~node-n1 | ",
		"pod=cart-* namespace=shop restarts":                                "Pod:!cart-* | !shop",
		"why does checkout get timeouts from the payment processing worker": "~payment-processing-worker ~payment-processing ~processing-worker processing checkout payment worker | payment",
		"is the product catalog service healthy":                            "~product-catalog-service ~product-catalog ~catalog-service product catalog | ",
		"pvc data-db-0 is pending":                                          "PersistentVolumeClaim:!data-db-0 | ",
		"config map app-config is missing":                                  "ConfigMap:!app-config ~config-map | ",
		"the cron job backup fails":                                         "~cron-job-backup ~job-backup ~cron-job CronJob:backup | ",
		"is the user service up?":                                           "user | ",
		"why is redis out-of-memory?":                                       "redis | ",
		"why does the long-running import stop?":                            "import | ",
		"connection refused to 10.0.0.7:5432 at 09:18 in v1.2.3":            "+v1.2.3 connection | ",
		"what's wrong with checkout's database?":                            "~checkout-database checkout database | ",
		"is namespace shop healthy?":                                        "~namespace-shop | !shop",
		"is the shop namespace healthy?":                                    "~shop-namespace | !shop",
		"Alert: KubePodCrashLooping\nPod shop/web-0 (app) is restarting":    "Pod:shop/!web-0 | !shop",
		`Alert: KubePodCrashLooping
Subject: {"name": "web-6d5f..", "subject_type": "deployment", "kind": "pod", "namespace": "default", "node": null, "container": "x"}`: "Deployment,Pod:!web-6d5f* x | !default",
		`What is wrong with << {"pod": "web-0", "namespace": "shop"} >>?`:          "Pod:!web-0 | !shop",
		`E0803 09:18:00 kubelet.go:12] "Error syncing" pod="shop/cart-0" podUID=1`: "Pod:shop/!cart-0 +kubelet.go +e0803 syncing | !shop",
		"why is `redis` slow":                                "!redis | ",
		"lines with \"timeout\" of cart":                     "+timeout cart | ",
		"Is the CPU of api-gateway throttled and db-0 slow?": "!api-gateway !db-0 | ",
	} {
		require.Equal(t, want, showTopic(text), text)
	}
}

func TestWordsThatSayMoreThanThatSomethingIsWrong(t *testing.T) {
	for text, want := range map[string][]string{
		"what is wrong with the cluster?":                      nil,
		"why is everything failing, are there errors?":         nil,
		"is the cluster healthy?":                              nil,
		"why is checkout slow":                                 {"checkout", "slow"},
		"why do payments time out when the database is full?":  {"payments", "database", "full"},
		"KubePodCrashLooping":                                  {"kubepodcrashlooping"},
		"what happened in the last 10 minutes?":                nil,
		"any problems with certificates of kube-apiserver now": {"certificates", "kube-apiserver"},
	} {
		require.Equal(t, want, question.ReadTopic(text).Words, text)
	}
}

func TestAsksWhetherWell(t *testing.T) {
	for _, text := range []string{
		"is rabbitmq healthy?", "Is the payment service up and running?", "are all pods ok", "are there any problems?", "Are there errors in shop?",
		"any issues with checkout?", "Any problems?", "everything fine?", "Is everything working in namespace shop?", "Does checkout work?",
		"Hi, is redis down?", "please check if payments is healthy", "Did the job run?", "is anything wrong?", "has web-0 failed?",
		"do you see any errors?", "Can you tell me whether there are failures in shop?", "is cart-db well", "isn't redis running?",
	} {
		require.True(t, question.AsksWhetherWell(text), text)
	}
	for _, text := range []string{
		"why is redis not healthy?", "what is wrong?", "What's the problem with checkout", "is cart down, and why?", "post last 10 logs that contain ERROR",
		"why does the cache service not start?", "checkout does not start", "the pod is not running", "web-0 is failing", "", "redis",
		"Alert: KubePodNotReady\nDescription: fires if the pod is not ready for 15 minutes.", "is redis 6.2 installed?", "investigate errors of cart",
		"how come everything is down", "is it the disk that causes errors?",
	} {
		require.False(t, question.AsksWhetherWell(text), text)
	}
}

func TestTopicsAreBounded(t *testing.T) {
	var long []string
	for i := range 400 {
		long = append(long, "pod cart-"+strings.Repeat("x", i%40)+"1 named alpha beta")
	}
	got := question.ReadTopic(strings.Join(long, " "))
	require.Len(t, got.Subjects, 24)
	got = question.ReadTopic("namespace a1 namespace b1 namespace c1 namespace d1 namespace e1 in f1")
	require.Len(t, got.Namespaces, 4)
}

func FuzzTopic(f *testing.F) {
	for _, text := range []string{
		"why does the cache service not start?", `Subject: {"name": "web-6d5f..", "kind": "pod", "namespace": "default", "node": null}`,
		"pod=shop/cart-* ns:a pod: 's ’s : called named pod", "<< {'pod': 'x', \\\"name\\\": \\\"y-1\\\"} >>", "is K8s ＰＯＤ \u212aart-1 up? \xff\xfe pod \x00 `", "a/b/c pod /x x/", "a_-x/c pod:_c pod:_-x/",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = text[:min(len(text), 8<<10)] // twice what a question may have
		topic := question.ReadTopic(text)
		question.AsksWhetherWell(text)
		inside := func(s question.Span) {
			require.True(t, 0 <= s.Start && s.Start < s.End && s.End <= len(text), s)
		}
		require.LessOrEqual(t, len(topic.Subjects), 24)
		require.LessOrEqual(t, len(topic.Namespaces), 4)
		for _, s := range topic.Subjects {
			inside(s.Span)
			require.NotEmpty(t, s.Names)
			for _, name := range s.Names {
				requireName(t, strings.TrimSuffix(name, "*"))
			}
			if s.Namespace != "" {
				requireName(t, s.Namespace)
			}
		}
		for _, p := range topic.Namespaces {
			inside(p.Span)
			requireName(t, p.Name)
		}
	})
}

func requireName(t *testing.T, name string) {
	t.Helper()
	require.NotEmpty(t, name)
	require.Empty(t, strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-."), name)
	require.LessOrEqual(t, len(name), 253)
}
