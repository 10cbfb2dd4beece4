package main

import (
	"context"
	"encoding/json"
	"regexp"
	"sort"
	"strings"
	"time"

	"github.com/jackc/pgx/v4"
	"golang.org/x/text/unicode/norm"
)

var sources = map[string]string{"citizen": "resident_app", "grid_worker": "patrol", "window_clerk": "window"}

// Fields whose work is not in the benchmark.
var unmeasured = []string{"register", "start_source", "arrived", "external_ref", "attachments", "place_id", "area"}

func (s *server) createCase(c *call) {
	body, err := s.readBody(c, "cases.create")
	if err != nil {
		s.fail(c, err)
		return
	}
	s.write(c, func(ctx context.Context, tx pgx.Tx) error { return s.create(ctx, tx, c, body) })
}

func (s *server) create(ctx context.Context, tx pgx.Tx, c *call, body object) error {
	sql, arguments := s.personQuery(c)
	me, err := s.readPerson(c, tx.QueryRow(ctx, sql, arguments...))
	if err != nil {
		return err
	}
	id := newID()
	done, err := s.takeKey(ctx, tx, c, "cases.create", id)
	if err != nil {
		return err
	}
	if done != "" {
		return s.replay(ctx, tx, c, me, done)
	}
	w, err := s.drafted(ctx, tx, c, me, id, body)
	if err == nil {
		err = s.known(ctx, tx, c, me)
	}
	if err != nil {
		return err
	}
	w.row.createdBy = me.id
	if w.role == "citizen" {
		w.row.reporters = []string{*me.id}
	}
	duplicates, err := w.insertCase(ctx, tx)
	if err != nil {
		return err
	}
	v := s.viewCase(me, w.row, w.lists, c.now)
	v.Duplicates = &duplicatesView{Count: len(duplicates)}
	if me.seesStaff() {
		v.Duplicates.IDs = &duplicates
	}
	c.location = "/v1/cases/" + id
	c.replyCase(201, v)
	return nil
}

// Done before under this key: the object as it is now.
func (s *server) replay(ctx context.Context, tx pgx.Tx, c *call, me *person, id string) error {
	c.id = id
	_, row, lists, err := s.readAll(ctx, tx.Conn(), c)
	if err != nil {
		return err
	}
	if !s.seesCase(me, row) {
		return refused("not_found")
	}
	c.location, c.replayed = "/v1/cases/"+id, true
	c.replyCase(201, s.viewCase(me, row, lists, c.now))
	return nil
}

// The case as intake would have it, or why it may not be.
func (s *server) drafted(ctx context.Context, tx pgx.Tx, c *call, me *person, id string, body object) (*work, error) {
	for _, name := range unmeasured {
		if value := body[name]; value != nil && value != false {
			return nil, notMeasured
		}
	}
	role := ""
	for _, one := range []string{"dispatcher", "community", "grid_worker", "window_clerk", "client", "citizen"} {
		if role == "" && contains(me.roles, one) {
			role = one
		}
	}
	k := s.dict.categories[*text(body, "category")]
	if k == nil || !k.active {
		return nil, at("unknown_reference", "/category")
	}
	row := &caseRow{id: id, version: 1, state: "received", kind: *text(body, "kind"), category: *text(body, "category"), title: text(body, "title"),
		description: *text(body, "description"), level: "ordinary", proposedLevel: text(body, "level"), createdRole: role, createdOrg: me.org,
		policyVersion: s.dict.policyVersion, receivedAt: c.now, round: 1, roundStartedAt: c.now, resolveCause: "level", stateAt: c.now,
		updatedAt: c.now, tags: tagsOf(body), reporters: []string{}, answers: json.RawMessage("{}")}
	w := &work{s: s, c: c, me: me, role: role, row: row, policy: s.dict.policies[row.policyVersion], body: body, batch: &pgx.Batch{},
		lists: &caseLists{refs: json.RawMessage("[]")}}
	if err := w.place(ctx, tx); err != nil {
		return nil, err
	}
	if err := w.answer(k); err != nil {
		return nil, err
	}
	row.source = sources[role]
	if given := text(body, "source"); given != nil {
		row.source = *given
	} else if row.source == "" {
		row.source = "other"
	}
	if given := text(body, "claimed_at"); given != nil {
		claimed, err := time.Parse(time.RFC3339Nano, *given)
		if err != nil {
			return nil, refusal{code: "invalid_body", faults: []fault{{"/claimed_at", "bad_format"}}}
		}
		row.claimedAt = &claimed
	}
	if role != "citizen" && role != "client" {
		row.firstContact, row.contactPerson = me.id, namedPerson{&me.name, &role, me.org}
	}
	w.reporter()
	due := c.now.Add(w.policy.minutes("ordinary_minutes"))
	row.resolveDueAt = &due
	if k.onScene {
		arrive := c.now.Add(w.policy.minutes("arrive_minutes"))
		row.arriveDueAt = &arrive
	}
	settleCase(row, w.policy)
	return w, nil
}

func tagsOf(body object) []string {
	found := []string{}
	list, _ := body["tags"].([]any)
	for _, one := range list {
		if tag := one.(string); !contains(found, tag) {
			found = append(found, tag)
		}
	}
	sort.Strings(found)
	return found
}

func (w *work) place(ctx context.Context, tx pgx.Tx) (err error) {
	c := w.row
	if c.lon, c.lat, _, err = pointOf(w.body, "location"); err != nil {
		return err
	}
	c.address = text(w.body, "address")
	if where, there := w.body["location"].(object); there && c.address == nil {
		c.address = text(where, "address")
	}
	if c.lon == nil && c.address == nil {
		return at("place_missing", "/location")
	}
	if c.lon == nil {
		return nil
	}
	err = tx.QueryRow(ctx, w.s.sql["grid"], w.c.token.Tenant, *c.lon, *c.lat).Scan(&c.area, &c.community)
	if err == pgx.ErrNoRows {
		return nil
	}
	return err
}

func (w *work) answer(k *category) error {
	answers, _ := w.body["answers"].(object)
	if len(answers) > 0 {
		return notMeasured
	}
	for _, q := range k.questions {
		if q.Required {
			return at("required", "/answers/"+q.Code)
		}
	}
	return nil
}

// A citizen reports for themselves; staff who name nobody found it themselves.
func (w *work) reporter() {
	c := w.row
	given, _ := w.body["reporter"].(object)
	citizen := w.role == "citizen"
	c.reporterName, c.reporterPhone = text(given, "name"), text(given, "phone")
	if citizen && c.reporterName == nil {
		c.reporterName = optional(w.me.name)
	}
	if citizen && c.reporterPhone == nil {
		c.reporterPhone = w.me.phone
	}
	yes := func(name string, otherwise bool) bool {
		if value := flag(given, name); value != nil {
			return *value
		}
		return otherwise
	}
	c.anonymous, c.private = yes("anonymous", false), yes("private", false)
	c.contactable = yes("contactable", !c.anonymous && (citizen || c.reporterPhone != nil))
	if citizen || given != nil {
		w.lists.reporters = []reporterRow{{1, nil, c.reporterName, c.reporterPhone, c.anonymous, c.private, c.contactable, false}}
	}
}

// The row and what hangs on it, in one round trip after the one that numbers it; with the ids of what may be the same.
func (w *work) insertCase(ctx context.Context, tx pgx.Tx) ([]string, error) {
	c, tenant, sql := w.row, w.c.token.Tenant, w.s.sql
	first := &pgx.Batch{}
	number := w.s.dict.prefix + w.c.now.In(local).Format("20060102") + "-"
	first.Queue(sql["case_insert"], tenant, c.id, number, c.kind, c.category, c.title, c.description, c.proposedLevel, c.source, c.tags,
		string(c.answers), c.lon, c.lat, c.address, c.area, c.community, c.createdBy, c.createdRole, c.createdOrg, c.reporterName, c.reporterPhone,
		c.anonymous, c.private, c.contactable, c.reporters, c.firstContact, c.policyVersion, c.claimedAt, c.receivedAt, c.arriveDueAt,
		c.resolveDueAt, c.overdueAt, c.clockNextAt)
	if c.lon != nil {
		since := w.c.now.Add(-w.policy.days("duplicate_days"))
		first.Queue(sql["duplicates"], tenant, c.id, c.category, *c.lon, *c.lat, w.policy.number("duplicate_metres"), since)
	}
	w.happened("create", w.role, "public", nil, "received", nil, nil,
		object{"source": c.source, "category": c.category, "proposed_level": orNil(c.proposedLevel)})
	w.batch = first
	w.batch.Queue(sql["text_insert"], tenant, c.id, grams(c.title, &c.description, c.address))
	if len(w.lists.reporters) > 0 {
		var personID *string
		if len(c.reporters) > 0 {
			personID = &c.reporters[0]
		}
		w.lists.reporters[0].PersonID = personID
		w.batch.Queue(sql["reporter_insert"], tenant, c.id, personID, c.reporterName, c.reporterPhone, c.anonymous, c.private, c.contactable, w.c.now)
	}
	w.queueEvents(1, []string{})
	results := tx.SendBatch(ctx, w.batch)
	defer results.Close()
	if err := results.QueryRow().Scan(&c.number); err != nil {
		return nil, err
	}
	duplicates := []string{}
	if c.lon != nil {
		found, err := results.Query()
		if err != nil {
			return nil, err
		}
		for found.Next() {
			var id string
			if err := found.Scan(&id); err != nil {
				return nil, err
			}
			duplicates = append(duplicates, id)
		}
		found.Close()
	}
	return duplicates, results.Close()
}

var gaps = regexp.MustCompile(`[\s!-/:-@\[-` + "`" + `{-~\x{2000}-\x{206f}\x{3000}-\x{303f}]+`)

// What a text is found by: pairs of neighbouring characters, and single ones of Chinese.
func grams(parts ...*string) []string {
	var whole []string
	for _, part := range parts {
		if part != nil {
			whole = append(whole, *part)
		}
	}
	seen, found := map[string]bool{}, []string{}
	for _, word := range gaps.Split(strings.ToLower(norm.NFKC.String(strings.Join(whole, "\n"))), -1) {
		letters := []rune(word)
		for i := range letters {
			candidates := []string{string(letters[i])}
			if i+1 < len(letters) {
				candidates = append(candidates, string(letters[i:i+2]))
			}
			for n, gram := range candidates {
				if (n == 1 || letters[i] >= 0x4e00) && !seen[gram] {
					seen[gram] = true
					found = append(found, gram)
				}
			}
		}
	}
	return found
}
