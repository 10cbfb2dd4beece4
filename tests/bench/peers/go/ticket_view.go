package main

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v4"
)

type ticketCase struct {
	Title        *string   `json:"title"`
	Description  string    `json:"description"`
	Kind         string    `json:"kind"`
	Category     codeName  `json:"category"`
	Level        string    `json:"level"`
	State        string    `json:"state"`
	Location     *location `json:"location"`
	Address      *string   `json:"address"`
	Area         *codeName `json:"area"`
	Community    *codeName `json:"community"`
	Reporter     *reporter `json:"reporter"`
	ReceivedAt   stamp     `json:"received_at"`
	ResolveDueAt *stamp    `json:"resolve_due_at"`
}

// A ticket in a list.
type ticketItem struct {
	ID               string     `json:"id"`
	Number           string     `json:"number"`
	Version          int64      `json:"version"`
	CaseID           string     `json:"case_id"`
	CaseNumber       string     `json:"case_number"`
	Kind             string     `json:"kind"`
	Role             string     `json:"role"`
	Organisation     codeName   `json:"organisation"`
	State            string     `json:"state"`
	Task             string     `json:"task"`
	Case             ticketCase `json:"case"`
	Round            int        `json:"round"`
	IssuedAt         stamp      `json:"issued_at"`
	IssuedBy         *party     `json:"issued_by"`
	SignDueAt        *stamp     `json:"sign_due_at"`
	ContactDueAt     *stamp     `json:"contact_due_at"`
	ReportDueAt      *stamp     `json:"report_due_at"`
	FinishDueAt      *stamp     `json:"finish_due_at"`
	SignedAt         *stamp     `json:"signed_at"`
	ContactedAt      *stamp     `json:"contacted_at"`
	ReportedInAt     *stamp     `json:"reported_in_at"`
	StartedAt        *stamp     `json:"started_at"`
	SubmittedAt      *stamp     `json:"submitted_at"`
	ClosedAt         *stamp     `json:"closed_at"`
	Overdue          bool       `json:"overdue"`
	OverdueClocks    []string   `json:"overdue_clocks"`
	CauseCode        *string    `json:"cause_code"`
	NotContacted     bool       `json:"not_contacted"`
	DepartmentRating *int       `json:"department_rating"`
	ReworkCount      int        `json:"rework_count"`
	Final            bool       `json:"final"`
	UpdatedAt        stamp      `json:"updated_at"`
	AllowedActions   []string   `json:"allowed_actions"`
}

// A ticket alone has what came of it besides.
type ticketView struct {
	ticketItem
	Result      *string          `json:"result"`
	Reply       *string          `json:"reply"`
	Attachments []attachmentView `json:"attachments"`
	Requests    []requestView    `json:"requests"`
	Askable     []string         `json:"askable_requests"`
}

// The parts that a list and a single ticket have in common.
func (s *server) itemOf(me *person, t *ticketRow, c *caseRow, relations []string, shown *reporter, now time.Time) ticketItem {
	overdue, clocks := overdueClocks(ticketRunning(t), t.overdueAt, now)
	issuer := s.dict.roleParty(t.issuedRole)
	if t.issuedBy != nil {
		issuer = s.dict.staffParty(me, t.issuedBy, namedPerson{t.issuerName, &t.issuedRole, nil})
	}
	return ticketItem{ID: t.id, Number: fmt.Sprintf("%s-%d", c.number, t.n), Version: t.version, CaseID: t.caseID, CaseNumber: c.number,
		Kind: t.kind, Role: t.role, Organisation: s.dict.organisation(t.organisation), State: t.state, Task: t.task,
		Case: ticketCase{c.title, c.description, c.kind, codeName{c.category, s.dict.categories[c.category].name}, c.level, c.state,
			place(c.lon, c.lat, c.address), c.address, s.dict.area(c.area), s.dict.area(c.community), shown, stamp(c.receivedAt),
			moment(c.resolveDueAt)},
		Round: t.round, IssuedAt: stamp(t.issuedAt), IssuedBy: issuer, SignDueAt: moment(t.signDueAt), ContactDueAt: moment(t.contactDueAt),
		ReportDueAt: moment(t.reportDueAt), FinishDueAt: moment(t.finishDueAt), SignedAt: moment(t.signedAt),
		ContactedAt: moment(t.contactedAt), ReportedInAt: moment(t.reportedInAt), StartedAt: moment(t.startedAt),
		SubmittedAt: moment(t.submittedAt), ClosedAt: moment(t.closedAt), Overdue: overdue, OverdueClocks: clocks,
		CauseCode: t.causeCode, NotContacted: t.notContacted, DepartmentRating: t.rating, ReworkCount: t.reworkCount, Final: t.final,
		UpdatedAt: stamp(t.updatedAt), AllowedActions: s.ticketActions(t.facts(), c.facts(), relations)}
}

func (s *server) viewTicket(me *person, t *ticketRow, c *caseRow, l *caseLists, now time.Time) *ticketView {
	relations := ticketRelations(me, t.facts(), c.facts())
	return &ticketView{ticketItem: s.itemOf(me, t, c, relations, s.caseReporter(me, c, l), now), Result: t.result, Reply: t.reply,
		Attachments: s.attachmentsSeen(me, s.ticketsSeen(me, c), l, &t.id), Requests: s.requestsSeen(me, c, l, &t.id),
		Askable: askable(s.dict.ticketAsks[t.state], relations)}
}

type ticketList struct {
	Items      []ticketItem `json:"items"`
	NextCursor *string      `json:"next_cursor"`
}

func scanItem(row pgx.Row) (place string, t *ticketRow, c *caseRow, err error) {
	t, c = &ticketRow{}, &caseRow{}
	err = row.Scan(&place, &t.id, &c.number, &t.n, &t.version, &t.caseID, &t.kind, &t.role, &t.organisation, &t.state, &t.task,
		&c.title, &c.description, &c.kind, &c.category, &c.level, &c.state, &c.lon, &c.lat,
		&c.address, &c.area, &c.community, &c.reporterName, &c.reporterPhone, &c.anonymous, &c.private,
		&c.contactable, &c.reporters, &c.leadOrg, &c.openOrgs, &c.receivedAt, &c.resolveDueAt, &t.round, &t.issuedAt,
		&t.issuedBy, &t.issuedRole, &t.issuerName, &t.signDueAt, &t.contactDueAt, &t.reportDueAt, &t.finishDueAt,
		&t.signedAt, &t.contactedAt, &t.reportedInAt, &t.startedAt, &t.submittedAt, &t.closedAt, &t.overdueAt, &t.causeCode,
		&t.notContacted, &t.rating, &t.reworkCount, &t.final, &t.updatedAt, &t.supervised, &t.workers)
	return
}

// What a department's app asks for: its tickets, newest first, or what changed after a cursor of the feed.
func (s *server) listTickets(c *call) {
	query, limit := c.r.URL.Query(), 20
	if text := query.Get("limit"); text != "" {
		limit, _ = strconv.Atoi(text)
	}
	cursor := query.Get("cursor")
	for name := range query {
		if name != "limit" && name != "cursor" {
			s.fail(c, notMeasured)
			return
		}
	}
	payload, good := "", true
	if cursor != "" {
		payload, good = s.auth.openCursor(c, "tickets.list", query, cursor)
	}
	if !good || limit < 1 || limit > 200 {
		s.refuse(c, refusal{code: "cursor_invalid"})
		return
	}
	list, err := s.ticketPage(c, query, payload, limit)
	if err != nil {
		s.fail(c, err)
		return
	}
	c.status, c.reply = 200, list
	c.send()
}

// A place in the feed, as cursors carry it: its era and the position. Nothing is the beginning of the list.
func feedPlace(payload string) (era *string, position int64, feed bool, err error) {
	parts := strings.Split(payload, "|")
	if payload == "" {
		return nil, 0, false, nil
	} else if len(parts) != 3 || parts[0] != "feed" {
		return nil, 0, false, notMeasured
	}
	position, err = strconv.ParseInt(parts[2], 10, 64)
	return &parts[1], position, true, err
}

func (s *server) ticketPage(c *call, query url.Values, payload string, limit int) (*ticketList, error) {
	ctx := c.r.Context()
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Release()
	era, position, feed, err := feedPlace(payload)
	if err != nil {
		return nil, err
	}
	sql, arguments := s.personQuery(c)
	batch := &pgx.Batch{}
	batch.Queue(sql, arguments...)
	batch.Queue(s.sql["feed_last"], c.token.Tenant, era)
	results := conn.SendBatch(ctx, batch)
	me, err := s.readPerson(c, results.QueryRow())
	var last int64
	var upto *int64
	var present string
	if err == nil {
		err = results.QueryRow().Scan(&last, &present, &upto)
	}
	results.Close()
	if err != nil {
		return nil, err
	}
	if !me.has("department") || me.seesAll() || me.narrowed || me.org == nil {
		return nil, notMeasured
	}
	var found pgx.Rows
	if feed {
		if position > 0 && (upto == nil || position > *upto) {
			return nil, refused("cursor_reset")
		}
		found, err = conn.Query(ctx, s.sql["ticket_feed"], c.token.Tenant, *me.org, position, limit+1, present)
	} else {
		found, err = conn.Query(ctx, s.sql["ticket_list"], c.token.Tenant, *me.org, limit+1)
	}
	if err != nil {
		return nil, err
	}
	defer found.Close()
	list, next, more := &ticketList{Items: []ticketItem{}}, "", false
	for found.Next() {
		place, t, k, err := scanItem(found)
		if err != nil {
			return nil, err
		}
		if more = len(list.Items) == limit; more {
			continue
		}
		list.Items = append(list.Items, s.itemOf(me, t, k, ticketRelations(me, t.facts(), k.facts()), s.itemReporter(me, k), c.now))
		next = place
	}
	if !more && feed {
		next, more = fmt.Sprintf("feed|%s|%d", present, last), true
	}
	if more {
		sealed := s.auth.sealCursor(c, "tickets.list", query, next)
		list.NextCursor, c.link = &sealed, nextLink(c.r.URL, sealed)
	}
	return list, found.Err()
}

func (s *server) itemReporter(me *person, c *caseRow) *reporter {
	if !hasReporter(c.reporterName, c.reporterPhone, c.reporters, c.anonymous, c.private, c.contactable) {
		return nil
	}
	return shownReporter(seesReporter(me, nil, c.area, c.private, c.leadOrg, c.openOrgs), c.reporterName, c.reporterPhone,
		c.anonymous, c.private, c.contactable)
}

// The same address with another cursor.
func nextLink(address *url.URL, cursor string) string {
	kept := []string{}
	for _, part := range strings.Split(address.RawQuery, "&") {
		if part != "" && !strings.HasPrefix(part, "cursor=") {
			kept = append(kept, part)
		}
	}
	return "<" + address.Path + "?" + strings.Join(append(kept, "cursor="+cursor), "&") + `>; rel="next"`
}
