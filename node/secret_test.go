package node

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"stoker/fsm"
)

var (
	oldKey = bytes.Repeat([]byte{1}, 32)
	newKey = bytes.Repeat([]byte{2}, 32)
)

// holding has nodes begin with the old key, which opens what Genesis brings.
func holding(c *Config) {
	c.SealKey = oldKey
	c.Genesis = func() fsm.Genesis {
		jwt, err := Seal(oldKey, fsm.UseJWT, []byte("jwt"))
		must(err)
		return fsm.Genesis{ClusterID: "test", JWTKeys: []fsm.Secret{{ID: "k", Sealed: jwt}}, FirstSettings: fsm.DefaultSettings()}
	}
}

// put puts an operator's secret through a node.
func put(n *Node, name, value string) error {
	sealed, key, err := n.SealFor(SecretPurpose(name), []byte(value))
	if err == nil {
		_, err = Apply(context.Background(), n, fsm.PutSecret{Name: name, Sealed: sealed, SealKey: key})
	}
	return err
}

// restart gives a node other keys.
func (c *cluster) restart(id string, newest []byte, older ...[]byte) {
	c.t.Helper()
	before := c.edit
	c.crash(id)
	c.edit = func(conf *Config) {
		before(conf)
		conf.SealKey, conf.OldSealKeys = newest, older
	}
	if err := c.start(id); err != nil {
		c.t.Fatal(err)
	}
	c.edit = before
	if err := c.node(id).Ready(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
}

func TestRekey_RollsOverThreeNodes(t *testing.T) {
	inCluster(t, holding, three, func(t *testing.T, c *cluster) {
		ctx := t.Context()
		if err := put(c.node("n1"), "s3.access", "one"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.node("n2").Secret(ctx, "none"); !errors.Is(err, ErrNoSecret) {
			t.Errorf("no secret: %v", err)
		}
		for i, id := range three {
			// A key that not all hold is refused, and until then nothing is sealed with it.
			if i > 0 {
				_, _, err := c.node(three[0]).Rekey(ctx)
				if r, ok := asRefusal(err); !ok || r.Code != fsm.ValidationFailed || !strings.Contains(r.Message, id+" lacks it") {
					t.Fatalf("%s has no new key, and rekey says %v", id, err)
				}
				// Nor is the old one taken for the newest where it still is.
				if _, _, err = c.node(id).Rekey(ctx); err == nil || !strings.Contains(err.Error(), "n1 holds a newer one") {
					t.Fatalf("asked of %s, which has no new key, rekey says %v", id, err)
				}
			}
			c.restart(id, newKey, oldKey)
			if err := put(c.node(id), "callback", id); err != nil {
				t.Fatal(err)
			}
		}
		for _, id := range three {
			if value, err := c.node(id).Secret(ctx, "callback"); err != nil || string(value) != "n3" {
				t.Fatalf("%s reads %q, %v", id, value, err)
			}
		}
		key, resealed, err := c.node("n2").Rekey(ctx)
		if err != nil || resealed != 3 || key != sealKeyID(newKey) {
			t.Fatalf("rekey: %d under %s, %v", resealed, key, err)
		}
		if _, resealed, err = c.node("n3").Rekey(ctx); err != nil || resealed != 0 {
			t.Errorf("again: %d, %v", resealed, err)
		}
		// The old key is not needed any more, and does not suffice.
		c.restart("n1", newKey)
		if value, err := c.node("n1").Secret(ctx, "s3.access"); err != nil || string(value) != "one" {
			t.Errorf("under the new key: %q, %v", value, err)
		}
		c.restart("n2", oldKey)
		if value, err := c.node("n2").Secret(ctx, "s3.access"); err == nil || !strings.Contains(err.Error(), "seal key") {
			t.Errorf("with another seal key: %q, %v", value, err)
		}
		if err := put(c.node("n2"), "late", "x"); err == nil || !strings.Contains(err.Error(), "does not hold") {
			t.Errorf("sealing with a key that is gone: %v", err)
		}
	})
}

// The access keys of S3 clients are sealed like secrets: they go under the new key with
// them, and open nothing else.
func TestRekey_AccessKeys(t *testing.T) {
	inCluster(t, holding, three, func(t *testing.T, c *cluster) {
		const id = "STOKERARCHIVE"
		sealed, by, err := c.node("n1").SealFor(KeyPurpose(id), []byte("secret of a client"))
		if err != nil {
			t.Fatal(err)
		}
		k := fsm.CreateKey{ID: id, Name: "archive", Access: fsm.KeyRead, Sealed: sealed, SealKey: by}
		if _, err := Apply(t.Context(), c.node("n1"), k); err != nil {
			t.Fatal(err)
		}
		for _, id := range three {
			c.restart(id, newKey, oldKey)
		}
		if _, resealed, err := c.node("n2").Rekey(t.Context()); err != nil || resealed != 2 { // the JWT key's too
			t.Fatalf("rekey: %d, %v", resealed, err)
		}
		for _, node := range three {
			c.restart(node, newKey)
			n := c.node(node)
			v, err := n.Read(t.Context(), Linearizable)
			if err != nil {
				t.Fatal(err)
			}
			k, ok := v.AccessKey(id)
			v.Close()
			if secret, err := n.Unseal(KeyPurpose(id), k.Sealed); !ok || err != nil || string(secret) != "secret of a client" {
				t.Errorf("%s: %q, %v", node, secret, err)
			}
			if _, err := n.Unseal(KeyPurpose("STOKEROTHER"), k.Sealed); err == nil {
				t.Errorf("%s opens it as another key's", node)
			}
		}
	})
}

func TestRekey_WantsEveryMember(t *testing.T) {
	inCluster(t, holding, three, func(t *testing.T, c *cluster) {
		for _, id := range three {
			c.restart(id, newKey, oldKey)
		}
		c.crash("n3")
		_, _, err := c.node("n1").Rekey(t.Context())
		if r, ok := asRefusal(err); !ok || !strings.Contains(r.Message, "n3 does not answer") {
			t.Errorf("rekey without n3: %v", err)
		}
	})
}

func TestSecret_IsNoOther(t *testing.T) {
	inCluster(t, holding, []string{"n1"}, func(t *testing.T, c *cluster) {
		n := c.node("n1")
		sealed, key, err := n.SealFor(SecretPurpose("webhook.a"), []byte("a"))
		if err != nil {
			t.Fatal(err)
		}
		// Whoever can write the state cannot pass one secret off as another.
		if _, err := Apply(t.Context(), n, fsm.PutSecret{Name: "callback", Sealed: sealed, SealKey: key}); err != nil {
			t.Fatal(err)
		}
		if value, err := n.Secret(t.Context(), "callback"); err == nil {
			t.Errorf("opened as %q", value)
		}
	})
}
