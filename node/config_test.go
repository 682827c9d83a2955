package node

import (
	"strings"
	"testing"
)

func TestConfig_SaysWhatIsWrong(t *testing.T) {
	good := func() Config {
		return Config{ID: "a", Dir: t.TempDir(), TLS: testTLS("a"), Members: []Member{{ID: "a", Addr: "h:1"}}}
	}
	if err := good().validate(); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*Config){
		"ID is empty":        func(c *Config) { c.ID = "" },
		"Dir is empty":       func(c *Config) { c.Dir = "" },
		"TLS is needed":      func(c *Config) { c.TLS = nil },
		"needs 32":           func(c *Config) { c.SealKey = []byte("short") },
		"named twice":        func(c *Config) { c.Members = append(c.Members, c.Members[0]) },
		"needs an id and an": func(c *Config) { c.Members[0].Addr = "" },
		"not among":          func(c *Config) { c.ID = "b" },
	} {
		c := good()
		spoil(&c)
		if err := c.validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
	cert, key := testCA().issue("stoker://operator/me")
	if _, err := ParseTLS(testCA().pem, cert, key); err == nil || !strings.Contains(err.Error(), "node role") {
		t.Errorf("a certificate without the node role: %v", err)
	}
}
