package picture

import "fmt"

// BadInput says that the picture or the rule is at fault, so that another attempt would fail in the same way.
type BadInput struct{ Reason string }

// Error gives the reason, which names what was wrong and what is accepted.
func (b *BadInput) Error() string { return b.Reason }

func refuse(format string, args ...any) *BadInput {
	return &BadInput{Reason: fmt.Sprintf(format, args...)}
}
