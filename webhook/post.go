package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	postTime = 10 * time.Second // from the look-up of the name to the answer
	dialTime = postTime / 2     // to the connection; as much again to TLS
	maxReply = 16 << 10         // bytes of an answer that are read, so that its connection can be used again
	maxError = 300              // bytes of an error that is kept
)

// Poster posts messages. The two kinds of webhooks share no connection.
type Poster struct {
	agent   string
	public  *http.Client
	private *http.Client // for those that allow private addresses
	now     func() time.Time
}

// NewPoster makes one that calls itself Stoker of a version.
func NewPoster(version string) *Poster {
	return &Poster{agent: "Stoker/" + version, public: newClient(false), private: newClient(true), now: time.Now}
}

func newClient(allowPrivate bool) *http.Client {
	dialer := &net.Dialer{Timeout: dialTime, Control: guard(allowPrivate)}
	return &http.Client{
		Timeout: postTime,
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: dialTime, ForceAttemptHTTP2: true,
			MaxIdleConnsPerHost: inFlight, MaxResponseHeaderBytes: maxReply, IdleConnTimeout: time.Minute,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Outcome is what came of an attempt.
type Outcome struct {
	Arrived bool
	Status  int    // HTTP's; 0: there was no answer
	Error   string // why it has not arrived
	Took    time.Duration
}

// Target is where and with which keys a message is posted.
type Target struct {
	URL          string
	AllowPrivate bool
	Keys         [][]byte
}

// Post posts one message. Any 2xx is an arrival.
func (p *Poster) Post(ctx context.Context, to Target, id string, body []byte) (o Outcome) {
	began := p.now()
	defer func() { o.Took = p.now().Sub(began) }()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, bytes.NewReader(body))
	if err != nil {
		return Outcome{Error: short(err)}
	}
	// Canonical form would be Webhook-Id; names of headers know no case.
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", p.agent)
	req.Header.Set(HeaderID, id)
	req.Header.Set(HeaderTimestamp, strconv.FormatInt(began.Unix(), 10))
	req.Header.Set(HeaderSignature, Sign(to.Keys, id, began, body))
	client := p.public
	if to.AllowPrivate {
		client = p.private
	}
	res, err := client.Do(req)
	if err != nil {
		return Outcome{Error: short(err)}
	}
	defer res.Body.Close()
	io.CopyN(io.Discard, res.Body, maxReply) // what it says is nobody's business
	switch {
	case res.StatusCode >= 200 && res.StatusCode < 300:
		return Outcome{Arrived: true, Status: res.StatusCode}
	case res.StatusCode >= 300 && res.StatusCode < 400:
		return Outcome{Status: res.StatusCode, Error: fmt.Sprintf("answered %d; redirects are not followed", res.StatusCode)}
	}
	return Outcome{Status: res.StatusCode, Error: fmt.Sprintf("answered %d", res.StatusCode)}
}

// short is an error in few words: without method and address, which everybody knows.
func short(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		var dial *net.OpError
		switch {
		case u.Timeout() && errors.As(u.Err, &dial) && dial.Op == "dial":
			return fmt.Sprintf("no connection within %v", dialTime)
		case u.Timeout():
			return fmt.Sprintf("no answer within %v", postTime)
		}
		err = u.Err
	}
	text := strings.ToValidUTF8(err.Error(), "")
	if len(text) > maxError {
		text = strings.ToValidUTF8(text[:maxError], "")
	}
	return text
}
