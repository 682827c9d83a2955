package acceptance

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// families are a scrape of one node.
func (c *cluster) families(t *testing.T, node int) map[string]*dto.MetricFamily {
	t.Helper()
	got := c.send(t, node, request{method: "GET", path: "/metrics", token: c.operator.AdminToken})
	if got.status != 200 {
		t.Fatalf("HTTP %d: %.300s", got.status, got.body)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(got.body))
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// line is a metric in the tables of docs/observability.md: | `name` | type | labels | what it says |
var line = regexp.MustCompile("(?m)^\\| `([a-zA-Z_]+)` \\| ([a-z]+) \\| ([a-z, ]*) \\| .+ \\|$")

// Every metric is in the documentation with its type and labels, what is there exists, and no label has many values.
func TestMetrics_AreTheDocumentedOnes(t *testing.T) {
	c := shared(t)
	u := c.user(t)
	u.queued(t, 0, 1)
	c.tellAWhile(t)
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "observability.md"))
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string][]string{} // type and labels
	for _, m := range line.FindAllStringSubmatch(string(text), -1) {
		labels := strings.FieldsFunc(m[3], func(r rune) bool { return r == ',' || r == ' ' })
		slices.Sort(labels)
		documented[m[1]] = append([]string{m[2]}, labels...)
	}
	var got map[string]*dto.MetricFamily
	eventually(t, "the first survey has ended", func() bool {
		got = c.families(t, 1)
		return got["stoker_users"] != nil
	})
	for name, f := range got {
		if strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") {
			continue // Go's own, described where they come from
		}
		is := []string{strings.ToLower(f.GetType().String())}
		for _, l := range f.GetMetric()[0].GetLabel() {
			is = append(is, l.GetName())
		}
		slices.Sort(is[1:])
		if want, known := documented[name]; !known {
			t.Errorf("%s is not in the documentation", name)
		} else if !slices.Equal(is, want) {
			t.Errorf("%s is %v, documented as %v", name, is, want)
		}
		if n := len(f.GetMetric()); n > 200 {
			t.Errorf("%s has %d series", name, n)
		}
	}
	for name := range documented {
		if got[name] == nil {
			t.Errorf("%s is documented and does not exist", name)
		}
	}
}

// named finds metrics in an expression of Prometheus.
var named = regexp.MustCompile(`\b(?:stoker|raft|process|go)_[a-zA-Z_]+`)

// Dashboard and alerts use only metrics that exist.
func TestMetrics_DashboardAndAlertsUseThem(t *testing.T) {
	c := shared(t)
	c.tellAWhile(t)
	var got map[string]*dto.MetricFamily
	eventually(t, "the first survey has ended", func() bool {
		got = c.families(t, 2)
		return got["stoker_users"] != nil
	})
	for _, path := range []string{"grafana/stoker.json", "prometheus/alerts.yml", "prometheus/alerts_test.yml"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "deploy", path))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(path, ".json") && !json.Valid(text) {
			t.Errorf("%s is no JSON", path)
		}
		uses := named.FindAllString(string(text), -1)
		if len(uses) < 5 {
			t.Errorf("%s uses only %v", path, uses)
		}
		for _, name := range uses {
			base := name
			for _, part := range []string{"_bucket", "_sum", "_count"} {
				if short, cut := strings.CutSuffix(name, part); cut && got[short].GetType() == dto.MetricType_HISTOGRAM {
					base = short
				}
			}
			if got[base] == nil {
				t.Errorf("%s uses %s, which no node has", path, name)
			}
		}
	}
}

// Every alert names a page of the runbooks that is there.
func TestMetrics_AlertsHaveRunbooks(t *testing.T) {
	alerts, err := os.ReadFile(filepath.Join("..", "..", "deploy", "prometheus", "alerts.yml"))
	if err != nil {
		t.Fatal(err)
	}
	books, err := os.ReadFile(filepath.Join("..", "..", "docs", "runbooks.md"))
	if err != nil {
		t.Fatal(err)
	}
	pages := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^## (.+)$`).FindAllStringSubmatch(string(books), -1) {
		pages[strings.ReplaceAll(strings.ToLower(m[1]), " ", "-")] = true
	}
	links := regexp.MustCompile(`runbook: docs/runbooks\.md#(\S+)`).FindAllStringSubmatch(string(alerts), -1)
	if rules := strings.Count(string(alerts), "- alert:"); len(links) != rules {
		t.Errorf("%d alerts have %d runbooks", rules, len(links))
	}
	for _, l := range links {
		if !pages[l[1]] {
			t.Errorf("the runbooks have no page %q", l[1])
		}
	}
}
