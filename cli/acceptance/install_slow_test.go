//go:build slow

package acceptance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"stoker/cli/setup"
)

// machines are three folders that pass for machines: ssh, systemd and what else needs one are scripts that keep what they were
// told in them.
type machines struct {
	t       *testing.T
	root    string // a folder for each
	tools   string // in front of PATH
	cluster string // as stoker init writes it
	program string
}

// fakes are the tools. A machine's folder is in STOKER_PREFIX, which ssh sets.
var fakes = map[string]string{
	"ssh": `export STOKER_PREFIX=$MACHINES/$1; shift
echo "$*" >> "$STOKER_PREFIX/calls"
exec bash -c "$*"`,
	"id":      `test -e "$STOKER_PREFIX/user"`,
	"useradd": `echo "$*" > "$STOKER_PREFIX/user"`,
	"chown":   `echo "chown $*" >> "$STOKER_PREFIX/calls"`,
	"sleep":   `:`,
	"curl":    `test ! -e "$STOKER_PREFIX/broken"`,
	"systemctl": `case $1 in
is-active) cat "$STOKER_PREFIX/state" 2>/dev/null || { echo inactive; exit 3; } ;;
start) echo active > "$STOKER_PREFIX/state" ;;
esac
echo "systemctl $*" >> "$STOKER_PREFIX/calls"`,
}

func newMachines(t *testing.T) *machines {
	t.Helper()
	dir := t.TempDir()
	m := &machines{t, filepath.Join(dir, "machines"), filepath.Join(dir, "tools"), filepath.Join(dir, "cluster"), filepath.Join(dir, "program")}
	for name, script := range fakes {
		m.write(filepath.Join(m.tools, name), "#!/bin/bash\n"+script+"\n", 0o755)
	}
	m.write(m.program, "version one", 0o755)
	plan := setup.Plan{Out: m.cluster}
	for _, id := range []string{"n1", "n2", "n3"} {
		plan.Nodes = append(plan.Nodes, setup.Node{ID: id, Host: id + ".example.org", HTTP: 8080, Cluster: 9080})
		if err := os.MkdirAll(filepath.Join(m.root, "vm-"+id), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := setup.Found(plan); err != nil {
		t.Fatal(err)
	}
	m.write(filepath.Join(m.cluster, "n1", "data", "left-behind"), "x", 0o600)
	return m
}

func (m *machines) write(path, text string, mode os.FileMode) {
	m.t.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = os.WriteFile(path, []byte(text), mode)
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *machines) read(path string) string {
	m.t.Helper()
	text, err := os.ReadFile(filepath.Join(m.root, path))
	if err != nil {
		m.t.Fatal(err)
	}
	return string(text)
}

// install runs deploy/install.sh for the three.
func (m *machines) install(args ...string) (said string, err error) {
	m.t.Helper()
	args = append([]string{"../../deploy/install.sh", "--cluster", m.cluster, "--binary", m.program}, args...)
	cmd := exec.CommandContext(m.t.Context(), "bash", append(args, "n1=vm-n1", "n2=vm-n2", "n3=vm-n3")...)
	cmd.Env = append(os.Environ(), "MACHINES="+m.root, "STOKER_WAIT=2", "PATH="+m.tools+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// installed is install where it must succeed; the machines' calls begin anew.
func (m *machines) installed(args ...string) string {
	m.t.Helper()
	for _, vm := range []string{"vm-n1", "vm-n2", "vm-n3"} {
		os.Remove(filepath.Join(m.root, vm, "calls"))
	}
	said, err := m.install(args...)
	if err != nil {
		m.t.Fatalf("%v\n%s", err, said)
	}
	return said
}

func TestSlowInstall_ThreeMachines(t *testing.T) {
	m := newMachines(t)
	if said := m.installed("--dry-run"); strings.Count(said, "would copy") != 3 || !strings.Contains(said, "Nothing was changed") {
		t.Errorf("the dry run says:\n%s", said)
	}
	for _, id := range []string{"n1", "n2", "n3"} {
		if left, err := os.ReadDir(filepath.Join(m.root, "vm-"+id)); err != nil || len(left) > 0 {
			t.Errorf("the dry run left %v on %s, %v", left, id, err)
		}
	}

	m.installed()
	for _, id := range []string{"n1", "n2", "n3"} {
		vm := "vm-" + id + "/"
		home := vm + "var/lib/stoker/"
		for file, mode := range map[string]os.FileMode{
			home + "stoker.toml": 0o600, home + "node.key": 0o600, home + "seal.key": 0o600, home: 0o700,
			vm + "usr/local/bin/stoker": 0o755, vm + "etc/systemd/system/stoker.service": 0o644,
		} {
			info, err := os.Stat(filepath.Join(m.root, file))
			if err != nil || info.Mode().Perm() != mode {
				t.Errorf("%s: %v, %v", file, info, err)
			}
		}
		if _, err := os.Stat(filepath.Join(m.root, home, "data")); err == nil {
			t.Errorf("%s was sent data of a run on this machine", id)
		}
		if text := m.read(home + "stoker.toml"); !strings.Contains(text, `id = "`+id+`"`) {
			t.Errorf("%s has another node's configuration", id)
		}
		calls := m.read(vm + "calls")
		for _, want := range []string{"systemctl daemon-reload", "systemctl enable stoker", "systemctl start stoker", "chown -R stoker:stoker"} {
			if !strings.Contains(calls, want) {
				t.Errorf("%s was not told %q:\n%s", id, want, calls)
			}
		}
		if !strings.Contains(m.read(vm+"user"), "--system") {
			t.Errorf("%s has no user", id)
		}
	}
	if left, err := filepath.Glob(filepath.Join(os.TempDir(), "*", "apply.sh")); err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

func TestSlowInstall_AgainChangesOnlyWhatDiffers(t *testing.T) {
	m := newMachines(t)
	m.installed()
	m.write(filepath.Join(m.root, "vm-n2/var/lib/stoker/node.key"), "renewed", 0o600)
	said := m.installed()
	if strings.Count(said, "nothing changed") != 3 || !strings.Contains(said, "kept ") || strings.Contains(m.read("vm-n1/calls"), "systemctl restart") {
		t.Errorf("again:\n%s", said)
	}
	m.write(m.program, "version two", 0o755)
	said = m.installed()
	if strings.Count(said, "restarted, and ready") != 3 || m.read("vm-n3/usr/local/bin/stoker") != "version two" {
		t.Errorf("an upgrade:\n%s", said)
	}
	if m.read("vm-n2/var/lib/stoker/node.key") != "renewed" {
		t.Error("an upgrade replaced a key that was renewed")
	}
	// A node that does not come back keeps the others from being touched.
	m.write(m.program, "version three", 0o755)
	m.write(filepath.Join(m.root, "vm-n2/broken"), "", 0o600)
	if said, err := m.install(); err == nil || !strings.Contains(said, "is not ready") || m.read("vm-n3/usr/local/bin/stoker") != "version two" {
		t.Errorf("an upgrade that breaks n2: %v\n%s", err, said)
	}
}

func TestSlowInstall_SaysWhatIsMissing(t *testing.T) {
	m := newMachines(t)
	for want, args := range map[string][]string{
		"unknown option --force": {"--force"},
		"ID=SSH-TARGET":          {"vm-n4"},
		"n9/stoker.toml":         {"n9=vm-n9"},
	} {
		if said, err := m.install(args...); err == nil || !strings.Contains(said, want) {
			t.Errorf("%v: %v\n%s", args, err, said)
		}
	}
}
