package table

import (
	"fmt"
	"io"
	"os"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// widest is how far help goes on a wide terminal; longer lines are hard to read.
const widest = 120

// width is how many characters a line of help may have.
func width(w io.Writer) int {
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return min(n, widest)
	}
	if f, ok := w.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return min(n, widest)
		}
	}
	return 80
}

// row is a line of two columns; under it may stand what is not wrapped into it.
type row struct{ left, right, under string }

// section is a heading with rows.
type section struct {
	title string
	rows  []row
}

// show prints the help of a command.
func (c *command) show(w io.Writer) {
	p := &page{w: w, width: width(w)}
	p.line("Usage: %s", c.usage())
	p.line("")
	p.text(c.help)
	if c.more != "" {
		p.line("")
		p.text(c.more)
	}
	for _, s := range c.sections() {
		p.section(s)
	}
	if len(c.children) > 0 {
		p.line("")
		p.line(`"%s <command> --help" says more about a command.`, c.path())
	}
}

// usage is the shape of a line.
func (c *command) usage() string {
	parts := []string{c.path()}
	if len(c.children) > 0 {
		if c.standard != nil {
			return parts[0] + " [<command>]"
		}
		return parts[0] + " <command>"
	}
	flags := c.pick(false)
	sides := c.sides()
	for _, p := range flags {
		switch side := sides[p.xor]; {
		case !p.required:
		case p.xor == "":
			parts = append(parts, p.said()+"="+p.place())
		case side[0] == p:
			var all []string
			for _, one := range side {
				all = append(all, one.said()+"="+one.place())
			}
			parts = append(parts, "("+strings.Join(all, " | ")+")")
		}
	}
	for _, p := range c.pick(true) {
		parts = append(parts, p.slot())
	}
	if len(flags) > 0 {
		parts = append(parts, "[flags]")
	}
	return strings.Join(parts, " ")
}

// slot is an argument in the usage.
func (p *param) slot() string {
	slot := p.said()
	if p.slice() {
		slot += " …"
	}
	if p.optional {
		slot = "[" + slot + "]"
	}
	return slot
}

// sections are what stands below the text: commands by group, or arguments and flags.
func (c *command) sections() (all []section) {
	add := func(title string, r row) {
		for i := range all {
			if all[i].title == title {
				all[i].rows = append(all[i].rows, r)
				return
			}
		}
		all = append(all, section{title, []row{r}})
	}
	for _, child := range c.children {
		if !child.hidden {
			title := child.group
			if title == "" {
				title = "Commands"
			}
			add(title, row{child.name, child.help, child.below()})
		}
	}
	flags, acts := "Flags", c.acting()
	switch {
	case acts == nil:
		acts = &command{}
	case acts != c:
		flags = fmt.Sprintf("Flags of plain %q", c.path())
	}
	for _, p := range acts.pick(true) {
		add("Arguments", row{left: p.slot(), right: p.text()})
	}
	for _, p := range acts.pick(false) {
		if !p.hidden {
			title := p.group
			if title == "" {
				title = flags
			}
			add(title, row{left: p.dashes(), right: p.text()})
		}
	}
	add(flags, row{left: "-h, --help", right: "Show this help."})
	return all
}

// below names the commands of a command.
func (c *command) below() string {
	var names []string
	for _, child := range c.children {
		if !child.hidden {
			names = append(names, child.name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return c.name + " " + strings.Join(names, ", ")
}

// dashes is a flag with its value.
func (p *param) dashes() string {
	left := "    --" + p.name
	if p.short != "" {
		left = "-" + p.short + ", --" + p.name
	}
	if !p.isBool() {
		left += "=" + p.place()
	}
	return left
}

// place stands for a flag's value.
func (p *param) place() string {
	place := p.metavar
	t := p.field.Type()
	if t.Kind() == reflect.Pointer || p.slice() {
		t = t.Elem()
	}
	switch {
	case place != "":
	case p.enum != nil:
		place = strings.Trim(strings.Join(p.enum, "|"), "|")
	case p.kind == "existingdir":
		place = "DIR"
	case p.kind != "":
		place = "FILE"
	case t == duration, t.Kind() == reflect.Struct: // of a time, TIME
		place = strings.ToUpper(t.Name())
	case t.Kind() == reflect.String:
		place = "TEXT"
	default:
		place = "N"
	}
	if p.slice() && !strings.Contains(place, "…") {
		place += ",…"
	}
	return place
}

// text is what a parameter is for, with its default and its variable.
func (p *param) text() string {
	var also []string
	if p.def != "" && p.def != "0" && !strings.Contains(p.help, "${default}") {
		also = append(also, "default "+p.def)
	}
	if p.env != "" {
		also = append(also, "$"+p.env)
	}
	text := strings.ReplaceAll(p.help, "${default}", p.def)
	if len(also) > 0 {
		text = fmt.Sprintf("%s (%s).", strings.TrimSuffix(text, "."), strings.Join(also, "; "))
	}
	return text
}

// page is where help is written.
type page struct {
	w     io.Writer
	width int
}

func (p *page) line(format string, args ...any) { fmt.Fprintf(p.w, format+"\n", args...) }

// text prints paragraphs, wrapped; what is indented stands as it is.
func (p *page) text(text string) {
	var words []string
	flush := func() {
		for _, line := range wrap(words, p.width) {
			p.line("%s", line)
		}
		words = nil
	}
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		if line != "" && line[0] != ' ' && line[0] != '\t' {
			words = append(words, strings.Fields(line)...)
			continue
		}
		flush()
		p.line("%s", line)
	}
	flush()
}

// section prints rows in two columns. A left one that is too long has the line for itself.
func (p *page) section(s section) {
	column, bare := 0, true
	for _, r := range s.rows {
		bare = bare && strings.HasPrefix(r.left, "    ")
	}
	if bare { // no flag here has a letter
		for i := range s.rows {
			s.rows[i].left = strings.TrimSpace(s.rows[i].left)
		}
	}
	for _, r := range s.rows {
		if n := utf8.RuneCountInString(r.left); n <= p.width*2/5 {
			column = max(column, n)
		}
	}
	p.line("")
	p.line("%s:", strings.TrimSuffix(s.title, ":"))
	for _, r := range s.rows {
		lines := wrap(strings.Fields(r.right), p.width-column-6)
		if r.under != "" {
			lines = append(lines, wrap(strings.Fields(r.under), p.width-column-6)...)
		}
		left := r.left
		if len(lines) == 0 {
			lines = []string{""}
		}
		if utf8.RuneCountInString(left) > column {
			p.line("  %s", left)
			left = ""
		}
		for _, text := range lines {
			p.line("%s", strings.TrimRight(fmt.Sprintf("  %-*s    %s", column, left, text), " "))
			left = ""
		}
	}
}

// wrap lays words out in lines. A word that is wider than a line has one.
func wrap(words []string, width int) (lines []string) {
	line := ""
	for _, word := range words {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
