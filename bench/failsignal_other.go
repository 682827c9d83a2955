//go:build !unix

package bench

import "errors"

func canStop() string { return "NOT RUN: this system has no signal that stops a process" }

func suspend(int) error { return errors.ErrUnsupported }

func resume(int) error { return errors.ErrUnsupported }
