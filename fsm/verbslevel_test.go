package fsm

import (
	"fmt"
	"strings"
)

func upgradeVerb(_ *stage, w words) ([]act, error) {
	to, err := w.number("to", Level)
	return single(does(Upgrade{To: to}, func(u Upgraded) string { return fmt.Sprintf("level=%d", u.Level) }), err)
}

func tellAlarm(a Alarm) string {
	return strings.TrimSpace(fmt.Sprintf("%s index=%d nodes=%s by=%q %s", a.Kind, a.Index, strings.Join(a.Nodes, ","), a.By, a.Why))
}

// alarm index=9 nodes=n1,n2 why="…": of a kind that is a divergence unless said.
func alarmVerb(_ *stage, w words) ([]act, error) {
	index, err := w.number("index", 0)
	kind := Divergence
	if w.has("kind") {
		kind = AlarmKind(w["kind"])
	}
	return single(does(RaiseAlarm{Kind: kind, Index: index, Nodes: w.list("nodes"), Why: w["why"]}, tellAlarm), err)
}

func clearAlarmVerb(_ *stage, _ words) ([]act, error) {
	return single(does(ClearAlarm{Kind: Divergence}, tellAlarm), nil)
}
