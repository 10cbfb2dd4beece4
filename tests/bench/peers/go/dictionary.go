package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"time"

	"github.com/jackc/pgx/v4/pgxpool"
)

var local = func() *time.Location {
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		log.Fatal(err)
	}
	return zone
}()

// What changes so rarely that it is read at start and kept: the catalogue, the areas, the machines' tables, the policies.
type category struct {
	name                   string
	onScene, photo, active bool
	questions              []question
}

type question struct {
	Code     string `json:"code"`
	Required bool   `json:"required"`
}

type area struct {
	kind, name     string
	path           []string
	community, org *string
}

type offer struct {
	action string
	who    []string
}

type move struct {
	action, variant string
	who, guards     []string
	offered         bool
}

type problem struct {
	Status  int
	Zh, En  string
	TitleZh string `json:"title_zh"`
	TitleEn string `json:"title_en"`
}

func (p problem) title(lang string) string {
	if lang == "en" {
		return p.TitleEn
	}
	return p.TitleZh
}

func (p problem) detail(lang string) string {
	if lang == "en" {
		return p.En
	}
	return p.Zh
}

type dictionary struct {
	tenant, prefix string
	cursorKey      []byte
	categories     map[string]*category
	areas          map[string]*area
	organisations  map[string]string // name by code
	activeOrgs     map[string]bool
	roles          map[string]string // label by role
	steps          map[string]*string
	working        map[string]bool
	openTicket     map[string]bool
	caseOffers     map[string][]offer
	caseAsks       map[string][]offer // kinds of request
	ticketAsks     map[string][]offer
	caseMoves      map[string][]move
	ticketMoves    map[string][]move
	relations      map[string]string // refusal by relation
	decides        map[string][]string
	days           map[string]bool // local date: worked
	policies       map[int]policy
	policyVersion  int
	shown          map[string]string // who sees an action's event
	contract
}

// What the harness takes from openapi.yaml and errors.def.
type contract struct {
	Errors map[string]problem  `json:"errors"`
	Roles  map[string][]string `json:"roles"`
	Bodies map[string]*schema  `json:"bodies"`
}

type policy map[string]any

func (p policy) minutes(name string) time.Duration {
	return time.Duration(p[name].(float64) * float64(time.Minute))
}

func (p policy) days(name string) time.Duration {
	return time.Duration(p[name].(float64)) * 24 * time.Hour
}

func (p policy) has(name string) bool { return p[name] != nil }

func (p policy) number(name string) float64 { return p[name].(float64) }

// rows runs a query and hands each row's scan to fn.
func rows(pool *pgxpool.Pool, sql string, arguments []any, fn func(scan func(...any))) {
	found, err := pool.Query(context.Background(), sql, arguments...)
	if err != nil {
		log.Fatal(err)
	}
	defer found.Close()
	for found.Next() {
		fn(func(into ...any) {
			if err := found.Scan(into...); err != nil {
				log.Fatal(err)
			}
		})
	}
	if found.Err() != nil {
		log.Fatal(found.Err())
	}
}

func loadDictionary(pool *pgxpool.Pool, sql map[string]string) *dictionary {
	d := &dictionary{tenant: env("BENCH_TENANT"), categories: map[string]*category{}, areas: map[string]*area{},
		organisations: map[string]string{}, activeOrgs: map[string]bool{}, roles: map[string]string{}, steps: map[string]*string{},
		working: map[string]bool{}, openTicket: map[string]bool{}, caseOffers: map[string][]offer{}, caseAsks: map[string][]offer{},
		ticketAsks: map[string][]offer{}, caseMoves: map[string][]move{}, ticketMoves: map[string][]move{},
		relations: map[string]string{}, decides: map[string][]string{}, days: map[string]bool{},
		policies: map[int]policy{}, shown: map[string]string{}}
	text, err := os.ReadFile(env("BENCH_CONTRACT"))
	if err == nil {
		err = json.Unmarshal(text, &d.contract)
	}
	if err != nil {
		log.Fatal(err)
	}
	d.loadStreet(pool, []any{d.tenant})
	d.loadMachines(pool, sql)
	d.loadPolicies(pool, []any{d.tenant})
	return d
}

func (d *dictionary) loadStreet(pool *pgxpool.Pool, tenant []any) {
	rows(pool, "SELECT number_prefix, (SELECT value FROM secrets WHERE name = 'cursor') FROM tenants WHERE tenant = $1", tenant,
		func(scan func(...any)) { scan(&d.prefix, &d.cursorKey) })
	rows(pool, "SELECT code, name, on_scene, photo_required, active, questions::text FROM categories WHERE tenant = $1", tenant, func(scan func(...any)) {
		var code, questions string
		k := &category{}
		scan(&code, &k.name, &k.onScene, &k.photo, &k.active, &questions)
		if err := json.Unmarshal([]byte(questions), &k.questions); err != nil {
			log.Fatal(err)
		}
		d.categories[code] = k
	})
	rows(pool, "SELECT code, kind, name, path, community_code, organisation_code FROM areas WHERE tenant = $1", tenant, func(scan func(...any)) {
		var code string
		a := &area{}
		scan(&code, &a.kind, &a.name, &a.path, &a.community, &a.org)
		d.areas[code] = a
	})
	rows(pool, "SELECT code, name, active FROM organisations WHERE tenant = $1", tenant, func(scan func(...any)) {
		var code, name string
		var active bool
		scan(&code, &name, &active)
		d.organisations[code], d.activeOrgs[code] = name, active
	})
	rows(pool, "SELECT day::text, kind = 'workday' FROM calendar_days WHERE tenant = $1 AND active", tenant, func(scan func(...any)) {
		var day string
		var worked bool
		scan(&day, &worked)
		d.days[day] = worked
	})
}

func (d *dictionary) loadMachines(pool *pgxpool.Pool, sql map[string]string) {
	rows(pool, "SELECT code, zh FROM dictionary_entries WHERE dictionary = 'role'", nil, func(scan func(...any)) {
		var code, label string
		scan(&code, &label)
		d.roles[code] = label
	})
	rows(pool, "SELECT state, step, working FROM case_states", nil, func(scan func(...any)) {
		var state string
		var step *string
		var working bool
		scan(&state, &step, &working)
		d.steps[state], d.working[state] = step, working
	})
	rows(pool, "SELECT state, open FROM ticket_states", nil, func(scan func(...any)) {
		var state string
		var open bool
		scan(&state, &open)
		d.openTicket[state] = open
	})
	rows(pool, sql["case_offers"], nil, func(scan func(...any)) {
		var state string
		var o offer
		scan(&state, &o.action, &o.who)
		d.caseOffers[state] = append(d.caseOffers[state], o)
	})
	rows(pool, sql["asks"], nil, func(scan func(...any)) {
		var subject, state string
		var o offer
		scan(&subject, &state, &o.action, &o.who)
		into := d.caseAsks
		if subject == "ticket" {
			into = d.ticketAsks
		}
		into[state] = append(into[state], o)
	})
	rows(pool, sql["case_moves"], nil, d.moves(d.caseMoves))
	rows(pool, sql["ticket_moves"], nil, d.moves(d.ticketMoves))
	rows(pool, "SELECT DISTINCT ON (action) action, shown FROM case_transitions ORDER BY action, ordinal", nil, func(scan func(...any)) {
		var action, shown string
		scan(&action, &shown)
		d.shown[action] = shown
	})
	rows(pool, "SELECT relation, refusal FROM machine_relations", nil, func(scan func(...any)) {
		var relation, code string
		scan(&relation, &code)
		d.relations[relation] = code
	})
	rows(pool, "SELECT subject || ':' || kind, decides FROM request_kinds", nil, func(scan func(...any)) {
		var kind string
		var roles []string
		scan(&kind, &roles)
		d.decides[kind] = roles
	})
}

func (d *dictionary) moves(into map[string][]move) func(scan func(...any)) {
	return func(scan func(...any)) {
		var state string
		var m move
		scan(&state, &m.action, &m.variant, &m.who, &m.guards, &m.offered)
		into[state] = append(into[state], m)
	}
}

func (d *dictionary) loadPolicies(pool *pgxpool.Pool, tenant []any) {
	read := func(scan func(...any)) {
		var version int
		var text string
		scan(&version, &text)
		settings := policy{}
		if err := json.Unmarshal([]byte(text), &settings); err != nil {
			log.Fatal(err)
		}
		d.policies[version] = settings
		if version > d.policyVersion {
			d.policyVersion = version
		}
	}
	rows(pool, "SELECT version, (policy_defaults() || settings)::text FROM policies WHERE tenant = $1 AND valid_from <= clock_timestamp()", tenant, read)
}

func findMove(moves []move, action, variant string) *move {
	for i := range moves {
		if moves[i].action == action && moves[i].variant == variant {
			return &moves[i]
		}
	}
	return nil
}

// Working days are counted as 24 hours each, on working days only.
func (d *dictionary) addWorkingTime(from time.Time, left time.Duration) time.Time {
	start := from.In(local)
	midnight := time.Date(start.Year(), start.Month(), start.Day(), 0, 0, 0, 0, local)
	for day := 0; ; day++ {
		opens := midnight.AddDate(0, 0, day)
		worked, known := d.days[opens.Format("2006-01-02")]
		if known && !worked || !known && (opens.Weekday() == time.Saturday || opens.Weekday() == time.Sunday) {
			continue
		}
		closes := opens.AddDate(0, 0, 1)
		if opens.Before(start) {
			opens = start
		}
		if left <= closes.Sub(opens) {
			return opens.Add(left)
		}
		left -= closes.Sub(opens)
	}
}
