package webhook

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"stoker/fsm"
)

// maxReason is how many bytes of an error a message repeats.
const maxReason = 1000

// Message is the body of a POST. What has no meaning for its type is left out.
type Message struct {
	ID      string    `json:"id"`
	Type    string    `json:"type"` // as in fsm.WebhookEvents, or ping
	At      string    `json:"at"`
	Index   uint64    `json:"index,omitempty"` // with Ordinal the place in the order of all that happens
	Ordinal uint32    `json:"ordinal,omitempty"`
	Job     string    `json:"job_id,omitempty"`
	User    string    `json:"user_id,omitempty"`
	Preset  string    `json:"preset,omitempty"`
	RetryOf string    `json:"retry_of,omitempty"`
	Items   *Progress `json:"progress,omitempty"` // of job.…
	Idx     *int      `json:"idx,omitempty"`      // of item.…
	Reason  string    `json:"reason,omitempty"`
	Output  string    `json:"output_key,omitempty"` // of item.done
	Preview string    `json:"preview_key,omitempty"`
}

// Progress is how a job's items ended.
type Progress struct {
	Done   int `json:"done"`
	Failed int `json:"failed"`
	Total  int `json:"total"`
}

// EventID names an event for good: in whatever answer, and in the cluster's next life too.
func EventID(epoch uint64, m fsm.Mark) string {
	return fmt.Sprintf("ev_%d_%d_%d", epoch, m.Index, m.Ordinal)
}

// ParseEventID reads what EventID wrote.
func ParseEventID(id string) (epoch uint64, m fsm.Mark, ok bool) {
	n, err := fmt.Sscanf(id, "ev_%d_%d_%d", &epoch, &m.Index, &m.Ordinal)
	return epoch, m, err == nil && n == 3 && EventID(epoch, m) == id
}

// post is a message on its way.
type post struct {
	mark  fsm.Mark
	event string
	job   string
	id    string
	body  []byte

	tries int // that there were before
	done  bool
	Outcome
}

// messageOf makes the message of a change.
func messageOf(v *fsm.View, c fsm.Change) *post {
	m := Message{ID: EventID(c.Epoch, c.Mark), Type: c.Event, At: stamp(c.At), Index: c.Index, Ordinal: c.Ordinal, Job: c.Job, User: c.User, Idx: c.Item}
	j, _ := v.Job(c.Job)
	m.Preset, m.RetryOf = j.Preset, j.RetryOf
	switch {
	case c.Item == nil:
		m.Items = &Progress{j.Done, j.Failed, j.Total}
	case c.Event == fsm.EventItemDone:
		if it, ok := v.Item(c.Job, *c.Item); ok {
			m.Output, m.Preview = it.Output, it.Preview
		}
	}
	if c.Event != fsm.EventItemDone && c.Event != fsm.EventJobDone {
		m.Reason = clip(c.Detail, maxReason)
	}
	return &post{mark: c.Mark, event: c.Event, job: c.Job, id: m.ID, body: m.encode()}
}

func (m Message) encode() []byte {
	b, err := json.Marshal(m)
	if err != nil {
		panic(err) // texts and numbers
	}
	return b
}

func stamp(ns int64) string {
	return time.Unix(0, ns).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}

func clip(text string, most int) string {
	text = strings.ToValidUTF8(text, "")
	for len(text) > most {
		_, n := utf8.DecodeLastRuneInString(text)
		text = text[:min(len(text)-n, most)]
	}
	return strings.ToValidUTF8(text, "")
}
