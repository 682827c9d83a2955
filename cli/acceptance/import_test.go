package acceptance

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwt"
	"github.com/minio/minio-go/v7"

	"stoker/client"
)

// oldSchema is that of the stack which is moved away from, as its export begins.
const oldSchema = `PRAGMA defer_foreign_keys=TRUE;
CREATE TABLE users(id TEXT PRIMARY KEY, created_at TEXT, plan TEXT, credits INTEGER, auth_provider TEXT, email TEXT, device_hash TEXT);
CREATE TABLE rules(id TEXT PRIMARY KEY, user_id TEXT, name TEXT, preset_id TEXT, concepts_json TEXT, protect_json TEXT, created_at TEXT, updated_at TEXT);
CREATE TABLE jobs_log(job_id TEXT PRIMARY KEY, user_id TEXT, created_at TEXT, finished_at TEXT, status TEXT, preset TEXT, rule_id TEXT, concepts_json TEXT, protect_json TEXT, params_json TEXT, cost_estimate INTEGER, error TEXT);
CREATE TABLE job_items_log(job_id TEXT, idx INTEGER, status TEXT, input_key TEXT, output_key TEXT, error TEXT, PRIMARY KEY(job_id, idx));
CREATE TABLE billing_events(id TEXT PRIMARY KEY, user_id TEXT, type TEXT, amount INTEGER, ref TEXT, created_at TEXT);
`

// oldDump writes an export of n users with a job each, of two pictures of which the second failed. One user has a long ledger.
func oldDump(t *testing.T, n int) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(oldSchema)
	for i := range n {
		u, j := fmt.Sprintf("moved-%d", i), fmt.Sprintf("job-%d", i)
		fmt.Fprintf(&b, "INSERT INTO users VALUES('%s','2024-03-10 10:00:00','pro',%d,'anonymous',NULL,'phone-%d');\n", u, 9, i)
		fmt.Fprintf(&b, "INSERT INTO rules VALUES('rule-%d','%s','White','interior','{\"Wall\":{\"action\":\"recolor\",\"value\":\"white\"}}',NULL,'2024-03-10 10:00:00',NULL);\n", i, u)
		fmt.Fprintf(&b, "INSERT INTO billing_events VALUES('p%d','%s','purchase',10,NULL,'2024-03-10 10:00:01'),('d%d','%s','debit',-1,'%s','2024-03-10 10:00:02');\n", i, u, i, u, j)
		fmt.Fprintf(&b, "INSERT INTO jobs_log VALUES('%s','%s','2024-03-10 10:0%d:02','2024-03-10 10:10:00','done','interior','rule-%d',NULL,NULL,NULL,2,NULL);\n", j, u, i%10, i)
		fmt.Fprintf(&b, "INSERT INTO job_items_log VALUES('%s',0,'done','inputs/%s/%s/0.jpg','outputs/%s/%s/0_result.png',NULL),('%s',1,'failed','inputs/%s/%s/1.jpg',NULL,'dark');\n", j, u, j, u, j, j, u, j)
	}
	for i := range 400 {
		fmt.Fprintf(&b, "INSERT INTO billing_events VALUES('x%d','moved-0','purchase',%d,NULL,%d);\n", i, 1-i%2*2, 1710000000-i)
	}
	path := filepath.Join(t.TempDir(), "dump.sql")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestImport_MovesOver: a dump, its objects and its signed-in apps, over nodes that do not lead.
func TestImport_MovesOver(t *testing.T) {
	const users = 30
	c, dump := shared(t), oldDump(t, users)
	follower := (c.leader(t) + 1) % 3
	must := func(want string, args ...string) {
		t.Helper()
		out, said, err := c.stokerAt(t, follower, "", append([]string{"import"}, args...)...)
		if err != nil || !strings.Contains(out, want) {
			t.Fatalf("stoker import %q: %v\n%s%s", args, err, out, said)
		}
	}
	must("│ users          │   30 │                30 │", dump, "--dry-run")
	if _, err := c.any.Operator().User(t.Context(), "moved-1"); !client.Is(err, "NOT_FOUND") {
		t.Fatal("a dry run brought somebody:", err)
	}
	must("270 of the users that were imported, and 270 that they have here: equal.", dump)
	must("│ jobs_log       │   30 │        0 │            30 │           0 │       0 │", dump)
	in, err := c.any.App("").SignIn(t.Context(), "phone-1")
	if err != nil || in.UserID != "moved-1" || in.IsNew {
		t.Fatalf("the phone signs in as %+v, %v", in, err)
	}
	out, said, err := c.stokerAt(t, follower, "", "sql", "--csv", "SELECT count(*), min(created_at), sum(done_items) FROM jobs_log WHERE user_id LIKE 'moved-%'")
	if err != nil || !strings.Contains(out, "30,2024-03-10 10:00:02") || !strings.Contains(out, ",30\n") {
		t.Errorf("%v %s%s", err, out, said)
	}
	moveObjects(t, c, follower, dump)
	staysSignedIn(t, c, follower)
	c.agree(t)
}

// TestImport_LeaderKilled: who imports over a node that stays notices nothing of a leader that is killed meanwhile.
func TestImport_LeaderKilled(t *testing.T) {
	const users = 900
	c, dump := newCluster(t, 3, binary), oldDump(t, users)
	c.begin(t)
	lead := c.leader(t)
	var out, said string
	ended := make(chan error, 1)
	go func() {
		var err error
		out, said, err = c.stokerAt(t, (lead+1)%3, "", "import", dump)
		ended <- err
	}()
	eventually(t, "the first user is there", func() bool {
		_, err := c.any.Operator().User(t.Context(), "moved-0")
		return err == nil
	})
	if _, err := c.any.Operator().User(t.Context(), "moved-899"); !client.Is(err, "NOT_FOUND") {
		t.Fatalf("the import was over before the leader could be killed: %v", err)
	}
	c.Nodes[lead].Kill()
	if err := <-ended; err != nil || !strings.Contains(out, "8100 of the users that were imported, and 8100 that they have here: equal.") {
		t.Fatalf("%v\n%s%s", err, out, said)
	}
	for i := range users {
		if page, err := c.any.Operator().Jobs(t.Context(), client.JobQuery{User: fmt.Sprintf("moved-%d", i)}); err != nil || len(page.Jobs) != 1 {
			t.Fatalf("moved-%d has %d jobs, %v", i, len(page.Jobs), err)
		}
	}
}

// moveObjects copies from another Stoker that knows the same jobs, twice.
func moveObjects(t *testing.T, c *cluster, node int, dump string) {
	from := newCluster(t, 1, binary)
	from.begin(t)
	if out, said, err := from.stokerAt(t, 0, "", "import", dump); err != nil {
		t.Fatalf("%v\n%s%s", err, out, said)
	}
	access, secret := from.key(t, "old")
	old := s3(t, strings.TrimPrefix(from.Nodes[0].HTTP, "http://"), access, secret)
	picture := bytes.Repeat([]byte("picture"), 5000)
	for i := range 30 {
		for _, key := range []string{fmt.Sprintf("inputs/moved-%d/job-%d/0.jpg", i, i), fmt.Sprintf("outputs/moved-%d/job-%d/0_result.png", i, i)} {
			if _, err := old.PutObject(t.Context(), "photos", key, bytes.NewReader(picture), int64(len(picture)), minio.PutObjectOptions{ContentType: "image/png"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := old.PutObject(t.Context(), "photos", "site/logo.png", bytes.NewReader(picture), int64(len(picture)), minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", access)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	for _, want := range []string{"Objects: 61 found, 61 copied", "Objects: 61 found, 0 copied (0 B in"} {
		out, said, err := c.stokerAt(t, node, "", "import", "--objects-from", "s3://photos", "--objects-endpoint", "http://"+strings.TrimPrefix(from.Nodes[0].HTTP, "http://"))
		if err != nil || !strings.Contains(out, want) {
			t.Fatalf("%v\n%s%s", err, out, said)
		}
	}
	if keys, _, err := c.any.Operator().Keys(t.Context()); err != nil || strings.Contains(fmt.Sprint(keys), "import ") {
		t.Errorf("the command's key is left: %v %v", keys, err)
	}
	in, err := c.any.App("").SignIn(t.Context(), "phone-3")
	if err != nil {
		t.Fatal(err)
	}
	j, err := c.any.App(in.Token).Job(t.Context(), "job-3")
	if err != nil || len(j.DownloadURLs) != 1 {
		t.Fatal(j, err)
	}
	var got bytes.Buffer
	if _, err := c.any.Download(t.Context(), j.DownloadURLs[0].OutputURL, &got); err != nil || !bytes.Equal(got.Bytes(), picture) {
		t.Errorf("%d bytes, %v", got.Len(), err)
	}
}

// staysSignedIn: a token that the old stack has signed opens every node, for as long as its key is here.
func staysSignedIn(t *testing.T, c *cluster, node int) {
	const secret = "the secret of the old stack, long enough"
	token := jwt.New()
	for name, value := range map[string]any{"sub": "moved-2", "exp": time.Now().Add(time.Hour)} {
		if err := token.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	signed, err := jwt.Sign(token, jwt.WithKey(jwa.HS256, []byte(secret)))
	if err != nil {
		t.Fatal(err)
	}
	opens := func(want int) {
		t.Helper()
		for _, n := range c.Nodes {
			req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+strings.TrimPrefix(n.HTTP, "http://")+"/me", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+string(signed))
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if res.StatusCode != want {
				t.Errorf("%s: %d %s, want %d", n.HTTP, res.StatusCode, text, want)
			}
		}
	}
	opens(401)
	if out, said, err := c.stokerAt(t, node, secret+"\n", "secret", "put", "jwt-legacy", "--expires", "744h"); err != nil {
		t.Fatalf("%v %s%s", err, out, said)
	}
	opens(200)
	if out, said, err := c.stokerAt(t, node, "", "secret", "delete", "jwt-legacy"); err != nil {
		t.Fatalf("%v %s%s", err, out, said)
	}
	opens(401)
}
