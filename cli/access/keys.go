package access

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"stoker/cli/show"
	"stoker/client"
)

// Keys lists access keys to the object store.
func Keys(w io.Writer, keys []client.AccessKey, now time.Time) {
	t := show.Table(w, "name", "access key", "may", "prefix", "made", "by", "expires")
	for _, k := range keys {
		prefix := show.Plain(k.Prefix)
		if prefix == "" {
			prefix = "(all)"
		}
		t.AppendRow(table.Row{show.Plain(k.Name), k.AccessKey, k.Access, prefix, k.CreatedAt.UTC().Format(time.DateOnly), show.Plain(k.CreatedBy), until(k.ExpiresAt, k.Expired, now)})
	}
	t.Render()
}

// Settings are ready to be pasted where S3 clients look for them.
func Settings(w io.Writer, k client.AccessKey, secret string, at client.ObjectStore) {
	fmt.Fprintf(w, `access key  %[1]s
secret key  %[2]s
endpoint    %[3]s
region      %[4]s
bucket      %[5]s      (path style: %[3]s/%[5]s/KEY)

# ~/.aws/credentials
[stoker]
aws_access_key_id = %[1]s
aws_secret_access_key = %[2]s

# ~/.aws/config
[profile stoker]
region = %[4]s
endpoint_url = %[3]s
s3 =
    addressing_style = path

# rclone.conf
[stoker]
type = s3
provider = Other
access_key_id = %[1]s
secret_access_key = %[2]s
endpoint = %[3]s
region = %[4]s
force_path_style = true
`, k.AccessKey, secret, at.Endpoint, at.Region, at.Bucket)
	if strings.HasPrefix(at.Endpoint, "http://") {
		// Without TLS anybody on the way could exchange a body that is not signed.
		fmt.Fprintln(w, "use_unsigned_payload = false")
	}
}

func until(at *time.Time, expired bool, now time.Time) string {
	switch {
	case expired:
		return "expired"
	case at != nil:
		return "in " + show.Age(at.Sub(now))
	}
	return "never"
}
