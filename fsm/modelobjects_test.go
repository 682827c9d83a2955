package fsm

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// modelUpload is an object that comes in parts.
type modelUpload struct {
	key   string
	parts map[int]modelPart
	due   int64
}

type modelPart struct {
	file, kind string
	size       int64
}

func (u *modelUpload) size() (n int64) {
	for _, p := range u.parts {
		n += p.size
	}
	return n
}

// meets: what a client demands of the object that its own is to replace.
func (m *model) meets(key, demand string) Code {
	there := m.objects[key] != ""
	if demand == "" || demand == "none" && !there || demand == "any" && there || demand == "this" && there {
		return ""
	}
	return PreconditionFailed
}

// demand makes a condition up, mostly none at all, of what is under a key now.
func (d *driver) demand(key string) (string, *Condition) {
	switch {
	case !d.dice.one(6):
		return "", nil
	case d.dice.one(2):
		return "none", &Condition{Absent: true}
	case d.dice.one(3):
		return "any", &Condition{ETag: AnyETag}
	case d.dice.one(3):
		return "another", &Condition{ETag: "another"}
	}
	d.flush() // what it is now is read off the machine
	v := d.m.View()
	defer v.Close()
	o, _ := v.Object("photos", key)
	return "this", &Condition{ETag: cmp.Or(o.ETag(), "nothing")}
}

func (m *model) createUpload(key, id string) Code {
	if code := m.mayPut(Object{Key: key}); code != "" {
		return code
	}
	if m.uploads[id] != nil {
		return ValidationFailed
	}
	m.uploads[id] = &modelUpload{key: key, parts: map[int]modelPart{}, due: m.now + day}
	return ""
}

func (m *model) putPart(key, id string, n int, p modelPart) Code {
	u := m.uploads[id]
	if u == nil || u.key != key {
		return NotFound
	}
	if n < 1 {
		return ValidationFailed
	}
	if code := m.mayPut(Object{Key: key, Size: u.size() - u.parts[n].size + p.size}); code != "" {
		return code
	}
	u.parts[n], u.due = p, m.now+day
	return ""
}

// completeUpload: parts in order, all but the last of 5 MiB at least.
func (m *model) completeUpload(key, id string, numbers []int, demand string) Code {
	u := m.uploads[id]
	if u == nil || u.key != key {
		return NotFound
	}
	whole, size := id, int64(0)
	for i, n := range numbers {
		p, ok := u.parts[n]
		if !ok || i > 0 && n <= numbers[i-1] || i < len(numbers)-1 && p.size < 5<<20 {
			return ValidationFailed
		}
		whole += " " + p.file
		size += p.size
	}
	if len(numbers) == 0 {
		return ValidationFailed
	}
	if code := m.mayPut(Object{Key: key, Size: size}); code != "" {
		return code
	}
	if code := m.meets(key, demand); code != "" {
		return code
	}
	m.objects[key] = whole
	delete(m.files, key)
	m.looks(key, u.parts[numbers[0]].kind, "")
	delete(m.uploads, id)
	m.arrivedAt(key)
	return ""
}

func (m *model) abortUpload(key, id string) Code {
	if u := m.uploads[id]; u == nil || u.key != key {
		return NotFound
	}
	delete(m.uploads, id)
	return ""
}

// copy: both have the files; a copy names the key that they were uploaded for.
func (m *model) copy(from, to string, size int64, current, replace bool, demand string) Code {
	switch {
	case m.objects[from] == "":
		return NotFound
	case !current:
		return Unavailable
	case from == to && !replace:
		return ValidationFailed
	}
	if code := cmp.Or(m.mayPut(Object{Key: to, Size: size}), m.meets(to, demand)); code != "" {
		return code
	}
	file := cmp.Or(m.files[from], from)
	m.objects[to] = m.objects[from]
	if useless := m.useless[from]; useless {
		m.useless[to] = true
	} else {
		delete(m.useless, to)
	}
	if delete(m.files, to); file != to {
		m.files[to] = file
	}
	m.arrivedAt(to)
	return ""
}

func (m *model) compareUploads(v *View) error {
	n := 0
	for _, got := range uploads.Scan(v, "") {
		n++
		u := m.uploads[got.ID]
		if u == nil || u.key != got.Key || u.due != got.Due || u.size() != got.Size {
			return fmt.Errorf("upload %+v, the model has %+v", got, u)
		}
		list := v.Parts(got, 0)
		for _, p := range list {
			if u.parts[p.Number].file != p.Segment.Upload {
				return fmt.Errorf("part %+v, the model has %+v", p, u.parts[p.Number])
			}
		}
		if len(list) != len(u.parts) {
			return fmt.Errorf("%d parts of %s, the model has %d", len(list), got.ID, len(u.parts))
		}
	}
	if n != len(m.uploads) {
		return fmt.Errorf("%d uploads, the model has %d", n, len(m.uploads))
	}
	return nil
}

// bucket does what S3 clients do beside putting and deleting one object.
func (d *driver) bucket() {
	key := oneOf(d.dice, "big/1", "big/2", "inputs/u1/j99/0.jpg")
	if job := d.job(); d.dice.one(4) && d.model.jobs[job] != nil {
		key = Job{ID: job, User: d.model.jobs[job].user}.InputKey(0)
	}
	id := some(d, d.model.uploads, "never")
	if u := d.model.uploads[id]; u != nil && !d.dice.one(8) {
		key = u.key
	}
	switch d.dice.of(8) {
	case 0, 1:
		d.uploads++
		id := d.dice.name("m", 9)
		c := CreateUpload{Upload{Bucket: "photos", Key: key, ID: id}}
		// An id that is in use under another key cannot happen: they are random.
		if u := d.model.uploads[id]; u == nil || u.key == key {
			do(d, c, func() Code { return d.model.createUpload(key, id) }, nil)
		}
	case 2, 3:
		d.uploads++
		n := d.dice.of(4)
		p := modelPart{file: strconv.Itoa(d.uploads), size: oneOf(d.dice, int64(9), MinPart, 3<<30), kind: oneOf(d.dice, "image/png", "text/html")}
		c := PutPart{Bucket: "photos", Key: key, ID: id, Part: Part{
			Number: n, Kind: p.kind, Segment: Segment{Upload: p.file, Size: p.size, MD5: []byte{byte(n)}, Nodes: []string{"n1"}},
		}}
		do(d, c, func() Code { return d.model.putPart(key, id, n, p) }, nil)
	case 4:
		var numbers []int
		if u := d.model.uploads[id]; u != nil {
			numbers = slices.Sorted(maps.Keys(u.parts))
		}
		if d.dice.one(4) {
			numbers = append(numbers, d.dice.of(4))
		}
		demand, condition := d.demand(key)
		c := CompleteUpload{Bucket: "photos", Key: key, ID: id, If: condition}
		for _, n := range numbers {
			c.Parts = append(c.Parts, Chosen{Number: n, MD5: []byte{byte(n)}})
		}
		do(d, c, func() Code { return d.model.completeUpload(key, id, numbers, demand) }, nil)
	case 5:
		if d.dice.one(3) {
			do(d, AbortUpload{Bucket: "photos", Key: key, ID: id}, func() Code { return d.model.abortUpload(key, id) }, nil)
		}
	case 6:
		d.copy(key)
	default:
		keys := []string{key, some(d, d.model.objects, "nothing")}
		do(d, DeleteObjects{Bucket: "photos", Keys: keys}, func() Code {
			for _, key := range keys {
				delete(d.model.objects, key)
				delete(d.model.files, key)
			}
			return ""
		}, nil)
	}
}

func (d *driver) copy(to string) {
	demand, condition := d.demand(to)
	d.flush() // the source's version is read off the machine
	from := some(d, d.model.objects, "nothing")
	v := d.m.View()
	defer v.Close()
	o, _ := v.Object("photos", from)
	c := CopyObject{Bucket: "photos", From: from, To: to, Version: o.Version(), Replace: d.dice.one(2), If: condition}
	if d.dice.one(9) {
		c.Version = []byte("another")
	}
	current := bytes.Equal(c.Version, o.Version())
	do(d, c, func() Code { return d.model.copy(from, to, o.Size, current, c.Replace, demand) }, nil)
}
