package handlers

import "stoker/fsm"

// pathSignIn has limits of its own.
const pathSignIn = "/auth/anon"

// route is one line of the API.
type route struct {
	method string
	path   string
	who    who
	status int // of success
	handle func(*Server, *call) (any, error)
}

// noted are looks that the audit log tells of: they show all there is.
var noted = map[string]bool{"/admin/backup": true, "/admin/sql/export": true}

// waits are the lines that wait for the log, whatever they are asked, but for an operator's: who is to see to it that there is less to
// do must get in.
var waits = map[string]bool{
	"POST " + pathSignIn: true,
	"POST /rules":        true, "PUT /rules/{id}": true, "DELETE /rules/{id}": true,
	"POST /jobs": true, "POST /jobs/{id}/confirm-upload": true, "POST /jobs/{id}/execute": true, "POST /jobs/{id}/cancel": true,
	"POST /queue/session": true, "POST /queue/leases/{lease_id}/results": true, "POST /queue/leases/{lease_id}/release": true,
	"POST /jobs/{id}/callback": true,
}

// routes is the whole API on a page, but for the objects (see Server.router).
// openapi.json describes each line, and a test compares the two.
var routes = []route{
	// the app
	{"POST", pathSignIn, anyone, 200, (*Server).signIn},
	{"POST", "/auth/refresh", user, 200, (*Server).refresh},
	{"GET", "/me", user, 200, (*Server).me},
	{"GET", "/me/billing", user, 200, (*Server).billing},
	{"GET", "/presets", user, 200, (*Server).listPresets},
	{"GET", "/presets/{id}", user, 200, (*Server).showPreset},
	{"POST", "/rules", user, 201, (*Server).createRule},
	{"GET", "/rules", user, 200, (*Server).listRules},
	{"GET", "/rules/{id}", user, 200, (*Server).showRule},
	{"PUT", "/rules/{id}", user, 200, (*Server).updateRule},
	{"DELETE", "/rules/{id}", user, 200, (*Server).deleteRule},
	{"POST", "/jobs", user, 201, (*Server).createJob},
	{"GET", "/jobs", user, 200, (*Server).listJobs},
	{"GET", "/jobs/{id}", user, 200, (*Server).showJob},
	{"POST", "/jobs/{id}/confirm-upload", user, 200, (*Server).confirmUpload},
	{"POST", "/jobs/{id}/execute", user, 202, (*Server).executeJob},
	{"POST", "/jobs/{id}/cancel", user, 200, (*Server).cancelJob},
	{"GET", "/jobs/{id}/history", user, 200, (*Server).history},
	{"GET", "/jobs/{id}/events", user, 200, (*Server).events},
	{"GET", "/jobs/{id}/ws", user, 101, (*Server).websocket},

	// the workers
	{"POST", "/queue/session", worker, 200, (*Server).openSession},
	{"POST", "/queue/lease", worker, 200, (*Server).lease},
	{"POST", "/queue/control", worker, 200, (*Server).control},
	{"POST", "/queue/leases/{lease_id}/heartbeat", worker, 200, (*Server).heartbeat},
	{"POST", "/queue/leases/{lease_id}/results", worker, 200, (*Server).results},
	{"POST", "/queue/leases/{lease_id}/release", worker, 200, (*Server).release},
	{"POST", "/jobs/{id}/callback", worker, 200, (*Server).callback},

	// the operator
	{"GET", "/admin/session", anyone, 200, (*Server).loggedIn},
	{"POST", "/admin/session", anyone, 200, (*Server).logIn},
	{"DELETE", "/admin/session", anyone, 200, (*Server).logOut},
	{"GET", "/admin/status", adminRead, 200, (*Server).adminStatus},
	{"GET", "/admin/upgrade", adminRead, 200, (*Server).adminUpgrade},
	{"POST", "/admin/upgrade", admin, 200, (*Server).adminFinalize},
	{"GET", "/admin/verify", adminRead, 200, (*Server).adminVerify},
	{"POST", "/admin/verify/clear", admin, 200, (*Server).adminClearAlarm},
	{"GET", "/admin/settings", adminRead, 200, (*Server).adminSettings},
	{"POST", "/admin/settings", admin, 200, (*Server).adminDeploy},
	{"POST", "/admin/settings/check", adminRead, 200, (*Server).adminCheckSettings},
	{"POST", "/admin/settings/rollback", admin, 200, (*Server).adminRollback},
	{"GET", "/admin/settings/versions", adminRead, 200, (*Server).adminVersions},
	{"GET", "/admin/settings/versions/{version}", adminRead, 200, (*Server).adminVersion},
	{"GET", "/admin/users", adminRead, 200, (*Server).adminUsers},
	{"GET", "/admin/users/{id}", adminRead, 200, (*Server).adminUser},
	{"POST", "/admin/import", admin, 200, (*Server).adminImport},
	{"POST", "/admin/users/{id}/credits", admin, 200, (*Server).adminGrant},
	{"PUT", "/admin/users/{id}/plan", admin, 200, (*Server).adminPlan},
	{"POST", "/admin/users/{id}/revoke", adminOperate, 200, (*Server).adminRevoke},
	{"POST", "/admin/users/{id}/leave", admin, 200, (*Server).adminLeave},
	{"GET", "/admin/users/{id}/departure", admin, 200, (*Server).adminDeparture},
	{"POST", "/admin/users/{id}/arrive", admin, 200, (*Server).adminArrive},
	{"POST", "/admin/users/{id}/left", admin, 200, (*Server).adminLeft},
	{"POST", "/admin/users/{id}/settle", admin, 200, (*Server).adminSettle},
	{"GET", "/admin/jobs", adminRead, 200, (*Server).adminJobs},
	{"GET", "/admin/jobs/{id}", adminRead, 200, (*Server).adminJob},
	{"GET", "/admin/jobs/{id}/log", adminRead, 200, (*Server).adminJobLog},
	{"GET", "/admin/jobs/{id}/why", adminRead, 200, (*Server).adminJobWhy},
	{"POST", "/admin/jobs/{id}/cancel", adminOperate, 200, (*Server).adminCancelJob},
	{"POST", "/admin/jobs/{id}/retry", adminOperate, 201, (*Server).adminRetryJob},
	{"GET", "/admin/tail", adminRead, 200, (*Server).adminTail},
	{"GET", "/admin/requests", adminRead, 200, (*Server).adminRequests},
	{"GET", "/admin/jobs/{id}/pictures", adminRead, 200, (*Server).adminPictures},
	{"GET", "/admin/queue", adminRead, 200, (*Server).adminQueue},
	{"GET", "/admin/queue/dead", adminRead, 200, (*Server).adminDead},
	{"POST", "/admin/queue/kick", adminOperate, 201, (*Server).adminKick},
	{"POST", "/admin/queue/pause", adminOperate, 200, pauseQueue(true)},
	{"POST", "/admin/queue/resume", adminOperate, 200, pauseQueue(false)},
	{"POST", "/admin/queue/purge", adminOperate, 200, (*Server).adminPurge},
	{"GET", "/admin/workers", adminRead, 200, (*Server).adminWorkers},
	{"POST", "/admin/workers/{id}/drain", adminOperate, 200, setWorker(fsm.WorkerDraining)},
	{"POST", "/admin/workers/{id}/quarantine", adminOperate, 200, setWorker(fsm.WorkerQuarantined)},
	{"POST", "/admin/workers/{id}/resume", adminOperate, 200, setWorker(fsm.WorkerActive)},
	{"POST", "/admin/workers/{id}/exit", adminOperate, 200, setWorker(fsm.WorkerExiting)},

	{"GET", "/admin/tokens", adminRead, 200, (*Server).adminTokens},
	{"POST", "/admin/tokens", admin, 201, (*Server).adminCreateToken},
	{"DELETE", "/admin/tokens/{name}", admin, 200, (*Server).adminRevokeToken},
	{"GET", "/admin/keys", adminRead, 200, (*Server).adminKeys},
	{"POST", "/admin/keys", admin, 201, (*Server).adminCreateKey},
	{"DELETE", "/admin/keys/{name}", admin, 200, (*Server).adminRevokeKey},
	{"GET", "/admin/secrets", adminRead, 200, (*Server).adminSecrets},
	{"PUT", "/admin/secrets/{name}", admin, 200, (*Server).adminPutSecret},
	{"DELETE", "/admin/secrets/{name}", admin, 200, (*Server).adminDeleteSecret},
	{"POST", "/admin/rekey", admin, 200, (*Server).adminRekey},
	{"POST", "/admin/jwt/roll", admin, 200, (*Server).adminRollJWT},
	{"GET", "/admin/certificates", adminRead, 200, (*Server).adminCertificates},
	{"POST", "/admin/certificates/rotate", admin, 200, (*Server).adminRotateCA},
	{"POST", "/admin/certificates/{id}/issue", admin, 201, (*Server).adminIssueCertificate},
	{"GET", "/admin/audit", adminRead, 200, (*Server).adminAudit},
	{"GET", "/admin/backup", admin, 200, (*Server).adminBackup},
	{"POST", "/admin/sql", adminRead, 200, (*Server).adminSQL},
	{"GET", "/admin/sql/export", adminRead, 200, (*Server).adminExport},
	{"GET", "/admin/backups", adminRead, 200, (*Server).adminBackups},

	{"GET", "/admin/webhooks", adminRead, 200, (*Server).adminWebhooks},
	{"POST", "/admin/webhooks/{name}/test", adminOperate, 200, (*Server).adminTestWebhook},
	{"GET", "/admin/webhooks/{name}/deliveries", adminRead, 200, (*Server).adminDeliveries},
	{"POST", "/admin/webhooks/{name}/deliveries/{id}/redeliver", adminOperate, 200, (*Server).adminRedeliver},

	{"GET", "/admin/objects", adminRead, 200, (*Server).adminObjects},
	{"POST", "/admin/objects/scrub", adminOperate, 200, (*Server).adminScrubObjects},

	{"GET", "/admin/members", adminRead, 200, (*Server).adminMembers},
	{"POST", "/admin/members/{id}/remove", admin, 200, (*Server).adminRemoveMember},
	{"POST", "/admin/members/{id}/drain", adminOperate, 200, drainNode(true)},
	{"POST", "/admin/members/{id}/resume", adminOperate, 200, drainNode(false)},
	{"POST", "/admin/leader/transfer", adminOperate, 200, (*Server).adminTransfer},
	{"PUT", "/admin/autopilot", admin, 200, (*Server).adminAutopilot},
	{"GET", "/admin/join-tokens", adminRead, 200, (*Server).adminJoinTokens},
	{"POST", "/admin/join-tokens", admin, 201, (*Server).adminCreateJoinToken},
	{"DELETE", "/admin/join-tokens/{id}", admin, 200, (*Server).adminRevokeJoinToken},

	// anybody
	{"GET", "/health", anyone, 200, (*Server).health},
	{"GET", "/ready", anyone, 200, (*Server).ready},
	{"GET", "/metrics", scraper, 200, (*Server).showMetrics},
	{"GET", "/openapi.json", anyone, 200, (*Server).openapi},
}
