package appfile

import (
	"strings"

	"github.com/aymanbagabas/go-udiff"
	"github.com/jedib0t/go-pretty/v6/text"

	"stoker/client"
)

// Diff shows what changes from one configuration to another; empty: nothing. The names say which they are.
func Diff(from, to string, a, b client.Settings, colour bool) string {
	plain := udiff.Unified(from, to, Write(a), Write(b))
	if !colour {
		return plain
	}
	var out strings.Builder
	for line := range strings.Lines(plain) {
		line = strings.TrimSuffix(line, "\n")
		out.WriteString(colourOf(line).Sprint(line) + "\n")
	}
	return out.String()
}

func colourOf(line string) text.Colors {
	switch {
	case strings.HasPrefix(line, "--- "), strings.HasPrefix(line, "+++ "):
		return text.Colors{text.Bold}
	case strings.HasPrefix(line, "-"):
		return text.Colors{text.FgRed}
	case strings.HasPrefix(line, "+"):
		return text.Colors{text.FgGreen}
	case strings.HasPrefix(line, "@@"):
		return text.Colors{text.FgCyan}
	}
	return nil
}
