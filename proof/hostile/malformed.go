package hostile

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// malformed sends each form on a connection of its own.
func (t Target) malformed(ctx context.Context) []Row {
	forms := Forms()
	taken, refused := Row{Name: "read in one way", rule: answered}, Row{Name: "refused", rule: answered}
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, f := range forms {
		all.Go(func() {
			began := time.Now()
			err := t.send(ctx, f)
			stood := stay{began, time.Now()}
			mu.Lock()
			defer mu.Unlock()
			row := &refused
			if f.Takes != "" {
				row = &taken
			}
			row.Conns++
			row.stays = append(row.stays, stood)
			if err != nil {
				row.Wrong = append(row.Wrong, f.Name+": "+err.Error())
			}
		})
	}
	all.Wait()
	taken.Came = "nothing is seen in a body"
	refused.Came = "ended; nothing behind it was answered, nothing stored"
	if err := t.unknown(ctx, smuggled); err != nil {
		refused.Wrong = append(refused.Wrong, err.Error())
	}
	return []Row{taken, refused}
}

// send sends a form with one more request behind it and holds against it what came.
func (t Target) send(ctx context.Context, f Form) error {
	conn, err := dial(ctx, t.Addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetWriteDeadline(time.Now().Add(t.Read + grace))
	conn.Write([]byte(f.Sends + last))                         // that it may be hung up on in the middle is the point
	conn.(*net.TCPConn).CloseWrite()                           // so that nobody waits for the rest of a body
	got, timely := answers(conn, time.Now().Add(t.Read+grace)) // our side is closed: it need not wait for the limit
	if !timely {
		return fmt.Errorf("the connection goes on after %v", got)
	}
	var ids []string
	refusals := 0
	for _, a := range got {
		switch named := a.id == "outer" || a.id == "inner" || a.id == "last"; {
		case named && !(a.id == "outer" && a.status/100 == 4 && f.Takes == ""):
			ids = append(ids, a.id)
		case a.status/100 == 4: // also for want of a token, before the body was looked at
			refusals++
		}
	}
	seen := strings.Join(ids, " ")
	switch {
	case seen == f.Takes && (f.Takes == "" || refusals == 0):
		return nil
	case !f.Must && (seen == "" || seen == "outer" && got[0].status/100 == 4):
		return nil // refused, at its head or at its body
	}
	return fmt.Errorf("it was read as %v", got)
}

// unknown says whether a device has no user yet. It has one from then on.
func (t Target) unknown(ctx context.Context, device string) error {
	var in struct {
		IsNew bool `json:"is_new"`
	}
	if err := t.ask(ctx, http.MethodPost, "/auth/anon", "", fmt.Sprintf(`{"device_hash":%q}`, device), &in); err != nil {
		return err
	}
	if !in.IsNew {
		return fmt.Errorf("a request that was hidden in another one has made the user of the device %q", device)
	}
	return nil
}
