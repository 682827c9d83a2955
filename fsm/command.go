package fsm

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/fxamacker/cbor/v2"
)

// Command is something that somebody asks of the machine; A is the type of its
// answer. Only this package declares commands.
//
// apply checks everything first and writes after: once it has written it may
// not refuse. An error that is no *Refusal stops the node.
type Command[A any] interface {
	apply(tx *Tx) (A, error)
}

// row is one line of the register: how a kind is decoded, applied and answered.
type row struct {
	name  string
	typ   reflect.Type
	kind  uint16
	level uint64 // the feature level that it came with
	costs bool   // it spends credits or has them spent: refused while an alarm stands
	spare bool   // it ends or removes something: taken also while the disks are nearly full
	apply func(tx *Tx, body []byte) (answer []byte, err error)
}

// register makes the row of command C with its wire number. Numbers are never
// reused; a changed effect or answer of an existing kind is a new number, or
// stands behind the cluster's level (level.go).
func register[C Command[A], A any](kind uint16) row {
	return row{
		name:  reflect.TypeFor[C]().Name(),
		typ:   reflect.TypeFor[C](),
		kind:  kind,
		level: 1,
		apply: func(tx *Tx, body []byte) ([]byte, error) {
			var c C
			if err := decoder.Unmarshal(body, &c); err != nil {
				return nil, fmt.Errorf("decode %T: %w", c, err)
			}
			if d, ok := any(c).(doer); ok {
				tx.deed = d.deed()
			}
			a, err := c.apply(tx)
			if err != nil {
				return nil, err
			}
			return encode(a), nil
		},
	}
}

// since says with which feature level a kind came.
func (r row) since(level uint64) row {
	r.level = level
	return r
}

// spends says that a kind costs credits or GPU time.
func (r row) spends() row {
	r.costs = true
	return r
}

// frees says that a kind ends or removes something, or that the cluster needs it
// to do so.
func (r row) frees() row {
	r.spare = true
	return r
}

// Frees says whether a proposal should be taken also where there is hardly room
// left to write: it ends leases or jobs, removes records, or is the cluster's own
// housekeeping.
func Frees(p Proposal) bool { return byKind[p.Kind].spare }

// encoder writes RFC 8949 core deterministic CBOR: equal values, equal bytes.
var encoder = func() cbor.EncMode {
	m, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic(err)
	}
	return m
}()

// decoder ignores fields it does not know, so that a node may read what a newer
// one wrote, and refuses duplicate keys. It takes whatever encoder gives out,
// text that is not UTF-8 too: what could be proposed and not be read would stop
// every node, again after each restart.
var decoder = func() cbor.DecMode {
	m, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		UTF8:             cbor.UTF8DecodeInvalid,
		MaxArrayElements: 1 << 20,
		MaxMapPairs:      1 << 20,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return m
}()

// encode cannot fail for the types of this package; if it does, the program is wrong.
func encode(v any) []byte {
	b, err := encoder.Marshal(v)
	if err != nil {
		panic(fmt.Errorf("fsm: encode %T: %w", v, err))
	}
	return b
}

// Propose puts a command into a proposal. The caller fills in the origin, the
// sequence and who asks.
func Propose[A any](c Command[A]) Proposal {
	return Proposal{Kind: kindOf(c), Body: encode(c)}
}

// Answer reads the answer to c out of its outcome. The error is a *Refusal when
// the machine refused.
func Answer[A any](_ Command[A], o Outcome) (A, error) {
	var a A
	if o.Refusal != nil {
		return a, o.Refusal
	}
	if err := decoder.Unmarshal(o.Body, &a); err != nil {
		return a, fmt.Errorf("fsm: decode the answer %T: %w", a, err)
	}
	return a, nil
}

// CommandName says the name of a kind, for logs and tables.
func CommandName(kind uint16) string {
	if r, ok := byKind[kind]; ok {
		return r.name
	}
	return fmt.Sprintf("kind %d", kind)
}

// errUnknownKind stops a node that meets a command of a newer version: it must
// not advance past what it cannot apply.
var errUnknownKind = errors.New("unknown kind of command; this binary is older than the cluster: upgrade it")
