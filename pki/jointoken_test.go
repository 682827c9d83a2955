package pki

import (
	"reflect"
	"strings"
	"testing"
)

func TestJoinToken(t *testing.T) {
	was := NewJoinToken("n4")
	was.CAs, was.Endpoints = []string{strings.Repeat("ab", 32)}, []string{"10.0.0.1:9080"}
	text := was.String()
	is, err := ParseJoinToken(" " + text + "\n")
	if err != nil || !reflect.DeepEqual(is, was) || len(is.Hash()) != 32 {
		t.Fatalf("%+v, %v, want %+v", is, err, was)
	}
	if NewJoinToken("").ID == was.ID {
		t.Error("two tokens have one id")
	}
	was.CAs = nil
	for _, broken := range []string{"", "adm_abc", text[:len(text)-4], text + "!", was.String()} {
		if _, err := ParseJoinToken(broken); err == nil || !strings.Contains(err.Error(), "copy the whole line") {
			t.Errorf("%q: %v", broken, err)
		}
	}
}
