package fsm

import (
	"fmt"
	"strings"
)

// backup node=n1 place=/b file=f state=3 | error=full
func backupVerb(_ *stage, w words) ([]act, error) {
	state, err := w.number("state", 0)
	b := Backup{Node: w["node"], Place: w["place"], File: w["file"], State: state, Error: w["error"]}
	return single(does(RecordBackup{b}, func(b Backup) string { return b.ID() }), err)
}

// forget id=bk_3_1
func forgetVerb(_ *stage, w words) ([]act, error) {
	var c ForgetBackup
	_, err := fmt.Sscanf(w["id"], "bk_%d_%d", &c.Index, &c.Ordinal)
	return single(does(c, func(BackupForgotten) string { return "ok" }), err)
}

// restored why=restore found=7 [hold=n4,n5] [gone=n2] [ca] [token] [only]
func restoredVerb(_ *stage, w words) ([]act, error) {
	from, err := w.number("found", 0)
	c := Restored{Why: Rebirth(w["why"]), From: from, Hold: w.list("hold"), Gone: w.list("gone"), OnlyNewTokens: w.has("only")}
	if w.has("ca") {
		c.SealedCA = []byte("another")
	}
	if w.has("token") {
		c.AdminTokens, c.WorkerTokens = [][32]byte{{3}}, [][32]byte{{4}}
	}
	return single(does(c, func(e Epoch) string { return fmt.Sprintf("epoch=%d", e.Epoch) }), err)
}

func showBackups(v *View, _ words) (string, error) {
	var lines []string
	for _, b := range v.Backups() {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s:%s %s", b.ID(), b.Node, b.Place, b.File, b.Error)))
	}
	last, ok := v.LastBackup()
	if !ok {
		return listing(fmt.Sprintf("%d, none is a file", len(lines)), lines), nil
	}
	return listing(fmt.Sprintf("%d, the last file is %s", len(lines), last.ID()), lines), nil
}

func showEpochs(v *View, _ words) (string, error) {
	var lines []string
	for _, e := range v.Epochs() {
		lines = append(lines, fmt.Sprintf("%d by %s at entry %d from %d", e.Epoch, e.Why, e.Index, e.From))
	}
	lines = append(lines, fmt.Sprintf("members: %d, CA: %s", len(v.Members()), v.Secrets(UseCA)[0].Sealed))
	return listing(fmt.Sprintf("epoch %d", v.Epoch()), lines), nil
}

// showCopies says which nodes the records name, each list once.
func showCopies(v *View, _ words) (string, error) {
	seen := map[string]int{}
	for o := range v.Objects() {
		seen[strings.Join(o.Nodes, "+")]++
	}
	return fmt.Sprint(seen), nil
}

func listing(head string, lines []string) string {
	return strings.TrimSpace(head + "\n" + strings.Join(lines, "\n"))
}
