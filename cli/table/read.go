package table

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"
)

// command is a row of the table, with those below it.
type command struct {
	name, help, more, group string
	hidden                  bool
	parent                  *command
	children                []*command
	standard                *command // the child that the bare name stands for
	params                  []*param // flags and arguments
	target                  any      // pointer to the struct
}

// param is a flag or an argument.
type param struct {
	name, help, metavar, group string
	short, env, xor, complete  string
	def, kind                  string // tags default and type
	enum                       []string
	positional, optional       bool
	required, hidden           bool
	field                      reflect.Value
}

// helper is a command that has more to say.
type helper interface{ Help() string }

// read takes a struct into a command: more commands, or flags and arguments.
func (c *command) read(structure any) {
	v := reflect.ValueOf(structure).Elem()
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !has(field, "cmd") {
			c.params = append(c.params, c.flags(field, v.Field(i), "", "")...)
			continue
		}
		child := &command{
			name: named(field), help: field.Tag.Get("help"), group: field.Tag.Get("group"),
			hidden: has(field, "hidden"), parent: c, target: v.Field(i).Addr().Interface(),
		}
		if before := len(c.children); child.group == "" && before > 0 {
			child.group = c.children[before-1].group
		}
		if h, ok := child.target.(helper); ok {
			child.more = h.Help()
		}
		child.read(child.target)
		if has(field, "default") {
			c.standard = child
		}
		c.children = append(c.children, child)
	}
	if len(c.children) > 0 && len(c.params) > 0 {
		panic(fmt.Sprintf("table: %s has commands, and flags or arguments of its own", c.path()))
	}
}

// flags reads a field that is a flag or an argument, or lends some.
func (c *command) flags(field reflect.StructField, v reflect.Value, prefix, group string) []*param {
	tag := field.Tag
	if !field.IsExported() && !field.Anonymous {
		return nil // the command's own
	}
	if of := tag.Get("group"); of != "" {
		group = of
	}
	if field.Type.Kind() == reflect.Struct && (field.Anonymous || has(field, "embed")) {
		var lent []*param
		for i := range v.NumField() {
			lent = append(lent, c.flags(field.Type.Field(i), v.Field(i), prefix+tag.Get("prefix"), group)...)
		}
		return lent
	}
	p := &param{
		name: prefix + named(field), help: tag.Get("help"), metavar: tag.Get("metavar"), group: group,
		short: tag.Get("short"), env: tag.Get("env"), xor: tag.Get("xor"), complete: tag.Get("complete"),
		def: tag.Get("default"), kind: tag.Get("type"),
		positional: has(field, "arg"), optional: has(field, "optional"), required: has(field, "required"), hidden: has(field, "hidden"),
		field: v,
	}
	if has(field, "enum") {
		p.enum = strings.Split(tag.Get("enum"), ",")
	}
	if !v.CanSet() || !settable(v.Type()) {
		panic(fmt.Sprintf("table: field %s of %s is a %s, which is no flag", field.Name, c.path(), field.Type))
	}
	if p.def != "" {
		if err := p.value().put(p.def); err != nil { // no check: a default file need not exist
			panic(fmt.Sprintf("table: default of %s of %s: %v", p.name, c.path(), err))
		}
	}
	return []*param{p}
}

// has says whether a field has a tag, whatever it says.
func has(field reflect.StructField, tag string) bool {
	_, is := field.Tag.Lookup(tag)
	return is
}

// named is a field's name on the command line: RemoveDeadAfter is remove-dead-after, SealKey seal-key, ACMEEmail acme-email.
func named(field reflect.StructField) string {
	if name := field.Tag.Get("name"); name != "" {
		return name
	}
	var name strings.Builder
	runes := []rune(field.Name)
	for i, r := range runes {
		begins := i > 0 && unicode.IsUpper(r) &&
			(!unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]))
		if begins {
			name.WriteByte('-')
		}
		name.WriteRune(unicode.ToLower(r))
	}
	return name.String()
}

// path is how a command is called, with the program's name.
func (c *command) path() string {
	if c.parent == nil {
		return c.name
	}
	return c.parent.path() + " " + c.name
}

// acting is the command that c stands for: itself, its standard one, or none.
func (c *command) acting() *command {
	if len(c.children) > 0 {
		return c.standard
	}
	return c
}

// pick are the parameters that are arguments, or those that are flags.
func (c *command) pick(positional bool) (some []*param) {
	for _, p := range c.params {
		if p.positional == positional {
			some = append(some, p)
		}
	}
	return some
}

// said is a parameter as messages name it.
func (p *param) said() string {
	if p.positional {
		return "<" + p.name + ">"
	}
	return "--" + p.name
}
