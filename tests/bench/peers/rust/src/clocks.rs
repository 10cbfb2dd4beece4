//! Clocks: which run, what is due, and when somebody has to look next.

use crate::dictionary::{Dictionary, Policy};
use crate::pg::Moment;
use crate::rows::{Case, Ticket, When};

/// A clock that runs and is not met.
pub struct Running {
    clock: &'static str,
    start: Moment,
    due: Moment,
}

pub fn earliest(a: When, b: When) -> When {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        _ => a.or(b),
    }
}

pub fn of_case(c: &Case) -> Vec<Running> {
    let mut found = vec![];
    let state = c.state.as_str();
    let submitted = matches!(state, "checking" | "evaluating") || state == "handling" && c.tickets_unsubmitted == 0;
    if submitted || matches!(state, "closed" | "rejected" | "merged" | "voided") {
        return found;
    }
    if let (Some(due), None) = (c.arrive_due_at, c.arrived_at) {
        found.push(Running { clock: "arrive", start: c.received_at, due });
    }
    if state == "suspended" {
        return found;
    }
    if let Some(due) = c.resolve_due_at {
        let clock = if c.registered_at.is_none() { "late_registration" } else { "resolve" };
        let start = Moment(c.round_started_at.0 + (c.round_suspended * 1e6) as i64);
        found.push(Running { clock, start, due });
    }
    if let (Some(start), Some(due), None) = (c.plan_started_at, c.plan_due_at, c.planned_at) {
        found.push(Running { clock: "plan", start, due });
    }
    found
}

/// The times of a ticket that its clocks depend on; a list has them too.
pub struct TicketTimes<'a> {
    pub state: &'a str,
    pub issued_at: Moment,
    pub sign: (When, When),
    pub contact: (When, When, bool),
    pub report: (When, When, When),
    pub finish: (When, When),
}

pub fn of_ticket(t: &TicketTimes) -> Vec<Running> {
    let mut found = vec![];
    if matches!(t.state, "submitted" | "closed" | "returned" | "recalled" | "suspended") {
        return found;
    }
    if let (Some(due), None) = t.sign {
        found.push(Running { clock: "sign", start: t.issued_at, due });
    }
    if let (Some(due), None, false) = t.contact {
        found.push(Running { clock: "contact", start: t.issued_at, due });
    }
    if let (Some(due), None, None) = t.report {
        found.push(Running { clock: "report", start: t.issued_at, due });
    }
    if let (Some(due), start) = t.finish {
        found.push(Running { clock: "finish", start: start.unwrap_or(t.issued_at), due });
    }
    found
}

impl Ticket {
    pub fn times(&self) -> TicketTimes {
        TicketTimes {
            state: &self.state,
            issued_at: self.issued_at,
            sign: (self.sign_due_at, self.signed_at),
            contact: (self.contact_due_at, self.contacted_at, self.not_contacted),
            report: (self.report_due_at, self.reported_in_at, self.started_at),
            finish: (self.finish_due_at, Some(self.finish_started_at)),
        }
    }
}

/// A case that waits for registration is reminded as any other.
fn reminded(clock: &'static str) -> &'static str {
    if clock == "late_registration" { "resolve" } else { clock }
}

pub fn overdue(running: &[Running], overdue_at: When, now: Moment) -> (bool, Vec<&'static str>) {
    match overdue_at {
        Some(at) if at < now => (true, running.iter().filter(|r| r.due < now).map(|r| reminded(r.clock)).collect()),
        _ => (false, vec![]),
    }
}

/// The earliest due time, and when the clock job has to look next. What has come meanwhile is that job's, once a second.
fn settle(running: &[Running], fired: &[String], policy: &Policy, timer: When) -> (When, When) {
    let (mut due, mut next) = (None, timer);
    let has = |key: String| fired.contains(&key);
    for r in running {
        due = earliest(due, Some(r.due));
        if !has(format!("{}:breach", r.clock)) {
            next = earliest(next, Some(r.due));
        }
        let clock = reminded(r.clock);
        let stages: Vec<i64> = match clock {
            "resolve" | "plan" | "finish" => policy.stages().collect(),
            "arrive" | "sign" => vec![100],
            _ => vec![],
        };
        for stage in stages.into_iter().filter(|stage| !has(format!("{clock}:{stage}"))) {
            next = earliest(next, Some(Moment(r.start.0 + (r.due.0 - r.start.0) * stage / 100)));
        }
    }
    (due, next)
}

pub fn settle_case(c: &mut Case, policy: &Policy) {
    let timer = match (c.state.as_str(), c.evaluating_at) {
        ("evaluating", Some(at)) => Some(Moment(at.0 + policy.days("evaluate_days"))),
        _ => None,
    };
    let (due, next) = settle(&of_case(c), &c.fired, policy, timer);
    c.overdue_at = due;
    c.clock_next_at = next;
}

pub fn settle_ticket(times: &TicketTimes, fired: &[String], policy: &Policy) -> (When, When) {
    settle(&of_ticket(times), fired, policy, None)
}

/// A due time of a ticket issued now: by its kind, never later than the case's, never earlier than its floor.
pub fn ticket_due(dict: &Dictionary, c: &Case, policy: &Policy, clock: &str, now: Moment) -> When {
    let (minutes, days) = (format!("everyday_{clock}_minutes"), format!("everyday_{clock}_days"));
    let due = if policy.has(&minutes) {
        Moment(now.0 + policy.minutes(&minutes))
    } else {
        dict.add_working_time(now, policy.days(&days))
    };
    let floor = Moment(now.0 + policy.minutes(&format!("floor_{clock}_minutes")));
    earliest(Some(due), c.resolve_due_at).map(|due| due.max(floor))
}
