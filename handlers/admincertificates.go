package handlers

import (
	"encoding/pem"

	"stoker/fsm"
	"stoker/node"
)

// adminCertificates shows whose certificate ends when, and how far a new CA is.
func (s *Server) adminCertificates(*call) (any, error) { return s.node.Certificates(), nil }

// adminRotateCA has a new CA take over, or changes whom it does not wait for.
func (s *Server) adminRotateCA(c *call) (any, error) {
	var in struct {
		Without []string `json:"without"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	c.proposed = true
	t, err := s.node.RotateCA(c, in.Without, node.By(c.by), node.RequestID(c.id))
	if err != nil {
		return nil, err
	}
	return struct {
		CA      string    `json:"ca"`
		Phase   fsm.Phase `json:"phase"`
		Without []string  `json:"without"`
	}{fsm.AuthorityID(t.CA), t.Phase, append([]string{}, t.Without...)}, nil
}

// adminIssueCertificate signs one for a member that cannot reach the others any more.
func (s *Server) adminIssueCertificate(c *call) (any, error) {
	var in struct {
		Request string `json:"request"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	block, _ := pem.Decode([]byte(in.Request))
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return nil, invalid("request", "must be a certificate request in PEM")
	}
	c.proposed = true
	cert, ca, err := s.node.IssueCertificate(c, block.Bytes, c.param("id"), node.By(c.by), node.RequestID(c.id))
	if err != nil {
		return nil, err
	}
	return struct {
		Certificate string `json:"certificate"`
		CA          string `json:"ca_pem"`
	}{string(cert), string(ca)}, nil
}
