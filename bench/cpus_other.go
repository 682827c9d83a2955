//go:build !linux

package bench

import "errors"

// apart can be done on Linux only.
func apart([]int) (string, func(), error) {
	return "", nil, errors.New("this system has no sched_setaffinity")
}
