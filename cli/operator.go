package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"stoker/client"
)

// operatorPlaces are where operator.toml is looked for when nobody says where it is: here, and where `stoker dev` keeps it.
var operatorPlaces = []string{"operator.toml", filepath.Join(devFolder, "operator.toml")}

// operatorFlags say which cluster to speak to.
type operatorFlags struct {
	Operator string   `env:"STOKER_OPERATOR" metavar:"FILE" complete:".toml" help:"operator.toml of the cluster (./operator.toml, else ./.stoker/operator.toml)."`
	Endpoint []string `env:"STOKER_ENDPOINTS" metavar:"URL" help:"Nodes to speak to instead of the file's. STOKER_ADMIN_TOKEN and STOKER_WORKER_TOKEN replace its tokens."`
}

// cluster reads the file, if there is one, and lays environment and flags over it.
func (f operatorFlags) cluster() (client.Cluster, error) {
	path, err := f.path()
	if err != nil {
		return client.Cluster{}, err
	}
	var c client.Cluster
	if path != "" {
		if c, err = client.LoadOperator(path); err != nil {
			return client.Cluster{}, err
		}
	}
	if len(f.Endpoint) > 0 {
		c.Endpoints = f.Endpoint
	}
	if token := os.Getenv("STOKER_ADMIN_TOKEN"); token != "" {
		c.AdminToken = token
	}
	if token := os.Getenv("STOKER_WORKER_TOKEN"); token != "" {
		c.WorkerToken = token
	}
	return c, nil
}

// path is the file to read; empty when flags and environment suffice.
func (f operatorFlags) path() (string, error) {
	if f.Operator != "" {
		return f.Operator, nil
	}
	for _, place := range operatorPlaces {
		_, err := os.Stat(place)
		if err == nil {
			return place, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("operator file: %w", err)
		}
	}
	if len(f.Endpoint) > 0 {
		return "", nil
	}
	return "", errors.New("which cluster? Name its operator.toml with --operator or STOKER_OPERATOR; `stoker init` and `stoker dev` write one")
}

// dial makes a client with the operator's token.
func (f operatorFlags) dial() (*client.Client, error) {
	c, err := f.cluster()
	if err != nil {
		return nil, err
	}
	if c.AdminToken == "" {
		return nil, errors.New("no admin token: it is in operator.toml, or in STOKER_ADMIN_TOKEN")
	}
	return client.New(c)
}

// adminPatience bounds an operator's question: a person is waiting.
const adminPatience = 10 * time.Second

// ask dials and puts a question to the cluster, for as long as a person waits.
func (f operatorFlags) ask(s *shell, question func(context.Context, *client.Operator) error) error {
	return f.askFor(s, adminPatience, question)
}

// askFor is ask with another patience.
func (f operatorFlags) askFor(s *shell, patience time.Duration, question func(context.Context, *client.Operator) error) error {
	cluster, err := f.dial()
	if err != nil {
		return err
	}
	defer cluster.Close()
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	return question(ctx, cluster.Operator())
}
