package fsm

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
)

func init() {
	maps.Copy(verbs, map[string]verb{"holder": holderVerb})
	maps.Copy(shows, map[string]func(*View, words) (string, error){
		"show-holders": showHolders, "show-only-on": func(v *View, w words) (string, error) { return fmt.Sprint(v.OnlyOn(w["node"])), nil },
	})
}

// holder node=n3 [held=KEY:UPLOAD[@FENCE],…] [lost=…] [many=N]
func holderVerb(_ *stage, w words) ([]act, error) {
	c := SetHolder{Node: w["node"]}
	for _, list := range []struct {
		word string
		refs *[]ObjectRef
	}{{"held", &c.Held}, {"lost", &c.Lost}} {
		for _, text := range w.list(list.word) {
			key, upload, _ := strings.Cut(text, ":")
			upload, fence, _ := strings.Cut(upload, "@")
			ref := ObjectRef{Bucket: "photos", Key: key, Upload: upload}
			if fence != "" {
				n, err := strconv.ParseUint(fence, 10, 64)
				if err != nil {
					return nil, err
				}
				ref.Fence = n
			}
			*list.refs = append(*list.refs, ref)
		}
	}
	many, err := w.integer("many", 0)
	for range many {
		c.Held = append(c.Held, ObjectRef{Bucket: "photos", Key: "k", Upload: "u"})
	}
	return single(does(c, func(a HolderSet) string { return fmt.Sprintf("changed=%d", a.Changed) }), err)
}

// show-holders key=KEY [fence=N]
func showHolders(v *View, w words) (string, error) {
	o, ok := v.Object("photos", w["key"])
	if w.has("fence") {
		fence, err := w.number("fence", 0)
		if err != nil {
			return "", err
		}
		o, ok = v.Staged("photos", w["key"], fence)
	}
	if !ok {
		return "none", nil
	}
	if len(o.Nodes) == 0 {
		return o.Upload + " nowhere", nil
	}
	return o.Upload + " on " + strings.Join(o.Nodes, "+"), nil
}

// keep reads keep.inputs=1h, for every end of a job, and keep.inputs.done=1h; and
// keep.PREFIX=1h for what belongs to no job.
func (s *Settings) keep(field string, n int64) {
	kind, how, one := strings.Cut(field, ".")
	k, known := map[string]*Keep{"inputs": &s.Retention.Inputs, "outputs": &s.Retention.Outputs, "previews": &s.Retention.Previews, "records": &s.Retention.Records}[kind]
	switch {
	case !known:
		s.Retention.Prefixes = append(s.Retention.Prefixes, PrefixKeep{Prefix: field, For: n})
	case !one:
		*k = Keep{Done: n, Failed: n, Canceled: n}
	default:
		*map[string]*int64{"done": &k.Done, "failed": &k.Failed, "canceled": &k.Canceled}[how] = n
	}
}
