package fsm

import (
	"fmt"
	"reflect"
)

// commands is the register: every command with its number on the wire, which is
// never reused.
var commands []row

// byKind finds a row by number; kinds finds the number by type.
var (
	byKind = map[uint16]row{}
	kinds  = map[reflect.Type]uint16{}
)

func init() {
	commands = []row{
		// the cluster itself
		register[Genesis](1),
		register[RegisterOrigin](2).frees(),
		register[Expire](3).frees(),
		register[SetNode](4).frees(),
		register[Upgrade](5),
		register[RaiseAlarm](6).since(2).frees(),
		register[ClearAlarm](7).since(2).frees(),

		// users
		register[SignIn](10),
		register[GrantCredits](11),
		register[SetPlan](12),
		register[RevokeUser](13).frees(),

		// rules
		register[CreateRule](20),
		register[UpdateRule](21),
		register[DeleteRule](22).frees(),

		// jobs
		register[CreateJob](30).spends(),
		register[ConfirmUpload](31),
		register[ExecuteJob](32).spends(),
		register[CancelJob](33).frees(),

		// the queue
		register[Lease](40),
		register[Report](41).frees(),
		register[Release](42).frees(),
		register[ExpireLeases](43).frees(),
		register[Callback](44).frees(),
		register[OpenSession](45),
		register[SetWorker](46),
		register[PauseQueue](47).frees(),
		register[PurgeQueue](48).frees(),
		register[KickDead](49).spends(),

		register[RetryJob](140).since(3).spends(),

		// objects
		register[PutObject](50),
		register[DeleteObject](51).frees(),
		register[CreateUpload](95).since(3),
		register[PutPart](96).since(3),
		register[CompleteUpload](97).since(3),
		register[AbortUpload](98).since(3).frees(),
		register[CopyObject](99).since(3),
		register[DeleteObjects](100).since(3).frees(),
		register[SetHolder](105).since(HoldersLevel),
		register[ConfirmOutside](120).since(3),

		// the members
		register[SetMember](60).since(2),
		register[CreateJoinToken](61).since(2),
		register[UseJoinToken](62).since(2),
		register[RevokeJoinToken](63).since(2),
		register[RemoveMember](64).since(2),
		register[DrainNode](65).since(2),
		register[SetAutopilot](66).since(2),

		// backups, and epochs after the first
		register[RecordBackup](70).since(2),
		register[Restored](71),
		register[ForgetBackup](72).since(2).frees(),

		// certificates
		register[RotateCA](67).since(2),
		register[StepCA](68).since(2).frees(),
		register[KeepACME](69).since(2),

		// who may do what
		register[CreateToken](80).since(2),
		register[RevokeToken](81).since(2).frees(),
		register[PutSecret](82).since(2),
		register[DeleteSecret](83).since(2).frees(),
		register[Rekey](84).since(2),
		register[Note](85).since(2),
		register[RollJWT](86).since(2),
		register[CreateKey](90).since(3),
		register[RevokeKey](91).since(3).frees(),

		// from another stack
		register[Import](150).since(3),

		// a user between two cells
		register[LeaveUser](152).since(3),
		register[ArriveUser](153).since(3),
		register[LeftUser](154).since(3).spends(),
		register[SettleUser](155).since(3),

		// finished jobs and old bookings
		register[ArchiveJobs](151).since(3).frees(),
		register[FoldLedger](156).since(3).frees(),

		// the app's configuration
		register[Deploy](130).since(3),
		register[Rollback](131).since(3),

		// webhooks
		register[AdvanceHook](141).since(3).frees(), // else all is posted again and again
		register[ReportHook](142).since(3).frees(),
		register[RedeliverHook](143).since(3),
	}
	for _, r := range commands {
		if old, taken := byKind[r.kind]; taken {
			panic(fmt.Sprintf("fsm: %s and %s are both number %d", old.name, r.name, r.kind))
		}
		byKind[r.kind] = r
		kinds[r.typ] = r.kind
	}
}

// kindOf is the number of a command; one that is not in the register panics.
func kindOf(c any) uint16 {
	k, ok := kinds[reflect.TypeOf(c)]
	if !ok {
		panic(fmt.Sprintf("fsm: %T is not in the register", c))
	}
	return k
}
