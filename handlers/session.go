package handlers

import (
	"time"

	"stoker/fsm"
)

// saneDevice is what a device hash may look like: any printable ASCII.
var saneDevice = saneOf(1, 256, visible+" ")

// soleKey is how long an Idempotency-Key must be where it is all that tells two
// anonymous callers apart: whoever guesses it gets the other's token.
const soleKey = 16

// knownOnly in headerKnown makes no new user: a router asks so where a device may have signed in before.
const knownOnly = "only"

// signIn finds or makes the anonymous user of a device.
func (s *Server) signIn(c *call) (any, error) {
	var in struct {
		DeviceHash string `json:"device_hash"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.DeviceHash != "" && !saneDevice.MatchString(in.DeviceHash) {
		return nil, invalid("device_hash", "must be 1 to 256 printable ASCII characters")
	}
	if key := c.header(headerKey); key != "" && in.DeviceHash == "" && len(key) < soleKey {
		return nil, invalid(headerKey, "must have at least %d characters when no device_hash is sent", soleKey)
	}
	if c.header(headerKnown) == knownOnly {
		v, err := c.view()
		if err != nil {
			return nil, err
		}
		if !v.KnowsDevice(in.DeviceHash) {
			return nil, fsm.Refuse(fsm.NotFound, "this device has not signed in here")
		}
	}
	c.scope, c.by = "device "+in.DeviceHash, "anonymous"
	signed, err := apply(c, fsm.SignIn{DeviceHash: in.DeviceHash, NewID: newID("u_")})
	if err != nil {
		return nil, err
	}
	if c.replayed { // what was true then: the user may have moved since
		c.user = signed.User.ID
		if _, err := c.view(); err != nil {
			return nil, err
		}
	}
	token, err := s.issue(c, signed.User.ID)
	if err != nil {
		return nil, err
	}
	return signedIn{UserID: signed.User.ID, Token: token, Plan: signed.User.Plan, IsNew: signed.IsNew}, nil
}

type signedIn struct {
	UserID string `json:"user_id"`
	Token  string `json:"token"`
	Plan   string `json:"plan"`
	IsNew  bool   `json:"is_new"`
}

// refresh issues another token; the old one stays good until it expires.
func (s *Server) refresh(c *call) (any, error) {
	if _, err := c.view(); err != nil {
		return nil, err
	}
	token, err := s.issue(c, c.user)
	if err != nil {
		return nil, err
	}
	return map[string]string{"token": token}, nil
}

// issue signs a token for as long as the settings say.
func (s *Server) issue(c *call, user string) (string, error) {
	v := c.local()
	life := time.Duration(v.Settings().TokenLife)
	if life <= 0 { // this node has not heard of Genesis yet, though the answer came through it
		life = time.Duration(fsm.DefaultSettings().TokenLife)
	}
	return s.jwt.sign(c, user, v.ClusterID(), time.Now(), life)
}
