package handlers

import (
	"crypto/subtle"
	"net/url"
	"time"

	"stoker/fsm"
	"stoker/node"
)

var (
	// saneAccessKey and saneSecretKey are what S3 clients take as credentials.
	saneAccessKey = saneOf(3, 64, upper+lower+digits)
	saneSecretKey = saneOf(16, 128, visible)
)

// keyLine is an access key as the operator sees it; its secret is in no answer.
type keyLine struct {
	Name      string  `json:"name"`
	AccessKey string  `json:"access_key"`
	Access    string  `json:"access"`
	Prefix    string  `json:"prefix"` // "": all keys
	CreatedAt string  `json:"created_at"`
	CreatedBy string  `json:"created_by"`
	Expires   *string `json:"expires_at"`
	Expired   bool    `json:"expired"`
}

func keyLineOf(s fsm.Secret) keyLine {
	line := keyLine{
		Name: s.Key.Name, AccessKey: s.ID, Access: string(s.Key.Access), Prefix: s.Key.Prefix,
		CreatedAt: stampOf(s.CreatedAt), CreatedBy: s.Key.By, Expired: s.Key.Expired(time.Now()),
	}
	if s.Key.Expires != 0 {
		at := stampOf(s.Key.Expires)
		line.Expires = &at
	}
	return line
}

// storeLine is what an S3 client has to know besides its keys.
type storeLine struct {
	Endpoint string `json:"endpoint"` // path style
	Region   string `json:"region"`
	Bucket   string `json:"bucket"`
}

func (c *call) storeLine() storeLine {
	return storeLine{c.links().base, c.s.cfg.Objects.Region(), c.s.cfg.Objects.Bucket()}
}

// adminKeys lists the access keys to the object store.
func (s *Server) adminKeys(c *call) (any, error) {
	v, err := c.view()
	if err != nil {
		return nil, err
	}
	lines := []keyLine{}
	for _, k := range v.AccessKeys() {
		lines = append(lines, keyLineOf(k))
	}
	return struct {
		Store storeLine `json:"store"`
		Keys  []keyLine `json:"keys"`
	}{c.storeLine(), lines}, nil
}

// adminCreateKey makes an access key known. Both halves were made by whoever asks:
// the secret is in no answer, and a request that is sent again makes no second
// key. It takes no Idempotency-Key, for the reason in adminPutSecret.
func (s *Server) adminCreateKey(c *call) (any, error) {
	var in struct {
		Name      string `json:"name"`
		AccessKey string `json:"access_key"`
		SecretKey string `json:"secret_key"`
		Access    string `json:"access"`
		Prefix    string `json:"prefix"`
		ExpireS   whole  `json:"expires_in_s"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var wrong flaws
	wrong.unless(saneHolder.MatchString(in.Name), "name", "must be 1 to 64 of letters, digits, space and . _ @ -, as in nightly-archive")
	wrong.unless(saneAccessKey.MatchString(in.AccessKey), "access_key", "must be 3 to 64 letters and digits")
	wrong.unless(saneSecretKey.MatchString(in.SecretKey), "secret_key", "must be 16 to 128 characters without a space, made by chance")
	wrong.unless(in.ExpireS >= 0 && in.ExpireS <= 10*365*24*3600, "expires_in_s", "must be 0 (never) to ten years")
	if err := wrong.refusal(); err != nil {
		return nil, err
	}
	sealed, by, err := s.node.SealFor(node.KeyPurpose(in.AccessKey), []byte(in.SecretKey))
	if err != nil {
		return nil, err
	}
	c.scope = ""
	k, err := apply(c, fsm.CreateKey{
		ID: in.AccessKey, Name: in.Name, Access: fsm.KeyAccess(in.Access), Prefix: in.Prefix,
		Life: int64(in.ExpireS) * int64(time.Second), Sealed: sealed, SealKey: by,
	})
	if err == nil {
		err = s.sameSecret(c, k.ID, in.SecretKey)
	}
	if err != nil {
		return nil, err
	}
	return struct {
		Store storeLine `json:"store"`
		Key   keyLine   `json:"key"`
	}{c.storeLine(), keyLineOf(k)}, nil
}

// sameSecret refuses an access key that was made before, under another secret:
// whoever asked again would hold one that opens nothing.
func (s *Server) sameSecret(c *call, id, secret string) error {
	v, err := s.node.Read(c, node.Linearizable)
	if err != nil {
		return err
	}
	defer v.Close()
	k, ok := v.AccessKey(id)
	if !ok {
		return nil // revoked meanwhile
	}
	plain, err := s.node.Unseal(node.KeyPurpose(id), k.Sealed)
	if err == nil && subtle.ConstantTimeCompare(plain, []byte(secret)) != 1 {
		err = invalid("secret_key", "this access key has another one")
	}
	return err
}

// adminRevokeKey ends an access key, by its name or by itself.
func (s *Server) adminRevokeKey(c *call) (any, error) {
	name, err := url.PathUnescape(c.param("name"))
	if err != nil || !saneHolder.MatchString(name) {
		return nil, fsm.Refuse(fsm.NotFound, "no access key %.80q", c.param("name"))
	}
	a, err := apply(c, fsm.RevokeKey{Name: name})
	if err != nil {
		return nil, err
	}
	return struct {
		Name      string `json:"name"`
		AccessKey string `json:"access_key"`
		Revoked   bool   `json:"revoked"`
	}{a.Name, a.ID, true}, nil
}
