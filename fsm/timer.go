package fsm

import "stoker/store"

// timerKind says what happens when a timer is due; kept as a number in the
// table, so the numbers are never reused.
type timerKind uint64

const (
	originSilent timerKind = 1 // ref: origin
	idemOld      timerKind = 2 // ref: scope, key
	jobDeadline  timerKind = 3 // ref: job
	itemReady    timerKind = 4 // ref: job, idx
	leaseOld     timerKind = 5 // ref: fence
	deadOld      timerKind = 6 // ref: job, idx

	workerSilent   timerKind = 7 // ref: worker
	quarantineOver timerKind = 8 // ref: worker

	inputsOld   timerKind = 105 // ref: job, idx: its pictures from this item on
	outputsOld  timerKind = 106 // likewise
	previewsOld timerKind = 107 // likewise
	pictureOld  timerKind = 108 // ref: job, idx: the picture of an item that was dead
	objectOld   timerKind = 109 // ref: bucket, key, upload

	tokenOld     timerKind = 80 // ref: SHA-256
	auditOld     timerKind = 81 // no ref: the oldest rows
	secretOld    timerKind = 82 // ref: use, id
	joinTokenOld timerKind = 20 // ref: token

	capsMoved timerKind = 130 // ref: the last user that has its new cap
	uploadOld timerKind = 95  // ref: bucket, key, upload

	deliveryNext timerKind = 140 // ref: hook, index, ordinal
)

// fires says what each kind does. It is filled in init because what fires may
// set timers again.
var fires map[timerKind]func(tx *Tx, ref store.Key)

func init() {
	fires = map[timerKind]func(tx *Tx, ref store.Key){
		originSilent: forgetOrigin,
		idemOld:      forgetIdem,
		jobDeadline:  jobRanOut,
		itemReady:    itemComesBack,
		leaseOld:     forgetLease,
		deadOld:      forgetDead,

		workerSilent:   forgetWorker,
		quarantineOver: endQuarantine,

		inputsOld:   forgetKind(inputsOld, Job.InputKey),
		outputsOld:  forgetKind(outputsOld, Job.OutputKey),
		previewsOld: forgetKind(previewsOld, Job.PreviewKey),
		pictureOld:  forgetPicture,
		objectOld:   forgetObject,

		tokenOld:     forgetToken,
		auditOld:     forgetAudits,
		secretOld:    forgetSecret,
		joinTokenOld: forgetJoinToken,

		capsMoved: recap,
		uploadOld: forgetUpload,

		deliveryNext: deliveryGoesOn,
	}
}

// timer is one deadline; its key is (due, kind, ref).
type timer struct {
	Kind timerKind `cbor:"1,keyasint"`
	Ref  []byte    `cbor:"2,keyasint"`
}

var timers = store.NewTable[timer]("timers")

func timerKey(due int64, kind timerKind, ref store.Key) store.Key {
	return store.Uint(uint64(due)).Uint(uint64(kind)) + ref
}

// setTimer adds a deadline at due on the machine's clock.
func setTimer(tx *Tx, due int64, kind timerKind, ref store.Key) {
	timers.Put(tx.Tx, timerKey(due, kind, ref), timer{kind, []byte(ref)})
}

// clearTimer takes back what setTimer added with the same words.
func clearTimer(tx *Tx, due int64, kind timerKind, ref store.Key) {
	timers.Delete(tx.Tx, timerKey(due, kind, ref))
}

// nextTimer is the machine clock of the earliest deadline, 0 if there is none.
func nextTimer(r store.Reader) int64 {
	for k := range timers.Scan(r, "") {
		due, _ := k.PopUint()
		return int64(due)
	}
	return 0
}

// Expire fires what is due, at most Limit timers. The leader proposes it only
// when a timer is due.
type Expire struct {
	Limit int `cbor:"1,keyasint"`
}

// Expired answers Expire.
type Expired struct {
	Fired int `cbor:"1,keyasint"`
}

func (c Expire) apply(tx *Tx) (Expired, error) {
	var a Expired
	for k, t := range timers.Scan(tx, "") {
		due, _ := k.PopUint()
		if int64(due) > tx.now() || a.Fired >= c.Limit {
			break
		}
		if !timers.Has(tx, k) {
			continue // the scan is frozen: a timer before this one has cleared it
		}
		timers.Delete(tx.Tx, k)
		fires[t.Kind](tx, store.Key(t.Ref))
		a.Fired++
	}
	return a, nil
}
