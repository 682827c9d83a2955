package webhook

import (
	"fmt"
	"net/netip"
	"syscall"
)

// special are networks that no endpoint on the internet is in, beside those that
// netip knows by name (RFC 6890 and its successors, IANA's special-purpose registries).
var special = prefixes(
	"0.0.0.0/8", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
	"64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16", "fec0::/10",
)

// local are networks that belong to whoever runs them: a webhook may allow them.
var local = prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "100.64.0.0/10", "fc00::/7", "::1/128")

// metadata are where clouds tell a machine who it is, and with which keys: nobody
// may have them asked. 169.254.0.0/16 is link-local and refused as such;
// 168.63.129.16 looks public and is Azure's own in each of its networks.
var metadata = prefixes("100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32", "fd00:ec2::254/128", "fd20:ce::254/128")

// carriers carry an IPv4 address within an IPv6 one, behind so many bytes.
var carriers = map[netip.Prefix]int{
	netip.MustParsePrefix("64:ff9b::/96"): 12, // NAT64, RFC 6052
	netip.MustParsePrefix("2002::/16"):    2,  // 6to4, RFC 3056
	netip.MustParsePrefix("::/96"):        12, // IPv4-compatible, RFC 4291

	netip.MustParsePrefix("::ffff:0:0:0/96"): 12, // IPv4-translated, RFC 2765
}

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, t := range texts {
		all = append(all, netip.MustParsePrefix(t))
	}
	return all
}

func in(all []netip.Prefix, a netip.Addr) bool {
	for _, p := range all {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// refuse says why nothing is posted to an address; nil: it is.
func refuse(a netip.Addr, allowPrivate bool) error {
	a = a.Unmap().WithZone("")
	switch {
	case in(metadata, a), a.IsLinkLocalUnicast(), a.IsMulticast(), a.IsUnspecified(), in(special, a):
		return fmt.Errorf("%s is an address that nothing is posted to", a)
	case in(local, a):
		if !allowPrivate {
			return fmt.Errorf("%s is a private address; allow_private = true allows it", a)
		}
		return nil
	}
	for p, at := range carriers {
		if p.Contains(a) {
			b := a.As16()
			return refuse(netip.AddrFrom4([4]byte(b[at:at+4])), allowPrivate)
		}
	}
	return nil
}

// guard is a net.Dialer's Control: it is called for each connection, with the
// address that is really dialled.
func guard(allowPrivate bool) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		return refuse(to.Addr(), allowPrivate)
	}
}
