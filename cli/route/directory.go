package route

import (
	"crypto/sha256"
	"encoding/binary"
)

// Place is a cell as the directory sees it.
type Place struct {
	ID     string // the cluster's id: it decides who is at home there, so it never changes
	Closed bool   // nobody new goes there
}

// Directory assigns devices to cells, in the order that they were added in.
type Directory []Place

// weight is how much a device is drawn to a cell: rendezvous hashing, by the first 64 bits of SHA-256.
func weight(cell, device string) uint64 {
	h := sha256.New()
	h.Write([]byte(cell))
	h.Write([]byte{0})
	h.Write([]byte(device))
	return binary.BigEndian.Uint64(h.Sum(nil))
}

// Home is the place of the open cell where a new device goes, -1 if none is open.
func (d Directory) Home(device string) int {
	home, most := -1, uint64(0)
	for i, c := range d {
		if w := weight(c.ID, device); !c.Closed && (home < 0 || w > most) {
			home, most = i, w
		}
	}
	return home
}

// Candidates are the places where a device may have signed in, its home first. At the time when the first k cells were there its home
// was the one that draws it most of those that were open, which are at least those that are open now.
func (d Directory) Candidates(device string) (places []int) {
	may := make([]bool, len(d))
	weights := make([]uint64, len(d))
	for k := range d {
		weights[k] = weight(d[k].ID, device)
		open := uint64(0) // the most that one of the first k+1 that are open draws it
		for i := range k + 1 {
			if !d[i].Closed {
				open = max(open, weights[i])
			}
		}
		for i := range k + 1 {
			if weights[i] >= open {
				may[i] = true
			}
		}
	}
	home := d.Home(device)
	if home >= 0 {
		places = append(places, home)
	}
	for i := len(d) - 1; i >= 0; i-- {
		if may[i] && i != home {
			places = append(places, i)
		}
	}
	return places
}
