package query

// Tables are all there are, in the order of the documentation: first those that
// the rented stack had, with its names of columns.
var Tables = []*Table{
	users.table(), rules.table(), jobs.table(), items.table(), billing.table(), presets.table(),
	queue.table(), leases.table(), dead.table(), workers.table(),
	history.table(), audit.table(), objects.table(), plans.table(), settings.table(), members.table(),
	archivedJobs.table(), archivedItems.table(), archivedSteps.table(), archivedBilling.table(), segments.table(),
}

func init() { Tables = append(Tables, schema.table()) } // it tells of the others

// sizes for the planner: of what grows without an end, and of what people make by hand.
const (
	many = 1_000_000
	some = 10_000
	few  = 50
)
