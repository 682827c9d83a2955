package handlers

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/valyala/fasthttp"

	"stoker/fsm"
)

// A browser that shows the dashboard brings its operator's token in a cookie
// that only the cluster can read, so that no script and no history holds it. It
// is kept by nobody: every node opens what any of them has sealed, and asks the
// state each time whether the token in it is still good.
const (
	browserCookie = "stoker_session"
	browserPath   = "/" // /metrics is asked too
	headerCSRF    = "X-Stoker-CSRF"

	// sealedForBrowser is what the cookie is sealed for: nothing else that was
	// sealed with the cluster's key opens as one.
	sealedForBrowser = "browser"

	// browserLife is how long one log-in lasts.
	browserLife = 12 * time.Hour
)

// browser is what the cookie holds.
type browser struct {
	Token   string `json:"token"`
	CSRF    string `json:"csrf"` // what a change must repeat in a header: another site can neither read nor send it
	Expires int64  `json:"expires"`
}

// browserView is a log-in as the dashboard sees it.
type browserView struct {
	Name    string `json:"name"`  // of the token
	Scope   string `json:"scope"` // read, operate or admin
	CSRF    string `json:"csrf"`
	Expires string `json:"expires_at"`
}

// logIn turns an operator's token into a cookie.
func (s *Server) logIn(c *call) (any, error) {
	var in struct {
		Token string `json:"token"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	t, err := c.operator(strings.TrimSpace(in.Token), fsm.ScopeRead)
	if err != nil {
		return nil, err
	}
	b := browser{Token: strings.TrimSpace(in.Token), CSRF: rand.Text(), Expires: time.Now().Add(browserLife).Unix()}
	plain, err := json.Marshal(b)
	if err != nil {
		return nil, err
	}
	sealed, err := s.node.Seal(sealedForBrowser, plain)
	if err != nil {
		return nil, err
	}
	c.setBrowser(base64.RawURLEncoding.EncodeToString(sealed), browserLife)
	return b.view(t), nil
}

// loggedIn says whose log-in the cookie is.
func (s *Server) loggedIn(c *call) (any, error) {
	b, err := c.browser()
	if err != nil {
		return nil, err
	}
	t, err := c.operator(b.Token, fsm.ScopeRead)
	if err != nil {
		return nil, err
	}
	return b.view(t), nil
}

// logOut takes the cookie back. It needs no good one.
func (s *Server) logOut(c *call) (any, error) {
	c.setBrowser("", -time.Hour)
	return map[string]bool{"logged_out": true}, nil
}

func (b browser) view(t fsm.Token) browserView {
	return browserView{Name: t.Name, Scope: string(t.Scope), CSRF: b.CSRF, Expires: stampOf(b.Expires * int64(time.Second))}
}

// setBrowser sends the cookie; a life below 0 removes it.
func (c *call) setBrowser(value string, life time.Duration) {
	var k fasthttp.Cookie
	k.SetKey(browserCookie)
	k.SetValue(value)
	k.SetPath(browserPath)
	k.SetHTTPOnly(true)
	k.SetSameSite(fasthttp.CookieSameSiteStrictMode)
	k.SetSecure(c.http.IsTLS() || strings.HasPrefix(c.s.cfg.PublicURL, "https://"))
	k.SetMaxAge(int(life / time.Second))
	if life < 0 {
		k.SetExpire(fasthttp.CookieExpireDelete)
	}
	c.http.Response.Header.SetCookie(&k)
}

// browser opens the request's cookie.
func (c *call) browser() (browser, error) {
	var b browser
	sealed, err := base64.RawURLEncoding.DecodeString(string(c.http.Request.Header.Cookie(browserCookie)))
	if err != nil || len(sealed) == 0 {
		return b, fsm.Refuse(authRequired, "send Authorization: Bearer with an operator's token, or log in at /admin/")
	}
	plain, err := c.s.node.Unseal(sealedForBrowser, sealed)
	if err == nil {
		err = json.Unmarshal(plain, &b)
	}
	if err != nil {
		c.guessed()
		return b, fsm.Refuse(fsm.AuthInvalidToken, "this log-in is not one of this cluster's; log in again at /admin/")
	}
	if time.Now().Unix() >= b.Expires {
		return b, fsm.Refuse(authExpiredToken, "the log-in has expired; log in again at /admin/")
	}
	return b, nil
}

// operatorToken is the request's operator token: the one it shows, or that of the
// browser's log-in. What changes something out of a browser proves that our
// own page sent it.
func (c *call) operatorToken() (string, error) {
	if token := c.bearer(); token != "" {
		return token, nil
	}
	b, err := c.browser()
	if err != nil {
		return "", err
	}
	if m := c.method(); m == fasthttp.MethodGet || m == fasthttp.MethodHead {
		return b.Token, nil
	}
	if subtle.ConstantTimeCompare([]byte(c.header(headerCSRF)), []byte(b.CSRF)) == 0 {
		return "", fsm.Refuse(fsm.Forbidden, "%s is missing or not this log-in's; load the page again", headerCSRF)
	}
	return b.Token, nil
}
