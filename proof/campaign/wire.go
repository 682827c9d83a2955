package campaign

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"time"

	"stoker/proof/judge"
)

// web repeats nothing by itself but what carries no body.
var web = &http.Client{
	Transport:     &http.Transport{MaxIdleConnsPerHost: 256, IdleConnTimeout: 10 * time.Second},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// attemptLimit is what a client gives a node; a node answers within 10 s, if only that it does not know.
const attemptLimit = 13 * time.Second

// request is one HTTP request.
type request struct {
	method, path string
	host         string // of a presigned URL
	token        string
	key          string // Idempotency-Key
	index        string // X-Stoker-Index to wait for
	body         any    // JSON, or bytes as they are
	limit        time.Duration
}

// answer is what came of it. A code of judge.Unknown means that nobody knows.
type answer struct {
	code   string
	status int // 0: no answer
	data   json.RawMessage
	index  string // X-Stoker-Index
}

func (a answer) known() bool { return a.code != judge.Unknown }

// nothing says whether the answer is that nothing was written, and says no more.
func (a answer) nothing() bool { return a.code == "UNAVAILABLE" || a.code == "STORAGE_FULL" }

// passing says whether the refusal is about the moment: it is not kept under the request's key, and the same request may be
// done later.
func (a answer) passing() bool {
	switch a.code {
	case "CONCURRENCY_LIMIT", "QUEUE_FULL", "RATE_LIMITED", "UNAVAILABLE", "STORAGE_FULL", "DIVERGED":
		return true
	}
	return false
}

// once sends a request to a node, once.
func (x *campaign) once(place int, r request) answer {
	return x.send("http://"+x.at(place).node.HTTP, place, r)
}

// send is once for a certain address of the node.
func (x *campaign) send(base string, place int, r request) answer {
	if r.limit == 0 {
		r.limit = attemptLimit
	}
	ctx, cancel := context.WithTimeout(context.Background(), r.limit)
	defer cancel()
	req, err := r.build(ctx, base)
	if err != nil {
		panic(err) // none of ours cannot be built
	}
	res, err := web.Do(req)
	if err != nil {
		return answer{code: judge.Unknown}
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{code: judge.Unknown}
	}
	a := answer{status: res.StatusCode, index: res.Header.Get("X-Stoker-Index")}
	a.read(text)
	x.answers.Add(1)
	switch {
	case a.code == "DIVERGED":
		x.verdicts.violate(ruleReplicas, "a node refuses to spend: %s", text)
	case a.status == http.StatusInternalServerError && int(x.sick.Load()) != place+1: // whose disk fails may say so
		x.verdicts.violate(ruleCodes, "%s %s was answered at %s: %.300s", r.method, r.path, x.at(place).node.ID, text)
	}
	return a
}

func (r request) build(ctx context.Context, node string) (*http.Request, error) {
	var body io.Reader
	switch b := r.body.(type) {
	case nil:
	case []byte:
		body = bytes.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, node+r.path, body)
	if err != nil {
		return nil, err
	}
	req.GetBody = nil
	req.Host = r.host
	for name, value := range map[string]string{"Idempotency-Key": r.key, "X-Stoker-Index": r.index} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	return req, nil
}

// read tells the outcome of an answer.
func (a *answer) read(text []byte) {
	var envelope struct {
		Data  json.RawMessage
		Error struct{ Code string }
	}
	var s3 struct{ Code string }
	if json.Unmarshal(text, &envelope) == nil {
		a.data, a.code = envelope.Data, envelope.Error.Code
	} else if xml.Unmarshal(text, &s3) == nil {
		a.code = s3.Code
	}
	switch {
	case a.status/100 == 2:
		a.code = ""
	case a.code == "OUTCOME_UNKNOWN" || a.code == "" || a.status == http.StatusInternalServerError:
		a.code = judge.Unknown
	}
}

// into decodes what an acknowledgement brought. One that cannot be read is none.
func (a *answer) into(out any) {
	if a.code == "" && json.Unmarshal(a.data, out) != nil {
		a.code = judge.Unknown
	}
}
