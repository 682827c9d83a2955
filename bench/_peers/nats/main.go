// Command peer is a NATS server with JetStream, and what drives it: `peer serve` is a server, `peer load` is workers. It is
// built by the benchmark from this folder, as a module of its own, and prints what was measured as JSON.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
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

func main() { drive.Peer("always", serve, load) }

// serve is a server of a cluster, whose streams sync each write if the kind says always, else every two minutes.
func serve(of drive.Server) error {
	host, port, err := split(of.Client)
	if err != nil {
		return err
	}
	o := &server.Options{ServerName: of.Name, Host: host, Port: port, JetStream: true, StoreDir: of.Dir, SyncAlways: of.Kind == "always", NoLog: true, NoSigs: true}
	if len(of.Cluster) > 1 {
		o.Cluster.Name = "bench"
		if o.Cluster.Host, o.Cluster.Port, err = split(of.Peer); err != nil {
			return err
		}
		for _, m := range of.Cluster {
			id, addr, _ := strings.Cut(m, "=")
			if id != of.Name {
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
func load(ctx context.Context, l drive.Load) (drive.Row, error) {
	var streams []jetstream.JetStream
	for _, n := range l.Nodes {
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
	if err := fill(ctx, streams[0], name, len(l.Nodes), l.Items); err != nil {
		return drive.Row{}, fmt.Errorf("filling the stream: %w", err)
	}
	defer streams[0].DeleteStream(ctx, name)
	if _, err := streams[0].CreateConsumer(ctx, name, jetstream.ConsumerConfig{
		Durable: "workers", AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: 100_000,
	}); err != nil {
		return drive.Row{}, err
	}
	var consumers []jetstream.Consumer
	for i := range l.Clients {
		c, err := streams[i%len(streams)].Consumer(ctx, name, "workers")
		if err != nil {
			return drive.Row{}, err
		}
		consumers = append(consumers, c)
	}
	l.Span.Ops = l.Items
	return drive.Loop(ctx, l.Clients, l.Rate, l.Span, func(ctx context.Context, i int) error {
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
