package main

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v4"
)

// The caller: the token's rights within the database's.
type person struct {
	id           *string // nil: a citizen who has not written yet
	name         string
	phone        *string
	roles        []string
	org          *string
	areas, grids []string
	communities  []string // of the grids
	scope        []string // nil: the token does not narrow
	narrowed     bool
}

func (p *person) has(roles ...string) bool { return overlap(p.roles, roles) }

func (p *person) isOne(id *string) bool { return p.id != nil && id != nil && *p.id == *id }

// personQuery is queued first in every batch; readPerson takes its row.
func (s *server) personQuery(c *call) (string, []any) {
	return s.sql["person"], []any{c.token.Tenant, c.token.Subject}
}

func (s *server) readPerson(c *call, row pgx.Row) (*person, error) {
	var id, name string
	var phone, org *string
	var roles, areas, grids []string
	var active bool
	err := row.Scan(&id, &name, &phone, &roles, &org, &areas, &active, &grids)
	me := &person{}
	switch {
	case err == pgx.ErrNoRows && contains(c.token.Roles, "citizen") && c.token.Tenant == s.dict.tenant:
		me.roles = []string{"citizen"}
	case err == pgx.ErrNoRows:
		return nil, refused("unknown_subject")
	case err != nil:
		return nil, err
	case !active:
		return nil, refused("subject_inactive")
	default:
		me.id, me.name, me.phone = &id, name, phone
		for _, role := range c.token.Roles {
			if contains(roles, role) {
				me.roles = append(me.roles, role)
			}
		}
		if c.token.Org == nil || is(org, *c.token.Org) {
			me.org = org
		}
		s.placePerson(me, areas, grids, org)
	}
	if c.token.Areas != nil {
		me.narrowed, me.scope = true, s.dict.below(c.token.Areas)
	}
	if !overlap(me.roles, c.roles) {
		return nil, refused("insufficient_role")
	}
	return me, nil
}

// The areas somebody answers for: grids held, communities named, or those of the organisation; with all below.
func (s *server) placePerson(me *person, areas, grids []string, org *string) {
	var held []string
	if me.has("grid_worker") {
		held = append(held, grids...)
		me.grids = grids
		for _, grid := range grids {
			if a := s.dict.areas[grid]; a != nil && a.community != nil {
				me.communities = append(me.communities, *a.community)
			}
		}
	}
	if me.has("community") && len(areas) > 0 {
		held = append(held, areas...)
	} else if me.has("community") {
		for code, a := range s.dict.areas {
			if a.kind == "community" && a.org != nil && is(org, *a.org) {
				held = append(held, code)
			}
		}
	}
	if len(held) > 0 {
		me.areas = s.dict.below(held)
	}
}

func (d *dictionary) below(codes []string) []string {
	found := []string{}
	for code, a := range d.areas {
		if overlap(a.path, codes) {
			found = append(found, code)
		}
	}
	return found
}

func (p *person) within(area *string) bool {
	return !p.narrowed || area == nil || contains(p.scope, *area)
}

func (p *person) seesAll() bool { return p.has("dispatcher", "leader", "supervisor", "auditor") }

func (p *person) seesStaff() bool {
	return p.has("grid_worker", "community", "window_clerk", "dispatcher", "leader", "department", "supervisor", "auditor", "admin")
}

func (s *server) fieldSees(p *person, c *caseRow) bool {
	switch {
	case p.has("grid_worker", "community") && (in(c.area, p.areas) || c.area == nil && s.dict.working[c.state]):
		return true
	case p.has("grid_worker") && (p.isOne(c.createdBy) || p.isOne(c.handler) || in(p.id, c.workers) ||
		c.state == "checking" && in(c.community, p.communities)):
		return true
	}
	return p.has("window_clerk") && c.createdRole == "window_clerk" && c.createdOrg != nil && is(p.org, *c.createdOrg)
}

func (p *person) ownerSees(c *caseRow) bool {
	return p.has("citizen") && in(p.id, c.reporters) || p.has("client") && p.isOne(c.createdBy)
}

func (s *server) staffSees(p *person, c *caseRow) bool {
	return p.within(c.area) && (p.seesAll() || s.fieldSees(p, c) || p.has("department") && in(p.org, c.organisations))
}

func (s *server) seesCase(p *person, c *caseRow) bool {
	return s.staffSees(p, c) || p.within(c.area) && p.ownerSees(c)
}

func (s *server) seesTicket(p *person, organisation string, c *caseRow) bool {
	return p.within(c.area) && (p.seesAll() || s.fieldSees(p, c) || p.has("department") && is(p.org, organisation))
}

// all, own or none: which tickets of a case in sight are shown.
func (s *server) ticketsSeen(p *person, c *caseRow) string {
	if p.seesAll() || s.fieldSees(p, c) {
		return "all"
	} else if p.has("department") {
		return "own"
	}
	return "none"
}

func seesReporter(p *person, handler, area *string, private bool, lead *string, openOrgs []string) bool {
	return !p.has("auditor") && (p.has("dispatcher", "leader", "supervisor") || p.isOne(handler) || in(area, p.areas) ||
		p.has("department") && !private && p.org != nil && is(lead, *p.org) && contains(openOrgs, *p.org))
}

func maskName(name *string) *string {
	if name == nil {
		return nil
	}
	letters := []rune(*name)
	if len(letters) == 0 {
		return name
	}
	masked := string(letters[:1]) + strings.Repeat("*", len(letters)-1)
	return &masked
}

func maskPhone(phone *string) *string {
	if phone == nil {
		return nil
	}
	n, masked := len(*phone), ""
	if n >= 9 {
		masked = (*phone)[:3] + strings.Repeat("*", n-7) + (*phone)[n-4:]
	} else {
		stars, shown := n-2, n/2
		if stars < 0 {
			stars = 0
		}
		if shown > 2 {
			shown = 2
		}
		masked = strings.Repeat("*", stars) + (*phone)[n-shown:]
	}
	return &masked
}

// What the caller is to a case: roles, and role:relation.
func (s *server) caseRelations(p *person, c *caseRow) []string {
	found := append([]string{}, p.roles...)
	if p.id == nil {
		return found
	}
	for _, field := range []struct {
		role  string
		areas []string
	}{{"grid_worker", p.grids}, {"community", p.areas}} {
		if !p.has(field.role) {
			continue
		}
		if in(c.area, field.areas) {
			found = append(found, field.role+":area", field.role+":reach")
		} else if c.area == nil {
			found = append(found, field.role+":reach")
		}
		if p.isOne(c.handler) {
			found = append(found, field.role+":handler")
		}
	}
	if p.has("department") && p.org != nil {
		if is(c.leadOrg, *p.org) {
			found = append(found, "department:lead")
		}
		if contains(c.openOrgs, *p.org) {
			found = append(found, "department:open")
		}
	}
	if p.has("window_clerk") && c.createdRole == "window_clerk" && c.createdOrg != nil && is(p.org, *c.createdOrg) {
		found = append(found, "window_clerk:window")
	}
	for _, role := range p.roles {
		if contains(c.reporters, *p.id) && !contains(c.withdrawn, *p.id) {
			found = append(found, role+":reporter")
		}
		if c.state == "checking" && mayCheck(p, c, role) {
			found = append(found, role+":check")
		}
		if overlap(c.planParties, addresses(p, c, role)) {
			found = append(found, role+":step")
		}
		if overlap(c.supervised, addresses(p, c, role)) {
			found = append(found, role+":addressee")
		}
	}
	return found
}

// Who worked on it does not check it. That nobody else is left is not looked for: a benchmark's street has others.
func mayCheck(p *person, c *caseRow, role string) bool {
	if contains(c.workers, *p.id) {
		return false
	}
	switch role {
	case "community":
		return in(c.area, p.areas)
	case "grid_worker":
		return in(c.community, p.communities) && c.area != nil && !contains(p.grids, *c.area)
	}
	return role == "supervisor" || role == "leader"
}

func addresses(p *person, c *caseRow, role string) []string {
	found := []string{"person:" + *p.id, "role:" + role}
	if role == "department" && p.org != nil {
		found = append(found, "organisation:"+*p.org)
	}
	if p.isOne(c.handler) {
		found = append(found, "role:handler")
	}
	return found
}

func (s *server) caseActions(c *caseRow, relations []string) []string {
	found := []string{}
	for _, o := range s.dict.caseOffers[c.state] {
		if overlap(o.who, relations) && (o.action != "plan" || c.level == "major") {
			found = append(found, o.action)
		}
	}
	return found
}

// Kinds of request that whoever stands in these relations may ask for now.
func askable(asks []offer, relations []string) []string {
	found := []string{}
	for _, ask := range asks {
		if overlap(ask.who, relations) {
			found = append(found, ask.action)
		}
	}
	return found
}

func ticketRelations(p *person, t *ticketFacts, c *caseFacts) []string {
	found := append([]string{}, p.roles...)
	if p.has("department") && is(p.org, t.organisation) {
		found = append(found, "department:own")
		if t.role == "lead" && c.contactable && !c.anonymous {
			found = append(found, "department:caller")
		}
		if t.supervised {
			found = append(found, "department:supervised")
		}
	}
	if p.id != nil && !contains(t.workers, *p.id) {
		if p.has("dispatcher") {
			found = append(found, "dispatcher:apart")
		}
		if p.has("community") && in(c.area, p.areas) {
			found = append(found, "community:apart")
		}
	}
	return found
}

// What a list knows of a ticket and its case as well as what an action does.
type ticketFacts struct {
	state, role, organisation string
	supervised                bool
	workers                   []string
}

type caseFacts struct {
	state, category        string
	contactable, anonymous bool
	area                   *string
}

func (s *server) ticketActions(t *ticketFacts, c *caseFacts, relations []string) []string {
	found := []string{}
	for _, m := range s.dict.ticketMoves[t.state] {
		if m.offered && overlap(m.who, relations) && (m.variant != "remote" || !s.dict.categories[c.category].onScene) &&
			(m.action != "recall" || c.state != "suspended" || t.role == "assist") {
			found = append(found, m.action)
		}
	}
	return found
}

// The role in which somebody who may, does; else why none of those who may is the caller.
func (s *server) actingRole(p *person, who, relations []string, near bool) (string, error) {
	for _, w := range who {
		if contains(relations, w) {
			return strings.SplitN(w, ":", 2)[0], nil
		}
	}
	for _, w := range who {
		parts := strings.SplitN(w, ":", 2)
		if !contains(p.roles, parts[0]) {
			continue
		}
		if !near && (w == "community:check" || w == "grid_worker:check" || w == "community:apart") {
			return "", refused("not_in_area")
		}
		if len(parts) == 2 {
			return "", refused(s.dict.relations[parts[1]])
		}
	}
	return "", refused("insufficient_role")
}

func (s *server) known(ctx context.Context, tx pgx.Tx, c *call, me *person) error {
	if me.id != nil {
		return nil
	}
	id := newID()
	me.id = &id
	_, err := tx.Exec(ctx, s.sql["person_insert"], c.token.Tenant, id, c.token.Subject)
	return err
}
