package hostile

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
)

// pipelines sends many requests at once on each of many connections. Each has to be answered there, once, in order.
func (t Target) pipelines(ctx context.Context) Row {
	const conns, requests = 32, 100
	row := Row{Name: "pipelines", Conns: conns, rule: answered, Came: fmt.Sprintf("%d answers, each in its place", conns*requests)}
	var mu sync.Mutex
	var all sync.WaitGroup
	for c := range conns {
		all.Go(func() {
			began := time.Now()
			err := t.pipeline(ctx, c, requests)
			stood := stay{began, time.Now()}
			mu.Lock()
			defer mu.Unlock()
			row.stays = append(row.stays, stood)
			if err != nil {
				row.Wrong = append(row.Wrong, err.Error())
			}
		})
	}
	all.Wait()
	return row
}

func (t Target) pipeline(ctx context.Context, c, requests int) error {
	conn, err := dial(ctx, t.Addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	var sends strings.Builder
	var want []string
	for i := range requests {
		id := fmt.Sprintf("c%d-%d", c, i)
		want = append(want, id)
		if i%3 == 1 { // with a body that is not read before the answer
			sends.WriteString(strings.Replace(outer("Content-Length: 5", "01234"), "outer", id, 1))
			continue
		}
		sends.WriteString(get(id))
	}
	sends.WriteString(last)
	want = append(want, "last")
	go conn.Write([]byte(sends.String())) // it ends with the connection
	got, timely := answers(conn, time.Now().Add(t.Read))
	for i, a := range got {
		if i >= len(want) || a.id != want[i] {
			return fmt.Errorf("answer %d of connection %d is to request %q", i, c, a.id)
		}
	}
	if !timely || len(got) != len(want) {
		return fmt.Errorf("%d of %d requests of a connection were answered", len(got), len(want))
	}
	return nil
}
