package webhook

import (
	"net/netip"
	"testing"
)

func TestRefuse(t *testing.T) {
	for text, want := range map[string]string{ // who may: all, those that allow private addresses, none
		"93.184.215.14": "all", "2606:4700::1111": "all", "1.1.1.1": "all", "172.32.0.1": "all", "100.128.0.1": "all",
		"10.0.0.1": "private", "172.16.5.5": "private", "192.168.1.1": "private", "127.0.0.1": "private", "127.9.9.9": "private",
		"100.64.0.1": "private", "::1": "private", "fd12::1": "private", "::ffff:10.0.0.1": "private", "::ffff:127.0.0.1": "private",
		"64:ff9b::10.0.0.1": "private", "2002:a00:1::": "private", "::10.0.0.1": "private", "64:ff9b::1.1.1.1": "all",
		"169.254.169.254": "none", "::ffff:169.254.169.254": "none", "64:ff9b::169.254.169.254": "none", "2002:a9fe:a9fe::1": "none",
		"fd00:ec2::254": "none", "100.100.100.200": "none", "fe80::1": "none", "fe80::1%eth0": "none", "0.0.0.0": "none", "::": "none", "0.1.2.3": "none",
		"224.0.0.1": "none", "239.1.1.1": "none", "ff02::1": "none", "255.255.255.255": "none", "240.0.0.1": "none", "198.18.0.1": "none", "192.0.2.1": "none",
		"2001:db8::1": "none", "fec0::1": "none", "168.63.129.16": "none", "::ffff:0:10.0.0.1": "private", "::ffff:0:169.254.169.254": "none",
	} {
		a := netip.MustParseAddr(text)
		got := "none"
		if refuse(a, true) == nil {
			got = "private"
		}
		if refuse(a, false) == nil {
			got = "all"
		}
		if got != want {
			t.Errorf("%s may be posted to by %s, not by %s", text, got, want)
		}
	}
}
