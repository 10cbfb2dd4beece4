package main

import (
	"fmt"
	"time"
)

// A clock that runs and is not met.
type running struct {
	clock      string
	start, due time.Time
}

func caseRunning(c *caseRow) []running {
	var found []running
	standsSubmitted := c.state == "checking" || c.state == "evaluating" || c.state == "handling" && c.ticketsUnsubmitted == 0
	if standsSubmitted || contains([]string{"closed", "rejected", "merged", "voided"}, c.state) {
		return nil
	}
	if c.arriveDueAt != nil && c.arrivedAt == nil {
		found = append(found, running{"arrive", c.receivedAt, *c.arriveDueAt})
	}
	if c.state == "suspended" {
		return found
	}
	if c.resolveDueAt != nil {
		name := "resolve"
		if c.registeredAt == nil {
			name = "late_registration"
		}
		start := c.roundStartedAt.Add(time.Duration(c.roundSuspended * float64(time.Second)))
		found = append(found, running{name, start, *c.resolveDueAt})
	}
	if c.planDueAt != nil && c.plannedAt == nil {
		found = append(found, running{"plan", *c.planStartedAt, *c.planDueAt})
	}
	return found
}

func ticketRunning(t *ticketRow) []running {
	var found []running
	if contains([]string{"submitted", "closed", "returned", "recalled", "suspended"}, t.state) {
		return nil
	}
	if t.signDueAt != nil && t.signedAt == nil {
		found = append(found, running{"sign", t.issuedAt, *t.signDueAt})
	}
	if t.contactDueAt != nil && t.contactedAt == nil && !t.notContacted {
		found = append(found, running{"contact", t.issuedAt, *t.contactDueAt})
	}
	if t.reportDueAt != nil && t.reportedInAt == nil && t.startedAt == nil {
		found = append(found, running{"report", t.issuedAt, *t.reportDueAt})
	}
	if t.finishDueAt != nil {
		found = append(found, running{"finish", t.finishStartedAt, *t.finishDueAt})
	}
	return found
}

func overdueClocks(clocks []running, overdueAt *time.Time, now time.Time) (bool, []string) {
	names := []string{}
	if overdueAt == nil || !overdueAt.Before(now) {
		return false, names
	}
	for _, r := range clocks {
		if r.due.Before(now) {
			names = append(names, reminded(r.clock))
		}
	}
	return true, names
}

// A case that waits for registration is reminded as any other.
func reminded(clock string) string {
	if clock == "late_registration" {
		return "resolve"
	}
	return clock
}

// The earliest due time, and when the clock job has to look next. What has come meanwhile is that job's, once a second.
func settle(clocks []running, fired []string, p policy, timer *time.Time) (overdue, next *time.Time) {
	next = timer
	for i := range clocks {
		r := clocks[i]
		overdue = earliest(overdue, &r.due)
		if !contains(fired, r.clock+":breach") {
			next = earliest(next, &r.due)
		}
		var stages []any
		switch clock := reminded(r.clock); clock {
		case "resolve", "plan", "finish":
			stages = p["stages"].([]any)
		case "arrive", "sign":
			stages = []any{100.0}
		}
		for _, stage := range stages {
			if contains(fired, fmt.Sprintf("%s:%v", reminded(r.clock), stage)) {
				continue
			}
			moment := r.start.Add(time.Duration(float64(r.due.Sub(r.start)) * stage.(float64) / 100))
			next = earliest(next, &moment)
		}
	}
	return overdue, next
}

func settleCase(c *caseRow, p policy) {
	var timer *time.Time
	if c.state == "evaluating" {
		ends := c.evaluatingAt.Add(p.days("evaluate_days"))
		timer = &ends
	}
	c.overdueAt, c.clockNextAt = settle(caseRunning(c), c.fired, p, timer)
}

func settleTicket(t *ticketRow, p policy) {
	t.overdueAt, t.clockNextAt = settle(ticketRunning(t), t.fired, p, nil)
}

// A due time of a ticket issued now: by its kind, never later than the case's, never earlier than its floor.
func (s *server) ticketDue(c *caseRow, p policy, kind, clock string, now time.Time) *time.Time {
	var due *time.Time
	if name := kind + "_" + clock + "_minutes"; p.has(name) {
		at := now.Add(p.minutes(name))
		due = &at
	} else if name := kind + "_" + clock + "_days"; p.has(name) {
		at := s.dict.addWorkingTime(now, p.days(name))
		due = &at
	} else if clock == "finish" {
		due = c.resolveDueAt
	}
	if due == nil {
		return nil
	}
	due = earliest(due, c.resolveDueAt)
	if floor := now.Add(p.minutes("floor_" + clock + "_minutes")); floor.After(*due) {
		due = &floor
	}
	return due
}
