package config

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
)

// Objects names an S3 outside that takes the place of the built-in object store; the zero value is the built-in one.
type Objects struct {
	Endpoint  string `toml:"endpoint"`   // https://host[:port]; apps and workers reach it too
	Bucket    string `toml:"bucket"`     // there already
	Region    string `toml:"region"`     // empty: auto, as R2 has it
	AccessKey string `toml:"access_key"` // may read, write and list the bucket

	// Secret says where its secret key is: env:NAME, file:/path, or the name of one that `stoker secret put` keeps; empty:
	// objects.secret.
	Secret string `toml:"secret"`
}

// ObjectsSecret is the secret that is used where the configuration names none.
const ObjectsSecret = "objects.secret"

// Outside says whether an S3 outside is configured.
func (o Objects) Outside() bool { return o != Objects{} }

// SecretName is the cluster's secret that holds the secret key; "" when it is not one of the cluster's.
func (o Objects) SecretName() string {
	switch {
	case o.Secret == "":
		return ObjectsSecret
	case strings.Contains(o.Secret, ":"):
		return ""
	}
	return o.Secret
}

// LocalSecret reads the secret key where it is this machine's own.
func (o Objects) LocalSecret() (string, error) {
	where, name, _ := strings.Cut(o.Secret, ":")
	value := ""
	switch where {
	case "env":
		value = os.Getenv(name)
	case "file":
		raw, err := os.ReadFile(name)
		if err != nil {
			return "", fmt.Errorf("objects.secret: %w", err)
		}
		value = strings.TrimSpace(string(raw))
	}
	if value == "" {
		return "", fmt.Errorf("objects.secret: %s is empty", o.Secret)
	}
	return value, nil
}

// validate says everything that is wrong at once.
func (o Objects) validate() (wrong []error) {
	if !o.Outside() {
		return nil
	}
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		wrong = append(wrong, fmt.Errorf("objects.endpoint: %q: write scheme and host only, as in https://ACCOUNT.r2.cloudflarestorage.com", o.Endpoint))
	}
	if o.Bucket == "" || strings.ContainsAny(o.Bucket, "/ ") {
		wrong = append(wrong, fmt.Errorf("objects.bucket: %q: name a bucket that is there already", o.Bucket))
	}
	if o.AccessKey == "" {
		wrong = append(wrong, errors.New("objects.access_key: is missing; its secret is not written here: objects.secret says where it is"))
	}
	if where, name, ok := strings.Cut(o.Secret, ":"); ok && (where != "env" && where != "file" || name == "") {
		wrong = append(wrong, errors.New("objects.secret: write where the secret is, not the secret: env:NAME, file:/path, or a name that `stoker secret put` was given"))
	}
	return wrong
}
