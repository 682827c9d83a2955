package handlers

import (
	"net"
	"net/netip"
	"strings"
)

// address is where a call comes from. Behind a proxy that is trusted it is what
// the proxy says: the last entry of X-Forwarded-For that is no trusted proxy
// itself. Entries before it are whatever the client wrote.
func (c *call) address() netip.Addr {
	tcp, ok := c.http.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	at, _ := netip.AddrFromSlice(tcp.IP)
	at = at.Unmap()
	if !c.s.live.Load().throttle.trusts(at) {
		return at
	}
	var chain []string
	for _, line := range c.http.Request.Header.PeekAll("X-Forwarded-For") {
		chain = append(chain, strings.Split(string(line), ",")...)
	}
	for i := len(chain) - 1; i >= 0 && c.s.live.Load().throttle.trusts(at); i-- {
		next, err := netip.ParseAddr(strings.TrimSpace(chain[i]))
		if err != nil {
			break // the proxy does not write such; what is before it cannot be trusted
		}
		at = next.Unmap().WithZone("")
	}
	return at
}

// source is what one subscriber counts as: an IPv4 address, or the 64 bits of an
// IPv6 address that a provider hands out at least.
func source(a netip.Addr) netip.Prefix {
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits)
	return p
}
