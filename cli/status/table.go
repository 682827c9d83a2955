package status

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"stoker/cli/show"
)

// Render writes the members as a table, with a line above for the cluster and one below for the queue.
func (s Status) Render(w io.Writer) {
	fmt.Fprintf(w, "cluster %s, epoch %d, term %d, as %s sees it\n", s.ClusterID, s.Epoch, s.Term, s.Node)
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"node", "role", "state", "address", "index", "lag", "heard", "clock", "disk", "version"})
	for _, m := range s.Members {
		t.AppendRow(table.Row{m.ID, s.role(m), state(m), m.HTTP, m.Index, m.Lag, heard(m.Contact), clock(m.Offset), disk(m), m.Version})
	}
	t.Render()
	if s.Leader == "" {
		fmt.Fprintln(w, "no leader: writes wait until most of the members are up and reach each other on their cluster ports")
	}
	if s.Objects != nil && s.Objects.Trouble != "" {
		fmt.Fprintf(w, "objects: %s; jobs cannot be confirmed nor results taken until it answers\n", s.Objects.Trouble)
	} else if s.Objects != nil {
		fmt.Fprintf(w, "objects: outside, %s\n", s.Objects.At)
	}
	for _, h := range s.Webhooks {
		fmt.Fprintf(w, "webhook %s takes nothing: %s; `stoker webhook show %s`\n", h.Name, show.Plain(h.Trouble), h.Name)
	}
	if a := s.Archive; a != nil {
		fmt.Fprintf(w, "archive: %d finished jobs and %d bookings in %d segments, %d KiB\n", a.Jobs, a.Bookings, a.Segments, (a.Bytes+1023)>>10)
	}
	fmt.Fprintf(w, "queue: %s ready, %d leases, %d dead, %d workers waiting\n", ready(s.Queue.Ready), s.Queue.Leases, s.Queue.Dead, s.Queue.Waiters)
}

func (s Status) role(m Member) string {
	if !m.Voter {
		return s.RoleOf(m) + " (no vote)"
	}
	return s.RoleOf(m)
}

func state(m Member) string {
	if m.Up() {
		return "up"
	}
	return "down"
}

func heard(ms float64) string {
	switch {
	case ms < 0:
		return "never"
	case ms < 2000:
		return "now"
	}
	return fmt.Sprintf("%.0f s ago", ms/1000)
}

func clock(ms float64) string {
	if math.Abs(ms) < 10 {
		return "in step"
	}
	return fmt.Sprintf("%+.2f s", ms/1000)
}

// disk is how much is free, and whether that is too little.
func disk(m Member) string {
	if m.Contact < 0 {
		return ""
	}
	free := fmt.Sprintf("%d MiB", m.Free>>20)
	if m.Free >= 10<<30 {
		free = fmt.Sprintf("%d GiB", m.Free>>30)
	}
	if m.Room == "low" || m.Room == "full" {
		return free + ", " + strings.ToUpper(m.Room)
	}
	return free
}

func ready(byPreset map[string]int) string {
	if len(byPreset) == 0 {
		return "0"
	}
	var parts []string
	for _, preset := range slices.Sorted(maps.Keys(byPreset)) {
		parts = append(parts, fmt.Sprintf("%d %s", byPreset[preset], preset))
	}
	return strings.Join(parts, ", ")
}
