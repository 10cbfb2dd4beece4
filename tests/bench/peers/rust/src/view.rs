//! A case as the API answers it.

use crate::clocks;
use crate::dictionary::{iso, Dictionary};
use crate::me::{askable, mask_name, mask_phone, Person};
use crate::pg::Moment;
use crate::rows::{Attachment, Case, Lists, Named, Request, When};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

type Word = Option<String>;

pub struct Stamp(pub When);

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(at) => out.serialize_str(&iso(at)),
            None => out.serialize_none(),
        }
    }
}

#[derive(Serialize, Clone)]
pub struct CodeName {
    code: String,
    name: String,
}

#[derive(Serialize)]
pub struct Party {
    kind: &'static str,
    id: String,
    name: String,
}

#[derive(Serialize)]
pub struct Location {
    lon: f64,
    lat: f64,
    coord_sys: &'static str,
    address: Word,
}

#[derive(Serialize)]
pub struct ReporterView {
    name: Word,
    phone: Word,
    anonymous: bool,
    private: bool,
    contactable: bool,
}

#[derive(Serialize)]
struct Rejection {
    code: String,
    basis: Word,
    reason: Word,
}

#[derive(Serialize)]
pub struct AttachmentView {
    id: String,
    content_type: String,
    size: i64,
    stage: String,
}

#[derive(Serialize)]
struct RatingView {
    contacted: bool,
    solved: String,
    satisfied: i32,
    comment: Word,
    rated_at: String,
}

#[derive(Serialize)]
#[serde(untagged)]
enum TicketBrief {
    Own {
        id: String,
        number: String,
        role: String,
        organisation: CodeName,
        state: String,
        kind: String,
        task: String,
        sign_due_at: Word,
        finish_due_at: Word,
        overdue: bool,
    },
    Other { role: String, organisation: CodeName, state: String },
}

#[derive(Serialize)]
pub struct RequestView {
    id: String,
    kind: String,
    state: String,
    ticket_id: Word,
    asked_at: String,
    due_at: Word,
    decidable: bool,
}

#[derive(Serialize)]
pub struct Duplicates {
    pub count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<String>>,
}

#[derive(Serialize)]
pub struct CaseView {
    id: String,
    number: String,
    pub version: i64,
    state: String,
    step: Word,
    kind: String,
    category: CodeName,
    title: Word,
    description: String,
    level: String,
    proposed_level: Word,
    registered: bool,
    source: String,
    location: Option<Location>,
    address: Word,
    place_id: Word,
    area: Option<CodeName>,
    community: Option<CodeName>,
    reporter: Option<ReporterView>,
    tags: Vec<String>,
    attachments: Vec<AttachmentView>,
    external_refs: Box<RawValue>,
    answers: Box<RawValue>,
    claimed_at: Stamp,
    received_at: Stamp,
    round: i32,
    round_started_at: Stamp,
    handler: Option<Party>,
    first_contact: Option<Party>,
    first_handler: Option<Party>,
    arrive_due_at: Stamp,
    arrived_at: Stamp,
    resolve_due_at: Stamp,
    resolved_at: Stamp,
    plan_due_at: Stamp,
    planned_at: Stamp,
    overdue: bool,
    overdue_clocks: Vec<&'static str>,
    plan: Option<()>,
    result: Word,
    reply: Word,
    rejection: Option<Rejection>,
    merged_into: Word,
    review_date: Word,
    ratings: Vec<RatingView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tickets: Option<Vec<TicketBrief>>,
    requests: Vec<RequestView>,
    rework_count: i32,
    urge_count: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    callback_tries: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicates: Option<Duplicates>,
    policy_version: i32,
    updated_at: Stamp,
    allowed_actions: Vec<String>,
    askable_requests: Vec<String>,
}

pub fn location(lon: Option<f64>, lat: Option<f64>, address: &Word) -> Option<Location> {
    Some(Location { lon: lon?, lat: lat?, coord_sys: "wgs84", address: address.clone() })
}

/// The reporter's part of a case or of a list's row.
pub struct ReporterFacts<'a> {
    pub name: &'a Word,
    pub phone: &'a Word,
    pub anonymous: bool,
    pub private: bool,
    pub contactable: bool,
    pub reporters: &'a [String],
}

impl ReporterFacts<'_> {
    pub fn shown(&self, full: bool) -> Option<ReporterView> {
        let there = self.name.is_some() || self.phone.is_some() || !self.reporters.is_empty();
        if !(there || self.anonymous || self.private || self.contactable) {
            return None;
        }
        let mask = |text: &Word, how: fn(&str) -> String| match text {
            _ if self.anonymous => None,
            Some(text) if !full => Some(how(text)),
            _ => text.clone(),
        };
        Some(ReporterView {
            name: mask(self.name, mask_name),
            phone: mask(self.phone, mask_phone),
            anonymous: self.anonymous,
            private: self.private,
            contactable: self.contactable,
        })
    }
}

impl Dictionary {
    pub fn organisation(&self, code: &str) -> CodeName {
        let name = self.organisations.get(code).map_or(code, |o| &o.0);
        CodeName { code: code.into(), name: name.into() }
    }

    pub fn category(&self, code: &str) -> CodeName {
        CodeName { code: code.into(), name: self.categories[code].name.clone() }
    }

    pub fn area(&self, code: &Word) -> Option<CodeName> {
        code.as_ref().map(|code| CodeName { code: code.clone(), name: self.areas[code].name.clone() })
    }

    fn org_party(&self, code: &Word) -> Option<Party> {
        code.as_ref().map(|code| Party { kind: "organisation", id: code.clone(), name: self.organisation(code).name })
    }

    pub fn role_party(&self, role: &str) -> Party {
        Party { kind: "role", id: role.into(), name: self.roles.get(role).map_or(role, |r| r).into() }
    }

    /// A person who acts for the street: citizens and clients see the organisation, else the role.
    pub fn staff_party(&self, me: &Person, id: &Word, person: Named) -> Option<Party> {
        let id_text = id.as_ref()?;
        if me.sees_staff() || me.is(id) {
            let name = person.name.unwrap_or_default();
            let name = if me.has("auditor") { mask_name(&name) } else { name };
            return Some(Party { kind: "person", id: id_text.clone(), name });
        }
        self.org_party(&person.org).or_else(|| person.role.map(|role| self.role_party(&role)))
    }

    pub fn case_reporter(&self, me: &Person, c: &Case, l: &Lists) -> Option<ReporterView> {
        if me.has("citizen") && me.id.as_ref().map_or(false, |id| c.reporters.contains(id)) {
            if let Some(own) = l.reporters.iter().find(|r| me.is(&r.person_id)) {
                let (anonymous, private, contactable) = (own.anonymous, own.private, own.contactable);
                return Some(ReporterView { name: own.name.clone(), phone: own.phone.clone(), anonymous, private, contactable });
            }
        }
        let full = me.sees_reporter(&c.handler, &c.area, c.private, &c.lead_org, &c.open_orgs);
        let (name, phone) = (&c.reporter_name, &c.reporter_phone);
        ReporterFacts { name, phone, anonymous: c.anonymous, private: c.private, contactable: c.contactable, reporters: &c.reporters }.shown(full)
    }

    pub fn attachments_seen(&self, me: &Person, seen: &str, l: &Lists, ticket: Option<&str>) -> Vec<AttachmentView> {
        let shown = |a: &&Attachment| {
            let own = seen == "all" || seen == "own" && crate::me::both(&a.organisation, &me.org);
            (a.ticket_id.is_none() || own)
                && (me.sees_staff() || a.stage == "intake" || a.stage == "result")
                && (ticket.is_none() || a.ticket_id.as_deref() == ticket)
        };
        let view = |a: &Attachment| AttachmentView { id: a.id.clone(), content_type: a.content_type.clone(), size: a.size, stage: a.stage.clone() };
        l.attachments.iter().filter(shown).map(view).collect()
    }

    fn request_seen(&self, me: &Person, c: &Case, l: &Lists, r: &Request) -> bool {
        if me.owner_sees(c) && me.in_scope(&c.area) {
            let mut own = l.reporters.iter().filter(|x| me.is(&x.person_id));
            let joined = |n: i32| r.joined.iter().flatten().any(|j| j.reporter == n);
            if me.is(&r.asked_by) || own.any(|x| r.reporter == Some(x.n) || joined(x.n)) {
                return true;
            }
        }
        match &r.ticket_id {
            None => me.staff_sees(self, c),
            Some(id) => l.tickets.iter().any(|t| t.id == *id && me.sees_ticket(self, &t.organisation, c)),
        }
    }

    /// Who asked does not decide; that somebody else can is taken for granted in a benchmark's street.
    fn decidable(&self, me: &Person, r: &Request) -> bool {
        let decides = match (r.kind.as_str(), r.asked_role.as_str()) {
            ("reopen", "supervisor") => me.has("leader"),
            ("reopen", _) => me.has("supervisor"),
            (kind, _) => {
                let subject = if r.ticket_id.is_some() { "ticket" } else { "case" };
                self.decides.get(&format!("{subject}:{kind}")).map_or(false, |roles| crate::me::overlap(roles, &me.roles))
            }
        };
        decides && !me.is(&r.asked_by)
    }

    pub fn requests_seen(&self, me: &Person, c: &Case, l: &Lists, ticket: Option<&str>) -> Vec<RequestView> {
        let about = |r: &&Request| ticket.is_none() || r.ticket_id.as_deref() == ticket;
        let view = |r: &Request| RequestView {
            id: r.id.clone(),
            kind: r.kind.clone(),
            state: r.state.clone(),
            ticket_id: r.ticket_id.clone(),
            asked_at: r.asked_at.clone(),
            due_at: r.due_at.clone(),
            decidable: self.decidable(me, r),
        };
        l.requests.iter().filter(about).filter(|r| self.request_seen(me, c, l, r)).map(view).collect()
    }

    fn tickets_view(&self, me: &Person, c: &Case, l: &Lists, seen: &str) -> Option<Vec<TicketBrief>> {
        let view = |t: &crate::rows::Brief| {
            let (role, organisation, state) = (t.role.clone(), self.organisation(&t.organisation), t.state.clone());
            if seen != "all" && me.org.as_ref() != Some(&t.organisation) {
                return TicketBrief::Other { role, organisation, state };
            }
            TicketBrief::Own { id: t.id.clone(), number: format!("{}-{}", c.number, t.n), role, organisation, state, kind: t.kind.clone(),
                task: t.task.clone(), sign_due_at: t.sign_due_at.clone(), finish_due_at: t.finish_due_at.clone(), overdue: t.overdue }
        };
        (seen != "none").then(|| l.tickets.iter().map(view).collect())
    }

    pub fn view_case(&self, me: &Person, c: &Case, l: &Lists, now: Moment) -> CaseView {
        let (seen, relations) = (me.tickets_seen(self, c), me.to_case(c));
        let (overdue, overdue_clocks) = clocks::overdue(&clocks::of_case(c), c.overdue_at, now);
        let departments = c.state == "whistled" || c.state == "handling";
        let handler = if departments { self.org_party(&c.lead_org) } else { self.staff_party(me, &c.handler, c.handler_person()) };
        let first = self.org_party(&c.first_org).or_else(|| self.staff_party(me, &c.first_handler, c.first_person()));
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let rated = l.ratings.iter().filter(|r| r.round == c.round && (me.sees_staff() || me.is(&r.person_id)));
        CaseView {
            id: c.id.clone(), number: c.number.clone(), version: c.version, state: c.state.clone(), step: self.steps[&c.state].0.clone(),
            kind: c.kind.clone(), category: self.category(&c.category), title: c.title.clone(), description: c.description.clone(),
            level: c.level.clone(), proposed_level: c.proposed_level.clone(), registered: c.registered_at.is_some(), source: c.source.clone(),
            location: location(c.lon, c.lat, &c.address), address: c.address.clone(), place_id: c.place_id.clone(), area: self.area(&c.area),
            community: self.area(&c.community), reporter: self.case_reporter(me, c, l), tags: c.tags.clone(),
            attachments: self.attachments_seen(me, seen, l, None), external_refs: raw(&l.refs), answers: raw(&c.answers.0),
            claimed_at: Stamp(c.claimed_at), received_at: Stamp(Some(c.received_at)), round: c.round,
            round_started_at: Stamp(Some(c.round_started_at)), handler,
            first_contact: self.staff_party(me, &c.first_contact, c.contact_person()), first_handler: first,
            arrive_due_at: Stamp(c.arrive_due_at), arrived_at: Stamp(c.arrived_at), resolve_due_at: Stamp(c.resolve_due_at),
            resolved_at: Stamp(c.resolved_at), plan_due_at: Stamp(c.plan_due_at), planned_at: Stamp(c.planned_at), overdue, overdue_clocks,
            plan: None, result: c.result.clone(), reply: c.reply.clone(),
            rejection: c.reject_code.clone().map(|code| Rejection { code, basis: c.reject_basis.clone(), reason: c.reject_reason.clone() }),
            merged_into: c.merged_into.clone(), review_date: c.review_date.clone(),
            ratings: rated.map(|r| RatingView { contacted: r.contacted, solved: r.solved.clone(), satisfied: r.satisfied,
                comment: r.comment.clone(), rated_at: r.rated_at.clone() }).collect(),
            tickets: self.tickets_view(me, c, l, seen), requests: self.requests_seen(me, c, l, None), rework_count: c.rework_count,
            urge_count: c.urge_count, callback_tries: (c.state == "evaluating").then(|| c.callback_tries), duplicates: None,
            policy_version: c.policy_version, updated_at: Stamp(Some(c.updated_at)), allowed_actions: self.case_actions(c, &relations),
            askable_requests: askable(&self.case_asks, &c.state, &relations),
        }
    }
}
