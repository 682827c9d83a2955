package handlers

import (
	"context"
	"iter"
	"strings"
	"time"

	"stoker/fsm"
	"stoker/node"
)

// auditLine is a row of the audit log.
type auditLine struct {
	ID      string   `json:"id"`
	At      string   `json:"at"`
	Who     string   `json:"who"`
	Action  string   `json:"action"`
	Subject string   `json:"subject"`
	Detail  string   `json:"detail"`
	Code    fsm.Code `json:"code"` // of the refusal; "": it was done
	Request string   `json:"request_id"`
}

// adminAudit lists the audit log: newest first from ?cursor= on, or with
// ?after= oldest first from behind an id on ("0" is before all), for whoever
// follows or exports it. ?who= and ?since= choose.
func (s *Server) adminAudit(c *call) (any, error) {
	page, err := c.page()
	if err != nil {
		return nil, err
	}
	var since time.Time
	if text := c.query("since"); text != "" {
		if since, err = time.Parse(time.RFC3339, text); err != nil {
			return nil, invalid("since", "must be a time as in 2026-01-02T15:04:05Z")
		}
	}
	after, forward, err := c.after()
	if err != nil {
		return nil, err
	}
	v, err := c.view()
	if err != nil {
		return nil, err
	}
	rows := v.Audit(page.before)
	if forward {
		rows = v.AuditAfter(after)
	}
	return auditPage(rows, page.size, c.query("who"), since, forward), nil
}

// after reads ?after=.
func (c *call) after() (m fsm.Mark, forward bool, err error) {
	switch text := c.query("after"); text {
	case "":
		return m, false, nil
	case "0":
		return m, true, nil
	default:
		m, ok := parseCursor(strings.TrimPrefix(text, "a_"))
		if !ok {
			return m, true, invalid("after", "is not an id of ours; send one back as it was received, or 0")
		}
		return m, true, nil
	}
}

type auditList struct {
	Rows []auditLine `json:"rows"`
	Next *string     `json:"next_cursor"` // nil: that was all, as of now
}

func auditPage(rows iter.Seq[fsm.Audited], size int, who string, since time.Time, forward bool) auditList {
	out := auditList{Rows: []auditLine{}}
	for a := range rows {
		if time.Unix(0, a.At).Before(since) {
			if forward {
				continue
			}
			break
		}
		if who != "" && a.Who != who {
			continue
		}
		if len(out.Rows) == size {
			next := strings.TrimPrefix(out.Rows[size-1].ID, "a_")
			out.Next = &next
			break
		}
		out.Rows = append(out.Rows, auditLine{
			ID: "a_" + cursorText(fsm.Mark{Index: a.Index, Ordinal: a.Ordinal}), At: stampOf(a.At),
			Who: a.Who, Action: a.Action, Subject: a.Subject, Detail: a.Detail, Code: a.Code, Request: a.Request,
		})
	}
	return out
}

// notePatience bounds how long an answer waits for the audit log.
const notePatience = 3 * time.Second

// note writes into the audit log what an operator did that was no command: most
// of it are commands, which say it in their own entry.
func (c *call) note(line route) {
	if scopeOf[line.who] == "" || c.proposed || line.method == "GET" && !noted[line.path] {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c), notePatience)
	defer cancel()
	n := fsm.Note{Action: line.method + " " + line.path, Subject: clip(strings.Trim(c.param("id")+" "+c.param("name"), " ")), Detail: c.detail}
	if _, err := node.Apply(ctx, c.s.node, n, node.By(c.by), node.RequestID(c.id)); err != nil {
		c.s.log.Warn("an operator's action is not in the audit log", keyRequest, c.id, keyRoute, line.path, "by", c.by, keyError, err)
	}
}
