package acceptance

import (
	"bytes"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// runs runs the binary with something on its standard input, and env beside the test's own environment.
func runs(t *testing.T, env []string, in string, args ...string) (out, said string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Env = append(cmd.Environ(), env...)
	cmd.Stdin = strings.NewReader(in)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

// stoker runs the binary against the cluster and gives what it prints.
func (c *cluster) stoker(t *testing.T, in string, args ...string) (out string, err error) {
	t.Helper()
	env := []string{"STOKER_ENDPOINTS=" + strings.Join(c.operator.Endpoints, ","), "STOKER_ADMIN_TOKEN=" + c.operator.AdminToken}
	out, said, err := runs(t, env, in, args...)
	if err != nil {
		t.Logf("stoker %s: %v\n%s", strings.Join(args, " "), err, said)
	}
	return out, err
}

// stokerAt runs the binary as an operator would, against one node.
func (c *cluster) stokerAt(t *testing.T, node int, in string, args ...string) (out, said string, err error) {
	t.Helper()
	return runs(t, []string{"STOKER_OPERATOR=" + filepath.Join(c.Dir, "operator.toml"), "STOKER_ENDPOINTS=" + c.Nodes[node].HTTP}, in, args...)
}

// fails runs the binary where it must not succeed; it gives the complaint.
func (c *cluster) fails(t *testing.T, args ...string) string {
	t.Helper()
	_, said, err := runs(t, nil, "", args...)
	if err == nil {
		t.Errorf("stoker %s succeeded", strings.Join(args, " "))
	}
	return said
}

// told is stoker where it must succeed.
func (c *cluster) told(t *testing.T, in string, args ...string) string {
	t.Helper()
	out, err := c.stoker(t, in, args...)
	if err != nil {
		t.FailNow()
	}
	return strings.TrimSpace(out)
}

func TestGuard_ARevokedTokenIsRefusedOnEveryNode(t *testing.T) {
	c := shared(t)
	token := c.told(t, "", "access", "create", "--name", "guard-operator", "--scope", "operate")
	rack := c.told(t, "", "access", "create", "--name", "guard-rack", "--worker")
	poll := func(wait int) request {
		return request{method: "POST", path: "/queue/lease", token: rack, body: map[string]any{"worker_id": "guard", "presets": []string{"none"}, "wait_s": wait}}
	}
	for node := range c.Nodes {
		if got := c.send(t, node, request{method: "GET", path: "/admin/status", token: token}); got.status != 200 {
			t.Errorf("node %d: %d %s", node, got.status, got.body)
		}
		if got := c.send(t, node, poll(0)); got.status != 204 {
			t.Errorf("node %d: %d %s", node, got.status, got.body)
		}
		if got := c.send(t, node, request{method: "GET", path: "/admin/secrets/x", token: token}); got.status == 200 {
			t.Errorf("node %d: %s", node, got.body)
		}
		put := request{method: "PUT", path: "/admin/secrets/x", token: token, body: map[string]string{"value": "x"}}
		if got := c.send(t, node, put); got.code != "FORBIDDEN" {
			t.Errorf("node %d: the wrong scope: %d %s", node, got.status, got.body)
		}
	}
	if list := c.told(t, "", "access"); !strings.Contains(list, "guard-operator") || strings.Contains(list, token) {
		t.Errorf("access:\n%s", list)
	}
	parked := make(chan reply, len(c.Nodes))
	for node := range c.Nodes {
		go func() {
			got, err := c.try(t.Context(), node, poll(60))
			if err != nil {
				t.Error(err)
			}
			parked <- got
		}()
	}
	eventually(t, "three parked polls", func() bool {
		q, err := c.any.Operator().Queue(t.Context())
		return err == nil && q.WaitingWorkers >= 1 // one worker, wherever it asks
	})
	c.told(t, "", "access", "revoke", "guard-rack")
	c.told(t, "", "access", "revoke", "guard-operator")
	for node := range c.Nodes {
		if got := c.send(t, node, request{method: "GET", path: "/admin/status", token: token}); got.code != "AUTH_INVALID_TOKEN" {
			t.Errorf("node %d lets a revoked token in: %d %s", node, got.status, got.body)
		}
	}
	for range c.Nodes {
		if got := <-parked; got.status == 200 {
			t.Errorf("a poll under a revoked token was given work: %s", got.body)
		}
	}
	eventually(t, "every node refuses the revoked worker", func() bool {
		refused := 0
		for node := range c.Nodes {
			if c.send(t, node, poll(0)).code == "CALLBACK_UNAUTHORIZED" {
				refused++
			}
		}
		return refused == len(c.Nodes)
	})
	trail := c.told(t, "", "audit", "export", "--csv", "-")
	for _, row := range []string{"first admin,CreateToken,guard-operator", "first admin,RevokeToken,guard-rack"} {
		if !strings.Contains(trail, row) {
			t.Errorf("the audit log does not say %q:\n%s", row, trail)
		}
	}
}

func TestGuard_ARevokedUserIsOutOnEveryNode(t *testing.T) {
	c := shared(t)
	u := c.user(t)
	job, err := u.any.CreateJob(t.Context(), "interior", 1)
	if err != nil {
		t.Fatal(err)
	}
	streams := make([]*http.Response, len(c.Nodes))
	for node, n := range c.Nodes {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+n.HTTP+"/jobs/"+job.JobID+"/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+u.token)
		if streams[node], err = web.Do(req); err != nil || streams[node].StatusCode != 200 {
			t.Fatal(err, streams[node])
		}
		defer streams[node].Body.Close()
	}
	c.told(t, "", "user", "revoke", u.id)
	for node := range c.Nodes {
		var text bytes.Buffer
		if _, err := text.ReadFrom(streams[node].Body); err != nil { // to its end, which comes at once
			t.Errorf("node %d: %v", node, err)
		}
		for _, r := range []request{{method: "GET", path: "/me"}, {method: "POST", path: "/auth/refresh"}, {method: "POST", path: "/jobs/" + job.JobID + "/cancel"}} {
			r.token = u.token
			if got := c.send(t, node, r); got.code != "FORBIDDEN" {
				t.Errorf("node %d: %s: %d %s", node, r.path, got.status, got.body)
			}
		}
	}
	c.told(t, "", "user", "restore", u.id)
	for node := range c.Nodes {
		u.me(t, node)
	}
}

func TestGuard_ASecretIsKnownOnEveryNodeAndShownOnNone(t *testing.T) {
	c := shared(t)
	c.told(t, "hush-hush-callback\n", "secret", "put", "callback")
	defer c.told(t, "", "secret", "delete", "callback")
	for node := range c.Nodes {
		got := c.send(t, node, request{
			method: "POST", path: "/queue/lease", header: map[string]string{"X-Callback-Secret": "hush-hush-callback"},
			body: map[string]any{"worker_id": "old", "presets": []string{"none"}, "wait_s": 0},
		})
		if got.status != 204 {
			t.Errorf("node %d: %d %s", node, got.status, got.body)
		}
		for _, path := range []string{"/admin/secrets", "/admin/audit", "/admin/status"} {
			if got := c.send(t, node, request{method: "GET", path: path, token: c.operator.AdminToken}); bytes.Contains(got.body, []byte("hush")) {
				t.Errorf("%s shows it: %s", path, got.body)
			}
		}
	}
	if list := c.told(t, "", "secret"); !strings.Contains(list, "callback") || strings.Contains(list, "hush") {
		t.Errorf("secret:\n%s", list)
	}
}
