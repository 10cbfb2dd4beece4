package main

import (
	"context"
	"sort"
	"strings"
	"time"

	"github.com/jackc/pgx/v4"
)

func (s *server) actOnTicket(c *call) {
	body, err := s.readBody(c, "tickets."+c.action)
	if err == nil && c.action != "contact" && c.r.Header.Get("If-Match") == "" {
		err = refused("precondition_required")
	}
	if err == nil && !isUUID(c.id) {
		err = refused("not_found")
	}
	if err != nil {
		s.fail(c, err)
		return
	}
	s.write(c, func(ctx context.Context, tx pgx.Tx) error { return s.ticketAction(ctx, tx, c, body) })
}

// The case is locked before its ticket, so its id is asked first.
func (s *server) ticketAction(ctx context.Context, tx pgx.Tx, c *call, body object) error {
	var caseID string
	if err := tx.QueryRow(ctx, s.sql["ticket_case"], c.token.Tenant, c.id).Scan(&caseID); err == pgx.ErrNoRows {
		return refused("not_found")
	} else if err != nil {
		return err
	}
	sql, arguments := s.personQuery(c)
	batch := &pgx.Batch{}
	batch.Queue(sql, arguments...)
	batch.Queue(s.sql["case"]+" FOR UPDATE OF c", c.token.Tenant, caseID)
	batch.Queue(s.sql["case_lists"], c.token.Tenant, caseID)
	batch.Queue(s.sql["ticket"]+" FOR UPDATE OF t", c.token.Tenant, c.id)
	w, err := s.openWork(ctx, tx, c, batch, body)
	if err != nil {
		return err
	}
	if done, err := s.takeKey(ctx, tx, c, "tickets."+c.action, c.id); err != nil || done != "" {
		if err == nil {
			err = notMeasured
		}
		return err
	}
	if !s.seesTicket(w.me, w.ticket.organisation, w.row) {
		return refused("not_found")
	}
	if header := c.r.Header.Get("If-Match"); header != "" {
		if err := stale(versions(header), w.ticket.version); err != nil {
			return err
		}
	}
	if err := w.checkTicket(); err != nil {
		return err
	}
	if err := w.doTicket(); err != nil {
		return err
	}
	w.queueCase()
	if err := w.flush(ctx, tx); err != nil {
		return err
	}
	v := s.viewTicket(w.me, w.ticket, w.row, w.lists, c.now)
	c.status, c.reply, c.version = 200, v, v.Version
	return nil
}

func (w *work) checkTicket() error {
	t, action := w.ticket, w.c.action
	onScene := w.s.dict.categories[w.row.category].onScene
	m := findMove(w.s.dict.ticketMoves[t.state], action, "")
	if m == nil && !onScene {
		m = findMove(w.s.dict.ticketMoves[t.state], action, "remote")
	}
	if m == nil || action == "contact" && !(t.role == "lead" && w.row.contactable && !w.row.anonymous) {
		return w.wrongState()
	}
	role, err := w.s.actingRole(w.me, m.who, ticketRelations(w.me, t.facts(), w.row.facts()), in(w.row.area, w.me.areas))
	if err != nil {
		return err
	}
	w.role = role
	list, _ := w.body["attachments"].([]any)
	if len(list) > 0 {
		return notMeasured
	}
	if contains(m.guards, "lead_reply") && t.role == "lead" && strings.TrimSpace(deref(text(w.body, "reply"))) == "" {
		return at("required", "/reply")
	}
	if contains(m.guards, "photo") && w.s.dict.categories[w.row.category].photo {
		return at("photo_missing", "/attachments")
	}
	if action == "approve" && w.body["feedback"] != nil {
		return w.checkFeedback()
	}
	return nil
}

// The feedback that comes with the last approval, looked at as if the ticket were closed already.
func (w *work) checkFeedback() error {
	m := findMove(w.s.dict.caseMoves[w.row.state], "feedback", "")
	if m == nil {
		return w.wrongCaseState()
	}
	if w.row.ticketsOpen != 1 {
		return refused("open_tickets")
	}
	if w.row.leadTicket == nil {
		return refused("lead_not_closed")
	}
	_, err := w.s.actingRole(w.me, m.who, w.s.caseRelations(w.me, w.row), false)
	return err
}

func (w *work) doTicket() error {
	t, now, note := w.ticket, w.c.now, text(w.body, "note")
	version, was := t.version, *t
	if w.c.action != "approve" {
		if !contains(t.workers, *w.me.id) {
			t.workers = append(t.workers, *w.me.id)
		}
		w.worked()
	}
	switch w.c.action {
	case "sign":
		t.signedAt = &now
		w.row.signedRound = w.row.round
		w.ticketTo("sign", "signed", note, nil)
		w.firstSign()
	case "contact":
		if t.contactedAt == nil {
			t.contactedAt = &now
		}
		w.ticketTo("contact", "=", note, nil)
	case "report_in":
		lon, lat, accuracy, err := pointOf(w.body, "point")
		if err != nil {
			return err
		}
		t.reportedInAt, t.reportLon, t.reportLat, t.reportAccuracy = &now, lon, lat, accuracy
		w.ticketTo("report_in", "reported_in", note, object{"lon": *lon, "lat": *lat, "accuracy": *accuracy})
	case "start":
		if t.startedAt == nil {
			t.startedAt = &now
		}
		w.ticketTo("start", "in_progress", note, nil)
	case "submit":
		t.submittedAt, t.notContacted = &now, t.contactDueAt != nil && t.contactedAt == nil
		t.result, t.reply, t.causeCode = text(w.body, "result"), text(w.body, "reply"), text(w.body, "cause_code")
		w.ticketTo("submit", "submitted", t.result, object{"reply": orNil(t.reply), "cause_code": orNil(t.causeCode)})
	case "approve":
		rating := int(w.body["rating"].(float64))
		t.rating, t.closedAt, t.closedRound = &rating, &now, &w.row.round
		w.ticketTo("approve", "closed", note, object{"rating": rating})
	}
	if was.state != t.state || !sameTime(was.contactedAt, t.contactedAt) {
		t.version = version + 1
	}
	w.queueTicket()
	w.count()
	if feedback, there := w.body["feedback"].(object); there && w.c.action == "approve" {
		w.feedback(feedback)
	}
	return nil
}

// The first signature of a ticket takes the case to handling.
func (w *work) firstSign() {
	if w.row.state != "whistled" {
		return
	}
	if w.row.firstHandler == nil && w.row.firstOrg == nil {
		w.row.firstOrg = w.row.leadOrg
	}
	w.caseTo("first_sign", "system", "handling", nil, nil)
}

func (w *work) queueTicket() {
	t := w.ticket
	settleTicket(t, w.policy)
	w.batch.Queue(w.s.sql["ticket_update"], w.c.token.Tenant, t.id, t.version, t.state, t.stateAt, t.workers, t.signedAt, t.contactedAt,
		t.notContacted, t.reportedInAt, t.reportLon, t.reportLat, t.reportAccuracy, t.startedAt, t.submittedAt, t.closedAt, t.closedRound,
		t.result, t.reply, t.causeCode, t.rating, t.overdueAt, t.clockNextAt, t.updatedAt)
	for i := range w.lists.tickets {
		if b := &w.lists.tickets[i]; b.ID == t.id {
			b.State, b.SubmittedAt, b.ClosedRound, b.ClockNextAt, b.Result, b.Reply = t.state, t.submittedAt, t.closedRound, t.clockNextAt, t.result, t.reply
		}
	}
}

// What the case knows of its tickets, counted again.
func (w *work) count() {
	c := w.row
	open, all := map[string]bool{}, map[string]bool{}
	c.ticketsOpen, c.ticketsUnsubmitted, c.leadTicket, c.leadOrg = 0, 0, nil, nil
	for i := range w.lists.tickets {
		t := &w.lists.tickets[i]
		if w.s.dict.openTicket[t.State] {
			c.ticketsOpen++
			open[t.Organisation] = true
			if t.State != "submitted" {
				c.ticketsUnsubmitted++
			}
		}
		if t.State != "returned" && t.State != "recalled" {
			all[t.Organisation] = true
			if t.Role == "lead" {
				c.leadTicket, c.leadOrg = &t.ID, &t.Organisation
			}
		}
	}
	c.openOrgs, c.organisations = sorted(open), sorted(all)
}

func sorted(set map[string]bool) []string {
	found := []string{}
	for one := range set {
		found = append(found, one)
	}
	sort.Strings(found)
	return found
}

// 办结反馈: the latest submission among the tickets closed in this round is when the work was done.
func (w *work) feedback(body object) {
	c, before := w.row, "handling"
	var done *time.Time
	for i := range w.lists.tickets {
		t := &w.lists.tickets[i]
		if t.State == "closed" && t.ClosedRound != nil && *t.ClosedRound == c.round && t.SubmittedAt != nil && (done == nil || t.SubmittedAt.After(*done)) {
			done = t.SubmittedAt
		}
		if is(c.leadTicket, t.ID) {
			c.result, c.reply = t.Result, t.Reply
		}
	}
	if done == nil {
		done = &w.c.now
	}
	if given := text(body, "reply"); given != nil {
		c.reply = given
	}
	c.resolvedAt, c.stateBefore = done, &before
	w.caseTo("feedback", w.role, "checking", c.reply, object{"note": orNil(text(body, "note"))})
}

func stampText(t *time.Time) *string {
	if t == nil {
		return nil
	}
	written := t.In(local).Format("2006-01-02T15:04:05.000-07:00")
	return &written
}
