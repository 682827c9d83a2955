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
	Fence       uint64 // not 0: stage the object under this grant
	By          string // who, for the log
	RequestID   string
}

// Put stores an object and returns when it is recorded and its bytes are durable
// on this node and, where there are others, on one of them. With an error
// nothing is stored, but when the error is node.ErrOutcomeUnknown.
func (s *Store) Put(ctx context.Context, in PutRequest) (fsm.Object, error) {
	o := fsm.Object{
		Bucket: in.Bucket, Key: in.Key, Upload: random(20), Size: in.Size,
		ContentType: in.ContentType, Fence: in.Fence, Nodes: []string{s.node.ID()},
	}
	limit, err := s.admit(ctx, o)
	if err != nil {
		return o, err
	}
	if s.tender.crowded(in.Size) {
		return o, fail(StorageFull, "no other node has room for a second copy; nothing was stored")
	}
	w, err := s.disk.Create(in.Size, limit)
	if err != nil {
		return o, err
	}
	defer w.Close()
	b := BlobOf(o)
	defer s.disk.hold(b)() // from before the file is there until its record's fate is known
	var second *delivery
	if len(s.others()) > 0 {
		second = s.peers.deliver(ctx, w, b, in.Size)
		defer second.stop() // before w.Close: an upload that breaks off is not the member's failure
	}
	if err := copyWhole(w, in.Body, in.Size); err != nil {
		return o, err
	}
	sums := w.Sums()
	if o.Kind, o.Flaw, err = w.Kind(); err != nil {
		return o, err
	}
	w.Seal()
	if err := s.settle(w, b, &o, second); err != nil {
		s.withdraw(o, b)
		return o, err
	}
	o.SHA256, o.MD5 = sums.SHA256[:], sums.MD5[:]
	done, err := node.Apply(ctx, s.node, fsm.PutObject{Object: o}, node.By(in.By), node.RequestID(in.RequestID))
	var refused *fsm.Refusal
	if errors.Is(err, node.ErrUnavailable) || errors.Is(err, node.ErrStorageFull) || errors.As(err, &refused) {
		s.withdraw(o, b)
	}
	if err == nil {
		s.metrics.received.Add(float64(in.Size))
	}
	return done.Answer, err
}

// admit refuses early what the machine would refuse in the end, before its bytes
// are received, and gives the size limit.
func (s *Store) admit(ctx context.Context, o fsm.Object) (limit int64, err error) {
	v, err := s.read(ctx)
	if err != nil {
		return 0, err
	}
	defer v.Close()
	limit = v.MaxUpload(o.Key)
	if o.Size > limit {
		return 0, tooLarge(limit)
	}
	return limit, v.MayPut(o)
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
