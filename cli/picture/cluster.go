package picture

import "math/rand/v2"

const (
	clusters = 10 // a room has about as many colours as it has concepts
	rounds   = 12 // k-means has settled by then on every photograph tried
	// Position counts a little, so that a white window and a white lamp at the other end fall apart.
	weightX, weightY = 8, 12
)

// point is a cell's place in colour and position.
type point [5]float32

func (p point) away(q point) (d float32) {
	for i := range p {
		d += (p[i] - q[i]) * (p[i] - q[i])
	}
	return d
}

// cluster gives each cell of g the number of its colour cluster. k-means (Lloyd 1957) from k-means++ seeds (Arthur and
// Vassilvitskii 2007), with a fixed seed: the same picture always falls into the same clusters.
func cluster(g *grid) []uint8 {
	points := make([]point, len(g.cell))
	for i, c := range g.cell {
		l := c.lab()
		// Hue tells things apart better than lightness, which shadows change.
		points[i] = point{l.l, 2 * l.a, 2 * l.b, weightX * float32(i%g.w) / float32(g.w), weightY * float32(i/g.w) / float32(g.h)}
	}
	centre := seeds(points)
	label := make([]uint8, len(points))
	for range rounds {
		moved := false
		sum, count := make([]point, len(centre)), make([]float32, len(centre))
		for i, p := range points {
			best := nearest(centre, p)
			moved = moved || best != label[i]
			label[i] = best
			count[best]++
			for d := range p {
				sum[best][d] += p[d]
			}
		}
		for c := range centre {
			for d := range sum[c] {
				if count[c] > 0 {
					centre[c][d] = sum[c][d] / count[c]
				}
			}
		}
		if !moved {
			break
		}
	}
	return label
}

func nearest(centre []point, p point) uint8 {
	best, least := 0, centre[0].away(p)
	for c := 1; c < len(centre); c++ {
		if d := centre[c].away(p); d < least {
			best, least = c, d
		}
	}
	return uint8(best)
}

// seeds draws the first centres, each with a chance that grows with its distance from those drawn before.
// There are fewer than clusters where the picture has fewer different cells.
func seeds(points []point) []point {
	dice := rand.New(rand.NewPCG(1, 2))
	centre := []point{points[len(points)/2]}
	far := make([]float32, len(points))
	for i, p := range points {
		far[i] = p.away(centre[0])
	}
	for len(centre) < clusters {
		var total float64
		for _, f := range far {
			total += float64(f)
		}
		if total == 0 {
			break
		}
		at, drawn := dice.Float64()*total, len(points)-1
		for i, f := range far {
			if at -= float64(f); at < 0 {
				drawn = i
				break
			}
		}
		centre = append(centre, points[drawn])
		for i, p := range points {
			far[i] = min(far[i], p.away(points[drawn]))
		}
	}
	return centre
}
