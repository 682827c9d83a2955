package queue

import "time"

// meter counts events over the last ten seconds, by second.
type meter struct {
	second int64
	counts [meterSeconds]int
}

const meterSeconds = 10

func (m *meter) advance(now time.Time) {
	s := now.Unix()
	for n := max(m.second+1, s-meterSeconds+1); n <= s; n++ {
		m.counts[n%meterSeconds] = 0
	}
	m.second = max(m.second, s)
}

func (m *meter) count(now time.Time) {
	m.advance(now)
	m.counts[m.second%meterSeconds]++
}

// rate is events a second.
func (m *meter) rate(now time.Time) float64 {
	m.advance(now)
	n := 0
	for _, c := range m.counts {
		n += c
	}
	return float64(n) / meterSeconds
}
