package audit

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"time"

	"stoker/client"
)

// Writer takes rows out of the cluster.
type Writer interface {
	Write(client.AuditRow) error
	Close() error // what is buffered; the file is the caller's
}

// JSON writes a row a line.
func JSON(w io.Writer) Writer { return jsonLines{json.NewEncoder(w)} }

type jsonLines struct{ to *json.Encoder }

func (j jsonLines) Write(r client.AuditRow) error { return j.to.Encode(r) }
func (jsonLines) Close() error                    { return nil }

// CSV writes a table with a heading (RFC 4180).
func CSV(w io.Writer) (Writer, error) {
	c := csv.NewWriter(w)
	return table4180{c}, c.Write([]string{"id", "at", "who", "action", "subject", "detail", "code", "request_id"})
}

type table4180 struct{ to *csv.Writer }

func (t table4180) Write(r client.AuditRow) error {
	return t.to.Write([]string{r.ID, r.At.UTC().Format(time.RFC3339Nano), r.Who, r.Action, r.Subject, r.Detail, r.Code, r.RequestID})
}

func (t table4180) Close() error {
	t.to.Flush()
	return t.to.Error()
}
