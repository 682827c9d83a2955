package picture

import (
	"math"
	"slices"
)

// minShare is the smallest part of the picture that stays a segment of its own. What is smaller joins a neighbour.
const minShare = 0.0015

// segment is a connected piece of one colour cluster, and what the habits of concepts look at.
type segment struct {
	cells []int
	mean  rgb
	area  float64 // share of the picture, 0 to 1
	y     float64 // centre, 0 top to 1 bottom
	tall  float64 // log2 of the box's height over its width, in pixels
	full  float64 // share of its box that it fills
	light float64 // OKLab lightness above the picture's mean, −100 to 100
	warm  float64 // OKLab b
	grey  float64 // OKLab chroma
	edge  struct{ top, bottom, left, right bool }
}

// segments cuts the picture into connected pieces, in the order of their first cell.
func segments(g *grid) []*segment {
	label := smooth(g, smooth(g, cluster(g)))
	piece := join(g, heal(g, pieces(g, label)))
	var all []*segment
	byPiece := map[int]*segment{}
	for i, p := range piece {
		s := byPiece[p]
		if s == nil {
			s = &segment{}
			byPiece[p] = s
			all = append(all, s)
		}
		s.cells = append(s.cells, i)
	}
	var light float64
	for _, c := range g.cell {
		light += float64(c.lab().l) / float64(len(g.cell))
	}
	for _, s := range all {
		s.measure(g, light)
	}
	return all
}

func (s *segment) measure(g *grid, light float64) {
	left, right, top, bottom := g.w, 0, g.h, 0
	var y float64
	for _, i := range s.cells {
		cx, cy := i%g.w, i/g.w
		left, right, top, bottom = min(left, cx), max(right, cx), min(top, cy), max(bottom, cy)
		y += float64(cy) + 0.5
		s.mean = s.mean.add(g.cell[i])
	}
	n := float64(len(s.cells))
	s.mean = s.mean.times(1 / float32(n))
	width, height := float64(right-left+1), float64(bottom-top+1)
	s.area = n / float64(len(g.cell))
	s.y = y / n / float64(g.h)
	s.tall = math.Log2(height / width)
	s.full = n / (width * height)
	l := s.mean.lab()
	s.light = float64(l.l) - light
	s.warm = float64(l.b)
	s.grey = math.Hypot(float64(l.a), float64(l.b))
	s.edge.top, s.edge.bottom, s.edge.left, s.edge.right = top == 0, bottom == g.h-1, left == 0, right == g.w-1
}

// smooth gives each cell the label that most of its 3×3 neighbourhood has, which takes the speckle out of textures.
func smooth(g *grid, label []uint8) []uint8 {
	out := make([]uint8, len(label))
	for y := range g.h {
		for x := range g.w {
			var votes [clusters]int8
			own := label[y*g.w+x]
			best := own
			votes[own] = 1 // on a tie the cell keeps its own
			for j := max(0, y-1); j <= min(g.h-1, y+1); j++ {
				for i := max(0, x-1); i <= min(g.w-1, x+1); i++ {
					l := label[j*g.w+i]
					votes[l]++
					if votes[l] > votes[best] {
						best = l
					}
				}
			}
			out[y*g.w+x] = best
		}
	}
	return out
}

// pieces numbers the connected pieces of equal label, each by its first cell.
func pieces(g *grid, label []uint8) []int {
	piece := make([]int, len(label))
	for i := range piece {
		piece[i] = -1
	}
	var edge []int
	for start := range piece {
		if piece[start] >= 0 {
			continue
		}
		piece[start] = start
		edge = append(edge[:0], start)
		for len(edge) > 0 {
			i := edge[len(edge)-1]
			edge = edge[:len(edge)-1]
			g.around(i, func(j int) {
				if piece[j] < 0 && label[j] == label[i] {
					piece[j] = start
					edge = append(edge, j)
				}
			})
		}
	}
	return piece
}

// faint is the OKLab distance, on average along a border, below which two pieces are one surface under changing light.
const faint = 2.4

// heal joins neighbouring pieces where hardly anything is seen along their border: clusters cut a gradient into bands.
func heal(g *grid, piece []int) []int {
	type border struct{ p, q int }
	type contrast struct{ sum, n float64 }
	seen := map[border]contrast{}
	tone := make([]lab, len(g.cell))
	for i, c := range g.cell {
		tone[i] = c.lab()
	}
	for i, p := range piece {
		g.around(i, func(j int) {
			if q := piece[j]; p < q {
				c := seen[border{p, q}]
				seen[border{p, q}] = contrast{c.sum + tone[i].away(tone[j]), c.n + 1}
			}
		})
	}
	root := map[int]int{}
	find := func(p int) int {
		for {
			up, ok := root[p]
			if !ok {
				return p
			}
			p = up
		}
	}
	for b, c := range seen {
		if c.sum/c.n >= faint {
			continue
		}
		// The smaller number becomes the root, whatever the order in which the borders come.
		if p, q := find(b.p), find(b.q); p != q {
			root[max(p, q)] = min(p, q)
		}
	}
	out := make([]int, len(piece))
	for i, p := range piece {
		out[i] = find(p)
	}
	return out
}

// join melts each piece below minShare into the neighbour of the nearest colour, the smallest first, until none is left.
func join(g *grid, piece []int) []int {
	least := max(1, int(minShare*float64(len(piece))))
	cells := map[int][]int{}
	sum := map[int]rgb{}
	for i, p := range piece {
		cells[p] = append(cells[p], i)
		sum[p] = sum[p].add(g.cell[i])
	}
	var small []int
	for p, c := range cells {
		if len(c) < least {
			small = append(small, p)
		}
	}
	slices.SortFunc(small, func(p, q int) int {
		if d := len(cells[p]) - len(cells[q]); d != 0 {
			return d
		}
		return p - q
	})
	for _, p := range small {
		own := cells[p]
		if len(own) >= least {
			continue // it has grown by others that joined it
		}
		mean := sum[p].times(1 / float32(len(own)))
		into, nearest := -1, float32(math.MaxFloat32)
		for _, i := range own {
			g.around(i, func(j int) {
				q := piece[j]
				if q == p {
					return
				}
				d := mean.away(sum[q].times(1 / float32(len(cells[q]))))
				if d < nearest || d == nearest && q < into {
					into, nearest = q, d
				}
			})
		}
		if into < 0 {
			break // the only piece there is
		}
		for _, i := range own {
			piece[i] = into
		}
		cells[into] = append(cells[into], own...)
		sum[into] = sum[into].add(sum[p])
		delete(cells, p)
		delete(sum, p)
	}
	return piece
}
