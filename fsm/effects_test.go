package fsm

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"stoker/store"
)

// effects tells what an entry has changed, for people: credits, jobs, items,
// objects, dead letters, workers.
func effects(before, after *View) string {
	var out []string
	for k, u := range users.Scan(after, "") {
		was, _ := users.Get(before, k)
		if d := u.Credits - was.Credits; d != 0 {
			out = append(out, fmt.Sprintf("%s %+d credits", u.ID, d))
		}
	}
	for k, j := range jobs.Scan(after, "") {
		was, _ := jobs.Get(before, k)
		if j.Status != was.Status {
			out = append(out, j.ID+" "+string(j.Status))
		}
		out = append(out, itemEffects(before, after, j)...)
	}
	out = append(out, rowEffects(before, after, archived, "archived ", "", func(a archivedJob) (string, int) {
		return fmt.Sprintf("a job of %s in segment %d", a.User, a.Segment), -1
	})...)
	out = append(out, rowEffects(before, after, broughtForward, "", "", func(f BroughtForward) (string, int) {
		return fmt.Sprintf("%s brings forward %d from %d bookings in segment %d", f.User, f.Balance, f.Rows, f.Segment), -1
	})...)
	out = append(out, rowEffects(before, after, objects, "+", "-", func(o Object) (string, int) {
		return parts(o.Key, "")
	})...)
	out = append(out, rowEffects(before, after, staged, "staged ", "unstaged ", func(o Object) (string, int) {
		return parts(o.Key, fmt.Sprintf("@%d", o.Fence))
	})...)
	out = append(out, rowEffects(before, after, dead, "dead ", "forgotten ", func(d DeadLetter) (string, int) {
		return d.Job + "/%s", d.Idx
	})...)
	for k, w := range workers.Scan(after, "") {
		was, _ := workers.Get(before, k)
		if w.State != was.State || w.Until != was.Until {
			out = append(out, tellState(w))
		}
	}
	return strings.Join(out, ", ")
}

// tellState says what a worker was made into, by whom and till when.
func tellState(w Worker) string {
	line := w.ID + " active"
	if w.State != WorkerActive {
		line = w.ID + " " + string(w.State)
	}
	if w.Until != 0 {
		line += " until " + clock(w.Until)
	}
	if w.Why != "" {
		line += " (" + w.Why + ")"
	}
	return line
}

// itemEffects groups the items of a job that changed by what they are now.
func itemEffects(before, after *View, j Job) []string {
	group := map[string][]int{}
	for _, it := range after.Items(j.ID) {
		was, _ := items.Get(before, itemKey(j.ID, it.Idx))
		if now := standing(after, it); was.Status != "" && now != standing(before, was) {
			group[now] = append(group[now], it.Idx)
		}
	}
	var out []string
	for _, now := range slices.Sorted(maps.Keys(group)) {
		out = append(out, fmt.Sprintf("%s/%s %s", j.ID, ranges(group[now]), now))
	}
	return out
}

// standing says where an item is, or what it came to.
func standing(v *View, it Item) string {
	switch it.Place {
	case Ready:
		return "ready"
	case Leased:
		return fmt.Sprintf("leased@%d", it.Fence)
	case Scheduled:
		return fmt.Sprintf("back at %s", clock(it.ReadyAt))
	}
	return string(it.Status)
}

// parts makes outputs/3 of j1 from its key: a name for the group and a number.
func parts(key, suffix string) (string, int) {
	kind, job, idx, ok := parseKey(key)
	if !ok {
		return key, -1
	}
	return kind + " " + job + "/%s" + suffix, idx
}

// rowEffects tells which rows of a table came and went, those of one name
// together. A row replaced by another counts as new.
func rowEffects[V any](before, after *View, t *store.Table[V], plus, minus string, name func(V) (string, int)) []string {
	group := map[string][]int{}
	note := func(sign string, v V) {
		n, idx := name(v)
		group[sign+n] = append(group[sign+n], idx)
	}
	for k, v := range t.Scan(after, "") {
		if was, had := t.Get(before, k); !had || string(encode(was)) != string(encode(v)) {
			note(plus, v)
		}
	}
	for k, v := range t.Scan(before, "") {
		if !t.Has(after, k) {
			note(minus, v)
		}
	}
	var out []string
	for _, n := range slices.Sorted(maps.Keys(group)) {
		if strings.Contains(n, "%s") {
			slices.Sort(group[n])
			n = fmt.Sprintf(n, ranges(group[n]))
		}
		out = append(out, n)
	}
	return out
}

// clock writes a machine time as transcripts count it.
func clock(at int64) string {
	s := time.Duration(at - dawn).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// ranges writes 0,1,2,5 as 0-2,5.
func ranges(list []int) string {
	var parts []string
	for i := 0; i < len(list); {
		k := i
		for k+1 < len(list) && list[k+1] == list[k]+1 {
			k++
		}
		if k == i {
			parts = append(parts, strconv.Itoa(list[i]))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", list[i], list[k]))
		}
		i = k + 1
	}
	return strings.Join(parts, ",")
}

// unranges reads what ranges wrote.
func unranges(s string) ([]int, error) {
	var out []int
	if s == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(s, ",") {
		lo, hi, isRange := strings.Cut(part, "-")
		if !isRange || lo == "" {
			lo, hi = part, part
		}
		a, err := strconv.Atoi(lo)
		if err != nil {
			return nil, err
		}
		b, err := strconv.Atoi(hi)
		if err != nil {
			return nil, err
		}
		for n := a; n <= b; n++ {
			out = append(out, n)
		}
	}
	return out, nil
}
