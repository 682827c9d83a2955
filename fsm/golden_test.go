package fsm

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// goldenPath holds the encoded form of every record, command and answer that
// was ever shipped, a line each: what it is, its Go name, its bytes. Lines are
// only added (go test -rewrite), never changed: the log, the state and the
// nodes of the last version are full of these bytes.
const goldenPath = "testdata/golden.hex"

// shapes are all types whose bytes reach a log, a file or another node, by
// "record User" or "command 30 CreateJob".
func shapes() map[string]reflect.Type {
	all := map[string]reflect.Type{}
	for _, t := range tables {
		all["record "+t.name] = t.record
	}
	for _, r := range commands {
		all[fmt.Sprintf("command %d %s", r.kind, r.name)] = r.typ
	}
	for _, t := range []reflect.Type{
		reflect.TypeFor[Batch](), reflect.TypeFor[Proposal](), reflect.TypeFor[Outcome](), reflect.TypeFor[Refusal](),
	} {
		all["envelope "+t.Name()] = t
	}
	for _, t := range []reflect.Type{
		reflect.TypeFor[Begun](), reflect.TypeFor[OriginRegistered](), reflect.TypeFor[Expired](), reflect.TypeFor[NodeSet](),
		reflect.TypeFor[SignedIn](), reflect.TypeFor[User](), reflect.TypeFor[Rule](), reflect.TypeFor[RuleDeleted](),
		reflect.TypeFor[Job](), reflect.TypeFor[LeasedWork](), reflect.TypeFor[Reported](), reflect.TypeFor[Released](),
		reflect.TypeFor[LeasesExpired](), reflect.TypeFor[CalledBack](), reflect.TypeFor[Object](), reflect.TypeFor[ObjectDeleted](), reflect.TypeFor[HolderSet](),
		reflect.TypeFor[Token](), reflect.TypeFor[TokenRevoked](), reflect.TypeFor[SecretPut](), reflect.TypeFor[SecretDeleted](),
		reflect.TypeFor[Rekeyed](), reflect.TypeFor[Noted](), reflect.TypeFor[JWTRolled](),
		reflect.TypeFor[SessionOpened](), reflect.TypeFor[Worker](), reflect.TypeFor[QueuePaused](), reflect.TypeFor[Purged](),
		reflect.TypeFor[Backup](), reflect.TypeFor[Epoch](), reflect.TypeFor[BackupForgotten](),
		reflect.TypeFor[Deployed](), reflect.TypeFor[Upgraded](), reflect.TypeFor[Alarm](),
		reflect.TypeFor[Upload](), reflect.TypeFor[Part](), reflect.TypeFor[UploadAborted](),
		reflect.TypeFor[Member](), reflect.TypeFor[JoinToken](), reflect.TypeFor[JoinTokenRevoked](), reflect.TypeFor[MemberGone](), reflect.TypeFor[Autopilot](),
		reflect.TypeFor[Hook](), reflect.TypeFor[Delivery](), reflect.TypeFor[Imported](), reflect.TypeFor[CellMove](), reflect.TypeFor[JobsArchived](), reflect.TypeFor[LedgerFolded](),
	} {
		all["answer "+t.Name()] = t
	}
	return all
}

func readGolden(t *testing.T) [][2]string {
	t.Helper()
	raw, err := os.ReadFile(goldenPath)
	if err != nil && !*rewrite {
		t.Fatal(err)
	}
	var lines [][2]string
	for line := range strings.Lines(string(raw)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		lines = append(lines, [2]string{line[:at], line[at+1:]})
	}
	return lines
}

// TestGolden: what was ever written is read, and means what it meant.
func TestGolden(t *testing.T) {
	all := shapes()
	lines := readGolden(t)
	for _, l := range lines {
		typ, ok := all[l[0]]
		if !ok {
			t.Errorf("%s was shipped and is gone or has another number", l[0])
			continue
		}
		raw, err := hex.DecodeString(l[1])
		if err != nil {
			t.Fatal(err)
		}
		v := reflect.New(typ)
		if err := decoder.Unmarshal(raw, v.Interface()); err != nil {
			t.Errorf("%s: %v", l[0], err)
			continue
		}
		var was, is any
		if err := decoder.Unmarshal(raw, &was); err != nil {
			t.Fatal(err)
		}
		if err := decoder.Unmarshal(encode(v.Interface()), &is); err != nil {
			t.Fatal(err)
		}
		if path, ok := retained(was, is); !ok {
			t.Errorf("%s: field %s was shipped and is now lost or another", l[0], path)
		}
	}
	var fresh []string
	for name, typ := range all {
		v := reflect.New(typ).Elem()
		n := 0
		fill(v, &n)
		line := [2]string{name, hex.EncodeToString(encode(v.Interface()))}
		if !slices.Contains(lines, line) {
			fresh = append(fresh, line[0]+" "+line[1])
		}
	}
	if len(fresh) == 0 {
		return
	}
	if !*rewrite {
		t.Fatalf("new shapes; if they are meant, add them to %s with go test -rewrite:\n%s", goldenPath, strings.Join(fresh, "\n"))
	}
	var b bytes.Buffer
	old, _ := os.ReadFile(goldenPath)
	b.Write(old)
	if len(old) == 0 {
		b.WriteString("# What was ever shipped; lines are added, never changed. See golden_test.go.\n")
	}
	slices.Sort(fresh)
	for _, l := range fresh {
		fmt.Fprintln(&b, l)
	}
	if err := os.WriteFile(goldenPath, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// retained says whether all of was is in is, and where it is not.
func retained(was, is any) (string, bool) {
	switch was := was.(type) {
	case map[any]any:
		now, ok := is.(map[any]any)
		if !ok {
			return "", false
		}
		for k, v := range was {
			if path, ok := retained(v, now[k]); !ok {
				return fmt.Sprintf("%v.%s", k, path), false
			}
		}
		return "", true
	case []any:
		now, ok := is.([]any)
		if !ok || len(now) != len(was) {
			return "", false
		}
		for i, v := range was {
			if path, ok := retained(v, now[i]); !ok {
				return fmt.Sprintf("[%d].%s", i, path), false
			}
		}
		return "", true
	}
	return "", reflect.DeepEqual(was, is)
}

// fill gives every field a value of its own, lists and maps one element.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(v.Field(i), n)
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), n)
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, n)
		fill(value, n)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString(fmt.Sprintf("s%d", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64, reflect.Int32:
		v.SetInt(int64(*n))
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*n % 256))
	default:
		panic(fmt.Sprintf("fsm: a field of kind %s in a record", v.Kind()))
	}
}

// TestNumbers: no two fields of a record and no two kinds share a number, and
// every field has one.
func TestNumbers(t *testing.T) {
	kinds := map[uint16]string{}
	for _, r := range commands {
		if other := kinds[r.kind]; other != "" || r.kind == 0 {
			t.Errorf("%s and %s are number %d", r.name, other, r.kind)
		}
		kinds[r.kind] = r.name
	}
	checked := map[reflect.Type]bool{}
	var check func(typ reflect.Type)
	check = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
			check(typ.Elem())
		case reflect.Struct:
			if checked[typ] {
				return
			}
			checked[typ] = true
			numbers := map[string]string{}
			for f := range typ.Fields() {
				number, options, _ := strings.Cut(f.Tag.Get("cbor"), ",")
				if number == "" || !strings.Contains(options, "keyasint") {
					t.Errorf("%s.%s has no number", typ, f.Name)
				}
				if other := numbers[number]; other != "" {
					t.Errorf("%s.%s and %s are number %s", typ, f.Name, other, number)
				}
				numbers[number] = f.Name
				check(f.Type)
			}
		}
	}
	for _, typ := range shapes() {
		check(typ)
	}
}

// TestTimerKinds: the numbers in the timer table are never reused.
func TestTimerKinds(t *testing.T) {
	golden := []timerKind{originSilent: 1, idemOld: 2, jobDeadline: 3, itemReady: 4, leaseOld: 5, deadOld: 6, workerSilent: 7, quarantineOver: 8, tokenOld: 80, auditOld: 81, secretOld: 82}
	shipped := 0
	for kind, number := range golden {
		if number == 0 {
			continue // never was one
		}
		shipped++
		if timerKind(kind) != number {
			t.Errorf("timer kind %d was shipped as %d", kind, number)
		}
	}
	for kind, fire := range fires {
		if fire == nil || kind == 0 {
			t.Errorf("timer kind %d does nothing", kind)
		}
	}
	if len(fires) < shipped {
		t.Errorf("%d kinds of timer fire, %d were shipped", len(fires), shipped)
	}
}
