package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"stoker/cli/picture"
)

// A worker of one picture: plain `stoker worker` opens a session, makes it, says that its preset is loaded now, and ends when told.
func TestWorker_ReportsWhatIsLoaded(t *testing.T) {
	var input bytes.Buffer
	if err := jpeg.Encode(&input, picture.Room(1, 320, 240), nil); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var loaded [][]string
	var stored, results []string
	said := func(w http.ResponseWriter, format string, args ...any) {
		fmt.Fprintf(w, `{"success":true,"data":%s}`, fmt.Sprintf(format, args...))
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /queue/session", func(w http.ResponseWriter, _ *http.Request) {
		said(w, `{"session_id":"s1","poll_wait_s":1,"lease_ttl_s":60,"heartbeat_s":20,"directive":"run"}`)
	})
	mux.HandleFunc("POST /queue/lease", func(w http.ResponseWriter, r *http.Request) {
		var poll struct{ Loaded []string }
		json.NewDecoder(r.Body).Decode(&poll)
		mu.Lock()
		defer mu.Unlock()
		if loaded = append(loaded, poll.Loaded); len(loaded) > 1 {
			said(w, `{"directive":"exit"}`)
			return
		}
		said(w, `{"directive":"run","lease_id":"l_1","fence":1,"attempt":1,"ttl_s":60,"job_id":"j_1","preset":"interior",
			"concepts":{"Wall":{"action":"recolor","value":"teal"}},
			"items":[{"idx":0,"output_key":"o","preview_key":"p","input_url":"http://%[1]s/in","output_url":"http://%[1]s/out","preview_url":"http://%[1]s/preview"}]}`, r.Host)
	})
	mux.HandleFunc("POST /queue/control", func(w http.ResponseWriter, _ *http.Request) {
		said(w, `{"directive":"run","ttl_s":60,"leases":[],"lost":[]}`)
	})
	mux.HandleFunc("POST /queue/leases/l_1/results", func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Results []struct{ Status string } }
		json.NewDecoder(r.Body).Decode(&body)
		mu.Lock()
		defer mu.Unlock()
		for _, one := range body.Results {
			results = append(results, one.Status)
		}
		said(w, `{"processed":1,"duplicates":0,"job_status":"done"}`)
	})
	mux.HandleFunc("GET /in", func(w http.ResponseWriter, _ *http.Request) { w.Write(input.Bytes()) })
	mux.HandleFunc("PUT /", func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		stored = append(stored, r.URL.Path)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	t.Setenv("STOKER_WORKER_TOKEN", "wrk")
	spool := filepath.Join(t.TempDir(), "spool")

	code, out, errs := command(t, Hooks{}, "worker", "--endpoint", server.URL, "--id", "w1", "--slots", "1", "--spool", spool)
	if code != 0 || !strings.Contains(out, pictureDone) {
		t.Fatalf("exit %d\n%s%s", code, out, errs)
	}
	if len(loaded) != 2 || loaded[0] != nil || !slices.Equal(loaded[1], []string{"interior"}) {
		t.Errorf("loaded %v", loaded)
	}
	if !slices.Equal(stored, []string{"/out", "/preview"}) || !slices.Equal(results, []string{"done"}) {
		t.Errorf("stored %v, results %v", stored, results)
	}
	if left, err := os.ReadDir(spool); err != nil || len(left) != 0 {
		t.Errorf("the spool has %v, %v", left, err)
	}
}
