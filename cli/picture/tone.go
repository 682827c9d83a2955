package picture

import (
	"math"
	"strconv"
	"strings"
)

// tone moves a region's light or temperature: a gain per channel.
type tone struct{ gain rgb }

var tones = map[string]rgb{
	"warmer":   {1.10, 1.01, 0.86},
	"cooler":   {0.88, 1.00, 1.12},
	"brighter": {1.22, 1.22, 1.22},
	"darker":   {0.75, 0.75, 0.75},
}

func parseTone(value string) (edit, error) {
	name := strings.ToLower(strings.TrimSpace(value))
	if gain, ok := tones[name]; ok {
		return &tone{gain}, nil
	}
	n, err := strconv.ParseFloat(name, 32)
	if err != nil || math.IsNaN(n) || n < -100 || n > 100 {
		return nil, refuse("unknown tone %q: give warmer, cooler, brighter, darker or a number from -100 to 100", value)
	}
	return &tone{rgb{1, 1, 1}.times(1 + float32(n)/100)}, nil
}

func (e *tone) prepare(*canvas) {}

func (e *tone) pixel(_, _ int, was rgb) rgb {
	return rgb{was.r * e.gain.r, was.g * e.gain.g, was.b * e.gain.b}
}
