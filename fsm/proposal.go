package fsm

import "fmt"

// Proposal is one command on its way to the log.
//
// Origin and Seq name it: the same pair is applied once, however often it
// arrives. Floor is the origin's lowest sequence that has no answer yet; what is
// below it is forgotten. An empty origin means "not numbered": only commands
// that are harmless twice may travel so.
type Proposal struct {
	Origin    string `cbor:"1,keyasint,omitempty"`
	Seq       uint64 `cbor:"2,keyasint,omitempty"`
	Floor     uint64 `cbor:"3,keyasint,omitempty"`
	Kind      uint16 `cbor:"4,keyasint"`
	Body      []byte `cbor:"5,keyasint"`
	Idem      *Idem  `cbor:"6,keyasint,omitempty"`
	By        string `cbor:"7,keyasint,omitempty"` // who asked: "user u_…", "worker", "admin" with the token's name, "system"
	RequestID string `cbor:"8,keyasint,omitempty"`
	Trace     string `cbor:"9,keyasint,omitempty"` // W3C traceparent of whoever proposes; binaries of level 1 do not see it
}

// Batch is one Raft entry: proposals that were pending together.
type Batch struct {
	Stamp     int64      `cbor:"1,keyasint"` // the machine's clock, nanoseconds
	Wall      int64      `cbor:"2,keyasint"` // the leader's wall clock, nanoseconds since 1970, for people only
	Proposals []Proposal `cbor:"3,keyasint"`
	Seed      uint64     `cbor:"4,keyasint,omitempty"` // chance, for jitter
}

// Encode is what the log holds.
func (b Batch) Encode() []byte { return encode(b) }

// Told says in words what an entry holds: a line for each command, at most limit.
func (e Entry) Told(limit int) []string {
	b, err := decodeBatch(e.Data)
	if err != nil {
		return []string{err.Error()}
	}
	var lines []string
	for i, p := range b.Proposals {
		if i == limit {
			return append(lines, fmt.Sprintf("and %d more", len(b.Proposals)-limit))
		}
		line := CommandName(p.Kind)
		if p.By != "" {
			line += " by " + p.By
		}
		if p.RequestID != "" {
			line += ", request " + p.RequestID
		}
		lines = append(lines, line)
	}
	return lines
}

func decodeBatch(data []byte) (Batch, error) {
	var b Batch
	if err := decoder.Unmarshal(data, &b); err != nil {
		return b, fmt.Errorf("decode batch: %w", err)
	}
	return b, nil
}

// Outcome is what became of one proposal.
type Outcome struct {
	Index    uint64   `cbor:"1,keyasint"` // the entry it was applied in
	Refusal  *Refusal `cbor:"2,keyasint,omitempty"`
	Body     []byte   `cbor:"3,keyasint,omitempty"` // the answer, for [Answer]
	Replayed bool     `cbor:"4,keyasint,omitempty"` // from an Idempotency-Key record
}

// Encode and DecodeOutcome carry outcomes between nodes.
func (o Outcome) Encode() []byte { return encode(o) }

// DecodeOutcome reads what Encode wrote.
func DecodeOutcome(b []byte) (Outcome, error) {
	var o Outcome
	err := decoder.Unmarshal(b, &o)
	return o, err
}
