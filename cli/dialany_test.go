package cli

import (
	"net"
	"slices"
	"testing"

	"stoker/client"
)

// TestDialAny: a node that is gone is passed over, and only where the object store is the cluster's own.
func TestDialAny(t *testing.T) {
	up, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer up.Close()
	down, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := down.Addr().String()
	down.Close()
	where := client.Cluster{Endpoints: []string{"http://" + gone, "http://" + up.Addr().String()}}
	if got := otherNodes("s3.example.com", where); got != nil {
		t.Errorf("beside somebody else's store: %v", got)
	}
	others := otherNodes(gone, where)
	if !slices.Equal(others, []string{up.Addr().String()}) {
		t.Fatalf("beside %s: %v", gone, others)
	}
	c, err := dialAny(others)(t.Context(), "tcp", gone)
	if err != nil {
		t.Fatal(err)
	}
	if c.Close(); c.RemoteAddr().String() != up.Addr().String() {
		t.Errorf("connected to %s", c.RemoteAddr())
	}
	if _, err := dialAny([]string{gone})(t.Context(), "tcp", gone); err == nil {
		t.Error("nobody is there, and somebody answers")
	}
}
