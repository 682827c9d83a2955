package bench

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"stoker/cli/local"
	"stoker/client"
)

// versitygw is the other S3 server: one process, objects as files, Apache-2.0.
const versitygw = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"

// installed gives the path of a program that `go install` makes of its own module. It is kept in the user's cache folder;
// this module depends on nothing of it.
func installed(ctx context.Context, module string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	name, version, _ := strings.Cut(path.Base(module), "@")
	bin := filepath.Join(cache, "stoker-bench", name+"-"+version)
	program := filepath.Join(bin, name)
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "install", module)
	cmd.Env = append(cmd.Environ(), "GOBIN="+bin)
	cmd.Dir = bin // no module's: the version is the one that is named
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go install %s: %w: %s; give its program with --peer, or --against none", module, err, text)
	}
	return program, nil
}

// s3server is one of the two.
type s3server struct {
	name    string
	clients []*minio.Client // one for each node
	bucket  string
	pids    map[string]int // by the process's name
	stop    func()
}

func s3client(host, access, secret string) (*minio.Client, error) {
	return minio.New(host, &minio.Options{Creds: credentials.NewStaticV4(access, secret, ""), Region: "us-east-1", BucketLookup: minio.BucketLookupPath})
}

// bucket opens the cluster's own bucket to S3 clients.
func (t *testbed) bucket(ctx context.Context) (*s3server, error) {
	secret, made, at, err := t.api.Operator().CreateKey(ctx, client.NewKey{Name: "bench", Access: "read-write"})
	if err != nil {
		return nil, err
	}
	s := &s3server{name: "stoker", bucket: at.Bucket, pids: map[string]int{}, stop: func() {}}
	for i, n := range t.cluster.Nodes {
		c, err := s3client(n.HTTP, made.AccessKey, secret)
		if err != nil {
			return nil, err
		}
		s.clients = append(s.clients, c)
		s.pids[n.ID] = t.cluster.Processes()[i]
	}
	return s, nil
}

// startVersitygw runs it on a free port, with its files below dir.
func startVersitygw(ctx context.Context, program, dir string) (*s3server, error) {
	free, err := local.Anywhere(1)
	if err != nil {
		return nil, err
	}
	files := filepath.Join(dir, "versitygw")
	if err := os.MkdirAll(files, 0o700); err != nil {
		return nil, err
	}
	host := "127.0.0.1:" + strconv.Itoa(free[0].HTTP)
	p, err := local.Launch(local.Command{
		Name: "versitygw", Path: program, Log: filepath.Join(dir, "log", "versitygw.log"),
		Args: []string{"--access", "bench", "--secret", "benchbench", "--port", host, "--keep-alive", "--quiet", "posix", files},
	})
	if err != nil {
		return nil, err
	}
	s := &s3server{name: "versitygw", bucket: "photos", pids: map[string]int{"versitygw": p.Pid()}, stop: p.Kill}
	c, err := s3client(host, "bench", "benchbench")
	if err != nil {
		p.Kill()
		return nil, err
	}
	s.clients = []*minio.Client{c}
	for {
		if err = c.MakeBucket(ctx, s.bucket, minio.MakeBucketOptions{}); err == nil {
			return s, nil
		}
		if !p.Alive() {
			text, _ := os.ReadFile(p.Log)
			return nil, fmt.Errorf("versitygw ended: %s", text)
		}
		if waited := pause(ctx, 50*time.Millisecond); waited != nil {
			p.Kill()
			return nil, errors.Join(err, waited)
		}
	}
}

// peaks are the processes' largest resident memory in MB.
func (s *s3server) peaks() map[string]float64 {
	out := map[string]float64{}
	for name, pid := range s.pids {
		if peak := statusBytes(fmt.Sprintf("/proc/%d/status", pid), "VmHWM:"); peak > 0 {
			out[name] = float64(peak) / (1 << 20)
		}
	}
	return out
}

func peaksText(peaks map[string]float64) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(peaks)) {
		list = append(list, fmt.Sprintf("%.0f", peaks[name]))
	}
	return strings.Join(list, " ")
}
