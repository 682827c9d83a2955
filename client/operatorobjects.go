package client

import (
	"context"
	"net/http"
	"time"
)

// Disks is how the objects' blobs are, node by node.
type Disks struct {
	Replicas int    `json:"replicas"` // nodes that hold each object in the end; 0: all, three at most
	Nodes    []Disk `json:"nodes"`
}

// Disk is one node's share of the blobs.
type Disk struct {
	ID           string    `json:"id"`
	Error        string    `json:"error"`        // why nothing else is known; empty: it has answered
	Blobs        int64     `json:"blobs"`        // files, at the last look
	Bytes        int64     `json:"bytes"`        // of these
	Unreferenced int       `json:"unreferenced"` // files that no record refers to and that will be removed
	Missing      int       `json:"missing"`      // objects that should be there and are being pulled
	Rotten       int       `json:"rotten"`       // damaged files set aside that have no good copy there yet
	Lost         int       `json:"lost"`         // objects of which it found no good copy on any node
	LostKeys     []string  `json:"lost_keys"`    // some of them
	Free         int64     `json:"disk_free"`    // bytes
	Limit        int64     `json:"limit"`        // bytes that blobs may take; 0: the disk's size
	Room         int64     `json:"room"`         // bytes that uploads may still take
	Walked       time.Time `json:"walked"`       // when all records were last compared with the disk; zero: not yet
	Scrub        struct {
		Began time.Time `json:"began"`
		Ended time.Time `json:"ended"` // before Began while a pass goes on; zero: there was none
		Read  int64     `json:"read"`  // bytes, in this pass
		Bad   int       `json:"bad"`   // damaged blobs, in this pass
	} `json:"scrub"`
}

// Disks asks all nodes how their blobs are.
func (o *Operator) Disks(ctx context.Context) (d Disks, err error) {
	err = o.call(ctx, http.MethodGet, "/admin/objects", nil, &d)
	return d, err
}

// ScrubObjects has all nodes read all their blobs now, and replace what is damaged. It does not wait for the end.
func (o *Operator) ScrubObjects(ctx context.Context) (d Disks, err error) {
	err = o.call(ctx, http.MethodPost, "/admin/objects/scrub", struct{}{}, &d)
	return d, err
}
