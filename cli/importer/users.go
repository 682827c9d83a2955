package importer

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"stoker/client"
)

// user is a row of users with what belongs to it.
type user struct {
	client.OldUser
	row           any
	rules, events int // rows, those that were not understood included
}

// users reads all users with their rules and events. What cannot be understood goes into the report and nowhere else.
func (d *Dump) users(r *Report, plans map[string]string, yield func(user) error) error {
	mails, providers := 0, 0
	for row := range d.rows(d.columns("users")) {
		u, err := d.user(r, row, plans)
		r.Tables["users"].Read++
		if err != nil {
			r.refuse("users", row[0], row[1], err)
			r.Tables["rules"].add("refused", u.rules)
			r.Tables["billing_events"].add("refused", u.events)
			continue
		}
		if text(row[6]) != "" {
			mails++
		}
		if p := text(row[5]); p != "" && p != "anonymous" && p != "anon" {
			providers++
		}
		r.Credits.Dump += u.Credits
		if err := yield(u); err != nil {
			return err
		}
	}
	if mails+providers > 0 {
		r.note("%d users have an email and %d another auth_provider than anonymous: neither has a place here, keep the dump", mails, providers)
	}
	for _, table := range []string{"rules", "billing_events"} {
		c := r.Tables[table]
		if all := int(d.Count(table)); all > c.Read {
			r.note("%d rows of %s are of users that are not in the dump", all-c.Read, table)
			c.add("refused", all-c.Read)
			c.Read = all
		}
	}
	return nil
}

func (d *Dump) user(r *Report, row []any, plans map[string]string) (u user, err error) {
	u.row, u.ID, u.Plan, u.DeviceHash = row[0], text(row[1]), text(row[3]), text(row[7])
	if u.ID == "" {
		return u, errors.New("it has no id")
	}
	if to, mapped := plans[u.Plan]; mapped {
		u.Plan = to
	}
	if row[2] != nil {
		var form string
		if u.CreatedAt, form, err = when(row[2]); err == nil {
			r.found("users.created_at", form)
		}
	} else {
		u.CreatedAt = time.Unix(0, 0).UTC()
	}
	var credits error
	if u.Credits, credits = whole(row[4]); credits != nil {
		err = cmp.Or(err, fmt.Errorf("credits: %w", credits))
	} else if u.Credits < 0 {
		err = cmp.Or(err, fmt.Errorf("credits: %d; nobody may owe anything here", u.Credits))
	}
	d.rulesOf(r, &u)
	d.eventsOf(r, &u)
	if err == nil && u.explain() {
		r.Credits.Adjusted++
	}
	return u, err
}

func (d *Dump) rulesOf(r *Report, u *user) {
	if !d.has["rules"] {
		return
	}
	for row := range d.rows(d.columns("rules")+" WHERE user_id = ?", u.ID) {
		u.rules++
		r.Tables["rules"].Read++
		rule, err := ruleOf(r, row, u.CreatedAt)
		if err != nil {
			r.refuse("rules", row[0], row[1], err)
			u.rules--
			continue
		}
		u.Rules = append(u.Rules, rule)
	}
}

func ruleOf(r *Report, row []any, otherwise time.Time) (rule client.OldRule, err error) {
	rule = client.OldRule{ID: text(row[1]), Name: cmp.Or(text(row[3]), "rule "+text(row[1])), Preset: text(row[4]), CreatedAt: otherwise}
	if rule.Concepts, err = concepts(row[5]); err != nil {
		return rule, err
	}
	if rule.Protect, err = names(row[6]); err != nil {
		return rule, err
	}
	var form string
	if row[7] != nil {
		if rule.CreatedAt, form, err = when(row[7]); err != nil {
			return rule, fmt.Errorf("created_at: %w", err)
		}
		r.found("rules.created_at", form)
	}
	if rule.UpdatedAt = rule.CreatedAt; row[8] != nil {
		if rule.UpdatedAt, form, err = when(row[8]); err != nil {
			return rule, fmt.Errorf("updated_at: %w", err)
		}
		r.found("rules.updated_at", form)
	}
	return rule, nil
}

func (d *Dump) eventsOf(r *Report, u *user) {
	if !d.has["billing_events"] {
		return
	}
	n := 0
	for row := range d.rows(d.columns("billing_events")+" WHERE user_id = ?", u.ID) {
		n++
		r.Tables["billing_events"].Read++
		e := client.OldEvent{ID: cmp.Or(text(row[1]), fmt.Sprintf("row %s", text(row[0])), fmt.Sprintf("event %d", n)), Type: cmp.Or(text(row[3]), "unknown"), Ref: text(row[5]), CreatedAt: u.CreatedAt}
		amount, err := whole(row[4])
		if err != nil {
			err = fmt.Errorf("amount: %w", err)
		} else if row[6] != nil {
			var form string
			if e.CreatedAt, form, err = when(row[6]); err != nil {
				err = fmt.Errorf("created_at: %w", err)
			} else {
				r.found("billing_events.created_at", form)
			}
		}
		if err != nil {
			r.refuse("billing_events", row[0], row[1], err)
			continue
		}
		e.Amount = amount
		u.Events = append(u.Events, e)
	}
	u.events = len(u.Events)
	slices.SortStableFunc(u.Events, func(a, b client.OldEvent) int { return a.CreatedAt.Compare(b.CreatedAt) })
}

// explain gives the user what it must have had before the first event, so that no balance was negative; with events that come to
// less than the credits, all that is missing. It says whether the events alone do not come to the credits.
func (u *user) explain() bool {
	sum, least := int64(0), int64(0)
	for _, e := range u.Events {
		sum += e.Amount
		least = min(least, sum)
	}
	u.Opening = max(-least, u.Credits-sum, 0)
	return sum != u.Credits
}
