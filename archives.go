package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"stoker/backup"
	"stoker/cli"
	report "stoker/cli/backup"
	"stoker/cli/config"
	"stoker/fsm"
	"stoker/node"
	"stoker/objects"
)

// archives are the commands that work on backups and data folders, no cluster
// running.
var archives = cli.Archives{Save: saveArchive, Verify: verifyArchive, Restore: restoreArchive, Survive: survive}

func saveArchive(ctx context.Context, to cli.Place, name string, from io.Reader) (report.Archive, error) {
	place, err := backup.ParsePlace(to.To, backup.S3{Endpoint: to.S3Endpoint, Region: to.S3Region, AccessKey: to.S3Access, SecretKey: to.S3})
	if err != nil {
		return report.Archive{}, err
	}
	c, err := backup.Save(ctx, place, name, from)
	return describe(c), err
}

func verifyArchive(file io.Reader) (report.Archive, error) {
	r, err := backup.Verify(file, "")
	return describeState(r), err
}

// describe gives an archive as the command line prints it.
func describe(c backup.Contents) report.Archive {
	m := c.Manifest
	return report.Archive{
		Bytes: c.Bytes, SHA256: fmt.Sprintf("%x", c.SHA256), ClusterID: m.ClusterID, Epoch: m.Epoch, Index: m.Index, Hash: m.Hash,
		Node: m.Node, Version: m.Version, CreatedAt: m.CreatedAt, Blobs: string(m.Blobs.Mode), BlobCount: m.Blobs.Count,
		BlobBytes: m.Blobs.Bytes, Missing: c.End.Missing,
	}
}

func describeState(r backup.Report) report.Archive {
	a, c := describe(r.Contents), r.Check
	a.State = &report.State{Users: c.Users, Jobs: c.Jobs, Items: c.Items, Ledger: c.Entries, Objects: c.Objects, Archived: c.Archived, Folded: c.Folded, Credits: c.Credits}
	return a
}

// restoreArchive makes the data folders of the nodes in the order. The new
// cluster's CA and tokens are in their configuration, as `stoker init` makes it.
func restoreArchive(file io.Reader, o cli.RestoreOrder) (cli.Reborn, error) {
	secrets, err := o.Nodes[0].Secrets()
	if err != nil {
		return cli.Reborn{}, err
	}
	p := backup.Plan{
		Begin: fsm.Restored{
			SealedCA:    secrets.SealedCA,
			AdminTokens: [][sha256.Size]byte{secrets.AdminToken}, WorkerTokens: [][sha256.Size]byte{secrets.WorkerToken},
			OnlyNewTokens: o.Revoke,
		},
		SealKeys: append([][]byte{secrets.SealKey}, secrets.OldSealKeys...), BlobsFrom: o.BlobsFrom, Force: o.Force, Now: time.Now(),
	}
	for _, n := range o.Nodes {
		p.Nodes = append(p.Nodes, backup.Target{ID: n.ID, Data: n.Data})
	}
	r, err := backup.Restore(file, p)
	if err != nil {
		return cli.Reborn{}, err
	}
	out := cli.Reborn{Archive: describeState(r.Report), Epoch: r.Epoch.Epoch, Aside: r.Aside}
	for _, t := range r.Check.Tokens {
		if !t.Expired(p.Now) {
			out.Tokens = append(out.Tokens, t.Holder())
		}
	}
	for _, b := range r.Missing {
		out.Missing = append(out.Missing, string(b))
	}
	return out, nil
}

// survivor is a data folder whose other nodes are gone.
type survivor struct {
	*node.Survivor
	blobs string
}

func survive(data string) (cli.Survivor, error) {
	s, err := node.OpenSurvivor(data)
	if err != nil {
		return nil, err
	}
	return survivor{s, filepath.Join(data, "blobs")}, nil
}

// Found counts what is there, pictures too.
func (s survivor) Found() cli.Left {
	v := s.View()
	defer v.Close()
	left := cli.Left{ClusterID: v.ClusterID(), Epoch: v.Epoch(), Voters: s.Voters, LastLog: s.LastLog, Wall: s.Wall}
	if c, err := v.Check(); err == nil {
		left.Users, left.Jobs = c.Users, c.Jobs
	}
	for o := range v.Objects() {
		left.Objects++
		f, err := objects.OpenBlob(s.blobs, objects.BlobOf(o))
		if err != nil {
			left.Missing++
			continue
		}
		f.Close()
	}
	return left
}

func (s survivor) Recover(id string) (uint64, error) {
	e, err := s.Survivor.Recover(id, time.Now())
	return e.Epoch, err
}

// keeper makes the scheduled backups of a node; its configuration is looked at
// before the node starts.
func keeper(c config.Config, log *slog.Logger) (*backup.Keeper, error) {
	schedule, err := backup.ParseSchedule(c.BackupSchedule)
	if err != nil {
		return nil, fmt.Errorf("backup_schedule: %w", err)
	}
	mode, err := backup.ParseBlobs(c.BackupBlobs)
	if err != nil {
		return nil, fmt.Errorf("backup_blobs: %w", err)
	}
	k := &backup.Keeper{Schedule: schedule, Blobs: mode, Keep: c.BackupKeep, KeepDays: c.BackupKeepDays, Log: log}
	if schedule.Never() {
		return k, nil
	}
	s3 := backup.S3{
		Endpoint: c.BackupS3Endpoint, Region: c.BackupS3Region,
		AccessKey: os.Getenv("STOKER_BACKUP_S3_ACCESS_KEY"), SecretKey: os.Getenv("STOKER_BACKUP_S3_SECRET_KEY"),
	}
	inBucket := strings.HasPrefix(c.BackupTo, "s3://")
	probe := s3
	if inBucket { // the keys may be secrets of the cluster, which is not running yet
		probe.AccessKey, probe.SecretKey = "probe", "probe"
	}
	if _, err := backup.ParsePlace(c.BackupTo, probe); err != nil {
		return nil, errors.Join(errors.New("backup_to: where should the scheduled backups go?"), err)
	}
	k.To = func(ctx context.Context) (backup.Place, error) {
		keys := s3
		if inBucket {
			var err error
			if keys, err = s3.SecretKeys(ctx, k.Node); err != nil {
				return nil, err
			}
		}
		return backup.ParsePlace(c.BackupTo, keys)
	}
	return k, nil
}
