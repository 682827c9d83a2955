// Package demo runs the whole of Stoker on this machine and checks what came out of it.
//
// Nodes and workers are processes of this very binary; the customer is this process, speaking through package client as
// an app would. With KillLeader the leader's process is killed (SIGKILL) when some pictures are done and some are not.
// Run returns nil only if every claim of its last line was checked, see proof.go.
//
// # Invariants
//
//   - Nothing is mocked and nothing looked up behind the API's back: what the demo knows it was told over HTTP.
//   - The customer's calls are made once each, by package client with its retries. Any that fails fails the demo.
//   - A failed demo keeps its folder and says where the logs are; a good one removes it unless asked to keep it.
//   - Nothing runs on when Run returns.
//
// # Why not …
//
//   - … count workers' pictures through the API? Which worker made what is in their logs, and a display is worth no endpoint.
//   - … kill at a fixed time? Machines differ. It is killed after the first picture, and the history must then show that
//     another one was finished after the kill, or the demo has shown nothing and fails.
package demo
