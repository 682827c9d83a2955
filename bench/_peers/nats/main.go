// Command peer is a NATS server with JetStream, and what drives it: `peer serve` is a server, `peer load` is workers. It is
// built by the benchmark from this folder, as a module of its own, and prints what was measured as JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"peer/drive"
)

func main() {
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(what string, args []string) error {
	flags := flag.NewFlagSet(what, flag.ContinueOnError)
	name := flags.String("name", "", "of this server")
	dir := flags.String("dir", "", "folder of this server")
	client := flags.String("client", "", "address for clients")
	peer := flags.String("peer", "", "address for servers")
	cluster := flags.String("cluster", "", "name=address of all servers, for servers")
	nodes := flags.String("nodes", "", "addresses for clients, with commas")
	clients := flags.Int("clients", 1, "at a time")
	warm := flags.Duration("warm", 0, "unmeasured")
	span := flags.Duration("for", time.Second, "measured")
	rate := flags.Float64("rate", 0, "begun a second; 0: one after another")
	kind := flags.String("kind", "always", "always, or default: sync_interval")
	items := flags.Int("items", 10000, "published before")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if what == "serve" {
		return serve(*name, *dir, *client, *peer, *cluster, *kind == "always")
	}
	row, err := load(context.Background(), strings.Split(*nodes, ","), *clients, *items, *rate, drive.Span{Warm: *warm, For: *span})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(row)
}

func serve(name, dir, client, peer, cluster string, always bool) error {
	host, port, err := split(client)
	if err != nil {
		return err
	}
	o := &server.Options{ServerName: name, Host: host, Port: port, JetStream: true, StoreDir: dir, SyncAlways: always, NoLog: true, NoSigs: true}
	members := strings.Split(cluster, ",")
	if len(members) > 1 {
		o.Cluster.Name = "bench"
		if o.Cluster.Host, o.Cluster.Port, err = split(peer); err != nil {
			return err
		}
		for _, m := range members {
			id, addr, _ := strings.Cut(m, "=")
			if id != name {
				o.Routes = append(o.Routes, &url.URL{Scheme: "nats", Host: addr})
			}
		}
	}
	s, err := server.NewServer(o)
	if err != nil {
		return err
	}
	s.Start()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	<-ctx.Done()
	s.Shutdown()
	return nil
}

func split(addr string) (string, int, error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, err
	}
	port, err := strconv.Atoi(text)
	return host, port, err
}

// load publishes messages of 300 bytes into a work queue with as many replicas as there are servers, and has workers, spread
// over the servers, fetch one and acknowledge it, waiting for the answer to that.
func load(ctx context.Context, nodes []string, clients, items int, rate float64, span drive.Span) (drive.Row, error) {
	var streams []jetstream.JetStream
	for _, n := range nodes {
		c, err := nats.Connect("nats://" + n)
		if err != nil {
			return drive.Row{}, err
		}
		defer c.Close()
		js, err := jetstream.New(c, jetstream.WithPublishAsyncMaxPending(256))
		if err != nil {
			return drive.Row{}, err
		}
		streams = append(streams, js)
	}
	name := "work" + strconv.FormatInt(time.Now().UnixNano(), 10)
	if err := fill(ctx, streams[0], name, len(nodes), items); err != nil {
		return drive.Row{}, fmt.Errorf("filling the stream: %w", err)
	}
	defer streams[0].DeleteStream(ctx, name)
	if _, err := streams[0].CreateConsumer(ctx, name, jetstream.ConsumerConfig{
		Durable: "workers", AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: 100_000,
	}); err != nil {
		return drive.Row{}, err
	}
	var consumers []jetstream.Consumer
	for i := range clients {
		c, err := streams[i%len(streams)].Consumer(ctx, name, "workers")
		if err != nil {
			return drive.Row{}, err
		}
		consumers = append(consumers, c)
	}
	span.Ops = items
	return drive.Loop(ctx, clients, rate, span, func(ctx context.Context, i int) error {
		batch, err := consumers[i].Fetch(1, jetstream.FetchMaxWait(10*time.Second))
		if err != nil {
			return err
		}
		n := 0
		for m := range batch.Messages() {
			n++
			if err := m.DoubleAck(ctx); err != nil {
				return err
			}
		}
		if n == 0 {
			return errors.Join(batch.Error(), errors.New("a fetch gave nothing"))
		}
		return batch.Error()
	})
}

// fill makes the stream once there is a leader for it, and publishes.
func fill(ctx context.Context, js jetstream.JetStream, name string, replicas, items int) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	conf := jetstream.StreamConfig{Name: name, Subjects: []string{name}, Retention: jetstream.WorkQueuePolicy, Storage: jetstream.FileStorage, Replicas: replicas}
	for {
		_, err := js.CreateStream(ctx, conf)
		if err == nil {
			break
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
	record := []byte(strings.Repeat("x", 300))
	for range items {
		if _, err := js.PublishAsync(name, record); err != nil {
			return err
		}
	}
	select {
	case <-js.PublishAsyncComplete():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
