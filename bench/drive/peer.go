package drive

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

// Server is one server of a peer, as its flags say.
type Server struct {
	Name, Dir    string
	Client, Peer string   // addresses that clients and other servers reach it at
	Cluster      []string // name=address of all servers, for servers
	Kind         string   // which variant of the peer it is
}

// Load is what a peer's clients are to do.
type Load struct {
	Nodes   []string // addresses for clients
	Clients int
	Rate    float64 // as in Loop
	Span    Span
	Items   int // that there is to be work for
	Kind    string
}

// Peer is the main function of a peer's program: `peer serve …` is one of its servers, `peer load …` its clients, which print what
// was measured as JSON.
func Peer(kind string, serve func(Server) error, load func(context.Context, Load) (Row, error)) {
	if err := peer(os.Args[1], os.Args[2:], kind, serve, load); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func peer(what string, args []string, kind string, serve func(Server) error, load func(context.Context, Load) (Row, error)) error {
	flags := flag.NewFlagSet(what, flag.ContinueOnError)
	var s Server
	flags.StringVar(&s.Name, "name", "", "of this server")
	flags.StringVar(&s.Dir, "dir", "", "folder of this server")
	flags.StringVar(&s.Client, "client", "", "address for clients")
	flags.StringVar(&s.Peer, "peer", "", "address for servers")
	cluster := flags.String("cluster", "", "name=address of all servers, for servers, with commas")
	var l Load
	nodes := flags.String("nodes", "", "addresses for clients, with commas")
	flags.IntVar(&l.Clients, "clients", 1, "at a time")
	flags.DurationVar(&l.Span.Warm, "warm", 0, "unmeasured")
	flags.DurationVar(&l.Span.For, "for", time.Second, "measured")
	flags.Float64Var(&l.Rate, "rate", 0, "begun a second; 0: one after another")
	flags.IntVar(&l.Items, "items", 10000, "that there is to be work for")
	flags.StringVar(&kind, "kind", kind, "variant")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if what == "serve" {
		s.Cluster, s.Kind = strings.Split(*cluster, ","), kind
		return serve(s)
	}
	l.Nodes, l.Kind = strings.Split(*nodes, ","), kind
	row, err := load(context.Background(), l)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(row)
}
