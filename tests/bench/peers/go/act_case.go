package main

import (
	"context"
	"fmt"
	"math"

	"github.com/jackc/pgx/v4"
)

func (s *server) actOnCase(c *call) {
	body, err := s.readBody(c, "cases."+c.action)
	if err == nil && c.r.Header.Get("If-Match") == "" {
		err = refused("precondition_required")
	}
	if err == nil && !isUUID(c.id) {
		err = refused("not_found")
	}
	if err != nil {
		s.fail(c, err)
		return
	}
	s.write(c, func(ctx context.Context, tx pgx.Tx) error { return s.caseAction(ctx, tx, c, body) })
}

func (s *server) caseAction(ctx context.Context, tx pgx.Tx, c *call, body object) error {
	sql, arguments := s.personQuery(c)
	batch := &pgx.Batch{}
	batch.Queue(sql, arguments...)
	batch.Queue(s.sql["case"]+" FOR UPDATE OF c", c.token.Tenant, c.id)
	batch.Queue(s.sql["case_lists"], c.token.Tenant, c.id)
	w, err := s.openWork(ctx, tx, c, batch, body)
	if err != nil {
		return err
	}
	if done, err := s.takeKey(ctx, tx, c, "cases."+c.action, c.id); err != nil || done != "" {
		if err == nil {
			err = notMeasured
		}
		return err
	}
	if !s.seesCase(w.me, w.row) {
		return refused("not_found")
	}
	if err := stale(versions(c.r.Header.Get("If-Match")), w.row.version); err != nil {
		return err
	}
	if err := w.checkCase(ctx, tx, c.action); err != nil {
		return err
	}
	if err := w.doCase(); err != nil {
		return err
	}
	w.queueCase()
	if err := w.flush(ctx, tx); err != nil {
		return err
	}
	c.replyCase(200, s.viewCase(w.me, w.row, w.lists, c.now))
	return nil
}

// The person, the case locked, and what hangs on it; a ticket's action reads its ticket besides.
func (s *server) openWork(ctx context.Context, tx pgx.Tx, c *call, batch *pgx.Batch, body object) (*work, error) {
	results := tx.SendBatch(ctx, batch)
	defer results.Close()
	me, err := s.readPerson(c, results.QueryRow())
	if err != nil {
		return nil, err
	}
	row, err := scanCase(results.QueryRow())
	if err != nil {
		return nil, err
	}
	lists, err := scanLists(results.QueryRow())
	if err != nil {
		return nil, err
	}
	w := &work{s: s, c: c, me: me, row: row, before: *row, lists: lists, policy: s.dict.policies[row.policyVersion], body: body, batch: &pgx.Batch{}}
	if batch.Len() > 3 {
		if w.ticket, err = scanTicket(results.QueryRow()); err != nil {
			return nil, err
		}
	}
	if w.policy == nil || row.level == "major" || row.planRequest != nil || len(lists.requests) > 0 {
		return nil, notMeasured
	}
	return w, results.Close()
}

func (w *work) wrongState() error {
	if w.ticket != nil {
		return refusal{code: "invalid_transition", detail: map[string]any{"state": w.ticket.state,
			"allowed_actions": w.s.ticketActions(w.ticket.facts(), w.row.facts(), ticketRelations(w.me, w.ticket.facts(), w.row.facts()))}}
	}
	return w.wrongCaseState()
}

func (w *work) wrongCaseState() error {
	return refusal{code: "invalid_transition", detail: map[string]any{"state": w.row.state,
		"allowed_actions": w.s.caseActions(w.row, w.s.caseRelations(w.me, w.row))}}
}

func (w *work) variant(action string) string {
	switch action {
	case "whistle":
		return *text(w.body, "kind")
	case "check":
		if *flag(w.body, "pass") {
			return "pass"
		}
		return "fail"
	}
	return ""
}

// State, world, person, row, in this order.
func (w *work) checkCase(ctx context.Context, tx pgx.Tx, action string) error {
	variant := w.variant(action)
	if variant == "emergency" || variant == "fail" {
		return notMeasured
	}
	m := findMove(w.s.dict.caseMoves[w.row.state], action, variant)
	if m == nil {
		return w.wrongState()
	}
	if action == "rate" && contains(w.row.reporters, deref(w.me.id)) && w.rater() == nil {
		return refused("already_done")
	}
	if contains(m.guards, "lead_free") && w.leads() > 0 && w.leadIsOpen() {
		return refused("lead_not_closed")
	}
	near := w.me.has("community") && in(w.row.area, w.me.areas) || in(w.row.community, w.me.communities) && !in(w.row.area, w.me.grids) ||
		in(w.me.id, w.row.workers)
	role, err := w.s.actingRole(w.me, m.who, w.s.caseRelations(w.me, w.row), near)
	if err != nil {
		return err
	}
	w.role = role
	if contains(m.guards, "level_allowed") && role != "dispatcher" && *text(w.body, "level") != "ordinary" {
		return refused("level_not_allowed")
	}
	return w.checkRow(ctx, tx, m)
}

func (w *work) checkRow(ctx context.Context, tx pgx.Tx, m *move) error {
	if code := text(w.body, "category"); code != nil {
		if k := w.s.dict.categories[*code]; k == nil || !k.active && *code != w.row.category {
			return at("unknown_reference", "/category")
		}
	}
	if list, _ := w.body["attachments"].([]any); len(list) > 0 {
		return notMeasured
	}
	if contains(m.guards, "lead_named") && (w.leads() > 1 || w.leads() == 0 && w.row.leadTicket == nil) {
		return at("lead_not_named", "/tickets")
	}
	if contains(m.guards, "organisations_known") {
		for i, t := range w.tickets() {
			if !w.s.dict.activeOrgs[*text(t, "organisation")] {
				return at("unknown_reference", fmt.Sprintf("/tickets/%d/organisation", i))
			}
		}
	}
	if contains(m.guards, "check_near") && w.s.dict.categories[w.row.category].onScene && w.row.lon != nil {
		return w.checkNear(ctx, tx)
	}
	return nil
}

func (w *work) checkNear(ctx context.Context, tx pgx.Tx) error {
	lon, lat, accuracy, err := pointOf(w.body, "point")
	if err != nil {
		return err
	}
	if lon == nil {
		return at("required", "/point")
	}
	var metres float64
	if err := tx.QueryRow(ctx, w.s.sql["distance"], w.c.token.Tenant, w.row.id, *lon, *lat).Scan(&metres); err != nil {
		return err
	}
	if metres > w.policy.number("check_metres")+math.Min(*accuracy, w.policy.number("check_accuracy_metres")) {
		return at("too_far", "/point")
	}
	return nil
}

func deref(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// The tickets that a whistle names.
func (w *work) tickets() []object {
	var found []object
	list, _ := w.body["tickets"].([]any)
	for _, one := range list {
		found = append(found, one.(object))
	}
	return found
}

func (w *work) leads() int {
	n := 0
	for _, t := range w.tickets() {
		if *text(t, "role") == "lead" {
			n++
		}
	}
	return n
}

func (w *work) leadIsOpen() bool {
	for _, t := range w.lists.tickets {
		if is(w.row.leadTicket, t.ID) {
			return w.s.dict.openTicket[t.State]
		}
	}
	return false
}

// The reporter in whose name the caller may rate.
func (w *work) rater() *reporterRow {
	for i := range w.lists.reporters {
		r, rated := &w.lists.reporters[i], false
		for _, g := range w.lists.ratings {
			rated = rated || g.Round == w.row.round && g.Reporter == r.N
		}
		if !r.Withdrawn && !rated && w.me.isOne(r.PersonID) {
			return r
		}
	}
	return nil
}

func (w *work) doCase() error {
	note := text(w.body, "note")
	switch w.c.action {
	case "accept":
		if w.row.firstContact == nil {
			w.row.firstContact, w.row.contactPerson = w.me.id, namedPerson{&w.me.name, &w.role, w.me.org}
		}
		w.caseTo("accept", w.role, "accepted", note, nil)
	case "register":
		return w.register(note)
	case "whistle":
		return w.whistle()
	case "check":
		return w.pass()
	case "rate":
		return w.rate()
	default:
		return notMeasured
	}
	return nil
}

func (w *work) register(note *string) error {
	c, level := w.row, *text(w.body, "level")
	if level == "major" || c.resolveCause == "reopen" || c.resolveCause == "delay" {
		return notMeasured
	}
	c.level, c.registeredAt = level, &w.c.now
	if code := text(w.body, "category"); code != nil {
		c.category = *code
	}
	w.caseTo("register", w.role, "registered", note, object{"level": level, "category": c.category})
	due := c.roundStartedAt.Add(w.policy.minutes(level + "_minutes"))
	if !sameTime(c.resolveDueAt, &due) {
		w.batch.Queue(w.s.sql["due_insert"], w.c.token.Tenant, c.id, newID(), c.resolveDueAt, due, "register", w.c.now, w.me.id, w.role)
	}
	c.resolveDueAt = &due
	return nil
}

func (w *work) whistle() error {
	c, whistle := w.row, newID()
	if w.leads() > 0 && c.leadTicket != nil {
		return notMeasured // a new lead in place of a closed one
	}
	to := "whistled"
	if c.state == "whistled" || c.state == "handling" {
		to = "="
	} else if c.signedRound == c.round {
		to = "handling"
	}
	c.handler = nil
	w.caseTo("whistle", w.role, to, text(w.body, "reason"), object{"kind": "everyday", "tickets": w.body["tickets"]})
	w.batch.Queue(w.s.sql["whistle_insert"], w.c.token.Tenant, whistle, c.id, "everyday", c.round, text(w.body, "reason"), w.c.now, w.me.id, w.role)
	for _, t := range w.tickets() {
		w.issue(whistle, t)
	}
	w.count()
	return nil
}

func (w *work) issue(whistle string, wanted object) {
	c, now := w.row, w.c.now
	t := &ticketRow{id: newID(), n: c.ticketsIssued + 1, kind: "everyday", role: *text(wanted, "role"), organisation: *text(wanted, "organisation"),
		state: "issued", task: *text(wanted, "task"), issuedAt: now, finishStartedAt: now}
	t.signDueAt = w.s.ticketDue(c, w.policy, t.kind, "sign", now)
	if t.role == "lead" && c.contactable && !c.anonymous {
		t.contactDueAt = w.s.ticketDue(c, w.policy, t.kind, "contact", now)
	}
	t.reportDueAt = w.s.ticketDue(c, w.policy, t.kind, "report", now)
	t.finishDueAt = w.s.ticketDue(c, w.policy, t.kind, "finish", now)
	settleTicket(t, w.policy)
	w.batch.Queue(w.s.sql["ticket_insert"], w.c.token.Tenant, t.id, c.id, t.n, whistle, t.kind, t.role, t.organisation, t.task, c.round, now,
		w.me.id, w.role, t.signDueAt, t.contactDueAt, t.reportDueAt, t.finishDueAt, t.overdueAt, t.clockNextAt)
	c.ticketsIssued = t.n
	w.happened("issue", w.role, "staff", nil, "issued", nil, &t.id, object{"kind": t.kind, "role": t.role, "organisation": t.organisation})
	brief := briefRow{ID: t.id, N: t.n, Role: t.role, Organisation: t.organisation, State: t.state, Kind: t.kind, Task: t.task,
		SignDueAt: stampText(t.signDueAt), FinishDueAt: stampText(t.finishDueAt), ClockNextAt: t.clockNextAt}
	w.lists.tickets = append(w.lists.tickets, brief)
}

func (w *work) pass() error {
	c := w.row
	lon, lat, accuracy, err := pointOf(w.body, "point")
	if err != nil {
		return err
	}
	w.batch.Queue(w.s.sql["check_insert"], w.c.token.Tenant, c.id, newID(), c.round, text(w.body, "reason"), w.c.now, w.me.id, w.role, lon, lat, accuracy)
	c.stateBefore = nil
	for _, r := range w.lists.reporters {
		if !r.Withdrawn && !r.Anonymous && r.Contactable && (r.PersonID == nil || !same(r.PersonID, c.handler)) {
			c.evaluatingAt, c.callbackTries = &w.c.now, 0
			w.caseTo("check", w.role, "evaluating", text(w.body, "reason"), object{"pass": true})
			return nil
		}
	}
	unrated := "unrated"
	c.evaluatingAt, c.closedAt, c.closedHow = nil, &w.c.now, &unrated
	w.caseTo("check", w.role, "closed", text(w.body, "reason"), object{"pass": true, "closed": unrated})
	return nil
}

func (w *work) rate() error {
	r, solved, satisfied := w.rater(), *text(w.body, "solved"), int(w.body["satisfied"].(float64))
	if solved == "no" || satisfied <= 2 || w.row.state != "evaluating" {
		return notMeasured
	}
	comment := text(w.body, "comment")
	w.batch.Queue(w.s.sql["rating_insert"], w.c.token.Tenant, w.row.id, w.row.round, r.N, w.me.id, w.c.now, *flag(w.body, "contacted"), solved, satisfied, comment)
	w.lists.ratings = append(w.lists.ratings, ratingRow{w.row.round, r.N, w.me.id, *flag(w.body, "contacted"), solved, satisfied, comment, *stampText(&w.c.now)})
	rated := "rated"
	w.changed, w.row.closedAt, w.row.closedHow = true, &w.c.now, &rated
	data := object{}
	for name, value := range w.body {
		if name != "comment" {
			data[name] = value
		}
	}
	w.caseTo("rate", w.role, "closed", comment, data)
	return nil
}
