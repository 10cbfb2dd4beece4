package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v4"
)

type event struct {
	ticket, note, person, org    *string
	from                         *string
	action, to, role, visibility string
	data                         string
}

// An action on its way: what it changes in memory, and what it writes with it.
type work struct {
	s        *server
	c        *call
	me       *person
	role     string
	row, old *caseRow
	before   caseRow
	ticket   *ticketRow
	lists    *caseLists
	policy   policy
	body     object
	events   []event
	batch    *pgx.Batch
	changed  bool // for its readers, though not in its own row
}

// An event of this person; nil data is an empty object, members that are null are left out.
func (w *work) happened(action, role, visibility string, from *string, to string, note *string, ticket *string, data object) {
	for name, value := range data {
		if value == nil {
			delete(data, name)
		}
	}
	e := event{ticket: ticket, note: note, from: from, action: action, to: to, role: role, visibility: visibility, data: "{}"}
	if len(data) > 0 {
		e.data = string(encode(data))
	}
	if role != "system" {
		e.person, e.org = w.me.id, w.me.org
	}
	w.events = append(w.events, e)
	w.row.eventSeq++
	w.row.updatedAt = w.c.now
}

func (w *work) caseTo(action, role, to string, note *string, data object) {
	from := w.row.state
	if to == "=" {
		to = from
	}
	if to != from {
		w.row.state, w.row.stateAt = to, w.c.now
	}
	w.happened(action, role, w.s.dict.shown[action], &from, to, note, nil, data)
}

func (w *work) ticketTo(action, to string, note *string, data object) {
	from := w.ticket.state
	if to == "=" {
		to = from
	}
	if to != from {
		w.ticket.state, w.ticket.stateAt = to, w.c.now
	}
	w.ticket.updatedAt = w.c.now
	w.happened(action, w.role, "staff", &from, to, note, &w.ticket.id, data)
}

func orNil(text *string) any {
	if text == nil {
		return nil
	}
	return *text
}

// The events and the outbox rows, one statement each.
func (w *work) queueEvents(firstSeq int, organisations []string) {
	n := len(w.events)
	seq := make([]int32, n)
	columns := [11][]*string{}
	for i := range columns {
		columns[i] = make([]*string, n)
	}
	for i := range w.events {
		e := &w.events[i]
		id := newID()
		seq[i] = int32(firstSeq + i)
		for column, value := range []*string{&id, e.ticket, &e.action, e.from, &e.to, e.person, &e.role, e.org, &e.visibility, e.note, &e.data} {
			columns[column][i] = value
		}
	}
	w.batch.Queue(w.s.sql["events_insert"], w.c.token.Tenant, w.row.id, w.row.round, w.c.now, seq, columns[0], columns[1], columns[2], columns[3],
		columns[4], columns[5], columns[6], columns[7], columns[8], columns[9], columns[10])
	w.batch.Queue(w.s.sql["outbox_insert"], w.c.token.Tenant, w.row.id, organisations, w.row.area, w.c.now, seq, columns[1])
}

func same(a, b *string) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }

func sameTime(a, b *time.Time) bool { return (a == nil) == (b == nil) && (a == nil || a.Equal(*b)) }

// Whether a reader sees another case than before: then its version rises.
func (w *work) caseChanged() bool {
	a, b := w.row, &w.before
	return w.changed || a.state != b.state || a.level != b.level || a.category != b.category || !sameTime(a.registeredAt, b.registeredAt) ||
		!same(a.handler, b.handler) || !same(a.firstContact, b.firstContact) || !same(a.firstOrg, b.firstOrg) || !same(a.leadOrg, b.leadOrg) ||
		!sameTime(a.resolveDueAt, b.resolveDueAt) || !sameTime(a.resolvedAt, b.resolvedAt) || !same(a.stateBefore, b.stateBefore) ||
		!same(a.result, b.result) || !same(a.reply, b.reply) || !sameTime(a.evaluatingAt, b.evaluatingAt) || !sameTime(a.closedAt, b.closedAt) ||
		!same(a.closedHow, b.closedHow)
}

// The case's own clocks and those of its tickets. Where nothing moved its own, the next moment may only be nearer.
func (w *work) settle(changed bool) {
	c, at := w.row, w.before.clockNextAt
	if !changed && c.ticketsUnsubmitted == w.before.ticketsUnsubmitted && at != nil && at.After(w.c.now) {
		if w.ticket != nil {
			c.clockNextAt = earliest(at, w.ticket.clockNextAt)
		}
		return
	}
	settleCase(c, w.policy)
	for i := range w.lists.tickets {
		c.clockNextAt = earliest(c.clockNextAt, w.lists.tickets[i].ClockNextAt)
	}
}

func (w *work) queueCase() {
	c := w.row
	changed := w.caseChanged()
	w.settle(changed)
	if changed {
		c.version++
	}
	w.batch.Queue(w.s.sql["case_update"], w.c.token.Tenant, c.id, c.version, c.state, c.category, c.level, c.registeredAt, c.handler,
		c.firstContact, c.firstOrg, c.workers, c.leadTicket, c.leadOrg, c.organisations, c.openOrgs, c.ticketsIssued, c.ticketsOpen,
		c.ticketsUnsubmitted, c.resolveDueAt, c.resolvedAt, c.overdueAt, c.clockNextAt, c.stateAt, c.stateBefore, c.signedRound, c.result,
		c.reply, c.evaluatingAt, c.closedAt, c.closedHow, c.callbackTries, c.eventSeq, c.updatedAt)
	organisations := append([]string{}, c.organisations...)
	for _, org := range w.before.organisations {
		if !contains(organisations, org) {
			organisations = append(organisations, org)
		}
	}
	w.queueEvents(w.before.eventSeq+1, organisations)
}

// Sends what was queued; the last reply says whether all of it went well.
func (w *work) flush(ctx context.Context, tx pgx.Tx) error {
	results := tx.SendBatch(ctx, w.batch)
	for i := 0; i < w.batch.Len(); i++ {
		if _, err := results.Exec(); err != nil {
			results.Close()
			return err
		}
	}
	return results.Close()
}

func (w *work) worked() {
	if !contains(w.row.workers, *w.me.id) {
		w.row.workers = append(w.row.workers, *w.me.id)
	}
}

// Versions that If-Match allows; nil: any.
func versions(header string) []int64 {
	var found []int64
	if strings.TrimSpace(header) == "*" {
		return nil
	}
	for _, tag := range strings.Split(header, ",") {
		tag = strings.Trim(strings.TrimSpace(tag), `"`)
		n, err := strconv.ParseInt(strings.SplitN(tag, ".", 2)[0], 10, 64)
		if err != nil {
			n = -1
		}
		found = append(found, n)
	}
	return found
}

func stale(allowed []int64, version int64) error {
	for _, one := range allowed {
		if one == version {
			return nil
		}
	}
	if allowed == nil {
		return nil
	}
	return refusal{code: "precondition_failed", detail: map[string]any{"version": version}}
}

// Writes the key first: who comes second with the same key waits here for the first, and finds what it did.
func (s *server) takeKey(ctx context.Context, tx pgx.Tx, c *call, operation, object string) (replay string, err error) {
	key := strings.Trim(c.r.Header.Get("Idempotency-Key"), `"`)
	if key == "" {
		return "", nil
	}
	digest := sha256.New()
	for _, part := range []string{c.r.Method, c.r.URL.Path, c.r.Header.Get("If-Match")} {
		digest.Write([]byte(part))
		digest.Write([]byte{0})
	}
	digest.Write(c.raw)
	fingerprint := hex.EncodeToString(digest.Sum(nil))
	var done string
	err = tx.QueryRow(ctx, s.sql["key_insert"], c.token.Tenant, c.token.Subject, operation, key, fingerprint, object).Scan(&done)
	if err != pgx.ErrNoRows {
		return "", err
	}
	var before string
	if err = tx.QueryRow(ctx, s.sql["key_find"], c.token.Tenant, c.token.Subject, operation, key).Scan(&before, &done); err != nil {
		return "", err
	}
	if before != fingerprint {
		return "", refused("idempotency_key_reused")
	}
	return done, nil
}
