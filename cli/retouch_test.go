package cli

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/jpeg"
	"testing"
	"time"

	"stoker/cli/picture"
	"stoker/client"
)

func TestEdit_MakesBothFiles(t *testing.T) {
	var input bytes.Buffer
	if err := jpeg.Encode(&input, picture.Room(1, 640, 480), nil); err != nil {
		t.Fatal(err)
	}
	item := &client.Item{Preset: "interior", Concepts: map[string]client.Concept{"Wall": {Action: "recolor", Value: "teal"}}, Protect: []string{"Grout"}}
	output, preview, err := edit(input.Bytes(), item)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		file          []byte
		kind          string
		width, height int
	}{{output, "png", 640, 480}, {preview, "jpeg", 400, 300}} {
		got, kind, err := image.DecodeConfig(bytes.NewReader(c.file))
		if err != nil || kind != c.kind || got.Width != c.width || got.Height != c.height {
			t.Errorf("%s %d×%d, %v, want %s %d×%d", kind, got.Width, got.Height, err, c.kind, c.width, c.height)
		}
	}
	item.Concepts["Wall"] = client.Concept{Action: "paint", Value: "teal"}
	var bad *picture.BadInput
	if _, _, err := edit(input.Bytes(), item); !errors.As(err, &bad) {
		t.Errorf("an unknown action: %v", err)
	}
	if _, _, err := edit(input.Bytes()[:100], item); !errors.As(err, &bad) {
		t.Errorf("half a picture: %v", err)
	}
}

func TestBounded_RefusesWhatDoesNotFit(t *testing.T) {
	b := &bounded{most: 5}
	if n, err := b.Write([]byte("hello")); n != 5 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := b.Write([]byte("!")); !errors.Is(err, errTooLarge) || b.String() != "hello" {
		t.Errorf("%v, %q", err, b.String())
	}
}

func TestPause_EndsWithTheItem(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(client.ErrCanceled)
	if err := pause(ctx, time.Hour); !errors.Is(err, client.ErrCanceled) {
		t.Errorf("got %v", err)
	}
	if err := pause(ctx, 0); err != nil {
		t.Errorf("no pause: %v", err)
	}
}
