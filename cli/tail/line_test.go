package tail

import (
	"testing"
	"time"

	"stoker/client"
)

func TestLines(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	item, left := 2, int64(7)
	for want, c := range map[string]client.Change{
		"2026-01-02 03:04:05.678       42.3  job.running      j_1 of u_1 worker gpu-1 by system": {
			Index: 42, Ordinal: 3, Event: "job.running", JobID: "j_1", UserID: "u_1", Worker: "gpu-1", By: "system", Detail: "gpu-1"},
		"2026-01-02 03:04:05.678       42.4  item.failed      j_1 item 2 of u_1 worker gpu-1 · dark·[2J": {
			Index: 42, Ordinal: 4, Event: "item.failed", JobID: "j_1", Item: &item, UserID: "u_1", Worker: "gpu-1", Detail: "dark\x1b[2J"},
		"2026-01-02 03:04:05.678       42.5  credits.debit    j_1 -3, 7 left of u_1": {
			Index: 42, Ordinal: 5, Event: "credits.debit", JobID: "j_1", UserID: "u_1", Amount: -3, Balance: &left, By: "user u_1"},
		"2026-01-02 03:04:05.678       42.6  operator.refused CancelJob j_1 refused JOB_INVALID_TRANSITION of u_1 by ops": {
			Index: 42, Ordinal: 6, Event: "operator.refused", Action: "CancelJob", Subject: "j_1", JobID: "j_1", UserID: "u_1", Code: "JOB_INVALID_TRANSITION", By: "ops"},
		"2026-01-02 03:04:05.678       42.7  lease.granted    j_1 ls_9 4 items of u_1 worker gpu-1": {
			Index: 42, Ordinal: 7, Event: "lease.granted", JobID: "j_1", UserID: "u_1", Worker: "gpu-1", LeaseID: "ls_9", Items: 4},
	} {
		c.At = at
		if got := Change(c); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
	for want, r := range map[string]client.ShownRequest{
		"2026-01-02 03:04:05.678         n1  POST   /jobs 201 in 3.2 ms, user u_1 from 10.0.0.9, req_1": {
			At: at, Node: "n1", Method: "POST", Path: "/jobs", Status: 201, TookMS: 3.21, By: "user u_1", From: "10.0.0.9", Request: "req_1"},
		"                                n2  … 812 requests of this node not shown; --rate shows more": {Node: "n2", LeftOut: 812},
	} {
		if got := Request(r); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}
