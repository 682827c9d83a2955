package handlers

import "stoker/fsm"

// route is one line of the API.
type route struct {
	method string
	path   string
	who    who
	status int // of success
	handle func(*Server, *call) (any, error)
}

// routes is the whole API on a page, but for the objects (see Server.router).
// openapi.json describes each line, and a test compares the two.
var routes = []route{
	// the app
	{"POST", "/auth/anon", anyone, 200, (*Server).signIn},
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
	{"GET", "/admin/status", admin, 200, (*Server).adminStatus},
	{"GET", "/admin/users/{id}", admin, 200, (*Server).adminUser},
	{"POST", "/admin/users/{id}/credits", admin, 200, (*Server).adminGrant},
	{"PUT", "/admin/users/{id}/plan", admin, 200, (*Server).adminPlan},
	{"POST", "/admin/users/{id}/revoke", admin, 200, (*Server).adminRevoke},
	{"GET", "/admin/queue", admin, 200, (*Server).adminQueue},
	{"GET", "/admin/queue/explain/{id}", admin, 200, (*Server).adminExplain},
	{"GET", "/admin/queue/dead", admin, 200, (*Server).adminDead},
	{"POST", "/admin/queue/kick", admin, 201, (*Server).adminKick},
	{"POST", "/admin/queue/pause", admin, 200, pauseQueue(true)},
	{"POST", "/admin/queue/resume", admin, 200, pauseQueue(false)},
	{"POST", "/admin/queue/purge", admin, 200, (*Server).adminPurge},
	{"GET", "/admin/workers", admin, 200, (*Server).adminWorkers},
	{"POST", "/admin/workers/{id}/drain", admin, 200, setWorker(fsm.WorkerDraining)},
	{"POST", "/admin/workers/{id}/quarantine", admin, 200, setWorker(fsm.WorkerQuarantined)},
	{"POST", "/admin/workers/{id}/resume", admin, 200, setWorker(fsm.WorkerActive)},
	{"POST", "/admin/workers/{id}/exit", admin, 200, setWorker(fsm.WorkerExiting)},

	// anybody
	{"GET", "/health", anyone, 200, (*Server).health},
	{"GET", "/ready", anyone, 200, (*Server).ready},
	{"GET", "/metrics", scraper, 200, (*Server).showMetrics},
	{"GET", "/openapi.json", anyone, 200, (*Server).openapi},
}
