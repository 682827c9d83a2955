package table

import (
	"encoding"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// value is a field as pflag fills it in.
type value struct {
	*param
	given bool // a slice's default gives way to the first that is given
}

func (p *param) value() *value { return &value{param: p} }

var (
	duration = reflect.TypeFor[time.Duration]()
	text     = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// settable says whether a field of a type can be a flag.
func settable(t reflect.Type) bool {
	if reflect.PointerTo(t).Implements(text) {
		return true
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		return t.Elem().Kind() != reflect.Pointer && t.Elem().Kind() != reflect.Slice && settable(t.Elem())
	case reflect.String, reflect.Bool, reflect.Float64:
		return true
	}
	return t.Kind() >= reflect.Int && t.Kind() <= reflect.Uint64
}

// slice says whether a parameter holds many.
func (p *param) slice() bool {
	t := p.field.Type()
	return t.Kind() == reflect.Slice && !reflect.PointerTo(t).Implements(text)
}

func (p *param) isBool() bool { return p.field.Kind() == reflect.Bool }

// String is what pflag thinks the default is; the help knows better.
func (v *value) String() string { return "" }

// Type tells cobra which flags may stand more than once.
func (v *value) Type() string {
	switch {
	case v.slice():
		return "stringSlice"
	case v.isBool():
		return "bool"
	}
	return "string"
}

// Set takes what stands on the line, or in the environment.
func (v *value) Set(s string) error {
	for _, one := range v.parts(s) {
		if v.enum != nil && !slices.Contains(v.enum, one) {
			return fmt.Errorf("give %s", orList(v.choices()))
		}
	}
	if !v.given && v.slice() {
		v.field.SetZero()
	}
	v.given = true
	return v.put(s)
}

// choices are what an enum allows, without the empty one that stands for all.
func (p *param) choices() []string {
	return slices.DeleteFunc(slices.Clone(p.enum), func(s string) bool { return s == "" })
}

// parts are what a text says one by one: an argument's comma belongs to it, a flag's divides.
func (p *param) parts(s string) []string {
	if !p.slice() || p.positional {
		return []string{s}
	}
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' })
}

// put fills the field in.
func (v *value) put(s string) error {
	for _, one := range v.parts(s) {
		place := v.field
		switch {
		case v.slice():
			place = reflect.New(v.field.Type().Elem()).Elem()
		case place.Kind() == reflect.Pointer:
			place = reflect.New(place.Type().Elem()).Elem()
		}
		if v.given {
			var err error
			if one, err = onDisk(v.kind, one); err != nil {
				return err
			}
		}
		if err := parse(place, one); err != nil {
			return err
		}
		switch {
		case v.slice():
			v.field.Set(reflect.Append(v.field, place))
		case v.field.Kind() == reflect.Pointer:
			v.field.Set(place.Addr())
		}
	}
	return nil
}

// parse reads one value. Its errors say what to give instead.
func parse(place reflect.Value, s string) error {
	if t, ok := place.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return t.UnmarshalText([]byte(s))
	}
	switch kind := place.Kind(); {
	case place.Type() == duration:
		d, err := time.ParseDuration(s)
		if err != nil {
			return errors.New("give a duration, as in 90s, 15m or 2h")
		}
		place.SetInt(int64(d))
	case kind == reflect.String:
		place.SetString(s)
	case kind == reflect.Bool:
		b, err := strconv.ParseBool(s)
		if err != nil {
			return errors.New("give true or false")
		}
		place.SetBool(b)
	case kind == reflect.Float64:
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return errors.New("give a number")
		}
		place.SetFloat(f)
	case place.CanUint():
		n, err := strconv.ParseUint(s, 10, place.Type().Bits())
		if err != nil {
			return errors.New("give a whole number, 0 or more")
		}
		place.SetUint(n)
	default:
		n, err := strconv.ParseInt(s, 10, place.Type().Bits())
		if err != nil {
			return errors.New("give a whole number")
		}
		place.SetInt(n)
	}
	return nil
}

// onDisk makes a path absolute, and looks whether there is what should be. - is a command's own affair.
func onDisk(kind, path string) (string, error) {
	if kind == "" || path == "-" || path == "" {
		return path, nil
	}
	if rest, home := strings.CutPrefix(path, "~/"); home {
		if dir, err := os.UserHomeDir(); err == nil {
			path = filepath.Join(dir, rest)
		}
	}
	whole, err := filepath.Abs(path)
	if err != nil || kind == "path" {
		return whole, err
	}
	info, err := os.Stat(whole)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", errors.New("there is no such " + map[string]string{"existingfile": "file", "existingdir": "folder"}[kind])
	case err != nil:
		return "", err
	case kind == "existingfile" && info.IsDir():
		return "", errors.New("this is a folder; give a file")
	case kind == "existingdir" && !info.IsDir():
		return "", errors.New("this is a file; give a folder")
	}
	return whole, nil
}

// orList is "a, b or c".
func orList(all []string) string {
	if len(all) < 2 {
		return strings.Join(all, "")
	}
	last := len(all) - 1
	return strings.Join(all[:last], ", ") + " or " + all[last]
}
