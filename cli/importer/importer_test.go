package importer

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stoker/client"
)

// old is the schema of the stack that Stoker replaces, as its export begins.
const old = `PRAGMA defer_foreign_keys=TRUE;
CREATE TABLE d1_migrations(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT);
DELETE FROM sqlite_sequence;
CREATE TABLE users(id TEXT PRIMARY KEY, created_at TEXT, plan TEXT, credits INTEGER, auth_provider TEXT, email TEXT, device_hash TEXT);
CREATE TABLE rules(id TEXT PRIMARY KEY, user_id TEXT, name TEXT, preset_id TEXT, concepts_json TEXT, protect_json TEXT, created_at TEXT, updated_at TEXT);
CREATE TABLE jobs_log(job_id TEXT PRIMARY KEY, user_id TEXT, created_at TEXT, finished_at TEXT, status TEXT, preset TEXT, rule_id TEXT, concepts_json TEXT, protect_json TEXT, params_json TEXT, cost_estimate INTEGER, error TEXT);
CREATE TABLE job_items_log(job_id TEXT, idx INTEGER, status TEXT, input_key TEXT, output_key TEXT, error TEXT);
CREATE TABLE billing_events(id TEXT PRIMARY KEY, user_id TEXT, type TEXT, amount INTEGER, ref TEXT, created_at TEXT);
`

// dumped opens a dump of the old schema with more statements behind it.
func dumped(t *testing.T, more string) *Dump {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dump.sql")
	if err := os.WriteFile(path, []byte(old+more), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// cluster takes everything, once, and remembers it.
type cluster struct {
	users map[string][]client.OldUser // as they came, in parts
	jobs  []client.OldJob
	asked int
	most  int // rows of one request
}

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/admin/sql" {
		sum := int64(0)
		for _, parts := range c.users {
			sum += parts[0].Credits
		}
		fmt.Fprintf(w, "{\"columns\":[\"sum\"],\"index\":1}\n[%d]\n{\"rows\":1}\n", sum)
		return
	}
	var in client.Import
	if r.ContentLength > 1<<20 {
		w.WriteHeader(413)
		io.WriteString(w, `{"success":false,"error":{"code":"BODY_TOO_LARGE","message":"at most 1 MiB"}}`)
		return
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), 400)
		return
	}
	c.asked++
	rows := len(in.Jobs) + len(in.Users)
	var out struct {
		Users []client.Fate `json:"users"`
		Jobs  []client.Fate `json:"jobs"`
	}
	for _, u := range in.Users {
		rows += len(u.Rules) + len(u.Events)
		f := client.Fate{ID: u.ID, Result: "imported"}
		if u.More {
			f.Next = u.From + len(u.Events)
		}
		c.users[u.ID] = append(c.users[u.ID], u)
		out.Users = append(out.Users, f)
	}
	for _, j := range in.Jobs {
		rows += len(j.Items)
		c.jobs = append(c.jobs, j)
		out.Jobs = append(out.Jobs, client.Fate{ID: j.ID, Result: "imported"})
	}
	c.most = max(c.most, rows)
	text, _ := json.Marshal(out)
	fmt.Fprintf(w, `{"success":true,"data":%s}`, text)
}

func brought(t *testing.T, d *Dump, opt Options) (*cluster, *Report, error) {
	t.Helper()
	c := &cluster{users: map[string][]client.OldUser{}}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	dialled, err := client.New(client.Cluster{Endpoints: []string{server.URL}, AdminToken: "adm"})
	if err != nil {
		t.Fatal(err)
	}
	p := NewProgress(t.Output(), false)
	defer p.Close()
	report, err := Import(t.Context(), d, dialled.Operator(), opt, p)
	return c, report, err
}

// TestImport_everything: times in any form, what belongs together in one part, the oldest job first.
func TestImport_everything(t *testing.T) {
	d := dumped(t, `
INSERT INTO users VALUES('u1','2024-03-10 10:00:00','premium',7,'google','a@b.c','d1');
INSERT INTO users VALUES('u2',1710064800,'free',4,'anonymous',NULL,NULL);
INSERT INTO rules VALUES('r1','u1','It''s; white','interior','{"Wall":{"action":"tone","value":3}}','["Window"]','2024-03-10T10:00:00.5Z',NULL);
INSERT INTO billing_events VALUES('b2','u1','debit',-3,'j1',1710065000000);
INSERT INTO billing_events VALUES('b1','u1','purchase',10,NULL,'2024-03-10T10:00:01+00:00');
INSERT INTO billing_events VALUES('b3','u2','debit',-2,NULL,'2024-03-11');
INSERT INTO jobs_log VALUES('j2','u1',1710065600,NULL,'failed','interior',NULL,NULL,NULL,NULL,2,'dark');
INSERT INTO jobs_log VALUES('j1','u1','2024-03-10 10:03:20','2024-03-10 10:04:20','completed','interior','r1','{}','[]','{"output_template":"t"}',3,NULL);
INSERT INTO job_items_log VALUES('j1',2,'failed','inputs/u1/j1/2.jpg',NULL,'dark');
INSERT INTO job_items_log VALUES('j1',0,'completed','inputs/u1/j1/0.jpg','outputs/u1/j1/0_result.png',NULL);
INSERT INTO job_items_log VALUES('j1',1,'done','old/1.heic','old/1.png',NULL);
`)
	c, report, err := brought(t, d, Options{Plans: map[string]string{"premium": "pro"}})
	if err != nil || report.Failed() || len(report.Problems) > 0 || c.asked != 2 {
		t.Fatal(err, report.Problems, c.asked)
	}
	u := c.users["u1"][0]
	if u.Plan != "pro" || u.Credits != 7 || u.DeviceHash != "d1" || u.Opening != 0 || len(u.Events) != 2 || u.Events[0].ID != "b1" ||
		!u.Events[1].CreatedAt.Equal(time.UnixMilli(1710065000000)) || u.Rules[0].Name != "It's; white" || u.Rules[0].Concepts["Wall"].Value != "3" {
		t.Errorf("%+v", u)
	}
	if u := c.users["u2"][0]; u.Opening != 6 || u.CreatedAt.Unix() != 1710064800 {
		t.Errorf("what the events do not explain was there before: %+v", u)
	}
	j := c.jobs[0]
	if j.ID != "j1" || j.Status != client.Done || j.Price != 1 || j.Template != "t" || len(j.Items) != 3 || j.Items[0] != (client.OldItem{Status: client.Done}) ||
		j.Items[1].Output != "old/1.png" || j.Items[1].Input != "old/1.heic" || j.Items[2].Error != "dark" {
		t.Errorf("%+v", j)
	}
	if report.Credits.Dump != 11 || *report.Credits.Cluster != 11 || report.Credits.Adjusted != 1 || report.Times["billing_events.created_at"][inMillis] != 1 {
		t.Errorf("%+v %v", report.Credits, report.Times)
	}
	var told strings.Builder
	report.Print(&told)
	for _, want := range []string{"equal.", "1 users have an email and 1 another auth_provider", "users.created_at is ISO 8601 text (1), unix seconds (1)."} {
		if !strings.Contains(told.String(), want) {
			t.Errorf("%q is not in\n%s", want, told.String())
		}
	}
}

// TestImport_ofAnExport: an export of a cluster of ours has what that had archived in tables of its own, and a row in place of the
// bookings. All of it comes over, and that row does not.
func TestImport_ofAnExport(t *testing.T) {
	d := dumped(t, `
CREATE TABLE archived_billing_events(id TEXT, user_id TEXT, type TEXT, amount INTEGER, balance INTEGER, ref TEXT, created_at TEXT, segment INTEGER);
CREATE TABLE archived_jobs(job_id TEXT, user_id TEXT, created_at TEXT, completed_at TEXT, status TEXT, preset TEXT, segment INTEGER);
CREATE TABLE archived_items(job_id TEXT, idx INTEGER, status TEXT, segment INTEGER);
INSERT INTO users VALUES('u1','2024-03-10 10:00:00','free',4,'anonymous',NULL,NULL);
INSERT INTO billing_events VALUES('b_1','u1','brought-forward',7,NULL,'2024-03-11T10:00:00Z'),('l_3','u1','debit',-3,'j2','2024-03-12T10:00:00Z');
INSERT INTO archived_billing_events VALUES('l_1','u1','signup',10,10,NULL,'2024-03-10T10:00:00Z',1),('l_2','u1','debit',-3,7,'j1','2024-03-11T10:00:00Z',1);
INSERT INTO archived_jobs VALUES('j1','u1','2024-03-11 10:00:00','2024-03-11 10:01:00','done','interior',1);
INSERT INTO archived_items VALUES('j1',0,'done',1);
`)
	c, report, err := brought(t, d, Options{})
	if err != nil || report.Failed() || len(report.Problems) > 0 {
		t.Fatal(err, report.Problems)
	}
	u := c.users["u1"][0]
	if len(u.Events) != 3 || u.Opening != 0 || u.Events[0].Type != "signup" || u.Events[1].ID != "l_2" || u.Events[2].ID != "l_3" {
		t.Errorf("%+v", u)
	}
	if len(c.jobs) != 1 || c.jobs[0].ID != "j1" || len(c.jobs[0].Items) != 1 {
		t.Errorf("%+v", c.jobs)
	}
}

// TestImport_whatIsWrong: each wrong row is named and takes no other with it; --strict lets nothing through.
func TestImport_whatIsWrong(t *testing.T) {
	wrong := `
INSERT INTO users VALUES('u1','sometime','free',1,NULL,NULL,NULL),('u2',1710064800,'free','many',NULL,NULL,NULL),('u3',1710064800,'free',-1,NULL,NULL,NULL),('u4',1710064800,'free',1,NULL,NULL,NULL);
INSERT INTO rules VALUES('r1','u4','a','interior','{',NULL,NULL,NULL),('r2','u4','b','interior','{}',NULL,NULL,NULL),('r3','nobody','c','interior','{}',NULL,NULL,NULL);
INSERT INTO billing_events VALUES('b1','u4','purchase',1.5,NULL,NULL),('b2','u4','purchase',1,NULL,NULL);
INSERT INTO jobs_log VALUES('j1','u4',1710064800,NULL,'odd','interior',NULL,NULL,NULL,NULL,NULL,NULL),('j2','u4','x',NULL,'done','interior',NULL,NULL,NULL,NULL,NULL,NULL),('j3','u4',1710064800,NULL,'done','interior',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO job_items_log VALUES('j3',0,'done',NULL,NULL,NULL),('j3','first','done',NULL,NULL,NULL),('j3',1,'odd',NULL,NULL,NULL),('j9',0,'done',NULL,NULL,NULL);
`
	c, report, err := brought(t, dumped(t, wrong), Options{})
	if err != nil || !report.Failed() {
		t.Fatal(err)
	}
	if len(c.users) != 1 || len(c.users["u4"][0].Rules) != 1 || len(c.users["u4"][0].Events) != 1 || len(c.jobs) != 1 || len(c.jobs[0].Items) != 2 || c.jobs[0].Items[1].Status != client.Failed {
		t.Errorf("%+v %+v", c.users, c.jobs)
	}
	for table, want := range map[string]Count{
		"users": {4, 1, 0, 0, 3}, "rules": {3, 1, 0, 0, 2}, "billing_events": {2, 1, 0, 0, 1}, "jobs_log": {3, 1, 0, 0, 2}, "job_items_log": {4, 1, 0, 0, 3},
	} {
		if got := *report.Tables[table]; got != want {
			t.Errorf("%s: %+v, want %+v", table, got, want)
		}
	}
	for i, want := range []string{"users/1/u1", "users/2/u2", "users/3/u3", "rules/1/r1", "billing_events/1/b1", "jobs_log/2/j2", "jobs_log/1/j1", "job_items_log/2/j3", "job_items_log/3/j3"} {
		if p := report.Problems[i]; fmt.Sprintf("%s/%s/%s", p.Table, p.Row, p.ID) != want {
			t.Errorf("problem %d is %+v, want %s", i, p, want)
		}
	}
	if c, _, err := brought(t, dumped(t, wrong), Options{Strict: true}); err == nil || c.asked != 0 {
		t.Errorf("strict: %v, asked %d times", err, c.asked)
	}
}

// TestImport_open: a job that has not ended keeps everything away, or comes as canceled with its refund.
func TestImport_open(t *testing.T) {
	with := `
INSERT INTO users VALUES('u1',1710064800,'free',1,NULL,NULL,NULL);
INSERT INTO billing_events VALUES('b1','u1','purchase',9,NULL,1710064800),('b2','u1','debit',-8,'j1',1710064900);
INSERT INTO jobs_log VALUES('j1','u1',1710064900,NULL,'running','interior',NULL,NULL,NULL,'{"item_count":4}',8,NULL),('j2','u1',1710064900,NULL,'queued','interior',NULL,NULL,NULL,'{"item_count":2}',2,NULL);
INSERT INTO job_items_log VALUES('j1',0,'done',NULL,NULL,NULL),('j1',1,'running',NULL,NULL,NULL);
`
	if c, _, err := brought(t, dumped(t, with), Options{}); err == nil || !strings.Contains(err.Error(), "2 jobs are still open in the other stack (1 queued, 1 running)") || c.asked != 0 {
		t.Errorf("%v, asked %d times", err, c.asked)
	}
	c, report, err := brought(t, dumped(t, with), Options{CancelOpen: true})
	if err != nil || len(c.jobs) != 2 {
		t.Fatal(err, c.jobs)
	}
	if j := c.jobs[0]; j.Status != client.Canceled || j.Refund != 6 || len(j.Items) != 4 || j.Items[0].Status != client.Done || j.Items[1].Status != client.Canceled {
		t.Errorf("three of four were not done: %+v", j)
	}
	if j := c.jobs[1]; j.Refund != 2 || report.Credits.Refunded != 8 {
		t.Errorf("no event says what it cost, so the estimate is given back: %+v, %+v", j, report.Credits)
	}
}

// TestImport_parts: what goes to the cluster at once is bounded, whatever a user has.
func TestImport_parts(t *testing.T) {
	var b strings.Builder
	b.WriteString("INSERT INTO users VALUES('u1',1710064800,'free',1000,NULL,NULL,NULL);\n")
	for i := range 1000 {
		fmt.Fprintf(&b, "INSERT INTO billing_events VALUES('b%d','u1','purchase',1,NULL,%d);\n", i, 1710064800+i)
	}
	for i := range 400 {
		fmt.Fprintf(&b, "INSERT INTO users VALUES('v%d',1710064800,'free',0,NULL,NULL,NULL);\n", i)
	}
	c, report, err := brought(t, dumped(t, b.String()), Options{})
	if err != nil || report.Failed() || report.Tables["users"].Imported != 401 || report.Tables["billing_events"].Imported != 1000 {
		t.Fatal(err, *report.Tables["users"], report.Problems)
	}
	if parts := c.users["u1"]; len(parts) != 7 || parts[6].From != 900 || parts[6].More || !parts[5].More || c.most > partRows {
		t.Errorf("%d parts, %d rows at once", len(parts), c.most)
	}
}

// TestImport_tooLarge: a job that fits no request is named, and those beside it come over.
func TestImport_tooLarge(t *testing.T) {
	var b strings.Builder
	b.WriteString("INSERT INTO users VALUES('u1',1710064800,'free',10,NULL,NULL,NULL);\n")
	for _, id := range []string{"before", "huge", "behind"} {
		fmt.Fprintf(&b, "INSERT INTO jobs_log VALUES('%s','u1',1710064800,1710064900,'done','interior',NULL,'{}','[]','{}',1,NULL);\n", id)
	}
	for i := range 6000 {
		fmt.Fprintf(&b, "INSERT INTO job_items_log VALUES('huge',%d,'done','elsewhere/%0100d.jpg','elsewhere/%0100d.png',NULL);\n", i, i, i)
	}
	c, report, err := brought(t, dumped(t, b.String()), Options{})
	if err != nil || len(c.jobs) != 2 || report.Tables["jobs_log"].Refused != 1 || len(report.Problems) != 1 || !strings.HasPrefix(report.Problems[0].Why, "BODY_TOO_LARGE") || report.Problems[0].ID != "huge" {
		t.Error(err, len(c.jobs), *report.Tables["jobs_log"], report.Problems)
	}
}

// TestOpen_whatADumpMayDo: it is executed where nothing else can be reached, and its triggers have had their effect.
func TestOpen_whatADumpMayDo(t *testing.T) {
	d := dumped(t, `
CREATE TRIGGER more AFTER INSERT ON users BEGIN INSERT INTO users VALUES('u9',1,'free',1,NULL,NULL,NULL); END;
INSERT INTO users VALUES('u1',1710064800,'free',1,NULL,NULL,NULL);
INSERT INTO no_such_table VALUES(1);
ATTACH '/etc/passwd' AS x;
`)
	if d.Count("users") != 1 || len(d.Notes) != 1 || !strings.Contains(d.Notes[0], "2 statements") {
		t.Errorf("%d users, %q", d.Count("users"), d.Notes)
	}
	for name, text := range map[string]string{"empty": "", "another": "CREATE TABLE x(y);", "no SQL": "hello", "half": old + "INSERT INTO users VALUES('u1"} {
		path := filepath.Join(t.TempDir(), "dump.sql")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if d, err := Open(t.Context(), path); err == nil {
			t.Errorf("%s is taken for a dump", name)
			d.Close()
		}
	}
}
