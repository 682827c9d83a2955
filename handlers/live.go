package handlers

import (
	"cmp"

	"stoker/fsm"
)

// live is what each request looks at of the settings in force, ready to use.
type live struct {
	origins  []string // that may call from a browser
	limits   Limits
	throttle *throttle
}

// settingsChanged is told by the machine after a batch became visible.
func (s *Server) settingsChanged(c fsm.Changes) {
	if c.Settings || c.Restored {
		s.refreshLive()
	}
}

// refreshLive lays the settings over the node's own file: what is deployed holds
// on all nodes, what is not deployed is each node's own. Buckets stay as full as
// they are unless their limits change.
func (s *Server) refreshLive() {
	v := s.node.View()
	defer v.Close()
	set := v.Settings()
	now := &live{origins: s.cfg.CORSOrigins, limits: s.cfg.Limits}
	if set.CORS != nil {
		now.origins = set.CORS.Origins
	}
	if r := set.Rates; r != nil {
		now.limits.SignUps = cmp.Or(r.SignUps, now.limits.SignUps)
		now.limits.Address = cmp.Or(r.Address, now.limits.Address)
		now.limits.User = cmp.Or(r.User, now.limits.User)
		now.limits.WrongTokens = cmp.Or(r.WrongTokens, now.limits.WrongTokens)
	}
	if was := s.live.Load(); was != nil && was.limits.same(now.limits) {
		now.throttle = was.throttle
	} else {
		now.throttle = newThrottle(now.limits)
	}
	s.live.Store(now)
}

func (l Limits) same(as Limits) bool {
	return l.SignUps == as.SignUps && l.Address == as.Address && l.User == as.User && l.WrongTokens == as.WrongTokens
}
