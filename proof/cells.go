package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"text/tabwriter"

	"stoker/cli/route"
)

// cellsCommand is `go run ./proof cells`: how evenly the router's directory spreads users over cells. It is no proof that may fail
// by chance: its bounds are those of hashing, and the same seed gives the same table.
type cellsCommand struct {
	Users int       `default:"100000" help:"Devices (${default})."`
	Zipf  []float64 `default:"0,0.6,0.8" help:"How unequal users are: the k-th busiest asks 1/k^s as much as the busiest (${default})."`
	Cells int       `default:"16" help:"From 2 to so many cells (${default})."`
	Seed  uint64    `default:"1" help:"Of the devices' names (${default})."`
}

// Help says what the columns are.
func (*cellsCommand) Help() string {
	return `  go run ./proof cells
  go run ./proof cells --users 1000000 --zipf 1

users     the fullest cell's users, beside the mean
load s=…  the busiest cell's share of all requests, beside the mean; no directory that keeps a user in one cell can be below the
          share of the busiest user, which stands in brackets
added     users whose home is another one when a cell is added; they stay where they are, this is what the new cell takes of who is new
out       users who have to be moved when the fullest cell is taken out, of all
asked     cells that a router asks before it makes a new user`
}

// Run prints the table, and fails if a cell has far more than its share.
func (c *cellsCommand) Run(ctx context.Context, out io.Writer) error {
	if c.Users < 1000 || c.Cells < 2 || c.Cells > 1000 {
		return errors.New("cells: --users from 1000, --cells from 2 to 1000")
	}
	rnd := rand.New(rand.NewPCG(c.Seed, 0))
	devices := make([]string, c.Users)
	for i := range devices {
		devices[i] = strconv.FormatUint(rnd.Uint64(), 36)
	}
	loads := make([][]float64, len(c.Zipf))
	for i, s := range c.Zipf {
		loads[i] = zipf(c.Users, s)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "cells\tusers\t")
	for i, s := range c.Zipf {
		fmt.Fprintf(w, "load s=%v (%.2f%%)\t", s, 100*loads[i][0])
	}
	fmt.Fprintln(w, "added\tout\tasked\t")
	var wrong error
	for n := 2; n <= c.Cells; n++ {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := spread(n, devices).row(w, n, devices, loads); err != nil {
			wrong = errors.Join(wrong, err)
		}
	}
	return errors.Join(w.Flush(), wrong)
}

// zipf gives what each of n users asks of all that is asked, the busiest first.
func zipf(n int, s float64) []float64 {
	share, sum := make([]float64, n), 0.0
	for i := range share {
		share[i] = math.Pow(float64(i+1), -s)
		sum += share[i]
	}
	for i := range share {
		share[i] /= sum
	}
	return share
}

// spreading is where devices are at home among n cells.
type spreading struct {
	home  []int
	added int // whose home is another one with one cell more
	asked int // cells, of all devices
}

func spread(n int, devices []string) (s spreading) {
	places := func(n int) (d route.Directory) {
		for i := range n {
			d = append(d, route.Place{ID: "cell-" + strconv.Itoa(i)})
		}
		return d
	}
	now, grown := places(n), places(n+1)
	s.home = make([]int, len(devices))
	for i, device := range devices {
		may := now.Candidates(device)
		s.home[i] = may[0]
		s.asked += len(may)
		if grown.Home(device) != may[0] {
			s.added++
		}
	}
	return s
}

// evenEnough is how many standard deviations of a fair draw the fullest cell may be above its mean.
const evenEnough = 5

func (s spreading) row(w io.Writer, n int, devices []string, loads [][]float64) error {
	users := make([]int, n)
	for _, at := range s.home {
		users[at]++
	}
	all, share := float64(len(devices)), 1/float64(n)
	most := float64(slices.Max(users))
	fmt.Fprintf(w, "%d\t%.3f\t", n, most/(all*share))
	for _, load := range loads {
		by := make([]float64, n)
		for i, at := range s.home {
			by[at] += load[i]
		}
		fmt.Fprintf(w, "%.3f\t", slices.Max(by)/share)
	}
	fmt.Fprintf(w, "%.2f%%\t%.2f%%\t%.2f\t\n", 100*float64(s.added)/all, 100*most/all, float64(s.asked)/all)
	if bound := all*share + evenEnough*math.Sqrt(all*share*(1-share)); most > bound {
		return fmt.Errorf("of %d cells one has %.0f users; by chance it would have at most %.0f", n, most, bound)
	}
	return nil
}
