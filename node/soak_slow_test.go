//go:build slow

package node

import (
	"testing"
	"time"
)

// Two hours of a cluster to which everything happens that may.
func TestSlow_TwoHours(t *testing.T) { soak(t, 2*time.Hour) }
