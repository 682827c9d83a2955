package fsm

import (
	"bytes"
	"reflect"
	"testing"
)

// samples holds one command of each kind with every field filled in. They are
// what golden.txt keeps and what the hostile test bends.
func samples() []Proposal {
	s := DefaultSettings()
	s.Plans["team"] = Plan{MaxConcurrency: 7, MaxRuleSlots: 8, MaxItems: 9, StartCredits: 10, Weight: 11, MaxLeased: 12, MaxWait: 13}
	s.Replicas, s.Retention.Prefixes = 2, []PrefixKeep{{Prefix: "tmp/", For: 14}}
	s.Webhooks = map[string]Webhook{"shop": {URL: "http://10.0.0.9/stoker", Events: []string{EventJobDone}, Secrets: []string{"webhook.shop"}, AllowPrivate: true, Disabled: true}}
	name := "Whiter"
	begin := genesis(s)
	begin.JWTKeys[0].CreatedAt, begin.ObjectKey.CreatedAt, begin.ObjectKey.Until = 5, 6, 7
	segment := Segment{Upload: "p1", Size: 9, SHA256: []byte{1}, MD5: []byte{2}, Nodes: []string{"n1", "n2"}}
	o := Object{
		Bucket: "photos", Key: "inputs/u1/j1/0.jpg", Upload: "up1", Size: 9, SHA256: []byte{1}, MD5: []byte{2},
		ContentType: "image/jpeg", Nodes: []string{"n1", "n2"}, At: 7, File: "inputs/u1/j0/0.jpg",
		Segments: []Segment{segment}, Meta: map[string]string{"a": "b"}, Headers: map[string]string{"Expires": "never"},
		Kind: "image/jpeg", Flaw: "it has no pixels",
	}
	n4 := SetMember{ID: "n4", HTTP: "10.0.0.4:8080", Addr: "10.0.0.4:9080", Version: "1.1.0", Level: Level, Incarnation: "i4"}
	all := []Proposal{
		Propose(begin),
		Propose(RegisterOrigin{Origin: "o1", Node: "n1"}),
		Propose(Expire{Limit: 100}),
		Propose(Upgrade{To: Level}),
		Propose(RaiseAlarm{Kind: Divergence, Index: 7, Nodes: []string{"n2"}, Why: "another hash"}),
		Propose(ClearAlarm{Kind: Divergence}),
		Propose(SetNode{Greeting{ID: "n1", HTTP: "10.0.0.1:8080", Version: "1.0.0"}}),
		Propose(SignIn{DeviceHash: "d1", NewID: "u9"}),
		Propose(GrantCredits{User: "u1", Amount: -3, Reason: "gift"}),
		Propose(SetPlan{User: "u1", Plan: "pro"}),
		Propose(RevokeUser{User: "u2", Revoked: true}),
		Propose(CreateRule{User: "u1", ID: "r2", Name: "White", Preset: "interior", Concepts: walls, Protect: []string{"Window"}}),
		Propose(UpdateRule{User: "u1", ID: "r1", Name: &name, Concepts: walls, Protect: []string{}}),
		Propose(DeleteRule{User: "u1", ID: "r1"}),
		Propose(CreateJob{User: "u1", ID: "j9", Preset: "interior", Items: 2, AutoConfirm: true, AutoExecute: &Execution{
			Concepts: walls, Protect: []string{"Window"}, Rule: "r1", Template: "전후비교",
		}}),
		Propose(ConfirmUpload{User: "u1", Job: "created"}),
		Propose(ExecuteJob{User: "u1", Job: "uploaded", Concepts: walls, Protect: []string{"Window"}, Rule: "r1", Template: "전후비교"}),
		Propose(CancelJob{User: "u1", Job: "running"}),
		Propose(Lease{Wants: []Want{{Worker: "w1", Poll: "p1", Presets: []string{"interior"}, Max: 2, Loaded: []string{"interior"}}}}),
		Propose(Report{Fence: 1, Results: []ItemResult{
			{Idx: 0, Done: true, Output: "outputs/u1/running/0_result.png", Preview: "previews/u1/running/0_thumb.jpg"},
			{Idx: 1, Error: "dark", Retryable: true, Cause: OutOfMemory, GPUMillis: 900},
		}}),
		Propose(Release{Fence: 1, Items: []int{0, 1}, Delay: 5e9, Reason: "busy"}),
		Propose(ExpireLeases{Term: 1, Leases: []Silence{{Fence: 1, Confirmed: true, Overran: true}}}),
		Propose(Callback{Job: "running", Fence: 1, Result: ItemResult{
			Idx: 1, Done: true, Output: "outputs/u1/running/1_result.png", Preview: "previews/u1/running/1_thumb.jpg", Error: "none",
			Cause: Transient, GPUMillis: 900,
		}}),
		Propose(OpenSession{Session: "s1", Worker: Worker{
			ID: "w1", Session: "s0", Boot: "b1", Slots: 2, Presets: []string{"interior"}, GPU: "L4", VRAM: 24000, SDK: "go/1",
			State: WorkerDraining, Why: "why", Until: 1, Loaded: []string{"interior"}, Missing: []string{"seller"},
			LastGrant: 2, GrantedAt: 3, SeenAt: 4, Faults: 5, Done: 6, Failed: 7, Lost: 8, Opened: 9, Release: 10,
		}}),
		Propose(SetWorker{Worker: "w1", State: WorkerQuarantined, Why: "loud"}),
		Propose(Import{
			Users: []OldUser{{
				ID: "u7", Plan: "pro", Credits: 7, DeviceHash: "d7", CreatedAt: 1, Opening: 3, From: 0, More: true,
				Rules:  []Rule{{ID: "r7", User: "u7", Name: "White", Preset: "interior", Concepts: walls, Protect: []string{"Window"}, CreatedAt: 2, UpdatedAt: 3}},
				Events: []OldEvent{{ID: "e1", Type: "purchase", Amount: 4, Ref: "order", At: 4}},
			}},
			Jobs: []OldJob{{
				ID: "j7", User: "u7", Status: Canceled, Preset: "interior", Price: 1, Rule: "r7", Template: "t", Concepts: walls, Protect: []string{"Window"},
				CreatedAt: 5, EndedAt: 6, Error: "dark", Refund: 1, Items: []OldItem{{Status: Failed, Input: "in", Output: "out", Preview: "small", Error: "dark"}},
			}},
		}),
		Propose(LeaveUser{User: "u1", To: "other", Back: true}),
		Propose(ArriveUser{
			User: "u8", From: "other", To: "c1", Epoch: 1, Index: 2, Behind: 3,
			Head:    &Arrival{Plan: "pro", DeviceHash: "d8", CreatedAt: 1, Entries: 4, Rules: []Rule{{ID: "r8", User: "u8", Name: "White", Preset: "interior", Concepts: walls, CreatedAt: 2, UpdatedAt: 3}}},
			Entries: []MovedRow{{Type: "grant", Amount: 4, Ref: "order", At: 4, By: "admin", Old: "e1"}},
			Jobs:    []OldJob{{ID: "j8", User: "u8", Status: Done, Preset: "interior", Price: 1, CreatedAt: 5, EndedAt: 6, Items: []OldItem{{Status: Done}}}},
		}),
		Propose(LeftUser{User: "u1", Epoch: 1, Index: 2, Entries: 3, Credits: 4}),
		Propose(SettleUser{User: "u8", From: "other", Epoch: 1, Index: 2, Entries: 3, Credits: 4, Revoked: true, Back: true}),
		Propose(ArchiveJobs{
			Segment: ArchiveSegment{Number: 1, Key: "s1", Bytes: 9, SHA256: bytes.Repeat([]byte{1}, 32), Jobs: 2, Archived: 3, From: 4, To: 5, At: 6, Stretches: 7, Folded: 8, Bookings: 9},
			Jobs:    []RecordHash{{Job: "done", SHA256: [32]byte{7}}},
		}),
		Propose(FoldLedger{
			Segment:   ArchiveSegment{Number: 1, Key: "s1", Bytes: 9, SHA256: bytes.Repeat([]byte{1}, 32), Jobs: 2, Archived: 3, From: 4, To: 5, At: 6, Stretches: 7, Folded: 8, Bookings: 9},
			Stretches: []Stretch{{User: "u1", Rows: 5, SHA256: [32]byte{7}}},
		}),
		Propose(Deploy{Settings: s, Base: 1, Author: "ada", Message: "a plan for teams"}),
		Propose(Rollback{To: 1, Base: 2, Author: "ada", Message: "back"}),
		Propose(PauseQueue{Preset: "interior", Paused: true}),
		Propose(PurgeQueue{Preset: "interior", User: "u1", Limit: 2}),
		Propose(KickDead{Job: "dead", Idx: -1, NewJob: "j8"}),
		Propose(RetryJob{Job: "dead", NewJob: "j7"}),
		Propose(PutObject{Object: o, If: &Condition{Absent: true, ETag: "00"}}),
		Propose(SetHolder{
			Node: "n3", Held: []ObjectRef{{Bucket: "photos", Key: "inputs/u1/created/0.jpg", Upload: "up1", Fence: 1}},
			Lost: []ObjectRef{{Bucket: "photos", Key: "inputs/u1/created/1.jpg", Upload: "up2", Fence: 2}},
		}),
		Propose(ConfirmOutside{User: "u1", Job: "created", Found: []Found{{Idx: 1, Size: 9, Kind: "image/jpeg", Flaw: "it has no pixels"}}}),
		Propose(DeleteObject{Bucket: "photos", Key: "inputs/u1/created/0.jpg"}),
		Propose(CreateUpload{Upload{
			Bucket: "photos", Key: "big/b", ID: "m9", ContentType: "video/mp4", Meta: o.Meta, Headers: o.Headers, At: 1, Due: 2, Size: 3,
		}}),
		Propose(PutPart{Bucket: "photos", Key: "big/a", ID: "m1", Part: Part{Number: 2, At: 3, Segment: segment, Kind: "image/png", Flaw: "its header is broken"}}),
		Propose(CompleteUpload{Bucket: "photos", Key: "big/a", ID: "m1", Parts: []Chosen{{Number: 1, MD5: []byte{2}}}, If: &Condition{Absent: true, ETag: "00"}}),
		Propose(AbortUpload{Bucket: "photos", Key: "big/a", ID: "m1"}),
		Propose(CopyObject{
			Bucket: "photos", From: "big/c", Version: []byte("v"), To: "big/d", If: &Condition{Absent: true, ETag: "00"},
			Replace: true, ContentType: "image/png", Meta: o.Meta, Headers: o.Headers,
		}),
		Propose(DeleteObjects{Bucket: "photos", Keys: []string{"big/c", "big/d"}}),
		Propose(RecordBackup{Backup{
			Index: 1, Ordinal: 2, At: 3, Took: 4, Node: "n1", Place: "s3://b/p", File: "f.tar", State: 5, Epoch: 1, Bytes: 6, SHA256: []byte{7},
			Blobs: 8, Missing: 9,
		}}),
		Propose(Restored{
			Why: FromBackup, From: 4, Hold: []string{"n4", "n5"}, Gone: []string{"n2"}, SealedCA: []byte("sealed"),
			AdminTokens: [][32]byte{{3}}, WorkerTokens: [][32]byte{{4}}, OnlyNewTokens: true,
		}),
		Propose(ForgetBackup{Index: 1, Ordinal: 2}),
		Propose(RotateCA{Cert: []byte("cert"), Sealed: []byte("sealed"), SealKey: "key", Without: []string{"n3"}}),
		Propose(StepCA{CA: AuthorityID([]byte("cert")), To: Signing, Without: []string{"n3"}}),
		Propose(KeepACME{Name: "example.org", Sealed: []byte("sealed"), SealKey: "key"}),
		Propose(CreateToken{Hash: [32]byte{9}, Kind: AdminToken, Scope: ScopeOperate, Name: "bot", Life: hour}),
		Propose(RevokeToken{Name: "first worker"}),
		Propose(PutSecret{Name: "callback", Sealed: []byte("sealed"), SealKey: "key", Life: hour}),
		Propose(DeleteSecret{Name: "callback"}),
		Propose(Rekey{SealKey: "key", Secrets: []Resealed{{Use: UseCA, ID: "ca", Was: [32]byte{1}, Sealed: []byte("anew")}}}),
		Propose(Note{Action: "Backup", Subject: "n1", Detail: "to a file"}),
		Propose(RollJWT{ID: "k2", Sealed: []byte("sealed"), SealKey: "key", Drop: true}),
		Propose(CreateKey{ID: "STOKER1", Name: "archive", Access: KeyRead, Prefix: "photos/", Life: hour, Sealed: []byte("sealed"), SealKey: "key"}),
		Propose(RevokeKey{Name: "archive"}),
		Propose(n4),
		Propose(CreateJoinToken{ID: "jt1", Hash: bytes.Repeat([]byte{7}, 32), TTL: 3600e9, For: "n4", Note: "for the new VM"}),
		Propose(UseJoinToken{Token: "jt1", Hash: bytes.Repeat([]byte{7}, 32), Member: n4}),
		Propose(RevokeJoinToken{ID: "jt1"}),
		Propose(RemoveMember{ID: "n4"}),
		Propose(DrainNode{ID: "n1", Draining: true}),
		Propose(AdvanceHook{Hook: "shop", Turn: 1, Lost: 2, To: Mark{Index: 3, Ordinal: 4}, Arrived: 5, Failed: []Undelivered{{
			Mark: Mark{Index: 3, Ordinal: 2}, Event: EventJobDone, Job: "done", ID: "ev_1_3_2", Body: []byte("{}"), Status: 500, Error: "answered 500",
		}}}),
		Propose(ReportHook{Hook: "shop", Attempts: []HookAttempt{{Mark: Mark{Index: 3, Ordinal: 2}, Before: 1, Arrived: true, Status: 500, Error: "answered 500"}}}),
		Propose(RedeliverHook{Hook: "shop", Mark: Mark{Index: 3, Ordinal: 2}}),
		Propose(SetAutopilot{Autopilot{RemoveDeadAfter: 600e9}}),
	}
	for i := range all {
		all[i].Origin, all[i].Seq, all[i].Floor = "o1", 3, 2
		all[i].By, all[i].RequestID = "user u1", "req-1"
		all[i].Idem = &Idem{Scope: "u1 POST /jobs", Key: "k1", Hash: []byte{1, 2, 3}}
	}
	return all
}

// TestSamples_complete: there is a sample of every command, and no field of it
// is left out.
func TestSamples_complete(t *testing.T) {
	seen := map[uint16]bool{}
	for _, p := range samples() {
		seen[p.Kind] = true
		v := decoded(t, p)
		leaves(v, "", func(path string, leaf reflect.Value) {
			if path == ".Object.Fence" || path == ".FirstSettings.Version" || path == ".Backup.Error" {
				return // an input has none; Genesis sets the version; a backup with a file did not fail
			}
			first := leaf.Kind() != reflect.Slice && leaf.IsZero() && !inList(path)
			if first && leaf.Kind() != reflect.Bool {
				t.Errorf("%s%s is zero in the sample", CommandName(p.Kind), path)
			}
		})
	}
	for _, row := range commands {
		if !seen[row.kind] {
			t.Errorf("no sample of %s", row.name)
		}
	}
}

// inList: elements of a list fill their fields together, not each alone.
func inList(path string) bool {
	for _, r := range path {
		if r == '[' {
			return true
		}
	}
	return false
}

// decoded gives a sample's command as a settable value.
func decoded(t *testing.T, p Proposal) reflect.Value {
	t.Helper()
	v := reflect.New(byKind[p.Kind].typ)
	if err := decoder.Unmarshal(p.Body, v.Interface()); err != nil {
		t.Fatal(err)
	}
	return v.Elem()
}

// leaves visits every settable number, string, flag and byte string in v.
func leaves(v reflect.Value, path string, visit func(path string, leaf reflect.Value)) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			leaves(v.Field(i), path+"."+v.Type().Field(i).Name, visit)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			leaves(v.Elem(), path, visit)
		}
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
			visit(path, v)
			return
		}
		for i := range v.Len() {
			leaves(v.Index(i), path+"[]", visit)
		}
	case reflect.Map: // values of maps cannot be set; the tests set whole maps
	default:
		visit(path, v)
	}
}
