package fsm

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
)

func init() {
	maps.Copy(verbs, map[string]verb{
		"token": tokenVerb, "revoke-token": revokeTokenVerb, "secret": secretVerb, "delete-secret": deleteSecretVerb,
		"rekey": rekeyVerb, "roll-jwt": rollVerb, "note": noteVerb,
		"key": keyVerb, "revoke-key": revokeKeyVerb,
	})
	maps.Copy(shows, map[string]func(*View, words) (string, error){
		"show-tokens": showTokens, "show-secrets": showSecrets, "show-audit": showAudit, "show-keys": showKeys,
	})
}

// token name=bot [text=t] [scope=read | worker] [life=1h]; the hash is of the text, or of the name.
func tokenVerb(_ *stage, w words) ([]act, error) {
	life, err := w.length("life")
	c := CreateToken{Name: w["name"], Kind: AdminToken, Scope: Scope(w["scope"]), Life: life}
	c.Hash = sha256.Sum256([]byte(w["name"] + w["text"]))
	if w.has("worker") {
		c.Kind = WorkerToken
	}
	return single(does(c, tellToken), err)
}

func tellToken(t Token) string {
	s := t.Holder()
	if t.Scope != "" {
		s += " scope=" + string(t.Scope)
	}
	if t.Until != 0 {
		s += " kept until " + clock(t.Until)
	}
	return s
}

func revokeTokenVerb(_ *stage, w words) ([]act, error) {
	return single(does(RevokeToken{Name: w["name"]}, func(TokenRevoked) string { return "revoked" }), nil)
}

// secret name=callback value=x [key=k1], the key that it is sealed with.
func secretVerb(_ *stage, w words) ([]act, error) {
	c := PutSecret{Name: w["name"], Sealed: []byte(w["value"]), SealKey: w["key"]}
	var err error
	if c.Life, err = w.length("life"); err != nil {
		return nil, err
	}
	return single(does(c, func(a SecretPut) string {
		if a.Replaced {
			return "replaced"
		}
		return "put"
	}), nil)
}

func deleteSecretVerb(_ *stage, w words) ([]act, error) {
	return single(does(DeleteSecret{Name: w["name"]}, func(SecretDeleted) string { return "deleted" }), nil)
}

// rekey key=k1 [late] [short] seals all secrets anew; late, as they were before one
// changed; short, without the first of them.
func rekeyVerb(s *stage, w words) ([]act, error) {
	v := s.m.View()
	defer v.Close()
	c := Rekey{SealKey: w["key"]}
	all := v.AllSecrets()
	for _, use := range slices.Sorted(maps.Keys(all)) {
		for _, one := range all[use] {
			r := Resealed{Use: use, ID: one.ID, Was: sha256.Sum256(one.Sealed), Sealed: []byte(w["key"] + "/" + string(one.Sealed))}
			if w.has("late") {
				r.Was = [32]byte{}
			}
			c.Secrets = append(c.Secrets, r)
		}
	}
	if w.has("short") {
		c.Secrets = c.Secrets[1:]
	}
	return single(does(c, func(Rekeyed) string { return fmt.Sprintf("%d secrets", len(c.Secrets)) }), nil)
}

// roll-jwt id=k2 [key=k1] [drop]
func rollVerb(_ *stage, w words) ([]act, error) {
	c := RollJWT{ID: w["id"], Sealed: []byte("sealed"), SealKey: w["key"], Drop: w.has("drop")}
	return single(does(c, func(a JWTRolled) string { return fmt.Sprintf("keys=%d", a.Keys) }), nil)
}

// key id=K1 [name=n] [access=read] [prefix=p/] [life=1h] [key=k1]; the name is the id unless it is given.
func keyVerb(_ *stage, w words) ([]act, error) {
	life, err := w.length("life")
	c := CreateKey{ID: w["id"], Name: w["id"], Access: KeyAccess(w["access"]), Prefix: w["prefix"], Life: life, Sealed: []byte("sealed"), SealKey: w["key"]}
	if w.has("name") {
		c.Name = w["name"]
	}
	return single(does(c, tellKey), err)
}

func tellKey(s Secret) string {
	line := fmt.Sprintf("%s %s %s %q", s.ID, s.Key.Name, s.Key.Access, s.Key.Prefix)
	if s.Until != 0 {
		line += " kept until " + clock(s.Until)
	}
	return line
}

func revokeKeyVerb(_ *stage, w words) ([]act, error) {
	return single(does(RevokeKey{Name: w["name"]}, func(a KeyRevoked) string { return "revoked " + a.ID }), nil)
}

func showKeys(v *View, _ words) (string, error) {
	var out []string
	for _, s := range v.AccessKeys() {
		out = append(out, tellKey(s)+" "+string(s.Sealed))
	}
	return strings.Join(out, "\n"), nil
}

func noteVerb(_ *stage, w words) ([]act, error) {
	return single(does(Note{Action: w["action"], Subject: w["subject"], Detail: w["detail"]}, func(Noted) string { return "noted" }), nil)
}

func showTokens(v *View, _ words) (string, error) {
	var out []string
	for _, t := range v.Tokens() {
		out = append(out, tellToken(t))
	}
	slices.Sort(out)
	return strings.Join(out, "\n"), nil
}

func showSecrets(v *View, w words) (string, error) {
	var out []string
	for _, s := range v.Secrets(w["use"]) {
		line := s.ID + "=" + string(s.Sealed)
		if s.Until != 0 {
			line += " until " + clock(s.Until)
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n"), nil
}

func showAudit(v *View, _ words) (string, error) {
	var out []string
	for a := range v.AuditAfter(Mark{}) {
		line := fmt.Sprintf("%s: %s", a.Who, a.Action)
		for _, more := range []string{a.Subject, a.Detail, string(a.Code)} {
			if more != "" {
				line += " " + more
			}
		}
		out = append(out, line)
	}
	newest := 0
	for range v.Audit(Mark{}) {
		newest++
	}
	if newest != len(out) {
		return "", fmt.Errorf("%d rows forward, %d backward", len(out), newest)
	}
	return strings.Join(out, "\n"), nil
}
