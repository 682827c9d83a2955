package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"stoker/cli/demo"
	"stoker/cli/local"
	"stoker/cli/setup"
	"stoker/client"
)

// devFolder is where `stoker dev` keeps its cluster.
const devFolder = ".stoker"

// devDevice is the device of the user whose token `stoker dev` prints.
const devDevice = "stoker-dev"

// devCredits are what that user has left after a --seed.
const devCredits = 10

// goodbye is how long nodes may take to stop; their own limit is a little shorter.
const goodbye = 12 * time.Second

// devCommand is `stoker dev`.
type devCommand struct {
	Nodes int    `help:"How many nodes (1, or as many as the folder has)."`
	HTTP  string `name:"http" metavar:"HOST:PORT" help:"Public address of the first node; the others count up (127.0.0.1:8080)."`
	Data  string `default:".stoker" metavar:"DIR" help:"Folder of the cluster (${default})."`
	App   string `default:"stoker.app.toml" metavar:"FILE" help:"The app's configuration, deployed when it changes, if it is there (${default})."`
	Seed  string `metavar:"DIR|rooms" help:"Run a job on the JPEGs of a folder, or on drawn rooms, so that nothing is empty."`
	Init  bool   `help:"Write the app's configuration that is in force to that file, if it is not there."`
	Fresh bool   `help:"Throw away what the folder has and begin anew."`
}

// Help shows how to call it.
func (*devCommand) Help() string {
	return `  stoker dev
  stoker dev --seed photos             # with a finished job on the pictures in ./photos
  stoker dev --init                    # with ./stoker.app.toml to edit: prices, plans, presets, limits
  stoker dev --nodes 3 --http 127.0.0.1:8080
  stoker worker                        # in another terminal, same folder`
}

// Run starts the cluster and stays until Ctrl-C.
func (c *devCommand) Run(s *shell) error {
	if err := c.prepare(); err != nil {
		return err
	}
	cluster, err := local.Open(c.Data, "")
	if err != nil {
		return err
	}
	if c.Nodes > 0 && c.Nodes != len(cluster.Nodes) {
		return fmt.Errorf("%s has %d nodes: leave --nodes away, or add --fresh to begin anew with %d", c.Data, len(cluster.Nodes), c.Nodes)
	}
	if first := cluster.Nodes[0].HTTP; c.HTTP != "" && port(c.HTTP) != port(first) {
		return fmt.Errorf("%s serves %s: leave --http away, or add --fresh to begin anew", c.Data, first)
	}
	if err := cluster.Start(s.ctx); err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(s.ctx), goodbye, errors.New("it took too long"))
		defer cancel()
		if err := cluster.Stop(ctx); err != nil {
			s.notef("stoker: %v\n", err)
		}
	}()
	operator, err := client.LoadOperator(filepath.Join(c.Data, "operator.toml"))
	if err != nil {
		return err
	}
	api, err := client.New(operator)
	if err != nil {
		return err
	}
	defer api.Close()
	if err := c.writeApp(s, api.Operator()); err != nil {
		return err
	}
	if err := c.greet(s, cluster, api, operator); err != nil {
		return err
	}
	if err := c.seed(s, cluster, api); err != nil && s.ctx.Err() == nil {
		s.notef("stoker: --seed: %v\n", err) // the cluster runs, and is of use without
	}
	ctx, stop := context.WithCancel(s.ctx)
	followed := make(chan struct{})
	go func() {
		(&appWatch{path: c.App}).follow(ctx, s, api.Operator())
		close(followed)
	}()
	defer func() { stop(); <-followed }()
	return watch(s, cluster)
}

// port is what tells two addresses of this machine apart: 0.0.0.0 is reached as 127.0.0.1.
func port(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }

// prepare founds the cluster where there is none yet.
func (c *devCommand) prepare() error {
	operator := filepath.Join(c.Data, "operator.toml")
	_, err := os.Stat(operator)
	switch {
	case err == nil && !c.Fresh:
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case err == nil: // only a folder that is a cluster's is thrown away, whatever --data says
		if err := os.RemoveAll(c.Data); err != nil {
			return err
		}
	}
	addr := c.HTTP
	if addr == "" {
		addr = fmt.Sprintf("127.0.0.1:%d", setup.DefaultHTTP)
	}
	nodes, err := local.InOrder(max(c.Nodes, 1), addr)
	if err != nil {
		return err
	}
	if _, err := setup.Found(setup.Plan{Nodes: nodes, Out: c.Data}); err != nil {
		return err
	}
	// The folder lies in somebody's project and holds keys.
	return os.WriteFile(filepath.Join(c.Data, ".gitignore"), []byte("*\n"), 0o644)
}

// writeApp writes the configuration in force for who wants to edit it.
func (c *devCommand) writeApp(s *shell, o *client.Operator) error {
	if _, err := os.Stat(c.App); !c.Init || err == nil {
		return nil
	}
	v, err := o.Settings(s.ctx)
	if err != nil {
		return err
	}
	return writeNew(c.App, pulled(v), false)
}

// greet prints what a developer needs to begin.
func (c *devCommand) greet(s *shell, cluster *local.Cluster, api *client.Client, operator client.Cluster) error {
	app := api.App("")
	user, err := app.SignIn(s.ctx, devDevice)
	if err != nil {
		return err
	}
	s.printf("Stoker runs: %d node(s) in %s, logs in %s.\n\n", len(cluster.Nodes), c.Data, filepath.Join(c.Data, "log"))
	for _, n := range cluster.Nodes {
		s.printf("  %s            http://%s\n", n.ID, n.HTTP)
	}
	url := "http://" + cluster.Nodes[0].HTTP
	for _, page := range pages(s.ctx, url) {
		s.printf("  look at       %s\n", page)
	}
	s.printf("  user          %s (%s)\n  user token    %s\n  worker token  %s\n  operator      %s\n\nTry:\n\n",
		user.UserID, user.Plan, user.Token, operator.WorkerToken, filepath.Join(c.Data, "operator.toml"))
	s.printf("  curl -s %s/me -H 'Authorization: Bearer %s'\n", url, user.Token)
	s.printf("  curl -s %s/jobs -H 'Authorization: Bearer %s' -H 'Content-Type: application/json' -d '{\"preset\":\"interior\",\"item_count\":1}'\n", url, user.Token)
	s.printf("  curl -s %s/queue/lease -H 'Authorization: Bearer %s' -H 'Content-Type: application/json' -d '{\"worker_id\":\"me\",\"wait_s\":1}' -i\n", url, operator.WorkerToken)
	s.printf("\nA worker: stoker worker --operator %s   Ctrl-C ends it all; the data stays.\n", filepath.Join(c.Data, "operator.toml"))
	return nil
}

// seed runs a job of the user that greet has named, who keeps as many credits as one begins with.
func (c *devCommand) seed(s *shell, cluster *local.Cluster, api *client.Client) error {
	if c.Seed == "" {
		return nil
	}
	before, err := api.Operator().Jobs(s.ctx, client.JobQuery{Limit: 1})
	if err != nil {
		return err
	}
	if len(before.Jobs) > 0 {
		s.printf("\nThere are jobs already, --seed adds none: stoker job list shows them.\n")
		return nil
	}
	s.printf("\n")
	job, err := demo.Seed{Cluster: cluster, API: api, Photos: c.Seed, Device: devDevice, Spare: devCredits, Screen: s.out}.Run(s.ctx)
	if err != nil {
		return err
	}
	url := "http://" + cluster.Nodes[0].HTTP
	s.printf("\n%s is done: %s/admin/#/jobs/%[1]s and `stoker job show %[1]s` show it.\n", job, url)
	return nil
}

// watch returns when the user has had enough, or with the reason when a node ends by itself.
func watch(s *shell, cluster *local.Cluster) error {
	died := make(chan error)
	for _, n := range cluster.Nodes {
		go func(p *local.Process) {
			<-p.Ended()
			if err := p.Failure(); err != nil {
				select {
				case died <- err:
				case <-s.ctx.Done():
				}
			}
		}(n.Process())
	}
	for alive := len(cluster.Nodes); ; {
		select {
		case <-s.ctx.Done():
			s.notef("\nstopping…\n")
			return nil
		case err := <-died:
			if alive--; alive == 0 {
				return err
			}
			s.notef("stoker: %v\n", err)
		}
	}
}
