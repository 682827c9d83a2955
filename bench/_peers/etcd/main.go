// Command peer is etcd, and what drives it: `peer serve` is a member, `peer load` is clients. It is built by the benchmark
// from this folder, as a module of its own, and prints what was measured as JSON.
package main

import (
	"context"
	"fmt"
	"net/url"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"

	"peer/drive"
)

func main() { drive.Peer("txn", serve, load) }

// serve is a member with the defaults of its own program: WAL synced before an answer.
func serve(s drive.Server) error {
	c := embed.NewConfig()
	c.Name, c.Dir, c.LogLevel = s.Name, s.Dir, "error"
	var all []string
	for _, m := range s.Cluster {
		id, addr, _ := strings.Cut(m, "=")
		all = append(all, id+"=http://"+addr)
	}
	c.InitialCluster = strings.Join(all, ",")
	c.ListenClientUrls = []url.URL{{Scheme: "http", Host: s.Client}}
	c.AdvertiseClientUrls = c.ListenClientUrls
	c.ListenPeerUrls = []url.URL{{Scheme: "http", Host: s.Peer}}
	c.AdvertisePeerUrls = c.ListenPeerUrls
	c.QuotaBackendBytes = 8 << 30
	e, err := embed.StartEtcd(c)
	if err != nil {
		return err
	}
	defer e.Close()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	select {
	case err := <-e.Err():
		return err
	case <-ctx.Done():
		return nil
	}
}

// load has clients, spread over the members, debit a counter of their own if it is what they read, and put a record of 300
// bytes, in one transaction; or just put the record.
func load(ctx context.Context, l drive.Load) (drive.Row, error) {
	var conns []*clientv3.Client
	for _, n := range l.Nodes {
		c, err := clientv3.New(clientv3.Config{Endpoints: []string{"http://" + n}, DialTimeout: 10 * time.Second})
		if err != nil {
			return drive.Row{}, err
		}
		defer c.Close()
		conns = append(conns, c)
	}
	record := strings.Repeat("x", 300)
	run := time.Now().UnixNano()
	have, turns := make([]int, l.Clients), make([]int, l.Clients) // each client's own
	for i := range have {
		have[i] = 1_000_000_000
		if _, err := conns[0].Put(ctx, user(run, i), strconv.Itoa(have[i])); err != nil {
			return drive.Row{}, err
		}
	}
	return drive.Loop(ctx, l.Clients, l.Rate, l.Span, func(ctx context.Context, i int) error {
		c := conns[i%len(conns)]
		job := fmt.Sprintf("job/%d/%d/%d", run, i, turns[i])
		turns[i]++
		if l.Kind == "put" {
			_, err := c.Put(ctx, job, record)
			return err
		}
		was, is := strconv.Itoa(have[i]), strconv.Itoa(have[i]-3)
		done, err := c.Txn(ctx).If(clientv3.Compare(clientv3.Value(user(run, i)), "=", was)).
			Then(clientv3.OpPut(user(run, i), is), clientv3.OpPut(job, record)).Commit()
		if err != nil {
			return err
		}
		if !done.Succeeded {
			return fmt.Errorf("the counter of client %d is not %s", i, was)
		}
		have[i] -= 3
		return nil
	})
}

func user(run int64, i int) string { return fmt.Sprintf("user/%d/%d", run, i) }
