package diagnose

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
)

func commandsOf(d Diagnosis) []string {
	var list []string
	for _, c := range d.Next {
		list = append(list, c.Text)
	}
	return list
}

// harmlessCommand is all that a command may be: verbs that read, names of RFC
// 1123, and the options that the table has.
var harmlessCommand = regexp.MustCompile(`^kubectl( -n [a-z0-9]([-a-z0-9.]*[a-z0-9])?)? ` +
	`(get|describe|top|logs|rollout history)( (-l |--field-selector involvedObject\.name=|[a-z]+/)?[a-z0-9]([-a-z0-9.=]*[a-z0-9])?| -o (wide|name)| --(show-labels|containers|all-containers|previous|tail=\d+))*$`)

type failer interface {
	require.TestingT
	Helper()
}

func checkCommands(t failer, d Diagnosis) {
	t.Helper()
	require.LessOrEqual(t, len(d.Next), maxCommands)
	for _, c := range d.Next {
		require.Regexp(t, harmlessCommand, c.Text)
		require.NotEmpty(t, c.Why)
	}
}

func TestCommandsNameWhatIsToBeLookedAt(t *testing.T) {
	pod := Object{Kind: "Pod", Namespace: "shop", Name: cart}
	got := commandsOf(Diagnosis{Next: commands(CauseMissingConfigMap, pod, []Object{{Kind: "ConfigMap", Namespace: "shop", Name: "cart-config"}})})
	require.Equal(t, "kubectl -n shop get configmap cart-config", got[0])
	require.Contains(t, got, "kubectl -n shop describe pod "+cart)
	require.Contains(t, got, "kubectl -n shop rollout history deployment/cart")

	require.Equal(t, []string{"kubectl describe node worker-1", "kubectl get nodes -o wide --show-labels"},
		commandsOf(Diagnosis{Next: commands(CauseNodeNotReady, Object{Kind: "Node", Name: "worker-1"}, nil)}))
	require.Empty(t, commands(CauseInsufficientData, Object{}, nil), "nothing is known")
}

// nasty are no names of RFC 1123.
func nasty() []string {
	return []string{
		"cart; rm -rf /", "$(reboot)", "`id`", "a b", "-A", "--all-namespaces", "--as=admin", "-o=yaml", "cart\nrm", "cart\r", "cart\x00", "Cart", "..", "a/b", "käse", "ａ",
		"a\u202eb", "\ufeffa", strings.Repeat("a", 254), "a|b", "a&&b", "a>b", "'", `"`, `\`, "*", "~", "cart-", ".cart", "a=b", "a,b", "a_b", "a:b", "{name}", "%s",
	}
}

func TestOnlyNamesStandInCommands(t *testing.T) {
	for _, name := range nasty() {
		require.False(t, isName(name), "%q", name)
	}
	for _, name := range []string{"a", "0", "cart-5d4cf56db6-x2x7v", "web.shop.example", strings.Repeat("a", 253)} {
		require.True(t, isName(name), name)
	}
	good := Object{Kind: "Pod", Namespace: "shop", Name: cart}
	for _, bad := range nasty() {
		for _, cause := range Causes() {
			for kind := range commandKinds {
				require.Empty(t, commands(cause, Object{Kind: kind, Namespace: "shop", Name: bad}, nil), "name %q", bad)
				require.Empty(t, commands(cause, Object{Kind: kind, Namespace: bad, Name: "cart"}, nil), "namespace %q", bad)
				for _, c := range commands(cause, good, []Object{{Kind: kind, Namespace: "shop", Name: bad}, {Kind: kind, Namespace: bad, Name: "x"}}) {
					require.Regexp(t, harmlessCommand, c.Text)
					require.NotContains(t, strings.Fields(c.Text), bad)
				}
			}
		}
	}
}

// TestCommandsOnlyRead reads the table: whatever is put into a row, it changes
// nothing, and shows nothing of a Secret but its name.
func TestCommandsOnlyRead(t *testing.T) {
	known := regexp.MustCompile(`^kubectl(\{ns\}| -n kube-system)? (get|describe|logs|top|rollout history) `)
	for _, r := range commandRules {
		require.Regexp(t, known, r.text)
		require.NotRegexp(t, "[;&|<>$`\"'\\\\\n]", r.text)
		require.NotEmpty(t, r.why)
		for _, field := range strings.Fields(r.text) {
			if strings.HasPrefix(field, "-") {
				require.Contains(t, []string{"-n", "-o", "-l", "--show-labels", "--containers", "--all-containers", "--previous", "--tail=100", "--field-selector"}, field)
			}
		}
		require.NotRegexp(t, `-o (json|yaml|jsonpath|go-template)`, r.text)
		for _, c := range r.causes {
			require.NotEmpty(t, c.Meaning(), c)
		}
		for _, kind := range r.kinds {
			require.NotEmpty(t, commandKinds[kind], kind)
		}
	}
}

func TestACommandNamesWhatIsNeededInTheSameNamespaceAlone(t *testing.T) {
	pod := Object{Kind: "Pod", Namespace: "shop", Name: cart}
	got := func(needs ...Object) string {
		return strings.Join(commandsOf(Diagnosis{Next: commands(CauseMissingSecret, pod, needs)}), "\n")
	}
	require.Contains(t, got(Object{Kind: "Secret", Namespace: "shop", Name: "a"}, Object{Kind: "Secret", Namespace: "shop", Name: "b"}), "kubectl -n shop get secret a -o name")
	require.NotContains(t, got(Object{Kind: "Secret", Namespace: "pay", Name: "a"}), "get secret", "it would look in the wrong place")
	require.NotContains(t, got(), "get secret", "its name is not known")
	require.NotContains(t, got(Object{Kind: "ConfigMap", Namespace: "shop", Name: "a"}), " a ")
}

// FuzzCommands tries names that a log line or a question may bring.
func FuzzCommands(f *testing.F) {
	for _, name := range []string{
		"cart", "cart; rm -rf /", "$(reboot)", "`id`", "a b", "-A", "--kubeconfig=/tmp/x", "cart\nrm", "cart\x00", "Cart", "..", "a/b", "käse",
		strings.Repeat("a", 300), "a|b", "a&&b", "a>b", "--", "-n", "--as=admin", "${IFS}", "a\r\nb", "a\u202eb", "\ufeffa", "a%0ab", "a\\nb", "\xff\xfe", "ａ", "a\tb", "a;b", ".a", "a.", "'", `"`, "*", "~", "cart-", "", "a=b", "0",
	} {
		f.Add(name, name, name, 0)
	}
	causes := Causes()
	f.Fuzz(func(t *testing.T, name, namespace, need string, cause int) {
		for kind := range commandKinds {
			object := Object{Kind: kind, Namespace: namespace, Name: name}
			for _, needed := range []string{"ConfigMap", "Secret", "Service", "PersistentVolumeClaim"} {
				c := causes[(cause%len(causes)+len(causes))%len(causes)]
				checkCommands(t, Diagnosis{Next: commands(c, object, []Object{{Kind: needed, Namespace: namespace, Name: need}})})
			}
		}
		// The same by way of an entry.
		e := told("Failed", `Error: configmap "`+need+`" not found`)
		e.Event.ObjectName, e.Event.ObjectNamespace = name, namespace
		checkCommands(t, Diagnose(fuzzed, Case{Sightings: []Sighting{{Entry: e}}}))
		line := told("log", "dial tcp "+need+": connect: connection refused")
		line.Level, line.Resource = pipeline.LevelError, &pipeline.Resource{Namespace: namespace, Pod: name}
		d := Diagnose(fuzzed, Case{About: []Object{{Name: name}}, Sightings: []Sighting{{Entry: line}}})
		checkCommands(t, d)
		require.NotRegexp(t, `[\x00-\x1f\x7f]`, d.Summary)
	})
}

// fuzzed is compiled once.
var fuzzed = func() *Table {
	table, err := NewTable(Builtin()...)
	if err != nil {
		panic(err)
	}
	return table
}()
