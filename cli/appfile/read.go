package appfile

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"stoker/cli/config"
	"stoker/client"
)

// Name is what the file is called.
const Name = "stoker.app.toml"

// Read reads the file at path.
func Read(path string) (s client.Settings, text []byte, err error) {
	text, err = os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return s, nil, fmt.Errorf("no %s here: `stoker config pull %s` writes one of what is running", path, path)
	}
	if err != nil {
		return s, nil, err
	}
	s, err = Parse(path, text)
	return s, text, err
}

// Parse reads the text of the file at path.
func Parse(path string, text []byte) (s client.Settings, err error) {
	err = config.Decode(path, text, &s)
	return s, err
}

// Locate makes of the cluster's findings an error that says where in the file they are.
func Locate(path string, text []byte, err error) error {
	var e *client.Error
	if !errors.As(err, &e) || len(e.Fields) == 0 {
		return err
	}
	lines := linesOf(text)
	said := make([]error, len(e.Fields))
	for i, f := range e.Fields {
		at := path
		if line := closest(lines, strings.TrimPrefix(f.Field, "settings.")); line > 0 {
			at = fmt.Sprintf("%s:%d", path, line)
		}
		said[i] = fmt.Errorf("%s: %s: %s", at, strings.TrimPrefix(f.Field, "settings."), f.Reason)
	}
	return errors.Join(said...)
}

// closest is the line of a key or, where it is not in the file, of the nearest table around it; 0 for neither.
func closest(lines map[string]int, field string) int {
	for ; field != ""; field = field[:max(strings.LastIndexAny(field, ".["), 0)] {
		if line := lines[field]; line > 0 {
			return line
		}
	}
	return 0
}

// linesOf finds where each key and table stands: "plans.free.weight", "presets.seller.templates[1].id".
func linesOf(text []byte) map[string]int {
	lines := map[string]int{}
	count := map[string]int{} // of tables in an array
	var p unstable.Parser
	p.Reset(text)
	table := ""
	for p.NextExpression() {
		e := p.Expression()
		var parts []string
		line := 0
		for it := e.Key(); it.Next(); {
			if line == 0 {
				line = p.Shape(it.Node().Raw).Start.Line
			}
			parts = append(parts, string(it.Node().Data))
		}
		key := strings.Join(parts, ".")
		switch e.Kind {
		case unstable.Table:
			table = key
		case unstable.ArrayTable:
			table = fmt.Sprintf("%s[%d]", key, count[key])
			count[key]++
		case unstable.KeyValue:
			if table != "" {
				key = table + "." + key
			}
			lines[key] = line
			continue
		default:
			continue
		}
		lines[table] = line
	}
	return lines
}
