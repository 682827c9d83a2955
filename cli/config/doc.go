// Package config is a node's configuration: stoker.toml, the STOKER_… environment and the flags of `stoker serve`.
//
// There is one struct, [Config], whose zero values are documented, one way to fill it, [Load], and one place that judges it.
// A key's name is the same everywhere: `max_upload_mb` in the file is STOKER_MAX_UPLOAD_MB in the environment and
// --max-upload-mb on the command line. Flags win over the environment, which wins over the file.
//
// # Invariants
//
//   - A key that the file has and Config has not is an error that names the key and its line: a misspelled limit must not
//     silently be the default one.
//   - After Load every path is absolute or relative to the process; what the file says is relative to the file.
//   - After Load the configuration has been validated as a whole, whichever of the three sources each value came from. Every
//     message says which key is wrong and what to do about it, and all wrong keys are told at once.
//   - No secret is in Config itself but the sealed CA key and the tokens' hashes. Key files are read by [Config.Secrets] only.
//
// # Why not …
//
//   - … refuse unknown STOKER_ variables too? Orchestrators make up names like STOKER_SERVICE_HOST for a service called
//     stoker; refusing them would keep a correct node from starting.
//   - … write [[members]] in the environment as JSON? `id=cluster=http,…` is what people type, and addresses hold no commas.
//   - … reload while running? Members and keys change through the replicated log; the rest is worth a restart.
package config
