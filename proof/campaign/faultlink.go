package campaign

import (
	"context"
	"fmt"
	"time"

	"stoker/bench/switchboard"
)

func canCut(*campaign) string { return switchboard.Missing() }

var linkFaults = []fault{
	{"cut-follower", ofLink, "a node that does not lead is cut off from all others, both ways", canCut, func(ctx context.Context, b *blow) error {
		place, err := b.follower(ctx)
		if err != nil {
			return err
		}
		return b.cut(ctx, place)
	}},
	{"cut-leader", ofLink, "the leader is cut off from all others, both ways", canCut, func(ctx context.Context, b *blow) error {
		place, err := b.leader(ctx)
		if err != nil {
			return err
		}
		return b.cut(ctx, place)
	}},
	{"deaf-leader", ofLink, "the leader is heard by the others and hears none of them", canCut, func(ctx context.Context, b *blow) error {
		place, err := b.leader(ctx)
		if err != nil {
			return err
		}
		return b.oneWay(ctx, place, false)
	}},
	{"mute-leader", ofLink, "the leader hears the others and is heard by none of them", canCut, func(ctx context.Context, b *blow) error {
		place, err := b.leader(ctx)
		if err != nil {
			return err
		}
		return b.oneWay(ctx, place, true)
	}},
	{"cut-one-way", ofLink, "one node does not hear one other, which hears it", canCut, func(ctx context.Context, b *blow) error {
		from, to := b.pair()
		b.hits(from, to)
		b.event.Note = fmt.Sprintf("%s is not heard by %s", b.at(from).node.ID, b.at(to).node.ID)
		b.board.Set(switchboard.Line{From: from, To: to}, switchboard.Rule{Hold: true})
		return b.hold(ctx, time.Second, 7*time.Second)
	}},
	{"slow-link", ofLink, "all that two nodes say to each other is delayed", canCut, func(ctx context.Context, b *blow) error {
		delay := b.between(10*time.Millisecond, 250*time.Millisecond)
		b.event.Note = fmt.Sprintf("by %s", delay.Round(time.Millisecond))
		return b.link(ctx, switchboard.Rule{Delay: delay})
	}},
	{"lossy-link", ofLink, "connections between two nodes are lost again and again, with what is on them", canCut, func(ctx context.Context, b *blow) error {
		return b.link(ctx, switchboard.Rule{Sever: 0.05 + 0.3*b.dice.Float64()})
	}},
	{"lost-answers", ofLink, "answers to a node's clients are lost, with their connections, after the request was sent", always, func(ctx context.Context, b *blow) error {
		place := b.someone()
		b.hits(place)
		b.board.Set(switchboard.Line{From: place, To: switchboard.Clients}, switchboard.Rule{Sever: 0.5})
		return b.hold(ctx, time.Second, 4*time.Second)
	}},
	{"held-answers", ofLink, "answers of all nodes are held, and come late", always, func(ctx context.Context, b *blow) error {
		b.hits(all(b.campaign)...)
		for place := range b.places() {
			b.board.Set(switchboard.Line{From: place, To: switchboard.Clients}, switchboard.Rule{Hold: true})
		}
		return b.hold(ctx, 500*time.Millisecond, 3*time.Second)
	}},
}

func (b *blow) cut(ctx context.Context, place int) error {
	b.hits(place)
	b.board.Isolate(place)
	return b.hold(ctx, time.Second, 7*time.Second)
}

// oneWay holds what a node says to all others, or what it would hear of them.
func (b *blow) oneWay(ctx context.Context, place int, mute bool) error {
	b.hits(place)
	for other := range b.places() {
		line := switchboard.Line{From: other, To: place}
		if mute {
			line = switchboard.Line{From: place, To: other}
		}
		if other != place {
			b.board.Set(line, switchboard.Rule{Hold: true})
		}
	}
	return b.hold(ctx, time.Second, 7*time.Second)
}

// pair is two nodes.
func (b *blow) pair() (one, other int) {
	one = b.someone()
	return one, (one + 1 + b.dice.IntN(b.places()-1)) % b.places()
}

// link has a rule for both directions between two nodes, for a while.
func (b *blow) link(ctx context.Context, r switchboard.Rule) error {
	one, other := b.pair()
	b.hits(one, other)
	b.board.Set(switchboard.Line{From: one, To: other}, r)
	b.board.Set(switchboard.Line{From: other, To: one}, r)
	return b.hold(ctx, 2*time.Second, 8*time.Second)
}
