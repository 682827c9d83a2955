package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// field is one key of Config under its three names.
type field struct {
	key  string // in the file
	env  string // in the environment
	flag string // on the command line
	at   []int  // in Config
}

// fields are all keys of Config. They come from its tags: a new key is settable everywhere by being declared.
var fields = func() (all []field) {
	return fieldsOf(reflect.TypeFor[Config](), "", nil)
}()

// fieldsOf lists a struct's keys. Those of a table are called by its name too: [objects] region is objects_region.
func fieldsOf(t reflect.Type, table string, at []int) (all []field) {
	for i := range t.NumField() {
		f := t.Field(i)
		key, place := table+f.Tag.Get("toml"), append(slices.Clone(at), i)
		if f.Type.Kind() == reflect.Struct {
			all = append(all, fieldsOf(f.Type, key+"_", place)...)
			continue
		}
		all = append(all, field{key, "STOKER_" + strings.ToUpper(key), strings.ReplaceAll(key, "_", "-"), place})
	}
	return all
}

// set writes text, as environment and flags give it, into the field of c.
func (f field) set(c *Config, text string) error {
	switch to := reflect.ValueOf(c).Elem().FieldByIndex(f.at).Addr().Interface().(type) {
	case *string:
		*to = text
	case *int:
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
		*to = n
	case *bool:
		yes, err := strconv.ParseBool(strings.TrimSpace(text))
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		*to = yes
	case *[]string:
		*to = split(text)
	case *[]Member:
		members, err := parseMembers(text)
		if err != nil {
			return err
		}
		*to = members
	default:
		return fmt.Errorf("a %T is settable in the file only", to)
	}
	return nil
}

// parseMembers reads "n1=10.0.0.1:9080=10.0.0.1:8080,n2=…".
func parseMembers(text string) (members []Member, err error) {
	for _, entry := range split(text) {
		part := strings.Split(entry, "=")
		if len(part) != 3 {
			return nil, fmt.Errorf("member %q: write id=cluster-host:port=http-host:port, members separated by commas", entry)
		}
		members = append(members, Member{ID: part[0], Cluster: part[1], HTTP: part[2]})
	}
	return members, nil
}

func split(text string) (parts []string) {
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}
