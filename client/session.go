package client

import "sync"

// Session is read-your-writes on any node: it remembers the state that this client's last answer reflected and makes the next
// read wait for that much, at the price of no round trip to the leader. Without a session reads are linearizable, which includes
// one's own writes and everybody else's. Safe for concurrent use.
//
// The token is opaque, so of two answers that crossed each other nobody can say which is newer. The session then holds no token,
// and the next read is linearizable: it covers both and begins anew.
type Session struct {
	mu      sync.Mutex
	token   string
	answers uint64 // received so far; tells whether another answer came in while a call was under way
}

// Token is the state to wait for, as in X-Stoker-Index; empty if there is none. A nil session has none.
func (s *Session) Token() string {
	if s == nil {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token
}

// begin gives what a call shall wait for and the mark to hand back to end. A nil session waits for nothing.
func (s *Session) begin() (token string, mark uint64) {
	if s == nil {
		return "", 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token, s.answers
}

// end takes the state that an answer reflected; an answer without one changes nothing.
func (s *Session) end(mark uint64, token string) {
	if s == nil || token == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answers != mark {
		token = ""
	}
	s.token = token
	s.answers++
}

// forget drops a token that the cluster cannot honour: it was restored from a backup and counts in another epoch.
func (s *Session) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = ""
	s.answers++
}
