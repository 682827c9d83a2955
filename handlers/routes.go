package handlers

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
	{"POST", "/queue/lease", worker, 200, (*Server).lease},
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

	// anybody
	{"GET", "/health", anyone, 200, (*Server).health},
	{"GET", "/ready", anyone, 200, (*Server).ready},
	{"GET", "/openapi.json", anyone, 200, (*Server).openapi},
}
