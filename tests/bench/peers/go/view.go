package main

import (
	"encoding/json"
	"fmt"
	"time"
)

// A time as the API writes it.
type stamp time.Time

func (t stamp) MarshalJSON() ([]byte, error) {
	return time.Time(t).In(local).AppendFormat(nil, `"2006-01-02T15:04:05.000-07:00"`), nil
}

func moment(t *time.Time) *stamp { return (*stamp)(t) }

type codeName struct {
	Code string `json:"code"`
	Name string `json:"name"`
}

type party struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
	Name string `json:"name"`
}

type location struct {
	Lon      float64 `json:"lon"`
	Lat      float64 `json:"lat"`
	CoordSys string  `json:"coord_sys"`
	Address  *string `json:"address"`
}

type reporter struct {
	Name        *string `json:"name"`
	Phone       *string `json:"phone"`
	Anonymous   bool    `json:"anonymous"`
	Private     bool    `json:"private"`
	Contactable bool    `json:"contactable"`
}

type rejection struct {
	Code   string  `json:"code"`
	Basis  *string `json:"basis"`
	Reason *string `json:"reason"`
}

type attachmentView struct {
	ID          string `json:"id"`
	ContentType string `json:"content_type"`
	Size        int64  `json:"size"`
	Stage       string `json:"stage"`
}

type ratingView struct {
	Contacted bool    `json:"contacted"`
	Solved    string  `json:"solved"`
	Satisfied int     `json:"satisfied"`
	Comment   *string `json:"comment"`
	RatedAt   string  `json:"rated_at"`
}

type briefView struct {
	ID           string   `json:"id"`
	Number       string   `json:"number"`
	Role         string   `json:"role"`
	Organisation codeName `json:"organisation"`
	State        string   `json:"state"`
	Kind         string   `json:"kind"`
	Task         string   `json:"task"`
	SignDueAt    *string  `json:"sign_due_at"`
	FinishDueAt  *string  `json:"finish_due_at"`
	Overdue      bool     `json:"overdue"`
}

type otherView struct {
	Role         string   `json:"role"`
	Organisation codeName `json:"organisation"`
	State        string   `json:"state"`
}

type requestView struct {
	ID        string  `json:"id"`
	Kind      string  `json:"kind"`
	State     string  `json:"state"`
	TicketID  *string `json:"ticket_id"`
	AskedAt   string  `json:"asked_at"`
	DueAt     *string `json:"due_at"`
	Decidable bool    `json:"decidable"`
}

type duplicatesView struct {
	Count int       `json:"count"`
	IDs   *[]string `json:"ids,omitempty"`
}

type caseView struct {
	ID             string           `json:"id"`
	Number         string           `json:"number"`
	Version        int64            `json:"version"`
	State          string           `json:"state"`
	Step           *string          `json:"step"`
	Kind           string           `json:"kind"`
	Category       codeName         `json:"category"`
	Title          *string          `json:"title"`
	Description    string           `json:"description"`
	Level          string           `json:"level"`
	ProposedLevel  *string          `json:"proposed_level"`
	Registered     bool             `json:"registered"`
	Source         string           `json:"source"`
	Location       *location        `json:"location"`
	Address        *string          `json:"address"`
	PlaceID        *string          `json:"place_id"`
	Area           *codeName        `json:"area"`
	Community      *codeName        `json:"community"`
	Reporter       *reporter        `json:"reporter"`
	Tags           []string         `json:"tags"`
	Attachments    []attachmentView `json:"attachments"`
	ExternalRefs   json.RawMessage  `json:"external_refs"`
	Answers        json.RawMessage  `json:"answers"`
	ClaimedAt      *stamp           `json:"claimed_at"`
	ReceivedAt     stamp            `json:"received_at"`
	Round          int              `json:"round"`
	RoundStartedAt stamp            `json:"round_started_at"`
	Handler        *party           `json:"handler"`
	FirstContact   *party           `json:"first_contact"`
	FirstHandler   *party           `json:"first_handler"`
	ArriveDueAt    *stamp           `json:"arrive_due_at"`
	ArrivedAt      *stamp           `json:"arrived_at"`
	ResolveDueAt   *stamp           `json:"resolve_due_at"`
	ResolvedAt     *stamp           `json:"resolved_at"`
	PlanDueAt      *stamp           `json:"plan_due_at"`
	PlannedAt      *stamp           `json:"planned_at"`
	Overdue        bool             `json:"overdue"`
	OverdueClocks  []string         `json:"overdue_clocks"`
	Plan           any              `json:"plan"`
	Result         *string          `json:"result"`
	Reply          *string          `json:"reply"`
	Rejection      *rejection       `json:"rejection"`
	MergedInto     *string          `json:"merged_into"`
	ReviewDate     *string          `json:"review_date"`
	Ratings        []ratingView     `json:"ratings"`
	Tickets        *[]any           `json:"tickets,omitempty"`
	Requests       []requestView    `json:"requests"`
	ReworkCount    int              `json:"rework_count"`
	UrgeCount      int              `json:"urge_count"`
	CallbackTries  *int             `json:"callback_tries,omitempty"`
	Duplicates     *duplicatesView  `json:"duplicates,omitempty"`
	PolicyVersion  int              `json:"policy_version"`
	UpdatedAt      stamp            `json:"updated_at"`
	AllowedActions []string         `json:"allowed_actions"`
	Askable        []string         `json:"askable_requests"`
}

func (d *dictionary) organisation(code string) codeName {
	name, known := d.organisations[code]
	if !known {
		name = code
	}
	return codeName{code, name}
}

func (d *dictionary) area(code *string) *codeName {
	if code == nil {
		return nil
	}
	return &codeName{*code, d.areas[*code].name}
}

func (d *dictionary) orgParty(code *string) *party {
	if code == nil {
		return nil
	}
	named := d.organisation(*code)
	return &party{"organisation", named.Code, named.Name}
}

func (d *dictionary) roleParty(role string) *party {
	label, known := d.roles[role]
	if !known {
		label = role
	}
	return &party{"role", role, label}
}

// A person who acts for the street: citizens and clients see the organisation, else the role.
func (d *dictionary) staffParty(me *person, id *string, p namedPerson) *party {
	switch {
	case id == nil:
		return nil
	case me.seesStaff() || me.isOne(id):
		name := p.name
		if me.has("auditor") {
			name = maskName(name)
		}
		return &party{"person", *id, *name}
	case p.org != nil:
		return d.orgParty(p.org)
	}
	return d.roleParty(*p.role)
}

func place(lon, lat *float64, address *string) *location {
	if lon == nil {
		return nil
	}
	return &location{*lon, *lat, "wgs84", address}
}

func shownReporter(full bool, name, phone *string, anonymous, private, contactable bool) *reporter {
	if anonymous {
		name, phone = nil, nil
	} else if !full {
		name, phone = maskName(name), maskPhone(phone)
	}
	return &reporter{name, phone, anonymous, private, contactable}
}

func hasReporter(name, phone *string, reporters []string, anonymous, private, contactable bool) bool {
	return name != nil || phone != nil || len(reporters) > 0 || anonymous || private || contactable
}

func (s *server) caseReporter(me *person, c *caseRow, l *caseLists) *reporter {
	if me.has("citizen") && in(me.id, c.reporters) {
		for _, r := range l.reporters {
			if me.isOne(r.PersonID) {
				return &reporter{r.Name, r.Phone, r.Anonymous, r.Private, r.Contactable}
			}
		}
	}
	if !hasReporter(c.reporterName, c.reporterPhone, c.reporters, c.anonymous, c.private, c.contactable) {
		return nil
	}
	full := seesReporter(me, c.handler, c.area, c.private, c.leadOrg, c.openOrgs)
	return shownReporter(full, c.reporterName, c.reporterPhone, c.anonymous, c.private, c.contactable)
}

func (s *server) attachmentsSeen(me *person, seen string, l *caseLists, ticket *string) []attachmentView {
	found := []attachmentView{}
	for _, a := range l.attachments {
		shown := a.TicketID == nil || seen == "all" || seen == "own" && a.Organisation != nil && is(me.org, *a.Organisation)
		if shown && (me.seesStaff() || a.Stage == "intake" || a.Stage == "result") && (ticket == nil || is(a.TicketID, *ticket)) {
			found = append(found, attachmentView{a.ID, a.ContentType, a.Size, a.Stage})
		}
	}
	return found
}

func (s *server) requestSeen(me *person, c *caseRow, l *caseLists, r *requestRow) bool {
	if me.ownerSees(c) && me.within(c.area) {
		if me.isOne(r.AskedBy) {
			return true
		}
		for _, own := range l.reporters {
			if !me.isOne(own.PersonID) {
				continue
			}
			if r.Reporter != nil && *r.Reporter == own.N {
				return true
			}
			for _, joined := range r.Joined {
				if joined.Reporter == own.N {
					return true
				}
			}
		}
	}
	if r.TicketID == nil {
		return s.staffSees(me, c)
	}
	for _, t := range l.tickets {
		if t.ID == *r.TicketID {
			return s.seesTicket(me, t.Organisation, c)
		}
	}
	return false
}

// Who asked does not decide; that somebody else can is taken for granted in a benchmark's street.
func (s *server) decidable(me *person, r *requestRow) bool {
	decides := s.dict.decides["case:"+r.Kind]
	if r.TicketID != nil {
		decides = s.dict.decides["ticket:"+r.Kind]
	}
	if r.Kind == "reopen" && r.AskedRole == "supervisor" {
		decides = []string{"leader"}
	} else if r.Kind == "reopen" {
		decides = []string{"supervisor"}
	}
	return overlap(me.roles, decides) && !me.isOne(r.AskedBy)
}

func (s *server) requestsSeen(me *person, c *caseRow, l *caseLists, ticket *string) []requestView {
	found := []requestView{}
	for i := range l.requests {
		r := &l.requests[i]
		if (ticket == nil || is(r.TicketID, *ticket)) && s.requestSeen(me, c, l, r) {
			found = append(found, requestView{r.ID, r.Kind, r.State, r.TicketID, r.AskedAt, r.DueAt, s.decidable(me, r)})
		}
	}
	return found
}

func (s *server) ticketsView(me *person, c *caseRow, l *caseLists, seen string) *[]any {
	if seen == "none" {
		return nil
	}
	found := []any{}
	for _, t := range l.tickets {
		org := s.dict.organisation(t.Organisation)
		if seen == "all" || is(me.org, t.Organisation) {
			found = append(found, briefView{t.ID, fmt.Sprintf("%s-%d", c.number, t.N), t.Role, org, t.State, t.Kind, t.Task,
				t.SignDueAt, t.FinishDueAt, t.Overdue})
		} else {
			found = append(found, otherView{t.Role, org, t.State})
		}
	}
	return &found
}

func (s *server) viewCase(me *person, c *caseRow, l *caseLists, now time.Time) *caseView {
	seen, relations := s.ticketsSeen(me, c), s.caseRelations(me, c)
	overdue, clocks := overdueClocks(caseRunning(c), c.overdueAt, now)
	v := &caseView{ID: c.id, Number: c.number, Version: c.version, State: c.state, Step: s.dict.steps[c.state], Kind: c.kind,
		Category: codeName{c.category, s.dict.categories[c.category].name}, Title: c.title, Description: c.description,
		Level: c.level, ProposedLevel: c.proposedLevel, Registered: c.registeredAt != nil, Source: c.source,
		Location: place(c.lon, c.lat, c.address), Address: c.address, PlaceID: c.placeID, Area: s.dict.area(c.area),
		Community: s.dict.area(c.community), Reporter: s.caseReporter(me, c, l), Tags: c.tags,
		Attachments: s.attachmentsSeen(me, seen, l, nil), ExternalRefs: l.refs, Answers: c.answers,
		ClaimedAt: moment(c.claimedAt), ReceivedAt: stamp(c.receivedAt), Round: c.round, RoundStartedAt: stamp(c.roundStartedAt),
		FirstContact: s.dict.staffParty(me, c.firstContact, c.contactPerson),
		ArriveDueAt:  moment(c.arriveDueAt), ArrivedAt: moment(c.arrivedAt), ResolveDueAt: moment(c.resolveDueAt),
		ResolvedAt: moment(c.resolvedAt), PlanDueAt: moment(c.planDueAt), PlannedAt: moment(c.plannedAt), Overdue: overdue,
		OverdueClocks: clocks, Result: c.result, Reply: c.reply, MergedInto: c.mergedInto, ReviewDate: c.reviewDate,
		Ratings: []ratingView{}, Tickets: s.ticketsView(me, c, l, seen), Requests: s.requestsSeen(me, c, l, nil),
		ReworkCount: c.reworkCount, UrgeCount: c.urgeCount, PolicyVersion: c.policyVersion, UpdatedAt: stamp(c.updatedAt),
		AllowedActions: s.caseActions(c, relations), Askable: askable(s.dict.caseAsks[c.state], relations)}
	if c.state == "whistled" || c.state == "handling" {
		v.Handler = s.dict.orgParty(c.leadOrg)
	} else {
		v.Handler = s.dict.staffParty(me, c.handler, c.handlerPerson)
	}
	if v.FirstHandler = s.dict.orgParty(c.firstOrg); v.FirstHandler == nil {
		v.FirstHandler = s.dict.staffParty(me, c.firstHandler, c.firstPerson)
	}
	if c.rejectCode != nil {
		v.Rejection = &rejection{*c.rejectCode, c.rejectBasis, c.rejectReason}
	}
	if c.state == "evaluating" {
		v.CallbackTries = &c.callbackTries
	}
	for _, r := range l.ratings {
		if r.Round == c.round && (me.seesStaff() || me.isOne(r.PersonID)) {
			v.Ratings = append(v.Ratings, ratingView{r.Contacted, r.Solved, r.Satisfied, r.Comment, r.RatedAt})
		}
	}
	return v
}

func (c *call) replyCase(status int, v *caseView) {
	c.status, c.reply, c.version = status, v, v.Version
}
