package handlers

import "stoker/fsm"

// jobPicture is where an item's pictures can be looked at. A URL is empty when
// there is no such object yet.
type jobPicture struct {
	Idx     int    `json:"idx"`
	Input   string `json:"input_url"`
	Output  string `json:"output_url"`
	Preview string `json:"preview_url"`
}

// adminPictures signs what a job was given and what became of it, for an
// operator's eyes. The list is in the order of the items.
func (s *Server) adminPictures(c *call) (any, error) {
	j, err := c.anyJob()
	if err != nil {
		return nil, err
	}
	l, out := c.links(), []jobPicture{}
	for _, it := range j.items() {
		p := jobPicture{Idx: it.Idx}
		if it.Status == fsm.Done {
			d, err := l.download(it)
			if err != nil {
				return nil, err
			}
			p.Output, p.Preview = d.Output, d.Preview
		}
		if _, there := j.view.Object(s.cfg.Objects.Bucket(), j.InputKey(it.Idx)); there {
			if p.Input, err = l.sign("GET", j.InputKey(it.Idx), downloadLife, 0); err != nil {
				return nil, err
			}
		}
		out = append(out, p)
	}
	return map[string]any{"pictures": out}, nil
}
