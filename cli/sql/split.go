package sql

import "strings"

// Split takes a text apart at the semicolons that end statements, and gives what follows the last of them as rest. Semicolons in
// strings, names and comments end nothing. A statement of comments alone is left out.
func Split(text string) (statements []string, rest string) {
	start, some := 0, false // some: the statement has more than comments and space
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == ';':
			if some {
				statements = append(statements, strings.TrimSpace(text[start:i]))
			}
			i++
			start, some = i, false
		case c == '\'' || c == '"' || c == '`':
			some = true
			i = past(text, i+1, string(c))
		case c == '[':
			some = true
			i = past(text, i+1, "]")
		case strings.HasPrefix(text[i:], "--"):
			i = past(text, i, "\n")
		case strings.HasPrefix(text[i:], "/*"):
			i = past(text, i+2, "*/")
		default:
			some = some || !strings.ContainsRune(" \t\r\n", rune(c))
			i++
		}
	}
	if some || open(text[start:]) {
		rest = text[start:]
	}
	return statements, rest
}

// open says whether a text without a statement begins a comment that has no end yet.
func open(text string) bool {
	return strings.LastIndex(text, "/*") > strings.LastIndex(text, "*/")
}

// past is the place behind the next end, or behind the text. A doubled quote inside a string
// ends it and begins the next, which comes to the same.
func past(text string, from int, end string) int {
	if n := strings.Index(text[from:], end); n >= 0 {
		return from + n + len(end)
	}
	return len(text)
}
