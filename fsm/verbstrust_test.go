package fsm

import (
	"fmt"
	"maps"
	"strings"
)

func init() {
	maps.Copy(verbs, map[string]verb{"rotate-ca": rotateVerb, "step-ca": stepVerb, "acme": acmeVerb})
	maps.Copy(shows, map[string]func(*View, words) (string, error){"show-ca": showCA})
}

// rotate-ca cert=ca2 [sealed=x] [key=k1] [without=n3,n4]
func rotateVerb(_ *stage, w words) ([]act, error) {
	return single(does(RotateCA{
		Cert: []byte(w["cert"]), Sealed: []byte("key of " + w["cert"] + w["sealed"]), SealKey: w["key"], Without: w.list("without"),
	}, tellTrust), nil)
}

// step-ca cert=ca2 to=signing [without=n3]
func stepVerb(_ *stage, w words) ([]act, error) {
	return single(does(StepCA{CA: AuthorityID([]byte(w["cert"])), To: Phase(w["to"]), Without: w.list("without")}, tellTrust), nil)
}

func tellTrust(t Trust) string {
	s := strings.TrimSpace(fmt.Sprintf("%s %s", t.CA, t.Phase))
	if len(t.Without) > 0 {
		s += " without " + strings.Join(t.Without, ",")
	}
	return s
}

// acme name=example.org value=x [key=k1]; no value forgets it.
func acmeVerb(_ *stage, w words) ([]act, error) {
	return single(does(KeepACME{Name: w["name"], Sealed: []byte(w["value"]), SealKey: w["key"]}, func(ACMEKept) string { return "ok" }), nil)
}

func showCA(v *View, _ words) (string, error) {
	t, ok := v.Trust()
	if !ok {
		t.Phase = "never replaced"
	}
	s, _ := v.SigningCA()
	return fmt.Sprintf("%s, signed with %q of %d", tellTrust(t), s.Sealed, len(v.Secrets(UseCA))), nil
}
