package node

import (
	"errors"
	"net/http"
)

// ErrRemoved: the others have taken this node's seat. It must end, and does not
// start again.
var ErrRemoved = errors.New("node: this node was removed from the cluster, and its id is never used again; " +
	"delete its folder, and join the machine under a new id if it shall come back (`stoker token create`)")

// Removed is closed when another member says that this node is none any more.
// Who runs the node stops it then.
func (n *Node) Removed() <-chan struct{} { return n.gone }

// depart takes another member's word that this node was removed: it comes over a
// connection that proves who says it. The folder remembers, so that the next
// start is refused without asking anybody.
func (n *Node) depart(says string) {
	n.departed.Do(func() {
		n.log.Error("this node was removed from the cluster; it serves nobody any more", "says", says)
		if err := n.nursery.bury(); err != nil {
			n.log.Error("the folder cannot remember that this node was removed; the next start will ask again", "err", err)
		}
		close(n.gone)
	})
}

// welcome serves members. One that was removed is told so, and nothing else.
func (n *Node) welcome(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.roster.barred(Caller(r)) {
			http.Error(w, ErrRemoved.Error(), http.StatusGone)
			return
		}
		h.ServeHTTP(w, r)
	})
}
