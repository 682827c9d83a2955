package node

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hashicorp/raft"
)

func TestPort_OnlyMembersGetInAndOnlyTheDialledMemberAnswers(t *testing.T) {
	testCA()
	own := func(ca *authority, role string) *Identity {
		cert, key := ca.issue(role)
		pair, err := tls.X509KeyPair(cert, key)
		must(err)
		return newIdentity(pair, testTLS("n1").trusted())
	}
	stranger := newAuthority("another CA")
	synctest.Test(t, func(t *testing.T) {
		net := newNetwork()
		open := func(id string, who *Identity) *port {
			c := Config{ID: id, TLS: who, Dial: net.dialer(id), Members: []Member{{ID: id, Addr: id}}}.withDefaults()
			return newPort(c, net.listen(id), newRoster([]Member{{ID: "n1", Addr: "n1"}, {ID: "mistaken", Addr: "n1"}}))
		}
		n1 := open("n1", testTLS("n1"))
		defer n1.close()
		for name, c := range map[string]struct {
			who  *Identity
			dial string
			ok   bool
		}{
			"a member":                     {testTLS("n2"), "n1", true},
			"another role of the same CA":  {own(testCA(), "stoker://operator/me"), "n1", false},
			"a node of another CA":         {own(stranger, "stoker://node/n2"), "n1", false},
			"no certificate":               {newIdentity(tls.Certificate{}, testTLS("n1").trusted()), "n1", false},
			"not the member it dialled":    {testTLS("n2"), "mistaken", false},
			"a server that is not trusted": {newIdentity(*testTLS("n2").show(), []*x509.Certificate{stranger.cert}), "n1", false},
		} {
			p := open("client", c.who)
			conn, err := p.dial(t.Context(), c.dial, protoRaft)
			if err == nil { // TLS 1.3: a client learns of its refusal with the first read
				synctest.Wait()
				if c.ok {
					(<-n1.raft.conns).Close()
				}
				if _, err = conn.Read(make([]byte, 1)); err == io.EOF {
					err = nil
				}
				conn.Close()
			}
			if (err == nil) != c.ok {
				t.Errorf("%s: %v", name, err)
			}
			p.close()
		}
	})
}

// TestPort_ARemovedMemberIsHeardNoMore: not on a connection that stood before either.
func TestPort_ARemovedMemberIsHeardNoMore(t *testing.T) {
	testCA()
	synctest.Test(t, func(t *testing.T) {
		net := newNetwork()
		both := newRoster([]Member{{ID: "n1", Addr: "n1"}, {ID: "n2", Addr: "n2"}})
		open := func(id string) *port {
			return newPort(Config{ID: id, TLS: testTLS(id), Dial: net.dialer(id)}.withDefaults(), net.listen(id), both)
		}
		n1, n2 := open("n1"), open("n2")
		defer n1.close()
		defer n2.close()
		conn, err := n2.dial(t.Context(), "n1", protoRaft)
		if err != nil {
			t.Fatal(err)
		}
		heard := <-n1.raft.conns
		b := make([]byte, 1)
		conn.Write(b)
		if _, err := heard.Read(b); err != nil {
			t.Fatal(err)
		}
		heard.Write(b) // the answer
		both.set(raft.Configuration{Servers: []raft.Server{{ID: "n1"}}}, nil, []string{"n2"})
		conn.Write(b)
		if _, err := heard.Read(b); !errors.Is(err, ErrRemoved) {
			t.Errorf("after its removal n2 is heard: %v", err)
		}
	})
}

func TestCall_ReachesHandlersOfOtherMembersAndNamesTheCaller(t *testing.T) {
	inCluster(t, nil, three, func(t *testing.T, c *cluster) {
		for _, n := range c.others("") {
			n.Handle("POST /echo/{word}", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				io.WriteString(w, Caller(r)+" to "+n.ID()+": "+r.PathValue("word")+string(b))
			}))
		}
		from, to := c.node("n1"), c.node("n2")
		req, _ := http.NewRequest("POST", "/echo/hi", strings.NewReader("!"))
		resp, err := from.Call(t.Context(), "n2", req)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(b) != "n1 to n2: hi!" {
			t.Errorf("answer %q", b)
		}
		req, _ = http.NewRequest("POST", "/echo/lead", strings.NewReader(""))
		if resp, err = to.CallLeader(t.Context(), req); err != nil {
			t.Fatal(err)
		}
		b, _ = io.ReadAll(resp.Body)
		resp.Body.Close()
		if want := "n2 to " + c.leader().cfg.ID + ": lead"; string(b) != want {
			t.Errorf("answer %q, want %q", b, want)
		}
	})
}
