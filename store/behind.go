package store

import "os"

// Behind has a large file reach the disk while it is written. Gigabytes that are synced at its end would hold up
// every sync of the log until they are there. Nothing is durable by it: the file is still to be synced at its end.
type Behind struct {
	file *os.File
	size int64
	sent int64 // of it, what the disk has been told to write
}

// NewBehind follows a file that is empty and is written from its begin to its end.
func NewBehind(f *os.File) *Behind { return &Behind{file: f} }

// behindBytes is how much is sent to the disk at a time. A sync of the log that comes behind it waits as long as the disk takes for that.
const behindBytes = 4 << 20

// Wrote is told of so many bytes more in the file. It may wait until the disk has most of what came before.
func (b *Behind) Wrote(n int) {
	b.size += int64(n)
	if b.size-b.sent >= behindBytes {
		writeBehind(b.file, b.sent, b.size)
		b.sent = b.size
	}
}
