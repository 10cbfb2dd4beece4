//! A ticket as the API answers it, alone and in a list.

use crate::clocks::{self, TicketTimes};
use crate::dictionary::Dictionary;
use crate::me::{askable, Person, TicketFacts};
use crate::pg::Moment;
use crate::rows::{Case, Item, Lists, Named, Ticket};
use crate::view::{location, AttachmentView, CodeName, Location, Party, ReporterFacts, ReporterView, RequestView, Stamp};
use serde::Serialize;

type Word = Option<String>;

#[derive(Serialize)]
struct TicketCase {
    title: Word,
    description: String,
    kind: String,
    category: CodeName,
    level: String,
    state: String,
    location: Option<Location>,
    address: Word,
    area: Option<CodeName>,
    community: Option<CodeName>,
    reporter: Option<ReporterView>,
    received_at: Stamp,
    resolve_due_at: Stamp,
}

#[derive(Serialize)]
pub struct ItemView {
    id: String,
    number: String,
    pub version: i64,
    case_id: String,
    case_number: String,
    kind: String,
    role: String,
    organisation: CodeName,
    state: String,
    task: String,
    case: TicketCase,
    round: i32,
    issued_at: Stamp,
    issued_by: Party,
    sign_due_at: Stamp,
    contact_due_at: Stamp,
    report_due_at: Stamp,
    finish_due_at: Stamp,
    signed_at: Stamp,
    contacted_at: Stamp,
    reported_in_at: Stamp,
    started_at: Stamp,
    submitted_at: Stamp,
    closed_at: Stamp,
    overdue: bool,
    overdue_clocks: Vec<&'static str>,
    cause_code: Word,
    not_contacted: bool,
    department_rating: Option<i32>,
    rework_count: i32,
    #[serde(rename = "final")]
    is_final: bool,
    updated_at: Stamp,
    allowed_actions: Vec<String>,
}

/// A ticket alone has what came of it besides.
#[derive(Serialize)]
pub struct TicketView {
    #[serde(flatten)]
    pub item: ItemView,
    result: Word,
    reply: Word,
    attachments: Vec<AttachmentView>,
    requests: Vec<RequestView>,
    askable_requests: Vec<String>,
}

impl Item {
    fn times(&self) -> TicketTimes {
        TicketTimes {
            state: &self.state,
            issued_at: self.issued_at,
            sign: (self.sign_due_at, self.signed_at),
            contact: (self.contact_due_at, self.contacted_at, self.not_contacted),
            report: (self.report_due_at, self.reported_in_at, self.started_at),
            finish: (self.finish_due_at, None),
        }
    }

    /// A ticket and its case as a row of a list.
    pub fn of(t: &Ticket, c: &Case) -> Item {
        let (t, c) = (t.clone(), c.clone());
        Item {
            place: String::new(), id: t.id, number: c.number, n: t.n, version: t.version, case_id: t.case_id, kind: t.kind, role: t.role,
            organisation: t.organisation, state: t.state, task: t.task, title: c.title, description: c.description, case_kind: c.kind,
            category: c.category, level: c.level, case_state: c.state, lon: c.lon, lat: c.lat, address: c.address, area: c.area,
            community: c.community, reporter_name: c.reporter_name, reporter_phone: c.reporter_phone, anonymous: c.anonymous,
            private: c.private, contactable: c.contactable, reporters: c.reporters, lead_org: c.lead_org, open_orgs: c.open_orgs,
            received_at: c.received_at, resolve_due_at: c.resolve_due_at, round: t.round, issued_at: t.issued_at, issued_by: t.issued_by,
            issued_role: t.issued_role, issuer_name: t.issuer_name, sign_due_at: t.sign_due_at, contact_due_at: t.contact_due_at,
            report_due_at: t.report_due_at, finish_due_at: t.finish_due_at, signed_at: t.signed_at, contacted_at: t.contacted_at,
            reported_in_at: t.reported_in_at, started_at: t.started_at, submitted_at: t.submitted_at, closed_at: t.closed_at,
            overdue_at: t.overdue_at, cause_code: t.cause_code, not_contacted: t.not_contacted, rating: t.rating,
            rework_count: t.rework_count, is_final: t.is_final, updated_at: t.updated_at, supervised: t.supervised, workers: t.workers,
        }
    }

    pub fn facts(&self) -> TicketFacts {
        TicketFacts {
            state: &self.state,
            role: &self.role,
            organisation: &self.organisation,
            supervised: self.supervised,
            workers: &self.workers,
            reachable: self.contactable && !self.anonymous,
            case_state: &self.case_state,
            category: &self.category,
            area: &self.area,
        }
    }
}

impl Dictionary {
    pub fn item_reporter(&self, me: &Person, t: &Item) -> Option<ReporterView> {
        let full = me.sees_reporter(&None, &t.area, t.private, &t.lead_org, &t.open_orgs);
        let (name, phone) = (&t.reporter_name, &t.reporter_phone);
        ReporterFacts { name, phone, anonymous: t.anonymous, private: t.private, contactable: t.contactable, reporters: &t.reporters }.shown(full)
    }

    pub fn view_item(&self, me: &Person, t: Item, relations: &[String], reporter: Option<ReporterView>, now: Moment) -> ItemView {
        let (overdue, overdue_clocks) = clocks::overdue(&clocks::of_ticket(&t.times()), t.overdue_at, now);
        let issuer = Named { name: t.issuer_name.clone(), role: Some(t.issued_role.clone()), org: None };
        ItemView {
            number: format!("{}-{}", t.number, t.n),
            organisation: self.organisation(&t.organisation),
            issued_by: self.staff_party(me, &t.issued_by, issuer).unwrap_or_else(|| self.role_party(&t.issued_role)),
            allowed_actions: self.ticket_actions(&t.facts(), relations),
            case: TicketCase {
                category: self.category(&t.category),
                location: location(t.lon, t.lat, &t.address),
                area: self.area(&t.area),
                community: self.area(&t.community),
                title: t.title, description: t.description, kind: t.case_kind, level: t.level, state: t.case_state, address: t.address,
                reporter, received_at: Stamp(Some(t.received_at)), resolve_due_at: Stamp(t.resolve_due_at),
            },
            id: t.id, version: t.version, case_id: t.case_id, case_number: t.number, kind: t.kind, role: t.role, state: t.state, task: t.task,
            round: t.round, issued_at: Stamp(Some(t.issued_at)), sign_due_at: Stamp(t.sign_due_at), contact_due_at: Stamp(t.contact_due_at),
            report_due_at: Stamp(t.report_due_at), finish_due_at: Stamp(t.finish_due_at), signed_at: Stamp(t.signed_at),
            contacted_at: Stamp(t.contacted_at), reported_in_at: Stamp(t.reported_in_at), started_at: Stamp(t.started_at),
            submitted_at: Stamp(t.submitted_at), closed_at: Stamp(t.closed_at), overdue, overdue_clocks, cause_code: t.cause_code,
            not_contacted: t.not_contacted, department_rating: t.rating, rework_count: t.rework_count, is_final: t.is_final,
            updated_at: Stamp(Some(t.updated_at)),
        }
    }

    pub fn view_ticket(&self, me: &Person, t: &Ticket, c: &Case, l: &Lists, now: Moment) -> TicketView {
        let (item, reporter) = (Item::of(t, c), self.case_reporter(me, c, l));
        let relations = me.to_ticket(&item.facts());
        TicketView {
            item: self.view_item(me, item, &relations, reporter, now),
            result: t.result.clone(),
            reply: t.reply.clone(),
            attachments: self.attachments_seen(me, me.tickets_seen(self, c), l, Some(&t.id)),
            requests: self.requests_seen(me, c, l, Some(&t.id)),
            askable_requests: askable(&self.ticket_asks, &t.state, &relations),
        }
    }
}
