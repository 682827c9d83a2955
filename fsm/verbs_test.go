package fsm

import (
	"fmt"
	"strconv"
)

// verb reads the words of a step into the commands of one entry.
type verb func(s *stage, w words) ([]act, error)

// verbs is the language of the transcripts: about one verb a command.
var verbs = map[string]verb{
	"genesis": beginVerb, "origin": originVerb, "node": nodeVerb, "expire": expireVerb,
	"upgrade": upgradeVerb, "alarm": alarmVerb, "clear-alarm": clearAlarmVerb,

	"signin": signInVerb, "grant": grantVerb, "plan": planVerb, "revoke": revokeVerb,
	"rule": ruleVerb, "edit-rule": editRuleVerb, "delete-rule": deleteRuleVerb,

	"create": createVerb, "upload": uploadVerb, "put": putVerb, "delete": deleteVerb,
	"confirm": confirmVerb, "confirm-outside": confirmOutsideVerb, "execute": executeVerb, "cancel": cancelVerb, "job": jobVerb,

	"lease": leaseVerb, "result": resultVerb, "release": releaseVerb, "callback": callbackVerb,
	"silent": silentVerb,

	"session": sessionVerb, "worker": workerVerb, "pause": pauseVerb, "resume": pauseVerb, "purge": purgeVerb, "kick": kickVerb,

	"backup": backupVerb, "forget": forgetVerb, "restored": restoredVerb,
	"member": memberVerb, "join-token": joinTokenVerb, "join": joinVerb, "revoke-join-token": revokeJoinTokenVerb,
	"remove-member": removeMemberVerb, "drain-node": drainNodeVerb, "autopilot": autopilotVerb,
}

// single is an entry of one command.
func single(a act, err error) ([]act, error) { return []act{a}, err }

func beginVerb(s *stage, w words) ([]act, error) {
	level, err := w.number("level", Level)
	if err != nil {
		return nil, err
	}
	delete(w, "level")
	set, err := w.settings()
	g := genesis(set)
	g.Level = level
	return single(does(g, func(b Begun) string { return fmt.Sprintf("epoch=%d", b.Epoch) }), err)
}

func originVerb(_ *stage, w words) ([]act, error) {
	return single(does(RegisterOrigin{Origin: w["name"], Node: w["node"]}, func(OriginRegistered) string { return "ok" }), nil)
}

func nodeVerb(_ *stage, w words) ([]act, error) {
	return single(does(SetNode{Greeting{ID: w["id"], HTTP: w["http"], Version: w["version"]}}, func(NodeSet) string { return "ok" }), nil)
}

func expireVerb(_ *stage, w words) ([]act, error) {
	n, err := w.integer("limit", 1000)
	return single(does(Expire{Limit: int(n)}, func(e Expired) string { return fmt.Sprintf("fired=%d", e.Fired) }), err)
}

func signInVerb(_ *stage, w words) ([]act, error) {
	return single(does(SignIn{DeviceHash: w["device"], NewID: w["id"]}, func(a SignedIn) string {
		if a.IsNew {
			return tellUser(a.User) + " new"
		}
		return tellUser(a.User)
	}), nil)
}

func tellUser(u User) string {
	s := fmt.Sprintf("%s plan=%s credits=%d jobs=%d rules=%d", u.ID, u.Plan, u.Credits, u.ActiveJobs, u.RuleSlots)
	if u.Revoked {
		s += " revoked"
	}
	return s
}

func grantVerb(_ *stage, w words) ([]act, error) {
	n, err := w.integer("amount", 0)
	return single(does(GrantCredits{User: w["user"], Amount: n, Reason: w["reason"]}, tellUser), err)
}

func planVerb(_ *stage, w words) ([]act, error) {
	return single(does(SetPlan{User: w["user"], Plan: w["plan"]}, tellUser), nil)
}

// revoke user=u1; with the word undo it is let in again.
func revokeVerb(_ *stage, w words) ([]act, error) {
	return single(does(RevokeUser{User: w["user"], Revoked: !w.has("undo")}, tellUser), nil)
}

func tellRule(r Rule) string {
	return fmt.Sprintf("%s %q %s concepts=%v protect=%v", r.ID, r.Name, r.Preset, r.Concepts, r.Protect)
}

func ruleVerb(_ *stage, w words) ([]act, error) {
	return single(does(CreateRule{
		User: w["user"], ID: w["id"], Name: w["name"], Preset: w["preset"],
		Concepts: w.concepts(), Protect: w.list("protect"),
	}, tellRule), nil)
}

func editRuleVerb(_ *stage, w words) ([]act, error) {
	c := UpdateRule{User: w["user"], ID: w["id"], Concepts: w.concepts(), Protect: w.list("protect")}
	if name, ok := w["name"]; ok {
		c.Name = &name
	}
	return single(does(c, tellRule), nil)
}

func deleteRuleVerb(_ *stage, w words) ([]act, error) {
	return single(does(DeleteRule{User: w["user"], ID: w["id"]}, func(RuleDeleted) string { return "deleted" }), nil)
}

// What an answer says of a job stands among the effects; the status is enough.
func tellJob(j Job) string { return string(j.Status) }

func createVerb(_ *stage, w words) ([]act, error) {
	n, err := w.integer("items", 1)
	preset := w["preset"]
	if preset == "" {
		preset = "interior"
	}
	c := CreateJob{User: w["user"], ID: w["job"], Preset: preset, Items: n, AutoConfirm: w.has("auto-confirm")}
	if w.has("auto-execute") {
		c.AutoExecute = &Execution{Rule: w["rule"], Template: w["template"], Protect: w.list("protect"), Concepts: w.concepts()}
		if c.AutoExecute.Concepts == nil && c.AutoExecute.Rule == "" {
			c.AutoExecute.Concepts = walls
		}
	}
	return single(does(c, tellJob), err)
}

func (s *stage) object(key string, w words) (Object, error) {
	fence, err := w.number("fence", 0)
	if err != nil {
		return Object{}, err
	}
	size, err := w.integer("size", 9)
	s.uploads++
	o := Object{Bucket: "photos", Key: key, Upload: "up" + strconv.Itoa(s.uploads), Size: size, Fence: fence, Nodes: []string{"n1", "n2"}}
	o.Kind, o.Flaw = w["kind"], w["flaw"]
	if w.has("no-nodes") {
		o.Nodes = nil
	}
	return o, err
}

// upload user=u1 job=j1 items=0-3 puts inputs.
func uploadVerb(s *stage, w words) ([]act, error) {
	list, err := unranges(w["items"])
	if err != nil {
		return nil, err
	}
	var acts []act
	for _, idx := range list {
		o, err := s.object(Job{ID: w["job"], User: w["user"]}.InputKey(idx), w)
		if err != nil {
			return nil, err
		}
		acts = append(acts, does(PutObject{Object: o}, func(Object) string { return "ok" }))
	}
	return acts, nil
}

func putVerb(s *stage, w words) ([]act, error) {
	o, err := s.object(w["key"], w)
	if w.has("bytes") {
		o.MD5 = tag(w["bytes"])
	}
	return single(does(PutObject{Object: o, If: w.condition()}, func(Object) string { return "ok" }), err)
}

func deleteVerb(_ *stage, w words) ([]act, error) {
	return single(does(DeleteObject{Bucket: "photos", Key: w["key"]}, func(ObjectDeleted) string { return "ok" }), nil)
}

func confirmVerb(_ *stage, w words) ([]act, error) {
	return single(does(ConfirmUpload{User: w["user"], Job: w["job"]}, tellJob), nil)
}

// confirm-outside user=u1 job=j1 found=0-2 kind=image/jpeg size=9: all that was
// found is alike.
func confirmOutsideVerb(_ *stage, w words) ([]act, error) {
	list, err := unranges(w["found"])
	if err != nil {
		return nil, err
	}
	size, err := w.integer("size", 9)
	c := ConfirmOutside{User: w["user"], Job: w["job"]}
	for _, idx := range list {
		c.Found = append(c.Found, Found{Idx: idx, Size: size, Kind: w["kind"], Flaw: w["flaw"]})
	}
	return single(does(c, tellJob), err)
}

func executeVerb(_ *stage, w words) ([]act, error) {
	c := ExecuteJob{User: w["user"], Job: w["job"], Rule: w["rule"], Template: w["template"], Protect: w.list("protect"), Concepts: w.concepts()}
	if c.Concepts == nil && c.Rule == "" {
		c.Concepts = walls
	}
	return single(does(c, func(j Job) string {
		if w.has("rule") || w.has("concepts") || w.has("protect") {
			return fmt.Sprintf("%s concepts=%v protect=%v", j.Status, j.Concepts, j.Protect)
		}
		return tellJob(j)
	}), nil)
}

func cancelVerb(_ *stage, w words) ([]act, error) {
	return single(does(CancelJob{User: w["user"], Job: w["job"]}, tellJob), nil)
}

// job user=u1 job=j1 items=4 is the whole way to the queue in one entry.
func jobVerb(s *stage, w words) ([]act, error) {
	n, err := w.integer("items", 1)
	if err != nil {
		return nil, err
	}
	acts, err := createVerb(s, w)
	if err != nil {
		return nil, err
	}
	up := words{"user": w["user"], "job": w["job"], "items": fmt.Sprintf("0-%d", n-1)}
	uploads, err := uploadVerb(s, up)
	if err != nil {
		return nil, err
	}
	confirmed, _ := confirmVerb(s, up)
	executed, err := executeVerb(s, words{"user": w["user"], "job": w["job"], "concepts": w["concepts"]})
	if !w.has("concepts") {
		executed, err = executeVerb(s, up)
	}
	for _, a := range [][]act{uploads, confirmed, executed} {
		acts = append(acts, a...)
	}
	for i := range acts {
		acts[i].tell = func(Outcome) (string, error) { return "", nil } // the effects tell it
	}
	return acts, err
}
