package handlers

import (
	"cmp"
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"stoker/fsm"
)

// saneHolder is what a token may be called.
var saneHolder = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 ._@-]{0,63}$`)

// What a token is on the wire.
const (
	kindOperator = "operator"
	kindWorker   = "worker"
)

// tokenLine is a token as the operator sees it; nobody has its text.
type tokenLine struct {
	Name      string  `json:"name"`
	Kind      string  `json:"kind"`
	Scope     string  `json:"scope"` // "" of a worker's
	CreatedAt string  `json:"created_at"`
	CreatedBy string  `json:"created_by"`
	Expires   *string `json:"expires_at"`
	Expired   bool    `json:"expired"`
	LastUsed  *string `json:"last_used"` // to the minute, on a node that runs; nil: not since they started
}

func tokenLineOf(t fsm.Token, used time.Time) tokenLine {
	kind := kindOperator
	if t.Kind == fsm.WorkerToken {
		kind = kindWorker
	}
	line := tokenLine{
		Name: t.Name, Kind: kind, Scope: string(t.Scope), CreatedAt: stampOf(t.CreatedAt),
		CreatedBy: t.By, Expired: t.Expired(time.Now()),
	}
	if t.Expires != 0 {
		at := stampOf(t.Expires)
		line.Expires = &at
	}
	if !used.IsZero() {
		at := stampOf(used.Truncate(time.Minute).UnixNano())
		line.LastUsed = &at
	}
	return line
}

// adminTokens lists what opens something.
func (s *Server) adminTokens(c *call) (any, error) {
	v, err := c.view()
	if err != nil {
		return nil, err
	}
	all := v.Tokens()
	used := s.allUses(c, all)
	lines := []tokenLine{}
	for sum, t := range all {
		lines = append(lines, tokenLineOf(t, used[sum]))
	}
	slices.SortFunc(lines, func(a, b tokenLine) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return map[string][]tokenLine{"tokens": lines}, nil
}

// adminCreateToken makes a token known. Its text was made by whoever asks, and
// comes here as a hash: it is in no answer, no log and no backup, and a request
// that is sent again makes no second one.
func (s *Server) adminCreateToken(c *call) (any, error) {
	var in struct {
		Name    string `json:"name"`
		Kind    string `json:"kind"`
		Scope   string `json:"scope"`
		Hash    string `json:"token_sha256"`
		ExpireS whole  `json:"expires_in_s"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	hash, err := hex.DecodeString(in.Hash)
	var wrong flaws
	wrong.unless(saneHolder.MatchString(in.Name), "name", "must be 1 to 64 of letters, digits, space and . _ @ -, as in night-shift")
	wrong.unless(in.Kind == kindOperator || in.Kind == kindWorker, "kind", "must be %s or %s", kindOperator, kindWorker)
	wrong.unless(err == nil && len(hash) == 32, "token_sha256", "must be the SHA-256 of the token as 64 hex digits")
	wrong.unless(in.ExpireS >= 0 && in.ExpireS <= 10*365*24*3600, "expires_in_s", "must be 0 (never) to ten years")
	if err := wrong.refusal(); err != nil {
		return nil, err
	}
	cmd := fsm.CreateToken{
		Hash: [32]byte(hash), Kind: fsm.AdminToken, Scope: fsm.Scope(in.Scope), Name: in.Name,
		Life: int64(in.ExpireS) * int64(time.Second),
	}
	if in.Kind == kindWorker {
		cmd.Kind = fsm.WorkerToken
	}
	t, err := apply(c, cmd)
	if err != nil {
		return nil, err
	}
	return map[string]tokenLine{"token": tokenLineOf(t, time.Time{})}, nil
}

// adminRevokeToken ends a token.
func (s *Server) adminRevokeToken(c *call) (any, error) {
	name, err := url.PathUnescape(c.param("name"))
	if err != nil || !saneHolder.MatchString(name) {
		return nil, fsm.Refuse(fsm.NotFound, "no token %.80q", c.param("name"))
	}
	if _, err := apply(c, fsm.RevokeToken{Name: name}); err != nil {
		return nil, err
	}
	return struct {
		Name    string `json:"name"`
		Revoked bool   `json:"revoked"`
	}{name, true}, nil
}

// pathUses is where a node tells the others which tokens were used on it.
const pathUses = "/handlers/token-uses"

// askUses bounds how long a node is waited for: the list is worth showing without it.
const askUses = time.Second

// allUses asks all members when each token was last used. It is in no log: a
// use is nothing to be remembered for ever, and not worth an entry.
func (s *Server) allUses(ctx context.Context, of map[[32]byte]fsm.Token) map[[32]byte]time.Time {
	ctx, cancel := context.WithTimeout(ctx, askUses)
	defer cancel()
	latest := s.doors.uses(of)
	answers := make(chan map[string]int64)
	asked := 0
	for _, m := range s.node.Members() {
		if m.ID != s.node.ID() {
			asked++
			go func() { answers <- s.usesOf(ctx, m.ID) }()
		}
	}
	for range asked {
		for text, at := range <-answers {
			sum, err := hex.DecodeString(text)
			if when := time.Unix(0, at); err == nil && len(sum) == 32 && when.After(latest[[32]byte(sum)]) {
				latest[[32]byte(sum)] = when
			}
		}
	}
	return latest
}

// usesOf asks one member; nothing when it does not answer.
func (s *Server) usesOf(ctx context.Context, member string) (uses map[string]int64) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, pathUses, nil)
	if err != nil {
		return nil
	}
	res, err := s.node.Call(ctx, member, req)
	if err != nil {
		return nil
	}
	defer res.Body.Close()
	if err := json.UnmarshalRead(io.LimitReader(res.Body, 1<<20), &uses); err != nil {
		return nil
	}
	return uses
}

// serveUses answers another member.
func (s *Server) serveUses(w http.ResponseWriter, _ *http.Request) {
	v := s.node.View()
	all := v.Tokens()
	v.Close()
	uses := map[string]int64{}
	for sum, at := range s.doors.uses(all) {
		uses[hex.EncodeToString(sum[:])] = at.UnixNano()
	}
	if err := json.MarshalWrite(w, uses); err != nil {
		s.log.Debug("token uses not sent", keyError, err)
	}
}
