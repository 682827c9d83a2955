//go:build python

// Needs python3, so it is not among the tests that need Go alone: .ci/run runs it with -tags python.

package acceptance

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stoker/cli/local"
	"stoker/cli/picture"
	"stoker/client"
)

// The Python worker changes real pictures against real nodes: with a handler of the SDK's, and with a process_job that
// was written for another service and calls back by itself.
func TestPython_WorkerMakesPictures(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("the Python worker needs python3, 3.9 or later: apt-get install python3, or your system's own way")
	}
	c := shared(t)
	for _, test := range []struct {
		name string
		args []string
	}{
		{"a handler", []string{"--handler", "invert:invert", "--slots", "2"}},
		{"process_job", []string{"--handler", "invert:process_job", "--bridge", "--slots", "2"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			worker := c.python(t, python, test.args)
			u := c.user(t)
			rooms := []image.Image{picture.Room(1, 160, 120), picture.Room(2, 160, 120), picture.Room(3, 160, 120)}
			job := u.uploadedRooms(t, rooms)
			if err := u.any.Execute(t.Context(), job, wall); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the job is done", func() bool {
				if err := worker.Failure(); err != nil {
					t.Fatal(err)
				}
				return u.job(t, 0, job).Status.Terminal()
			})
			j := u.job(t, 1, job)
			if j.Status != client.Done || j.DoneItems != len(rooms) {
				t.Fatalf("the job is %+v", j)
			}
			for _, to := range j.DownloadURLs {
				isInverted(t, rooms[to.Idx], c.download(t, to.Idx, to.OutputURL))
				if strings.Contains(test.name, "handler") {
					isInverted(t, rooms[to.Idx], c.download(t, to.Idx, to.PreviewURL))
				}
			}
			u.credits(t, 7)
			leave, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if err := worker.Stop(leave); err != nil {
				t.Errorf("SIGTERM: %v", err)
			}
		})
	}
}

// python starts the SDK's command line beside the handlers in testdata.
func (c *cluster) python(t *testing.T, python string, args []string) *local.Process {
	t.Helper()
	script, err := filepath.Abs("../../client/python/stoker_worker.py")
	if err != nil {
		t.Fatal(err)
	}
	testdata, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PYTHONPATH", testdata)
	t.Setenv("PYTHONDONTWRITEBYTECODE", "1")
	t.Setenv("GPU_CALLBACK_SECRET", c.operator.WorkerToken)
	p, err := local.Launch(local.Command{
		Name: "python worker", Path: python, Log: filepath.Join(t.TempDir(), "python.log"),
		Args: append([]string{script, "--endpoints", strings.Join(c.operator.Endpoints, ","), "--token", c.operator.WorkerToken}, args...),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

// uploadedRooms is a job with these pictures as PNGs whose rows have no filter: Python has no decoder for more.
func (u *user) uploadedRooms(t *testing.T, rooms []image.Image) (job string) {
	t.Helper()
	ticket := u.created(t, 2, len(rooms))
	plain := png.Encoder{CompressionLevel: png.NoCompression}
	for _, to := range ticket.PresignedURLs {
		var file bytes.Buffer
		if err := plain.Encode(&file, rooms[to.Idx]); err != nil {
			t.Fatal(err)
		}
		if err := u.any.Upload(t.Context(), to.URL, bytes.NewReader(file.Bytes())); err != nil {
			t.Fatal(err)
		}
	}
	if err := u.any.ConfirmUpload(t.Context(), ticket.JobID); err != nil {
		t.Fatal(err)
	}
	return ticket.JobID
}

// isInverted compares every pixel.
func isInverted(t *testing.T, room image.Image, file []byte) {
	t.Helper()
	made, err := png.Decode(bytes.NewReader(file))
	if err != nil || made.Bounds() != room.Bounds() {
		t.Errorf("the result is no picture of the same size: %v", err)
		return
	}
	for y := range room.Bounds().Dy() {
		for x := range room.Bounds().Dx() {
			was, is := color.NRGBAModel.Convert(room.At(x, y)).(color.NRGBA), color.NRGBAModel.Convert(made.At(x, y)).(color.NRGBA)
			if want := (color.NRGBA{255 - was.R, 255 - was.G, 255 - was.B, 255}); is != want {
				t.Errorf("pixel %d,%d is %v, want %v", x, y, is, want)
				return
			}
		}
	}
}
