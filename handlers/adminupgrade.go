package handlers

import (
	"stoker/fsm"
	"stoker/node"
)

// adminUpgrade shows which versions the nodes run and what holds the cluster back.
// It asks nobody.
func (s *Server) adminUpgrade(c *call) (any, error) {
	return s.node.Upgrade(), nil
}

// adminFinalize raises the cluster's feature level when every node understands it.
func (s *Server) adminFinalize(c *call) (any, error) {
	next, err := s.node.NextUpgrade()
	if err != nil {
		return nil, err
	}
	a, err := apply(c, next)
	if err != nil {
		return nil, err
	}
	return map[string]uint64{"level": a.Level}, nil
}

// verification is the nodes' states held against each other, and the alarms.
type verification struct {
	node.Verification
	Alarms []alarm `json:"alarms"`
}

type alarm struct {
	Kind  fsm.AlarmKind `json:"kind"`
	Index uint64        `json:"index"` // the first entry known to be touched
	Nodes []string      `json:"nodes"`
	Why   string        `json:"why"`
	At    string        `json:"at"`
	By    string        `json:"by"`
}

func alarmOf(a fsm.Alarm) alarm {
	return alarm{Kind: a.Kind, Index: a.Index, Nodes: append([]string{}, a.Nodes...), Why: a.Why, At: stampOf(a.At), By: a.By}
}

// adminVerify has every node show its hashes and, with ?scrub=true, read its rows.
func (s *Server) adminVerify(c *call) (any, error) {
	scrub := c.query("scrub")
	if scrub != "" && scrub != "true" && scrub != "false" {
		return nil, invalid("scrub", "must be true or false")
	}
	out := verification{Verification: s.node.Verify(c, scrub == "true"), Alarms: []alarm{}}
	for _, a := range out.Verification.Alarms {
		out.Alarms = append(out.Alarms, alarmOf(a))
	}
	return out, nil
}

// adminClearAlarm lets the cluster spend again.
func (s *Server) adminClearAlarm(c *call) (any, error) {
	a, err := apply(c, fsm.ClearAlarm{Kind: fsm.Divergence})
	if err != nil {
		return nil, err
	}
	return map[string]alarm{"cleared": alarmOf(a)}, nil
}
