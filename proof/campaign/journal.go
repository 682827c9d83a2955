package campaign

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"stoker/proof/judge"
)

// journal keeps the histories that are not as they should be.
type journal struct{ dir string }

// write gives the path of the file, or says why there is none.
func (j *journal) write(h judge.History) string {
	path := filepath.Join(j.dir, "history-"+h.Account.User+".json")
	text, err := json.MarshalIndent(h, "", " ")
	if err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		return fmt.Sprintf("(not kept: %v)", err)
	}
	return path
}
