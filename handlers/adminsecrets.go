package handlers

import (
	"cmp"
	"crypto/rand"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"stoker/fsm"
	"stoker/node"
	"stoker/webhook"
)

// saneSecret is what a secret may be called.
var saneSecret = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

const (
	maxSecret     = 16 << 10              // bytes of a value
	maxSecretLife = 100 * 365 * 24 * 3600 // s
	maxLegacyLife = 400 * 24 * time.Hour  // of the key of a stack that was left
	minLegacy     = 16                    // bytes of that key
)

// secretUses says what the cluster does with a secret of a name, or of a prefix.
var secretUses = map[string]string{
	legacySecret:   "verifies tokens of the app without kid, which the old stack has signed",
	callbackSecret: "workers show it as X-Callback-Secret, beside worker tokens",
	"s3.":          "credentials of an S3 that backups go to",

	fsm.WebhookSecrets: "signs what webhooks are told",
}

// useOf is what a secret is for; "" for a name that means nothing to us.
func useOf(name string) string {
	for _, begin := range sortedKeys(secretUses) {
		if name == begin || strings.HasSuffix(begin, ".") && strings.HasPrefix(name, begin) {
			return secretUses[begin]
		}
	}
	return ""
}

type secretLine struct {
	Name      string  `json:"name"`
	Use       string  `json:"use"`
	CreatedAt string  `json:"created_at"`
	Expires   *string `json:"expires_at"` // nil: never
}

// secretLineOf is a secret as the operator sees it; machine time is told as the wall clock has it now.
func secretLineOf(v *fsm.View, s fsm.Secret) secretLine {
	line := secretLine{Name: s.ID, Use: useOf(s.ID), CreatedAt: stampOf(s.CreatedAt)}
	if s.Until != 0 {
		at := stampOf(v.WallAt(s.Until))
		line.Expires = &at
	}
	return line
}

type jwtLine struct {
	ID        string  `json:"id"`
	CreatedAt string  `json:"created_at"`
	Signs     bool    `json:"signs"`
	Until     *string `json:"verifies_until"` // nil: until it is rolled
}

// adminSecrets lists names. No value of a secret is in any answer.
func (s *Server) adminSecrets(c *call) (any, error) {
	v, err := c.view()
	if err != nil {
		return nil, err
	}
	secrets, keys := []secretLine{}, []jwtLine{}
	for _, one := range v.Secrets(fsm.UseNamed) {
		secrets = append(secrets, secretLineOf(v, one))
	}
	for _, k := range v.Secrets(fsm.UseJWT) {
		line := jwtLine{ID: k.ID, CreatedAt: stampOf(k.CreatedAt)}
		if k.Until != 0 {
			at := stampOf(k.Until - v.Clock() + v.Wall())
			line.Until = &at
		}
		keys = append(keys, line)
	}
	slices.SortFunc(keys, func(a, b jwtLine) int { return -cmp.Or(cmp.Compare(a.CreatedAt, b.CreatedAt), cmp.Compare(a.ID, b.ID)) })
	if len(keys) > 0 {
		keys[0].Signs = true
	}
	return struct {
		SealKey string       `json:"seal_key"` // "" before the first rekey
		Secrets []secretLine `json:"secrets"`
		JWTKeys []jwtLine    `json:"jwt_keys"`
	}{v.SealKey(), secrets, keys}, nil
}

// adminPutSecret seals a value and keeps it. It takes no Idempotency-Key: that
// would keep a hash of the value for a day, and the same again changes nothing.
func (s *Server) adminPutSecret(c *call) (any, error) {
	name, err := c.secretName()
	if err != nil {
		return nil, err
	}
	var in struct {
		Value   string `json:"value"`
		ExpireS whole  `json:"expires_in_s"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	life := time.Duration(in.ExpireS) * time.Second
	switch {
	case in.ExpireS < 0 || in.ExpireS > maxSecretLife:
		return nil, invalid("expires_in_s", "must be up to %d, or 0 for good", maxSecretLife)
	case name == legacySecret && (life == 0 || life > maxLegacyLife):
		return nil, invalid("expires_in_s", "is required of %s, %d at most: the old stack's tokens end by themselves, and so must its key", legacySecret, int64(maxLegacyLife/time.Second))
	case name == legacySecret && len(in.Value) < minLegacy:
		return nil, invalid("value", "of %s must have %d bytes or more: anybody could guess it", legacySecret, minLegacy)
	}
	// Nodes of an older version apply what is proposed here without the life until the level says otherwise.
	if level := c.local().Level(); level < 3 && life != 0 {
		return nil, fsm.LifeTooEarly(level)
	}
	if in.Value == "" || len(in.Value) > maxSecret {
		return nil, invalid("value", "must have 1 to %d bytes", maxSecret)
	}
	if strings.HasPrefix(name, fsm.WebhookSecrets) {
		if _, err := webhook.Key(in.Value); err != nil {
			return nil, invalid("value", "%v", err)
		}
	}
	sealed, key, err := s.node.SealFor(node.SecretPurpose(name), []byte(in.Value))
	if err != nil {
		return nil, err
	}
	c.scope = ""
	a, err := apply(c, fsm.PutSecret{Name: name, Sealed: sealed, SealKey: key, Life: int64(life)})
	if err != nil {
		return nil, err
	}
	return struct {
		Name     string `json:"name"`
		Use      string `json:"use"`
		Replaced bool   `json:"replaced"`
	}{name, useOf(name), a.Replaced}, nil
}

// adminDeleteSecret forgets one.
func (s *Server) adminDeleteSecret(c *call) (any, error) {
	name, err := url.PathUnescape(c.param("name"))
	if err != nil || !saneSecret.MatchString(name) {
		return nil, fsm.Refuse(fsm.NotFound, "no secret %.80q", c.param("name"))
	}
	if _, err := apply(c, fsm.DeleteSecret{Name: name}); err != nil {
		return nil, err
	}
	return struct {
		Name    string `json:"name"`
		Deleted bool   `json:"deleted"`
	}{name, true}, nil
}

func (c *call) secretName() (string, error) {
	name, err := url.PathUnescape(c.param("name"))
	if err != nil || !saneSecret.MatchString(name) {
		return "", invalid("name", "must be 1 to 64 of a-z, 0-9 and . _ -, as in s3.access-key")
	}
	return name, nil
}

// adminRekey puts all secrets under the newest seal key of this node.
func (s *Server) adminRekey(c *call) (any, error) {
	c.proposed = true
	key, n, err := s.node.Rekey(c, node.By(c.by), node.RequestID(c.id))
	if err != nil {
		return nil, err
	}
	return struct {
		SealKey  string `json:"seal_key"`
		Resealed int    `json:"resealed"`
	}{key, n}, nil
}

// adminRollJWT has app tokens signed with a new key.
func (s *Server) adminRollJWT(c *call) (any, error) {
	var in struct {
		Drop bool `json:"drop"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	sealed, key, err := s.node.SealFor(fsm.UseJWT, []byte(rand.Text()+rand.Text()))
	if err != nil {
		return nil, err
	}
	id := "k_" + rand.Text()[:12]
	a, err := apply(c, fsm.RollJWT{ID: id, Sealed: sealed, SealKey: key, Drop: in.Drop})
	if err != nil {
		return nil, err
	}
	return struct {
		Keys int `json:"keys"` // that verify
	}{a.Keys}, nil
}
