package fsm

import "stoker/store"

// Genesis is a cluster's first command: who it is, its sealed keys, the hashes
// of its tokens and its first settings. It is refused when there is one already.
type Genesis struct {
	ClusterID     string     `cbor:"1,keyasint"`
	SealedCA      []byte     `cbor:"2,keyasint,omitempty"`
	JWTKeys       []Secret   `cbor:"3,keyasint"`
	ObjectKey     Secret     `cbor:"4,keyasint"` // the access key that presigned URLs are signed with
	AdminTokens   [][32]byte `cbor:"5,keyasint"` // SHA-256
	WorkerTokens  [][32]byte `cbor:"6,keyasint"`
	FirstSettings Settings   `cbor:"7,keyasint"`
	Level         uint64     `cbor:"8,keyasint,omitempty"` // the feature level that all its nodes understand; absent is 1
}

// Begun answers Genesis.
type Begun struct {
	Epoch uint64 `cbor:"1,keyasint"`
}

func (c Genesis) apply(tx *Tx) (Begun, error) {
	if tx.m.Epoch != 0 {
		return Begun{}, Refuse(AlreadyDone, "cluster %s has begun", tx.m.ClusterID)
	}
	if c.ClusterID == "" || len(c.JWTKeys) == 0 || len(c.FirstSettings.Plans) == 0 {
		return Begun{}, invalid("genesis", "needs a cluster id, a JWT key and plans")
	}
	if c.Level > 1 {
		if err := tx.rise(c.Level); err != nil {
			return Begun{}, err
		}
	}
	tx.m.Epoch, tx.m.ClusterID = 1, c.ClusterID
	putSecret(tx, UseCA, Secret{ID: "ca", Sealed: c.SealedCA})
	for _, k := range c.JWTKeys {
		putSecret(tx, UseJWT, k)
	}
	putSecret(tx, UseObject, c.ObjectKey)
	putTokens(tx, AdminToken, "", c.AdminTokens)
	putTokens(tx, WorkerToken, "", c.WorkerTokens)
	s := c.FirstSettings
	s.Version = 1
	if tx.level() < 3 {
		s.Retention, s.Replicas, s.Webhooks = nil, 0, nil
	}
	settings.Put(tx.Tx, store.Uint(1), s)
	tx.m.SettingsVersion, tx.settings = 1, nil
	tx.changes.Settings = true
	hooksAsDeployed(tx)
	return Begun{Epoch: tx.m.Epoch}, nil
}

func putTokens(tx *Tx, kind TokenKind, name string, hashes [][32]byte) {
	for _, h := range hashes {
		tokens.Put(tx.Tx, tokenKey(h), Token{Kind: kind, Name: name, CreatedAt: tx.wall()})
	}
}

// begun refuses what needs a cluster that has begun.
func (tx *Tx) begun() *Refusal {
	if tx.m.Epoch == 0 {
		return Refuse(Unavailable, "the cluster has not begun yet; try again in a moment")
	}
	return nil
}
