package powercut

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// calls are the system calls that change files, make them durable, or move a file's position. What changes files in ways that
// the disk here does not know (copy_file_range, …) is traced too, to be noticed.
const calls = "openat,creat,close,lseek,write,pwrite64,writev,pwritev,pwritev2,ftruncate,truncate,fallocate," +
	"rename,renameat,renameat2,unlink,unlinkat,rmdir,link,linkat,symlink,symlinkat,mkdir,mkdirat," +
	"fsync,fdatasync,copy_file_range,sendfile,splice"

// tracer is the command line before that of the program: one file for each thread, with all data in hexadecimal, and times in
// nanoseconds of the wall clock. Between a call's time and that time and what it took lies what the kernel did. With -D the
// program is our child, and strace a grandchild.
func tracer(prefix string) []string {
	return []string{
		"strace", "-D", "-ff", "-o", prefix, "-q", "-y", "-xx", "-s", "67108864", "-e", "signal=none",
		"--absolute-timestamps=format:unix,precision:ns", "--syscall-times=ns", "-e", "trace=" + calls,
	}
}

// call is one system call of one thread.
type call struct {
	start, end int64 // ns; end is 0 if it never returned
	name       string
	args       []arg
	result     int64 // -1: it failed, or never returned
}

// arg is an argument: a descriptor, a text, or a word as it stands there.
type arg struct {
	word string
	path string // of a descriptor; what the kernel calls it
	fd   int
	text []byte
	kind argKind
}

type argKind int

const (
	word argKind = iota
	descriptor
	text
)

// readTrace reads all threads' files and gives their calls by time.
func readTrace(prefix string) ([]call, error) {
	paths, err := filepath.Glob(prefix + ".*")
	if err != nil || len(paths) == 0 {
		return nil, fmt.Errorf("strace left nothing at %s.*: %w", prefix, cmp.Or(err, fs.ErrNotExist))
	}
	var out []call
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<29)
		for lines.Scan() {
			c, err := parseCall(lines.Text())
			if err != nil {
				f.Close()
				return nil, fmt.Errorf("%s: %w in %.200q", filepath.Base(path), err, lines.Text())
			}
			if c.name != "" {
				out = append(out, c)
			}
		}
		f.Close()
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	slices.SortStableFunc(out, func(a, b call) int { return cmp.Compare(a.start, b.start) })
	return out, nil
}

var errTrace = errors.New("not a line of strace")

// parseCall reads `SECONDS.NANOS name(args) = result <SECONDS.NANOS>`. Lines without a call give none: "+++ killed …", and "???(" of a
// thread that strace lets go of before it has seen one. If that one was about to change a file, the folder is not as it should be.
func parseCall(line string) (c call, err error) {
	at, rest, ok := strings.Cut(line, " ")
	if !ok {
		return c, errTrace
	}
	if strings.HasPrefix(rest, "+++") || strings.HasPrefix(rest, "---") || strings.HasPrefix(rest, "???(") {
		return c, nil
	}
	if c.start, err = nanos(at); err != nil {
		return c, err
	}
	if c.name, rest, ok = strings.Cut(rest, "("); !ok {
		return c, errTrace
	}
	c.result = -1
	if c.args, rest, err = parseArgs(rest); err != nil {
		return c, err
	}
	value, took, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(rest), "= "), " ")
	if i := strings.LastIndex(took, "<"); ok && i >= 0 && value != "?" {
		took, err := nanos(strings.TrimSuffix(took[i+1:], ">"))
		if err != nil {
			return c, err
		}
		c.end = c.start + took
	}
	value, _, _ = strings.Cut(value, "<") // a descriptor has its path behind it
	if n, err := strconv.ParseInt(value, 10, 64); err == nil {
		c.result = n
	}
	return c, nil
}

// parseArgs reads up to the bracket that closes the call, if it was ever closed.
func parseArgs(s string) (out []arg, rest string, err error) {
	for depth := 0; s != ""; {
		switch {
		case s[0] == '"':
			end := strings.IndexByte(s[1:], '"')
			if end < 0 {
				return nil, "", errTrace
			}
			t, err := unhex(s[1 : 1+end])
			if err != nil {
				return nil, "", err
			}
			s = s[end+2:]
			if strings.HasPrefix(s, "...") {
				return nil, "", errors.New("a text was cut off")
			}
			out = append(out, arg{kind: text, text: t})
		case s[0] == '[' || s[0] == '{':
			depth++
			s = s[1:]
		case s[0] == ']' || s[0] == '}':
			depth--
			s = s[1:]
		case s[0] == ')' && depth == 0:
			return out, s[1:], nil
		case s[0] == ',' || s[0] == ' ':
			s = s[1:]
		default:
			end := strings.IndexAny(s, ",<>()[]{}\" ")
			if end < 0 {
				return out, "", nil
			}
			a := arg{word: s[:end]}
			s = s[end:]
			if s[0] == '<' && !strings.HasPrefix(s, "<unfinished") {
				end := strings.IndexByte(s, '>')
				if end < 0 {
					return nil, "", errTrace
				}
				path, err := unhex(s[1:end])
				if err != nil {
					return nil, "", err
				}
				a.kind, a.path, s = descriptor, string(path), s[end+1:]
				if a.fd, err = strconv.Atoi(a.word); err != nil {
					a.fd = -1 // AT_FDCWD
				}
				if gone, ok := strings.CutPrefix(s, "(deleted)"); ok {
					a.path, s = "", gone
				}
			}
			if end == 0 {
				s = s[1:]
				continue
			}
			out = append(out, a)
		}
	}
	return out, "", nil
}

// unhex reads \x2f\x74…
func unhex(s string) ([]byte, error) {
	if len(s)%4 != 0 {
		return nil, errTrace
	}
	out := make([]byte, len(s)/4)
	for i := range out {
		hi, lo := nibble(s[4*i+2]), nibble(s[4*i+3])
		if s[4*i] != '\\' || s[4*i+1] != 'x' || hi < 0 || lo < 0 {
			return nil, errTrace
		}
		out[i] = byte(hi<<4 | lo)
	}
	return out, nil
}

func nibble(c byte) int { return strings.IndexByte("0123456789abcdef", c) }

// nanos reads SECONDS.NANOS.
func nanos(s string) (int64, error) {
	whole, part, ok := strings.Cut(s, ".")
	a, err := strconv.ParseInt(whole, 10, 64)
	b, err2 := strconv.ParseInt(part, 10, 64)
	if !ok || len(part) != 9 || err != nil || err2 != nil {
		return 0, errTrace
	}
	return a*1e9 + b, nil
}
