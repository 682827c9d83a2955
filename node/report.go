package node

import "time"

// AutopilotReport is how the members are, as this node sees them; the leader's
// word counts.
type AutopilotReport struct {
	Healthy         bool          `json:"healthy"`   // every voter answers and keeps up
	Voters          int           `json:"voters"`    // seats with a vote
	Alive           int           `json:"alive"`     // of these, those that answer
	Quorum          int           `json:"quorum"`    // of these that are needed
	Tolerance       int           `json:"tolerance"` // voters that may fail from now on; 0 also when there is no quorum
	Failed          []string      `json:"failed"`    // voters that do not answer
	Behind          []string      `json:"behind"`    // voters that answer and do not keep up
	Learners        []string      `json:"learners"`  // seats without a vote
	RemoveDeadAfter time.Duration `json:"-"`         // 0: dead voters stay
}

// Autopilot gathers. It asks nobody: of the others it says what they last said.
func (n *Node) Autopilot() AutopilotReport {
	v := n.machine.View()
	a := AutopilotReport{Failed: []string{}, Behind: []string{}, Learners: []string{}, RemoveDeadAfter: time.Duration(v.Autopilot().RemoveDeadAfter)}
	v.Close()
	for _, s := range n.roster.all() {
		h, alive := n.peers.get(s.ID, n.fresh())
		switch {
		case !s.Voter:
			a.Learners = append(a.Learners, s.ID)
			continue
		case s.ID == n.cfg.ID:
			a.Alive++
		case !alive:
			a.Failed = append(a.Failed, s.ID)
		default:
			a.Alive++
			if h.well.IsZero() {
				a.Behind = append(a.Behind, s.ID)
			}
		}
		a.Voters++
	}
	a.Quorum = a.Voters/2 + 1
	a.Tolerance = max(a.Alive-a.Quorum, 0)
	a.Healthy = a.Voters > 0 && len(a.Failed) == 0 && len(a.Behind) == 0
	return a
}
