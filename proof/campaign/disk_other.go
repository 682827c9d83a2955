//go:build !linux

package campaign

import (
	"context"
	"errors"
)

func canLimit(*campaign) string {
	return "NOT RUN: this system cannot limit the files of another process"
}

func canFill(*campaign) string { return "NOT RUN: only Linux mounts a small file system here" }

func limitFiles(int, uint64) error { return errors.ErrUnsupported }

func (f *fleet) mountOne() {}

func (f *fleet) mount(string) error { return errors.ErrUnsupported }

func (f *fleet) unmount() {}

func fullDisk(context.Context, *blow) error { return errors.ErrUnsupported }
