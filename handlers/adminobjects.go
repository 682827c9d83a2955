package handlers

import (
	"stoker/objects"
)

// objectsView is how the blobs are, node by node.
type objectsView struct {
	Replicas int                  `json:"replicas"` // nodes that hold each object in the end; 0: all, three at most
	Nodes    []objects.DiskStatus `json:"nodes"`
}

// adminObjects asks every node how its blobs are; one that does not answer says so
// in its line.
func (s *Server) adminObjects(c *call) (any, error) {
	return objectsView{c.local().Settings().Replicas, s.cfg.Objects.Disks(c)}, nil
}

// adminScrubObjects has every node read all its blobs now.
func (s *Server) adminScrubObjects(c *call) (any, error) {
	return objectsView{c.local().Settings().Replicas, s.cfg.Objects.Scrub(c)}, nil
}
