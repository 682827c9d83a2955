package fsm

import "stoker/store"

// meta is the machine's own row.
type meta struct {
	Index           uint64         `cbor:"1,keyasint"` // the last entry applied
	Clock           int64          `cbor:"2,keyasint"` // machine clock, ns
	Wall            int64          `cbor:"3,keyasint"` // leader's wall clock at that entry, ns
	Hash            [32]byte       `cbor:"4,keyasint"` // running hash over entries and outcomes
	Epoch           uint64         `cbor:"5,keyasint"` // one more after each restore; 0 before Genesis
	ClusterID       string         `cbor:"6,keyasint"`
	SettingsVersion uint64         `cbor:"7,keyasint"`
	Fence           uint64         `cbor:"8,keyasint"`  // the last one handed out
	Waiting         map[string]int `cbor:"10,keyasint"` // ready items by preset

	Grants    uint64 `cbor:"11,keyasint,omitempty"` // leases handed out, ever
	Handed    uint64 `cbor:"12,keyasint,omitempty"` // items handed out, ever
	Rate      int64  `cbor:"13,keyasint,omitempty"` // items handed out in the last full minute
	RateSince int64  `cbor:"14,keyasint,omitempty"` // machine clock; the window under way
	RateFrom  uint64 `cbor:"15,keyasint,omitempty"` // Handed then

	SealKey string `cbor:"80,keyasint,omitempty"` // which one secrets are sealed with, see Rekey

	VTimes map[string]uint64 `cbor:"18,keyasint,omitempty"` // by preset: virtual time of the class served last in turn

	FeedFrom  Mark  `cbor:"140,keyasint,omitzero"`  // every change behind it is in the feed
	FeedBytes int64 `cbor:"141,keyasint,omitempty"` // of the feed's rows

	Level  uint64 `cbor:"20,keyasint,omitempty"` // the cluster's feature level; absent in a cluster of level 1
	Digest []byte `cbor:"21,keyasint,omitempty"` // of all rows but this one; from level 2 on
}

var (
	metas   = store.NewTable[meta]("machine")
	metaKey = store.Str("state")
)

// The machine's row holds the digest of all others. These rows are read with
// every request.
func init() {
	metas.Apart()
	metas.Remember()
	settings.Remember()
	secrets.Remember()
}
