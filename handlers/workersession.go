package handlers

import (
	"time"

	"stoker/fsm"
)

// pollWait is how long a worker is advised to park its polls, in seconds: less
// than what proxies cut off.
const pollWait = 30

// openSession says who a worker is and what it can do.
func (s *Server) openSession(c *call) (any, error) {
	var in struct {
		WorkerID string   `json:"worker_id"`
		BootID   string   `json:"boot_id"`
		Slots    *whole   `json:"slots"`
		Presets  []string `json:"presets"`
		GPU      string   `json:"gpu"`
		VRAM     whole    `json:"vram_mb"`
		SDK      string   `json:"sdk"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	slots := orElse(in.Slots, 1)
	var wrong flaws
	wrong.unless(saneWorker.MatchString(in.WorkerID), "worker_id", "must be 1 to 128 visible ASCII characters")
	wrong.unless(saneWorker.MatchString(in.BootID), "boot_id", "must be 1 to 128 visible ASCII characters")
	wrong.unless(slots >= 1 && slots <= maxSlots, "slots", "must be 1 to %d", maxSlots)
	wrong.unless(in.VRAM >= 0 && in.VRAM <= 1<<30, "vram_mb", "must be a number of megabytes")
	wrong.unless(len(in.GPU) <= maxText, "gpu", "is too long")
	wrong.unless(len(in.SDK) <= maxText, "sdk", "is too long")
	checkPresets(&wrong, "presets", in.Presets)
	if err := wrong.refusal(); err != nil {
		return nil, err
	}
	a, err := apply(c, fsm.OpenSession{Session: newID("s_"), Worker: fsm.Worker{
		ID: in.WorkerID, Boot: in.BootID, Slots: int(slots), Presets: in.Presets,
		GPU: in.GPU, VRAM: int(in.VRAM), SDK: in.SDK,
	}})
	if err != nil {
		return nil, err
	}
	ttl := time.Duration(a.Settings.LeaseTTL)
	return struct {
		SessionID  string `json:"session_id"`
		PollWaitS  int    `json:"poll_wait_s"`
		LeaseTTLS  int    `json:"lease_ttl_s"`
		HeartbeatS int    `json:"heartbeat_s"` // twice may be lost on the way
		Directive  string `json:"directive"`
	}{a.Worker.Session, pollWait, int(ttl / time.Second), max(int(ttl/3/time.Second), 1), a.Worker.Directive()}, nil
}
