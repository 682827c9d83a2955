package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// Source says where a configuration comes from.
type Source struct {
	File  string                      // path of stoker.toml
	Env   func(string) (string, bool) // os.LookupEnv; nil: no environment
	Flags map[string]string           // by key, as in "max_upload_mb"; only those that were given
}

// Load reads the file, lays environment and flags over it and validates the whole.
func Load(from Source) (Config, error) {
	c, err := readFile(from.File)
	if err != nil {
		return Config{}, err
	}
	var wrong []error
	for _, f := range fields {
		if from.Env != nil {
			if text, ok := from.Env(f.env); ok && text != "" { // an empty variable is how compose files write "not set"
				if err := f.set(&c, text); err != nil {
					wrong = append(wrong, fmt.Errorf("%s: %w", f.env, err))
				}
			}
		}
		if text, ok := from.Flags[f.key]; ok {
			if err := f.set(&c, text); err != nil {
				wrong = append(wrong, fmt.Errorf("--%s: %w", f.flag, err))
			}
		}
	}
	if len(wrong) > 0 {
		return Config{}, errors.Join(wrong...)
	}
	if err := c.validate(); err != nil {
		return Config{}, fmt.Errorf("%s: %w", from.File, err)
	}
	return c, nil
}

// readFile decodes strictly, fills in defaults and makes the file's paths relative to the process. Environment and flags come
// after: their paths are the process's own already.
func readFile(path string) (Config, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return Config{}, fmt.Errorf("no configuration at %s: `stoker init` writes one per node, --config names it", path)
	}
	if err != nil {
		return Config{}, fmt.Errorf("configuration: %w", err)
	}
	var c Config
	if err := Decode(path, text, &c); err != nil {
		return Config{}, err
	}
	c.defaults()
	for _, p := range c.paths() {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(filepath.Dir(path), *p)
		}
	}
	return c, nil
}

// Decode reads TOML strictly: keys that into does not have are refused, each with its line.
func Decode(path string, text []byte, into any) error {
	err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(into)
	var unknown *toml.StrictMissingError
	if errors.As(err, &unknown) {
		var all []error
		for _, e := range unknown.Errors {
			line, _ := e.Position()
			all = append(all, fmt.Errorf("%s:%d: unknown key %q: remove it or correct its name", path, line, strings.Join(e.Key(), ".")))
		}
		return errors.Join(all...)
	}
	var broken *toml.DecodeError
	if errors.As(err, &broken) {
		line, column := broken.Position()
		return fmt.Errorf("%s:%d:%d: %s", path, line, column, strings.TrimPrefix(broken.Error(), "toml: "))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
