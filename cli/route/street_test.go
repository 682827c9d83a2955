package route

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// fake is a cell that speaks as much of the API as a router has to do with.
type fake struct {
	id     string
	server *httptest.Server

	mu      sync.Mutex
	devices map[string]string // device → user
	moved   map[string]string // user → cell
	asked   []string          // what came, in order
	sick    bool              // it has no leader
}

func newFake(t *testing.T, id string) *fake {
	f := &fake{id: id, devices: map[string]string{}, moved: map[string]string{}}
	f.server = httptest.NewServer(f)
	t.Cleanup(f.server.Close)
	return f
}

// token is what the cell would sign for a user.
func (f *fake) token(user string) string {
	claims := fmt.Sprintf(`{"sub":%q,"iss":%q}`, user, f.id)
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".x"
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+r.Header.Get(headerKnown)))
	w.Header().Set(headerIndex, "1-2a")
	if f.sick {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if r.URL.Path == pathSignIn {
		f.signIn(w, r)
		return
	}
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	text, _ := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	var claims struct{ Sub string }
	_ = json.Unmarshal(text, &claims)
	if to, gone := f.moved[claims.Sub]; gone {
		f.elsewhere(w, to)
		return
	}
	w.Header().Set("X-Test", strings.Join([]string{f.id, r.Header.Get(headerIndex), r.Header.Get(headerForwarded), r.Host}, " "))
	body, _ := io.ReadAll(r.Body)
	_, _ = fmt.Fprintf(w, "%s %s %s", r.Method, r.URL.RequestURI(), body)
}

func (f *fake) signIn(w http.ResponseWriter, r *http.Request) {
	if at := r.Header.Get(headerIndex); at != "" { // a position of who knows which cell
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	var in struct {
		Device string `json:"device_hash"`
	}
	_ = json.NewDecoder(r.Body).Decode(&in)
	user, known := f.devices[in.Device]
	switch {
	case !known && r.Header.Get(headerKnown) == "only":
		w.WriteHeader(http.StatusNotFound)
		return
	case !known:
		user = fmt.Sprintf("u%d-%s", len(f.devices), f.id)
		f.devices[in.Device] = user
	}
	if to, gone := f.moved[user]; gone {
		f.elsewhere(w, to)
		return
	}
	_, _ = fmt.Fprintf(w, `{"user_id":%q,"cell":%q,"is_new":%v}`, user, f.id, !known)
}

func (f *fake) elsewhere(w http.ResponseWriter, to string) {
	w.Header().Set(headerCell, to)
	w.WriteHeader(http.StatusMisdirectedRequest)
	_, _ = io.WriteString(w, `{"error":{"code":"USER_MOVED"}}`)
}

// took gives what has come since it was asked last.
func (f *fake) took() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := f.asked
	f.asked = nil
	return out
}

// street is a router in front of a few fakes.
type street struct {
	t     *testing.T
	cells []*fake
	by    map[string]*fake
	url   string
}

func newStreet(t *testing.T, change func(*Config), ids ...string) *street {
	t.Helper()
	s := &street{t: t, by: map[string]*fake{}}
	c := Config{MaxConns: 10}
	for _, id := range ids {
		f := newFake(t, id)
		s.cells, s.by[id] = append(s.cells, f), f
		c.Cells = append(c.Cells, Cell{Name: id, Cluster: id, Endpoints: []string{f.server.URL}})
	}
	s.route(c, change)
	return s
}

// route puts a new router before the cells.
func (s *street) route(c Config, change func(*Config)) {
	s.t.Helper()
	if change != nil {
		change(&c)
	}
	if err := c.validate(); err != nil {
		s.t.Fatal(err)
	}
	r := New(c, slog.New(slog.DiscardHandler))
	server := httptest.NewServer(r)
	s.t.Cleanup(func() { server.Close(); r.Close() })
	s.url = server.URL
}

type reply struct {
	status int
	body   string
	header http.Header
	in     struct {
		User  string `json:"user_id"`
		Cell  string `json:"cell"`
		IsNew bool   `json:"is_new"`
		Error struct{ Code, Message string }
	}
}

func (s *street) do(method, path, token, body string, header ...string) reply {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	out := reply{status: res.StatusCode, body: string(text), header: res.Header}
	_ = json.Unmarshal(text, &out.in)
	return out
}

func (s *street) phone(device string) reply {
	s.t.Helper()
	return s.do("POST", pathSignIn, "", fmt.Sprintf(`{"device_hash":%q}`, device))
}
