package powercut

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
)

// blobFolder is where a node keeps pictures: each in a file, in a folder by its first letters, and none is ever written again.
const blobFolder = "blobs"

// shelf holds such files. An image gets a second name of one, instead of a copy: of a thousand requests they are most of what there is.
// Whether no node has written to one of them is looked at in the end.
type shelf struct {
	dir  string
	sums [][sha256.Size]byte // by their names on the shelf, which are numbers
}

// put gives the durable content of a file a name in an image.
func (s *shelf) put(n *node, path string) error {
	if n.shelved == "" {
		at := s.place(len(s.sums))
		if err := n.content.save(at); err != nil {
			return err
		}
		sum, err := sumOf(at)
		if err != nil {
			return err
		}
		n.shelved, s.sums = at, append(s.sums, sum)
	}
	return os.Link(n.shelved, path)
}

func (s *shelf) place(i int) string { return filepath.Join(s.dir, fmt.Sprint(i)) }

// check says whether a file is not as it was.
func (s *shelf) check() error {
	for i, sum := range s.sums {
		is, err := sumOf(s.place(i))
		if err != nil {
			return err
		}
		if is != sum {
			return fmt.Errorf("a node has written to a picture that was there (%s): images after that were not as they should be", s.place(i))
		}
	}
	return nil
}

func sumOf(path string) (sum [sha256.Size]byte, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return sum, err
	}
	return sha256.Sum256(text), nil
}
