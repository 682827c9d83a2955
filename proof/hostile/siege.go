package hostile

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"stoker/bench/drive"
)

// perConn is how much memory a connection may take at the node, and slack what the rest of it may grow by while it is besieged.
const (
	perConn = 64 << 10
	slack   = 192 << 20
)

// dialsAtOnce keeps the kernel's queue of connections that are not accepted yet from overflowing, which would cost a second each.
const dialsAtOnce = 64

// siege opens all kinds of connections at the same time, waits until the last of them has ended, and adds what came to the report.
func (t Target) siege(ctx context.Context, b *bystander, calm calmly, r *Report) {
	all := kinds()
	fates := make([][]fate, len(all))
	slots := make(chan struct{}, dialsAtOnce)
	total := 0
	var prisoners sync.WaitGroup
	longest := t.Read + grace
	for i, k := range all {
		if limit := k.limit(t); limit > longest && !t.KeepIdle {
			r.Unseen = append(r.Unseen, fmt.Sprintf("NOT SEEN: whether %q ends within %s: --idle waits for that", k.name, limit))
			continue
		} else {
			longest = max(longest, limit+grace)
		}
		fates[i] = make([]fate, k.of(t.Conns))
		total += len(fates[i])
		for n := range fates[i] {
			prisoners.Go(func() { fates[i][n] = t.hold(ctx, k, slots) })
		}
	}
	heart := drive.FeelPulse()
	besieged, lift := context.WithCancel(ctx)
	over := make(chan struct{})
	go func() {
		prisoners.Wait()
		lift()
		close(over)
	}()
	began := time.Now()
	during, err := b.watch(besieged, longest+patience)
	watched := stay{began, time.Now()}
	<-over
	lost := heart.End()
	if lost > grace {
		r.Unseen = append(r.Unseen, fmt.Sprintf("NOT SEEN EXACTLY: this machine had no time for %s of it: limits were taken for that much longer, and the bystander's times say little", lost.Round(time.Second/10)))
	}
	for i, k := range all {
		if fates[i] != nil {
			r.Rows = append(r.Rows, k.row(fates[i], k.limit(t)+grace+lost))
		}
	}
	beside := besideRow(total, calm, during, lost, err)
	beside.stays = []stay{watched}
	r.Rows, r.turns = append(r.Rows, beside), slices.Concat(calm.turns, during.turns)
	if during.peakKiB == 0 {
		r.Unseen = append(r.Unseen, "NOT SEEN: the node's memory: there is no /proc here")
	} else {
		r.Rows = append(r.Rows, memoryRow(total, calm, during))
	}
}

// besideRow holds against each other how a bystander fared before and during a siege.
func besideRow(total int, calm, during calmly, lost time.Duration, failed error) Row {
	row := Row{Name: "a bystander", Conns: 1, rule: served}
	if failed != nil {
		row.Wrong = append(row.Wrong, failed.Error())
		return row
	}
	last := func(all []time.Duration) time.Duration { return all[len(all)-1] }
	row.Came = fmt.Sprintf("%d reads, p50 %s (%s before), longest %s; %d writes, p50 %s (%s before), longest %s",
		len(during.reads), ms(median(during.reads)), ms(median(calm.reads)), ms(last(during.reads)),
		len(during.writes), ms(median(during.writes)), ms(median(calm.writes)), ms(last(during.writes)))
	for what, is := range map[string][2]time.Duration{"reads": {median(calm.reads), median(during.reads)}, "writes": {median(calm.writes), median(during.writes)}} {
		if most := max(10*is[0], 250*time.Millisecond); is[1] > most && lost <= grace {
			row.Wrong = append(row.Wrong, fmt.Sprintf("%s take %s beside %d hostile connections, more than %s", what, ms(is[1]), total, ms(most)))
		}
	}
	return row
}

func ms(d time.Duration) string { return d.Round(time.Millisecond / 10).String() }

// memoryRow holds the node's memory against what connections may take.
func memoryRow(total int, calm, during calmly) Row {
	const mib = 1 << 10 // of KiB
	grown := during.peakKiB - calm.peakKiB
	row := Row{Name: "the node's memory", Conns: total, Came: fmt.Sprintf("%d MiB before, %d MiB at most: %.1f KiB a connection",
		calm.peakKiB/mib, during.peakKiB/mib, float64(grown)/float64(total))}
	if most := (total*perConn + slack) >> 10; grown > most {
		row.Wrong = append(row.Wrong, fmt.Sprintf("it grew by %d MiB, more than %d", grown/mib, most/mib))
	}
	return row
}

// fate is how a connection ended.
type fate struct {
	opened time.Time
	took   time.Duration // since it was opened
	err    error         // it was never opened
	held   bool          // it had not ended when it was given up
}

// row sums up fates, none of which may have taken longer than most.
func (k kind) row(fates []fate, most time.Duration) Row {
	row := Row{Name: k.name, Conns: len(fates), rule: k.rule()}
	var first, last time.Duration
	late := 0
	for _, f := range fates {
		if f.err != nil {
			row.Wrong = append(row.Wrong, f.err.Error())
			continue
		}
		row.stays = append(row.stays, stay{f.opened, f.opened.Add(f.took)})
		if f.held || f.took > most {
			late++
		}
		if len(row.stays) == 1 || f.took < first {
			first = f.took
		}
		last = max(last, f.took)
	}
	if late > 0 {
		row.Wrong = append(row.Wrong, fmt.Sprintf("%d have not ended after %s", late, most.Round(time.Second/10)))
	}
	row.Came = fmt.Sprintf("ended after %s to %s", first.Round(10*time.Millisecond), last.Round(10*time.Millisecond))
	return row
}

// prisoner is a connection that is held on to.
type prisoner struct {
	conn  net.Conn
	until time.Time
	step  time.Duration // of whoever drips
}

// hold opens a connection and holds it until the node ends it.
func (t Target) hold(ctx context.Context, k kind, slots chan struct{}) fate {
	slots <- struct{}{}
	conn, err := dial(ctx, t.Addr)
	<-slots
	if err != nil {
		return fate{err: err}
	}
	defer conn.Close()
	began := time.Now()
	limit := k.limit(t)
	p := &prisoner{conn: conn, until: began.Add(limit + patience), step: max(t.Read/20, 20*time.Millisecond)}
	conn.SetDeadline(p.until)
	sent := make(chan struct{})
	go func() { // beside the reading: what is refused is not read to its end
		defer close(sent)
		if _, err := conn.Write([]byte(k.sends)); err == nil && k.then != nil {
			k.then(p)
		}
	}()
	err = p.await(k, sent)
	took := time.Since(began)
	conn.Close()
	<-sent
	return fate{opened: began, took: took, held: !ended(err)}
}

// await reads to the connection's end. The deaf do not read before they have waited.
func (p *prisoner) await(k kind, sent <-chan struct{}) error {
	if k.name == "deaf" {
		<-sent
	}
	b := make([]byte, 4<<10)
	for {
		if _, err := p.conn.Read(b); err != nil {
			return err
		}
	}
}

// drip sends a byte now and then.
func (p *prisoner) drip() {
	tick := time.NewTicker(p.step)
	defer tick.Stop()
	for now := range tick.C {
		if _, err := p.conn.Write([]byte{'a'}); err != nil || now.After(p.until) {
			return
		}
	}
}

// deaf does not read before the node has given up on it, which it learns by a byte now and then that is not taken: on a slow machine
// the node's time begins later than its own, and the first byte that it read would begin it anew.
func (p *prisoner) deaf() { p.drip() }

// flood sends as fast as it can.
func (p *prisoner) flood() { p.pump(bytes.Repeat([]byte(" "), 64<<10)) }

func (p *prisoner) floodChunks() {
	p.pump([]byte("ffff\r\n" + string(bytes.Repeat([]byte(" "), 0xffff)) + "\r\n"))
}

func (p *prisoner) floodTrailer() { p.pump(bytes.Repeat([]byte("X-Trailer: abcdefgh\r\n"), 1000)) }

func (p *prisoner) pump(b []byte) {
	for {
		if _, err := p.conn.Write(b); err != nil {
			return
		}
	}
}

// halfClose says that nothing more will come.
func (p *prisoner) halfClose() { p.conn.(*net.TCPConn).CloseWrite() }
