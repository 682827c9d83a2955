package handlers

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/go-json-experiment/json"
)

// described is openapi.json, read once.
var described = sync.OnceValues(func() (*openapi3.T, error) {
	return openapi3.NewLoader().LoadFromData(description)
})

// securityOf says how the description names who may call.
var securityOf = map[who][]string{
	anyone: nil, user: {"user"}, adminRead: {"admin read"}, adminOperate: {"admin operate"}, admin: {"admin admin"}, scraper: {"admin read"},
	worker: {"worker", "callbackSecret", "gpuCallbackSecret"},
}

func TestOpenAPI_IsValid(t *testing.T) {
	doc, err := described()
	if err != nil {
		t.Fatal(err)
	}
	var without []openapi3.ValidationOption
	if raced { // its examples take a minute then
		without = append(without, openapi3.DisableExamplesValidation())
	}
	if err := doc.Validate(t.Context(), without...); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") {
		t.Fatalf("the description is of OpenAPI %s", doc.OpenAPI)
	}
}

func TestOpenAPI_AgreesWithTheTable(t *testing.T) {
	doc, err := described()
	if err != nil {
		t.Fatal(err)
	}
	inTable := map[string]bool{}
	for _, r := range routes {
		name := r.method + " " + r.path
		inTable[name] = true
		item := doc.Paths.Value(r.path)
		if item == nil || item.GetOperation(r.method) == nil {
			t.Errorf("%s is not described", name)
			continue
		}
		op := item.GetOperation(r.method)
		if op.Responses.Value(strconv.Itoa(r.status)) == nil {
			t.Errorf("%s: the success %d is not described", name, r.status)
		}
		var schemes []string
		for _, either := range *op.Security {
			for scheme, scopes := range either {
				schemes = append(schemes, strings.Join(append([]string{scheme}, scopes...), " "))
			}
		}
		if !slices.Equal(schemes, securityOf[r.who]) {
			t.Errorf("%s: described for %v, the table says %v", name, schemes, securityOf[r.who])
		}
	}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			if !inTable[method+" "+path] {
				t.Errorf("%s %s is described and not in the table", method, path)
			}
		}
	}
}

func TestOpenAPI_KnowsEveryCodeAndItsStatus(t *testing.T) {
	doc, err := described()
	if err != nil {
		t.Fatal(err)
	}
	known := doc.Components.Schemas["ErrorCode"].Value.Enum
	if len(known) != len(statusOf) {
		t.Errorf("%d codes are described, there are %d", len(known), len(statusOf))
	}
	for code, status := range statusOf {
		if !slices.Contains(known, any(string(code))) {
			t.Errorf("%s is not described", code)
		}
		response := doc.Components.Responses[strconv.Itoa(status)]
		if response == nil {
			t.Errorf("%s: the response %d is not described", code, status)
			continue
		}
		if response.Value.Content["application/json"].Examples[string(code)] == nil {
			t.Errorf("%s is not among the examples of %d", code, status)
		}
	}
}

// conforms holds an answer against the description. What is under no path of
// it must be a refusal; objects speak another protocol.
func conforms(t testing.TB, req *http.Request, res *http.Response, body []byte) {
	t.Helper()
	doc, err := described()
	if err != nil {
		t.Fatal(err)
	}
	if res.Header.Get(headerRequestID) == "" {
		t.Errorf("%s %s: no %s", req.Method, req.URL.Path, headerRequestID)
	}
	for path, item := range doc.Paths.Map() {
		params, matched := match(path, req.URL.EscapedPath())
		op := item.GetOperation(req.Method)
		if !matched || op == nil {
			continue
		}
		header := res.Header.Clone()
		err := openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
			RequestValidationInput: &openapi3filter.RequestValidationInput{
				Request: req, PathParams: params,
				Route: &routers.Route{Spec: doc, Path: path, PathItem: item, Method: req.Method, Operation: op},
			},
			Status: res.StatusCode, Header: header, Body: io.NopCloser(bytes.NewReader(body)),
			Options: &openapi3filter.Options{IncludeResponseStatus: true},
		})
		if err != nil {
			t.Errorf("%s %s answers %d against the description: %v\n%s", req.Method, req.URL.Path, res.StatusCode, err, body)
		}
		return
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		t.Errorf("%s %s: %v", req.Method, req.URL.Path, err)
		return
	}
	if err := doc.Components.Schemas["Failure"].Value.VisitJSON(value, openapi3.EnableJSONSchema2020()); err != nil {
		t.Errorf("%s %s is no refusal: %v\n%s", req.Method, req.URL.Path, err, body)
	}
}

// match fits a path into a template.
func match(template, path string) (map[string]string, bool) {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return nil, false
	}
	params := map[string]string{}
	for i, part := range want {
		switch {
		case strings.HasPrefix(part, "{"):
			params[strings.Trim(part, "{}")] = got[i]
		case part != got[i]:
			return nil, false
		}
	}
	return params, true
}
