//! An action on its way: what it changes in memory, and what it writes with it.

use crate::body::Object;
use crate::clocks::{earliest, settle_case};
use crate::dictionary::{Move, Policy};
use crate::me::Person;
use crate::pg::{text as opt, Connection, Text};
use crate::rows::{Case, Lists, Reporter, Ticket};
use crate::{new_id, values, App, Call, Fail, Refusal};
use serde_json::{json, Value};
use std::collections::BTreeSet;
use tokio_postgres::types::ToSql;

type Word = Option<String>;
pub type Writes = Vec<(&'static str, Vec<Box<dyn ToSql + Sync + Send>>)>;

struct Event {
    ticket: Word,
    action: String,
    from: Word,
    to: String,
    person: Word,
    role: String,
    org: Word,
    shown: String,
    note: Word,
    data: String,
}

/// An action on its way: what it changes in memory, and what it writes with it.
pub struct Work<'a> {
    pub app: &'a App,
    pub call: &'a Call,
    pub role: String,
    pub case: Case,
    pub before: Case,
    pub ticket: Option<Ticket>,
    pub lists: Lists,
    pub policy: &'a Policy,
    pub body: Object,
    events: Vec<Event>,
    pub writes: Writes,
    pub changed: bool, // for its readers, though not in its own row
}

/// A statement with the columns of several events.
pub struct Columns {
    name: &'static str,
    values: Vec<Box<dyn ToSql + Sync + Send>>,
}

impl Columns {
    pub async fn insert(&self, connection: &Connection) -> Result<u64, tokio_postgres::Error> {
        let values: Vec<&(dyn ToSql + Sync)> = self.values.iter().map(|v| v.as_ref() as &(dyn ToSql + Sync)).collect();
        connection.client.execute(connection.sql(self.name), &values).await
    }
}

/// An id that outlives the borrow of a text.
#[derive(Debug)]
pub struct Id(pub Word);

impl ToSql for Id {
    fn to_sql(&self, ty: &postgres_types::Type, out: &mut postgres_types::private::BytesMut)
        -> Result<postgres_types::IsNull, Box<dyn std::error::Error + Sync + Send>> {
        opt(&self.0).to_sql(ty, out)
    }
    fn accepts(ty: &postgres_types::Type) -> bool {
        <Text as ToSql>::accepts(ty)
    }
    postgres_types::to_sql_checked!();
}

#[macro_export]
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$(Box::new($value) as Box<dyn tokio_postgres::types::ToSql + Sync + Send>),*] };
}

impl<'a> Work<'a> {
    pub fn new(app: &'a App, call: &'a Call, case: Case, lists: Lists, body: Object) -> Work<'a> {
        let policy = &app.dict.policies[&case.policy_version];
        Work { app, call, role: String::new(), before: case.clone(), case, ticket: None, lists, policy, body, events: vec![], writes: vec![],
            changed: false }
    }

    /// An event; members of its data that are null are left out.
    #[allow(clippy::too_many_arguments)]
    pub fn happened(&mut self, me: &Person, action: &str, role: &str, shown: &str, from: Word, to: &str, note: Word, ticket: Word, data: Value) {
        let data: Object = data.as_object().cloned().unwrap_or_default().into_iter().filter(|(_, v)| !v.is_null()).collect();
        let own = role != "system";
        self.events.push(Event { ticket, action: action.into(), from, to: to.into(), person: me.id.clone().filter(|_| own), role: role.into(),
            org: me.org.clone().filter(|_| own), shown: shown.into(), note, data: Value::Object(data).to_string() });
        self.case.event_seq += 1;
        self.case.updated_at = self.call.now;
    }

    pub fn case_to(&mut self, me: &Person, action: &str, role: &str, to: &str, note: Word, data: Value) {
        let from = self.case.state.clone();
        let to = if to == "=" { from.clone() } else { to.to_owned() };
        if to != from {
            self.case.state = to.clone();
            self.case.state_at = self.call.now;
        }
        let shown = self.app.dict.shown[action].clone();
        self.happened(me, action, role, &shown, Some(from), &to, note, None, data);
    }

    pub fn ticket_to(&mut self, me: &Person, action: &str, to: &str, note: Word, data: Value) {
        let now = self.call.now;
        let t = self.ticket.as_mut().unwrap();
        let from = t.state.clone();
        let to = if to == "=" { from.clone() } else { to.to_owned() };
        if to != from {
            t.state = to.clone();
            t.state_at = Some(now);
        }
        t.updated_at = now;
        let (ticket, role) = (t.id.clone(), self.role.clone());
        self.happened(me, action, &role, "staff", Some(from), &to, note, Some(ticket), data);
    }

    /// The events and the outbox rows, one statement each.
    pub fn event_rows(&self, first: i32, organisations: &[String]) -> (Columns, Columns) {
        let e = &self.events;
        let seq: Vec<i32> = (0..e.len() as i32).map(|i| first + i).collect();
        let column = |of: fn(&Event) -> Word| e.iter().map(of).collect::<Vec<Word>>();
        let (tenant, now, c) = (self.call.token.tenant.clone(), self.call.now, &self.case);
        let tickets = column(|e| e.ticket.clone());
        let outbox = values![tenant.clone(), Id(Some(c.id.clone())), organisations.to_vec(), c.area.clone(), now, seq.clone(), tickets.clone()];
        let events = values![tenant, Id(Some(c.id.clone())), c.round, now, seq, column(|_| Some(new_id())), tickets,
            column(|e| Some(e.action.clone())), column(|e| e.from.clone()), column(|e| Some(e.to.clone())), column(|e| e.person.clone()),
            column(|e| Some(e.role.clone())), column(|e| e.org.clone()), column(|e| Some(e.shown.clone())), column(|e| e.note.clone()),
            column(|e| Some(e.data.clone()))];
        (Columns { name: "events_insert", values: events }, Columns { name: "outbox_insert", values: outbox })
    }

    /// Whether a reader sees another case than before: then its version rises.
    fn case_changed(&self) -> bool {
        let (a, b) = (&self.case, &self.before);
        self.changed
            || (&a.state, &a.level, &a.category, a.registered_at, &a.handler, &a.first_contact, &a.first_org, &a.lead_org)
                != (&b.state, &b.level, &b.category, b.registered_at, &b.handler, &b.first_contact, &b.first_org, &b.lead_org)
            || (a.resolve_due_at, a.resolved_at, &a.state_before, &a.result, &a.reply, a.evaluating_at, a.closed_at, &a.closed_how)
                != (b.resolve_due_at, b.resolved_at, &b.state_before, &b.result, &b.reply, b.evaluating_at, b.closed_at, &b.closed_how)
    }

    /// The case's own clocks and those of its tickets. Where nothing moved its own, the next moment may only be nearer.
    fn settle(&mut self, changed: bool) {
        let (c, before) = (&mut self.case, &self.before);
        if !changed && c.tickets_unsubmitted == before.tickets_unsubmitted && before.clock_next_at > Some(self.call.now) {
            c.clock_next_at = earliest(before.clock_next_at, self.ticket.as_ref().and_then(|t| t.clock_next_at));
            return;
        }
        settle_case(c, self.policy);
        c.clock_next_at = self.lists.tickets.iter().fold(c.clock_next_at, |next, t| earliest(next, t.clock_next_at));
    }

    /// All that was changed, sent together.
    pub async fn write(&mut self, connection: &Connection) -> Result<(), Fail> {
        let changed = self.case_changed();
        self.settle(changed);
        self.case.version += i64::from(changed);
        let c = &self.case;
        let update = values![self.call.token.tenant.clone(), Id(Some(c.id.clone())), c.version, c.state.clone(), c.category.clone(),
            c.level.clone(), c.registered_at, Id(c.handler.clone()), Id(c.first_contact.clone()), c.first_org.clone(), c.workers.clone(),
            Id(c.lead_ticket.clone()), c.lead_org.clone(), c.organisations.clone(), c.open_orgs.clone(), c.tickets_issued, c.tickets_open,
            c.tickets_unsubmitted, c.resolve_due_at, c.resolved_at, c.overdue_at, c.clock_next_at, c.state_at, c.state_before.clone(),
            c.signed_round, c.result.clone(), c.reply.clone(), c.evaluating_at, c.closed_at, c.closed_how.clone(), c.callback_tries,
            c.event_seq, c.updated_at];
        let mut organisations = c.organisations.clone();
        organisations.extend(self.before.organisations.iter().filter(|o| !c.organisations.contains(o)).cloned());
        let (events, outbox) = self.event_rows(self.before.event_seq + 1, &organisations);
        let mut all: Vec<Columns> = self.writes.drain(..).map(|(name, values)| Columns { name, values }).collect();
        all.extend([Columns { name: "case_update", values: update }, events, outbox]);
        futures::future::try_join_all(all.iter().map(|write| write.insert(connection))).await?;
        Ok(())
    }

    pub fn worked(&mut self, me: &Person) {
        let id = me.id.as_ref().unwrap();
        if !self.case.workers.contains(id) {
            self.case.workers.push(id.clone());
        }
    }

    pub fn wrong_state(&self, me: &Person) -> Fail {
        let dict = &self.app.dict;
        let detail = match &self.ticket {
            Some(t) => {
                let item = crate::rows::Item::of(t, &self.case);
                json!({"state": t.state, "allowed_actions": dict.ticket_actions(&item.facts(), &me.to_ticket(&item.facts()))})
            }
            None => json!({"state": self.case.state, "allowed_actions": dict.case_actions(&self.case, &me.to_case(&self.case))}),
        };
        Fail::Refused(Refusal { code: "invalid_transition".into(), detail: Some(detail), ..Refusal::default() })
    }

    pub fn tickets(&self) -> Vec<Object> {
        let list = self.body.get("tickets").and_then(Value::as_array);
        list.into_iter().flatten().map(|t| t.as_object().unwrap().clone()).collect()
    }

    pub fn leads(&self) -> usize {
        self.tickets().iter().filter(|t| t["role"] == "lead").count()
    }

    /// The reporter in whose name the caller may rate.
    pub fn rater(&self, me: &Person) -> Option<&Reporter> {
        let rated = |n: i32| self.lists.ratings.iter().any(|g| g.round == self.case.round && g.reporter == n);
        self.lists.reporters.iter().find(|r| !r.withdrawn && !rated(r.n) && me.is(&r.person_id))
    }

    /// What the case knows of its tickets, counted again.
    pub fn count(&mut self) {
        let (mut open, mut all) = (BTreeSet::new(), BTreeSet::new());
        let c = &mut self.case;
        c.tickets_open = 0;
        c.tickets_unsubmitted = 0;
        c.lead_ticket = None;
        c.lead_org = None;
        for t in &self.lists.tickets {
            if self.app.dict.open_tickets.contains(&t.state) {
                c.tickets_open += 1;
                c.tickets_unsubmitted += i32::from(t.state != "submitted");
                open.insert(t.organisation.clone());
            }
            if t.state != "returned" && t.state != "recalled" {
                all.insert(t.organisation.clone());
                if t.role == "lead" {
                    c.lead_ticket = Some(t.id.clone());
                    c.lead_org = Some(t.organisation.clone());
                }
            }
        }
        c.open_orgs = open.into_iter().collect();
        c.organisations = all.into_iter().collect();
    }
}

pub fn find<'m>(moves: Option<&'m Vec<Move>>, action: &str, variant: &str) -> Option<&'m Move> {
    moves?.iter().find(|m| m.action == action && m.variant == variant)
}

pub fn guarded(m: &Move, guard: &str) -> bool {
    m.guards.iter().any(|g| g == guard)
}

/// If-Match against the row under its lock.
pub fn fresh(call: &Call, version: i64) -> Result<(), Fail> {
    let allowed = match call.if_match.as_deref().map(str::trim) {
        None | Some("*") => return Ok(()),
        Some(tags) => tags,
    };
    let number = |tag: &str| tag.trim().trim_matches('"').split('.').next().and_then(|n| n.parse::<i64>().ok());
    if allowed.split(',').any(|tag| number(tag) == Some(version)) {
        return Ok(());
    }
    Err(Fail::Refused(Refusal { code: "precondition_failed".into(), detail: Some(json!({ "version": version })), ..Refusal::default() }))
}
