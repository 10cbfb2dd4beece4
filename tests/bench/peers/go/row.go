package main

import (
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v4"
)

type caseRow struct {
	id                                              string
	version                                         int64
	number, state, kind, category                   string
	title                                           *string
	description, level                              string
	proposedLevel                                   *string
	registeredAt                                    *time.Time
	source                                          string
	tags                                            []string
	answers                                         json.RawMessage
	lon, lat                                        *float64
	address, placeID, area, community, createdBy    *string
	createdRole                                     string
	createdOrg, reporterName, reporterPhone         *string
	anonymous, private, contactable                 bool
	reporters, withdrawn                            []string
	handler, firstContact, firstHandler, firstOrg   *string
	workers                                         []string
	leadTicket, leadOrg                             *string
	organisations, openOrgs                         []string
	ticketsIssued, ticketsOpen, ticketsUnsubmitted  int
	policyVersion                                   int
	claimedAt                                       *time.Time
	receivedAt                                      time.Time
	round                                           int
	roundStartedAt                                  time.Time
	roundSuspended                                  float64
	arriveDueAt, arrivedAt, resolveDueAt            *time.Time
	resolveCause                                    string
	resolvedAt, planStartedAt, planDueAt, plannedAt *time.Time
	planRequest                                     *string
	planParties, fired                              []string
	overdueAt, clockNextAt                          *time.Time
	stateAt                                         time.Time
	stateBefore                                     *string
	signedRound                                     int
	neverSampled                                    bool
	result, reply, rejectCode, rejectBasis          *string
	rejectReason, mergedInto, reviewDate            *string
	evaluatingAt, closedAt                          *time.Time
	closedHow                                       *string
	reworkCount, urgeCount, callbackTries           int
	supervised                                      []string
	eventSeq                                        int
	updatedAt                                       time.Time
	handlerPerson, contactPerson, firstPerson       namedPerson
}

type namedPerson struct{ name, role, org *string }

func scanCase(row pgx.Row) (*caseRow, error) {
	c := &caseRow{}
	var answers string
	err := row.Scan(&c.id, &c.version, &c.number, &c.state, &c.kind, &c.category, &c.title, &c.description, &c.level, &c.proposedLevel,
		&c.registeredAt, &c.source, &c.tags, &answers, &c.lon, &c.lat, &c.address,
		&c.placeID, &c.area, &c.community, &c.createdBy, &c.createdRole, &c.createdOrg,
		&c.reporterName, &c.reporterPhone, &c.anonymous, &c.private, &c.contactable,
		&c.reporters, &c.withdrawn, &c.handler, &c.firstContact, &c.firstHandler,
		&c.firstOrg, &c.workers, &c.leadTicket, &c.leadOrg, &c.organisations, &c.openOrgs,
		&c.ticketsIssued, &c.ticketsOpen, &c.ticketsUnsubmitted, &c.policyVersion, &c.claimedAt, &c.receivedAt,
		&c.round, &c.roundStartedAt, &c.roundSuspended,
		&c.arriveDueAt, &c.arrivedAt, &c.resolveDueAt, &c.resolveCause, &c.resolvedAt,
		&c.planStartedAt, &c.planDueAt, &c.plannedAt, &c.planRequest, &c.planParties, &c.fired, &c.overdueAt, &c.clockNextAt,
		&c.stateAt, &c.stateBefore, &c.signedRound, &c.neverSampled, &c.result, &c.reply,
		&c.rejectCode, &c.rejectBasis, &c.rejectReason, &c.mergedInto, &c.reviewDate,
		&c.evaluatingAt, &c.closedAt, &c.closedHow, &c.reworkCount, &c.urgeCount, &c.callbackTries, &c.supervised,
		&c.eventSeq, &c.updatedAt,
		&c.handlerPerson.name, &c.handlerPerson.role, &c.handlerPerson.org,
		&c.contactPerson.name, &c.contactPerson.role, &c.contactPerson.org,
		&c.firstPerson.name, &c.firstPerson.role, &c.firstPerson.org)
	c.answers = json.RawMessage(answers)
	if err == pgx.ErrNoRows {
		err = refused("not_found")
	}
	return c, err
}

func (c *caseRow) facts() *caseFacts {
	return &caseFacts{state: c.state, category: c.category, contactable: c.contactable, anonymous: c.anonymous, area: c.area}
}

type ticketRow struct {
	id                                             string
	version                                        int64
	caseID                                         string
	n                                              int
	kind, role, organisation, state, task          string
	round                                          int
	final                                          bool
	workers                                        []string
	issuedAt                                       time.Time
	issuedBy                                       *string
	issuedRole                                     string
	signDueAt, signedAt, contactDueAt, contactedAt *time.Time
	notContacted                                   bool
	reportDueAt, reportedInAt, startedAt           *time.Time
	finishStartedAt                                time.Time
	finishDueAt, submittedAt, closedAt             *time.Time
	closedRound                                    *int
	result, reply, causeCode                       *string
	rating                                         *int
	reworkCount                                    int
	fired                                          []string
	overdueAt                                      *time.Time
	supervised                                     bool
	updatedAt                                      time.Time
	issuerName                                     *string
	stateAt                                        time.Time
	clockNextAt                                    *time.Time
	reportLon, reportLat, reportAccuracy           *float64
}

func scanTicket(row pgx.Row) (*ticketRow, error) {
	t := &ticketRow{}
	err := row.Scan(&t.id, &t.version, &t.caseID, &t.n, &t.kind, &t.role, &t.organisation, &t.state, &t.task, &t.round, &t.final,
		&t.workers, &t.issuedAt, &t.issuedBy, &t.issuedRole, &t.signDueAt, &t.signedAt, &t.contactDueAt,
		&t.contactedAt, &t.notContacted, &t.reportDueAt, &t.reportedInAt, &t.startedAt, &t.finishStartedAt, &t.finishDueAt,
		&t.submittedAt, &t.closedAt, &t.closedRound, &t.result, &t.reply, &t.causeCode, &t.rating, &t.reworkCount,
		&t.fired, &t.overdueAt, &t.supervised, &t.updatedAt, &t.issuerName)
	t.stateAt = t.updatedAt
	return t, err
}

func (t *ticketRow) facts() *ticketFacts {
	return &ticketFacts{state: t.state, role: t.role, organisation: t.organisation, supervised: t.supervised, workers: t.workers}
}

// What hangs on a case, as case_lists.sql answers it.
type caseLists struct {
	attachments []attachmentRow
	refs        json.RawMessage
	ratings     []ratingRow
	tickets     []briefRow
	requests    []requestRow
	reporters   []reporterRow
}

type attachmentRow struct {
	ID           string  `json:"id"`
	ContentType  string  `json:"content_type"`
	Size         int64   `json:"size"`
	Stage        string  `json:"stage"`
	TicketID     *string `json:"ticket_id"`
	Organisation *string `json:"organisation"`
}

type ratingRow struct {
	Round     int     `json:"round"`
	Reporter  int     `json:"reporter"`
	PersonID  *string `json:"person_id"`
	Contacted bool    `json:"contacted"`
	Solved    string  `json:"solved"`
	Satisfied int     `json:"satisfied"`
	Comment   *string `json:"comment"`
	RatedAt   string  `json:"rated_at"`
}

type briefRow struct {
	ID           string     `json:"id"`
	N            int        `json:"n"`
	Role         string     `json:"role"`
	Organisation string     `json:"organisation"`
	State        string     `json:"state"`
	Kind         string     `json:"kind"`
	Task         string     `json:"task"`
	SubmittedAt  *time.Time `json:"submitted_at"`
	ClosedRound  *int       `json:"closed_round"`
	ClockNextAt  *time.Time `json:"clock_next_at"`
	SignDueAt    *string    `json:"sign_due_at"`
	FinishDueAt  *string    `json:"finish_due_at"`
	Overdue      bool       `json:"overdue"`
	Result       *string    `json:"result"`
	Reply        *string    `json:"reply"`
}

type requestRow struct {
	ID        string  `json:"id"`
	Kind      string  `json:"kind"`
	State     string  `json:"state"`
	TicketID  *string `json:"ticket_id"`
	AskedBy   *string `json:"asked_by"`
	AskedRole string  `json:"asked_role"`
	Reporter  *int    `json:"reporter"`
	Joined    []struct {
		Reporter int `json:"reporter"`
	} `json:"joined"`
	AskedAt string  `json:"asked_at"`
	DueAt   *string `json:"due_at"`
}

type reporterRow struct {
	N           int     `json:"n"`
	PersonID    *string `json:"person_id"`
	Name        *string `json:"name"`
	Phone       *string `json:"phone"`
	Anonymous   bool    `json:"anonymous"`
	Private     bool    `json:"private"`
	Contactable bool    `json:"contactable"`
	Withdrawn   bool    `json:"withdrawn"`
}

func scanLists(row pgx.Row) (*caseLists, error) {
	var texts [6][]byte
	if err := row.Scan(&texts[0], &texts[1], &texts[2], &texts[3], &texts[4], &texts[5]); err != nil {
		return nil, err
	}
	l := &caseLists{refs: texts[1]}
	for i, into := range []any{&l.attachments, nil, &l.ratings, &l.tickets, &l.requests, &l.reporters} {
		if into == nil || string(texts[i]) == "[]" {
			continue
		}
		if err := json.Unmarshal(texts[i], into); err != nil {
			return nil, err
		}
	}
	return l, nil
}
