package client

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"time"
)

// AccessKey is a key to the object store as the cluster shows it: without its secret.
type AccessKey struct {
	Name      string     `json:"name"`
	AccessKey string     `json:"access_key"`
	Access    string     `json:"access"` // read, write or read-write
	Prefix    string     `json:"prefix"` // of all object keys it is for; empty: any
	CreatedAt time.Time  `json:"created_at"`
	CreatedBy string     `json:"created_by"`
	ExpiresAt *time.Time `json:"expires_at"` // nil: never
	Expired   bool       `json:"expired"`
}

// ObjectStore is what an S3 client has to know besides its keys.
type ObjectStore struct {
	Endpoint string `json:"endpoint"` // path style
	Region   string `json:"region"`
	Bucket   string `json:"bucket"`
}

// NewKey says what an access key shall be.
type NewKey struct {
	Name   string
	Access string // read, write or read-write
	Prefix string
	Life   time.Duration // whole seconds; zero: for good
}

// CreateKey makes an access key. The secret is made here; secret is the only copy that can be read.
func (o *Operator) CreateKey(ctx context.Context, k NewKey) (secret string, made AccessKey, at ObjectStore, err error) {
	secret = rand.Text() + rand.Text()
	body := struct {
		Name      string `json:"name"`
		AccessKey string `json:"access_key"`
		SecretKey string `json:"secret_key"`
		Access    string `json:"access"`
		Prefix    string `json:"prefix,omitempty"`
		Expire    int64  `json:"expires_in_s,omitempty"`
	}{k.Name, "STOKER" + rand.Text()[:14], secret, k.Access, k.Prefix, int64(k.Life / time.Second)}
	var out struct {
		Store ObjectStore
		Key   AccessKey
	}
	err = o.call(ctx, http.MethodPost, "/admin/keys", body, &out)
	return secret, out.Key, out.Store, err
}

// Keys lists the access keys, and where they are for.
func (o *Operator) Keys(ctx context.Context) ([]AccessKey, ObjectStore, error) {
	var out struct {
		Store ObjectStore
		Keys  []AccessKey
	}
	err := o.call(ctx, http.MethodGet, "/admin/keys", nil, &out)
	return out.Keys, out.Store, err
}

// RevokeKey ends an access key, by its name or by itself: it opens nothing more,
// on any node that has heard of it.
func (o *Operator) RevokeKey(ctx context.Context, name string) error {
	return o.call(ctx, http.MethodDelete, "/admin/keys/"+url.PathEscape(name), nil, nil)
}
