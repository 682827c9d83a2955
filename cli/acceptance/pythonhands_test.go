//go:build python && unix

package acceptance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"stoker/cli/local"
	"stoker/client"
)

// gpuFarm is one node of the real binary with Python workers that do what is written in the pictures: testdata/hands.py.
type gpuFarm struct {
	*cluster
	gates string // folder that the hands look into
}

func newFarm(t *testing.T, c *cluster) gpuFarm {
	t.Helper()
	return gpuFarm{c, t.TempDir()}
}

// farm is one of the product's own binary.
func farm(t *testing.T) gpuFarm {
	t.Helper()
	c := newCluster(t, 1, binary)
	c.begin(t)
	return newFarm(t, c)
}

// hand is a Python worker as a process.
type hand struct {
	*local.Process
	name string
	said *output
}

// hand starts a worker of this name. It is up when the cluster lists it.
func (f gpuFarm) hand(t *testing.T, name string, args ...string) hand {
	t.Helper()
	env, err := exec.LookPath("env") // these tests run beside each other, so no t.Setenv
	if err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("../../client/python/stoker_worker.py")
	if err != nil {
		t.Fatal(err)
	}
	endpoints := strings.Join(f.operator.Endpoints, ",")
	h := hand{name: name, said: &output{}}
	h.Process, err = local.Launch(local.Command{
		Name: "python worker " + name, Path: env, Log: filepath.Join(f.gates, name+".log"), Tap: h.said,
		Args: append([]string{
			"PYTHONPATH=" + filepath.Join(filepath.Dir(script), "../../cli/acceptance/testdata"), "PYTHONDONTWRITEBYTECODE=1",
			"HAND_NAME=" + name, "HAND_GATES=" + f.gates, "HAND_NODE=" + f.operator.Endpoints[0], "HAND_TOKEN=" + f.operator.WorkerToken,
			"python3", script, "--endpoints", endpoints, "--token", f.operator.WorkerToken, "--handler", "hands:hand",
			"--worker-id", name, "--spool", filepath.Join(f.gates, "spool"),
		}, args...),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		h.Kill()
		if t.Failed() {
			t.Logf("worker %s said:\n%s", name, h.said)
		}
	})
	return h
}

// says waits until the worker has printed a text.
func (h hand) says(t *testing.T, text string) {
	t.Helper()
	eventually(t, fmt.Sprintf("worker %s says %q", h.name, text), func() bool { return strings.Contains(h.said.String(), text) })
}

// gpu is the GPU process in which the worker began a word, the latest time.
func (h hand) gpu(t *testing.T, word string) (pid int) {
	t.Helper()
	begun := "began " + word + " as "
	h.says(t, begun)
	text := h.said.String()
	if _, err := fmt.Sscan(text[strings.LastIndex(text, begun)+len(begun):], &pid); err != nil {
		t.Fatal(err)
	}
	return pid
}

// open opens a gate.
func (f gpuFarm) open(t *testing.T, gate string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(f.gates, gate), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// job is an executed one of a new user: a picture for each word.
func (f gpuFarm) job(t *testing.T, words ...string) (*user, string) {
	t.Helper()
	u := f.user(t)
	ticket := u.created(t, 0, len(words))
	for _, to := range ticket.PresignedURLs {
		picture := append([]byte(aPicture), words[to.Idx]...)
		if err := u.any.Upload(t.Context(), to.URL, bytes.NewReader(picture)); err != nil {
			t.Fatal(err)
		}
	}
	if err := u.any.ConfirmUpload(t.Context(), ticket.JobID); err != nil {
		t.Fatal(err)
	}
	if err := u.any.Execute(t.Context(), ticket.JobID, wall); err != nil {
		t.Fatal(err)
	}
	return u, ticket.JobID
}

// made waits for the job's end, in which every item is done, and gives what the results say.
func (f gpuFarm) made(t *testing.T, u *user, job string) []string {
	t.Helper()
	eventually(t, "job "+job+" ends", func() bool { return u.job(t, 0, job).Status.Terminal() })
	j := u.job(t, 0, job)
	if j.Status != client.Done || j.DoneItems != j.TotalItems {
		t.Fatalf("the job is %+v", j)
	}
	made := make([]string, j.TotalItems)
	for _, to := range j.DownloadURLs {
		made[to.Idx] = string(f.download(t, 0, to.OutputURL))
		if n := endings(t, u, job, to.Idx); n != 1 {
			t.Errorf("the history says %d times that item %d is done", n, to.Idx)
		}
	}
	return made
}

// says wants the results to be these.
func says(t *testing.T, made []string, want ...string) {
	t.Helper()
	if !slices.Equal(made, want) {
		t.Errorf("the results say %q, want %q", made, want)
	}
}

// stoker runs the product's command line as an operator.
func (f gpuFarm) stoker(t *testing.T, args ...string) []byte {
	t.Helper()
	out, said, err := runs(t, []string{"STOKER_OPERATOR=" + filepath.Join(f.Dir, "operator.toml")}, "", args...)
	if err != nil {
		t.Fatalf("stoker %s: %v: %s", strings.Join(args, " "), err, said)
	}
	return []byte(out)
}

// listed is a worker as `stoker worker list --json` has it; the zero one if it is not listed.
func (f gpuFarm) listed(t *testing.T, name string) client.KnownWorker {
	t.Helper()
	var list struct{ Workers []client.KnownWorker }
	if err := json.Unmarshal(f.stoker(t, "worker", "list", "--json"), &list); err != nil {
		t.Fatal(err)
	}
	for _, w := range list.Workers {
		if w.WorkerID == name {
			return w
		}
	}
	return client.KnownWorker{}
}

// up waits until the cluster has heard of workers.
func (f gpuFarm) up(t *testing.T, hands ...hand) {
	t.Helper()
	for _, h := range hands {
		eventually(t, "worker "+h.name+" is up", func() bool {
			if err := h.Failure(); err != nil {
				t.Fatal(err)
			}
			return f.listed(t, h.name).SessionID != ""
		})
	}
}

// gone says whether there is no such process any more.
func gone(pid int) bool { return syscall.Kill(pid, 0) == syscall.ESRCH }
