package objects

import (
	"context"
	"errors"
	"io"
	"time"

	"stoker/fsm"
	"stoker/node"
)

// PutRequest is an upload.
type PutRequest struct {
	Bucket, Key string
	Body        io.Reader // read to its io.EOF: any other error refuses the upload
	Size        int64     // bytes Body has to give; others are IncompleteBody
	ContentType string
	Meta        map[string]string // see fsm.Object
	Headers     map[string]string // the same
	Fence       uint64            // not 0: stage the object under this grant
	If          *fsm.Condition    // of the object that it replaces; nil: whichever, or none
	By          string            // who, for the log
	RequestID   string
}

// Put stores an object and returns when it is recorded and its bytes are durable
// on this node and, where there are others, on one of them. With an error
// nothing is stored, but when the error is node.ErrOutcomeUnknown.
func (s *Store) Put(ctx context.Context, in PutRequest) (fsm.Object, error) {
	o := fsm.Object{
		Bucket: in.Bucket, Key: in.Key, Upload: random(20), Size: in.Size,
		ContentType: in.ContentType, Meta: in.Meta, Headers: in.Headers, Fence: in.Fence,
	}
	if err := s.admit(ctx, o, in.If); err != nil {
		return o, err
	}
	return receive(ctx, s, &o, in.Body, func() (fsm.Object, error) {
		done, err := node.Apply(ctx, s.node, fsm.PutObject{Object: o, If: in.If}, node.By(in.By), node.RequestID(in.RequestID))
		return done.Answer, err
	})
}

// PutPart stores a part of an upload as Put stores an object: with its answer the
// part is durable on two nodes.
func (s *Store) PutPart(ctx context.Context, u fsm.Upload, number int, in PutRequest) (none fsm.Part, err error) {
	p := fsm.Part{Number: number, Segment: fsm.Segment{Upload: random(20), Size: in.Size}}
	v, err := s.read(ctx)
	if err != nil {
		return none, err
	}
	err = v.MayPutPart(u, p)
	v.Close()
	if err != nil {
		return none, err
	}
	o := fsm.Object{Bucket: u.Bucket, Key: u.Key, Upload: p.Segment.Upload, Size: in.Size}
	return receive(ctx, s, &o, in.Body, func() (fsm.Part, error) {
		p.Segment.SHA256, p.Segment.MD5, p.Segment.Nodes = o.SHA256, o.MD5, o.Nodes
		p.Kind, p.Flaw = o.Kind, o.Flaw
		done, err := node.Apply(ctx, s.node, fsm.PutPart{Bucket: u.Bucket, Key: u.Key, ID: u.ID, Part: p}, node.By(in.By), node.RequestID(in.RequestID))
		return done.Answer, err
	})
}

// receive makes o's bytes durable, here and on another node, and then has them
// recorded; what is not recorded is taken back. It fills in o's sums and nodes
// before it calls record.
func receive[A any](ctx context.Context, s *Store, o *fsm.Object, body io.Reader, record func() (A, error)) (none A, err error) {
	if s.tender.crowded(o.Size) {
		return none, fail(StorageFull, "no other node has room for a second copy; nothing was stored")
	}
	w, err := s.disk.Create(o.Size, o.Size)
	if err != nil {
		return none, err
	}
	defer w.Close()
	b := BlobOf(*o)
	o.Nodes = []string{s.node.ID()}
	defer s.disk.hold(b)() // from before the file is there until its record's fate is known
	var second *delivery
	if len(s.others()) > 0 {
		second = s.peers.deliver(ctx, w, b, o.Size)
		defer second.stop() // before w.Close: an upload that breaks off is not the member's failure
	}
	if err := copyWhole(w, body, o.Size); err != nil {
		return none, err
	}
	sums := w.Sums()
	if o.Kind, o.Flaw, err = w.Kind(); err != nil {
		return none, err
	}
	w.Seal()
	if err := s.settle(w, b, o, second); err != nil {
		s.withdraw(*o, b)
		return none, err
	}
	o.SHA256, o.MD5 = sums.SHA256[:], sums.MD5[:]
	answer, err := record()
	var refused *fsm.Refusal
	if errors.Is(err, node.ErrUnavailable) || errors.Is(err, node.ErrStorageFull) || errors.As(err, &refused) {
		s.withdraw(*o, b)
	}
	if err == nil {
		s.metrics.received.Add(float64(o.Size))
	}
	return answer, err
}

// admit refuses early what the machine would refuse in the end, before its bytes
// are received.
func (s *Store) admit(ctx context.Context, o fsm.Object, demand *fsm.Condition) error {
	v, err := s.read(ctx)
	if err != nil {
		return err
	}
	defer v.Close()
	if limit := v.MaxUpload(o.Key); o.Size > limit {
		return tooLarge(limit)
	}
	if err := v.MayPut(o); err != nil {
		return err
	}
	return v.MayReplace(demand, o.Bucket, o.Key)
}

// settle makes both copies durable; they are synced at the same time.
func (s *Store) settle(w *Draft, b Blob, o *fsm.Object, second *delivery) error {
	if err := w.Commit(b); err != nil {
		return err
	}
	if second == nil {
		return nil
	}
	member, err := second.wait()
	if err != nil {
		if errors.Is(err, ErrFull) {
			return ErrFull
		}
		s.metrics.lonely.Inc()
		s.cfg.Log.Warn("no second copy of an upload", "key", o.Key, "err", err)
		return fail(ServiceUnavailable, "no other node could take a copy; nothing was stored, try again")
	}
	o.Nodes = append(o.Nodes, member)
	return nil
}

// withdraw removes the copies of an upload that is certainly not recorded.
func (s *Store) withdraw(o fsm.Object, b Blob) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	err := s.disk.Remove(b)
	for _, member := range o.Nodes {
		if member != s.node.ID() {
			err = errors.Join(err, s.peers.discard(ctx, member, b))
		}
	}
	if err != nil {
		s.cfg.Log.Warn("a copy of a refused upload stays until it is collected", "blob", string(b), "err", err)
	}
}

// Delete forgets an object. Its files stay until they are collected: a reader
// may be on its way to them.
func (s *Store) Delete(ctx context.Context, bucket, key string, opts ...node.Option) error {
	_, err := node.Apply(ctx, s.node, fsm.DeleteObject{Bucket: bucket, Key: key}, opts...)
	return err
}
