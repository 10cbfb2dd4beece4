//! What the queries answer.

use crate::pg::{Moment, Raw};
use serde::Deserialize;
use tokio_postgres::Row;

pub type When = Option<Moment>;
type Word = Option<String>;

#[derive(Clone, Default)]
pub struct Named {
    pub name: Word,
    pub role: Word,
    pub org: Word,
}

/// Declares a struct and reads it from a row, column by column in this order.
macro_rules! row {
    ($(#[$meta:meta])* $name:ident { $($field:ident: $type:ty,)* } then { $($more:ident: $more_type:ty = $value:expr,)* }) => {
        $(#[$meta])*
        pub struct $name { $(pub $field: $type,)* $(pub $more: $more_type,)* }
        impl $name {
            pub fn read(row: &Row, from: usize) -> $name {
                let mut at = from;
                let mut next = || { at += 1; at - 1 };
                $name { $($field: row.get(next()),)* $($more: $value,)* }
            }
        }
    };
}

row! {
    #[derive(Clone)]
    Case {
        id: String, version: i64, number: String, state: String, kind: String, category: String, title: Word, description: String,
        level: String, proposed_level: Word, registered_at: When, source: String, tags: Vec<String>, answers: RawText,
        lon: Option<f64>, lat: Option<f64>, address: Word, place_id: Word, area: Word, community: Word, created_by: Word,
        created_role: String, created_org: Word, reporter_name: Word, reporter_phone: Word, anonymous: bool, private: bool,
        contactable: bool, reporters: Vec<String>, withdrawn: Vec<String>, handler: Word, first_contact: Word, first_handler: Word,
        first_org: Word, workers: Vec<String>, lead_ticket: Word, lead_org: Word, organisations: Vec<String>, open_orgs: Vec<String>,
        tickets_issued: i32, tickets_open: i32, tickets_unsubmitted: i32, policy_version: i32, claimed_at: When, received_at: Moment,
        round: i32, round_started_at: Moment, round_suspended: f64, arrive_due_at: When, arrived_at: When, resolve_due_at: When,
        resolve_cause: String, resolved_at: When, plan_started_at: When, plan_due_at: When, planned_at: When, plan_request: Word,
        plan_parties: Vec<String>, fired: Vec<String>, overdue_at: When, clock_next_at: When, state_at: Moment, state_before: Word, signed_round: i32,
        never_sampled: bool, result: Word, reply: Word, reject_code: Word, reject_basis: Word, reject_reason: Word, merged_into: Word,
        review_date: Word, evaluating_at: When, closed_at: When, closed_how: Word, rework_count: i32, urge_count: i32,
        callback_tries: i32, supervised: Vec<String>, event_seq: i32, updated_at: Moment,
        handler_name: Word, handler_role: Word, handler_org: Word, contact_name: Word, contact_role: Word, contact_org: Word,
        first_name: Word, first_role: Word, first_home: Word,
    } then {}
}

row! {
    #[derive(Clone)]
    Ticket {
        id: String, version: i64, case_id: String, n: i32, kind: String, role: String, organisation: String, state: String, task: String,
        round: i32, is_final: bool, workers: Vec<String>, issued_at: Moment, issued_by: Word, issued_role: String, sign_due_at: When,
        signed_at: When, contact_due_at: When, contacted_at: When, not_contacted: bool, report_due_at: When, reported_in_at: When,
        started_at: When, finish_started_at: Moment, finish_due_at: When, submitted_at: When, closed_at: When, closed_round: Option<i32>,
        result: Word, reply: Word, cause_code: Word, rating: Option<i32>, rework_count: i32, fired: Vec<String>, overdue_at: When,
        supervised: bool, updated_at: Moment, issuer_name: Word,
    } then { clock_next_at: When = None, state_at: When = None, point: Option<(f64, f64, f64)> = None, }
}

row! {
    /// A ticket in a list, with what is shown of its case; the first column is its place.
    Item {
        place: String, id: String, number: String, n: i32, version: i64, case_id: String, kind: String, role: String, organisation: String,
        state: String, task: String, title: Word, description: String, case_kind: String, category: String, level: String,
        case_state: String, lon: Option<f64>, lat: Option<f64>, address: Word, area: Word, community: Word, reporter_name: Word,
        reporter_phone: Word, anonymous: bool, private: bool, contactable: bool, reporters: Vec<String>, lead_org: Word,
        open_orgs: Vec<String>, received_at: Moment, resolve_due_at: When, round: i32, issued_at: Moment, issued_by: Word,
        issued_role: String, issuer_name: Word, sign_due_at: When, contact_due_at: When, report_due_at: When, finish_due_at: When,
        signed_at: When, contacted_at: When, reported_in_at: When, started_at: When, submitted_at: When, closed_at: When,
        overdue_at: When, cause_code: Word, not_contacted: bool, rating: Option<i32>, rework_count: i32, is_final: bool,
        updated_at: Moment, supervised: bool, workers: Vec<String>,
    } then {}
}

/// JSON that goes out as it came.
#[derive(Clone)]
pub struct RawText(pub String);

impl<'a> postgres_types::FromSql<'a> for RawText {
    fn from_sql(ty: &postgres_types::Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Raw::from_sql(ty, raw).map(|r| RawText(r.0))
    }
    fn accepts(ty: &postgres_types::Type) -> bool {
        Raw::accepts(ty)
    }
}

impl Case {
    pub fn handler_person(&self) -> Named {
        Named { name: self.handler_name.clone(), role: self.handler_role.clone(), org: self.handler_org.clone() }
    }
    pub fn contact_person(&self) -> Named {
        Named { name: self.contact_name.clone(), role: self.contact_role.clone(), org: self.contact_org.clone() }
    }
    pub fn first_person(&self) -> Named {
        Named { name: self.first_name.clone(), role: self.first_role.clone(), org: self.first_home.clone() }
    }
}

#[derive(Deserialize, Clone)]
pub struct Attachment {
    pub id: String,
    pub content_type: String,
    pub size: i64,
    pub stage: String,
    pub ticket_id: Word,
    pub organisation: Word,
}

#[derive(Deserialize, Clone)]
pub struct Rating {
    pub round: i32,
    pub reporter: i32,
    pub person_id: Word,
    pub contacted: bool,
    pub solved: String,
    pub satisfied: i32,
    pub comment: Word,
    pub rated_at: String,
}

#[derive(Deserialize, Clone)]
pub struct Brief {
    pub id: String,
    pub n: i32,
    pub role: String,
    pub organisation: String,
    pub state: String,
    pub kind: String,
    pub task: String,
    pub closed_round: Option<i32>,
    pub sign_due_at: Word,
    pub finish_due_at: Word,
    pub overdue: bool,
    pub result: Word,
    pub reply: Word,
    #[serde(deserialize_with = "moment")]
    pub submitted_at: When,
    #[serde(deserialize_with = "moment")]
    pub clock_next_at: When,
}

/// 2024-11-20T09:00:00.123456+08:00
fn moment<'de, D: serde::Deserializer<'de>>(from: D) -> Result<When, D::Error> {
    let text = match Word::deserialize(from)? {
        Some(text) => text,
        None => return Ok(None),
    };
    let number = |a: usize, b: usize| text.get(a..b).and_then(|t| t.parse::<i64>().ok()).unwrap_or(0);
    let fraction = text[19..].split(|c| c == '+' || c == '-').next().unwrap();
    let micros = format!("{:0<6}", fraction.trim_start_matches('.'))[..6].parse::<i64>().unwrap_or(0);
    let (y, m) = (number(0, 4) - i64::from(number(5, 7) <= 2), number(5, 7));
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * ((m + 9) % 12) + 2) / 5 + number(8, 10) - 1 - 719_468;
    let seconds = number(11, 13) * 3600 + number(14, 16) * 60 + number(17, 19);
    Ok(Some(Moment(days * crate::dictionary::DAY + seconds * 1_000_000 + micros - crate::dictionary::OFFSET)))
}

#[derive(Deserialize, Clone)]
pub struct Joined {
    pub reporter: i32,
}

#[derive(Deserialize, Clone)]
pub struct Request {
    pub id: String,
    pub kind: String,
    pub state: String,
    pub ticket_id: Word,
    pub asked_by: Word,
    pub asked_role: String,
    pub reporter: Option<i32>,
    pub joined: Option<Vec<Joined>>,
    pub asked_at: String,
    pub due_at: Word,
}

#[derive(Deserialize, Clone)]
pub struct Reporter {
    pub n: i32,
    pub person_id: Word,
    pub name: Word,
    pub phone: Word,
    pub anonymous: bool,
    pub private: bool,
    pub contactable: bool,
    pub withdrawn: bool,
}

/// What hangs on a case.
#[derive(Default)]
pub struct Lists {
    pub attachments: Vec<Attachment>,
    pub refs: String,
    pub ratings: Vec<Rating>,
    pub tickets: Vec<Brief>,
    pub requests: Vec<Request>,
    pub reporters: Vec<Reporter>,
}

impl Lists {
    pub fn read(row: &Row) -> Lists {
        fn part<T: for<'de> Deserialize<'de>>(row: &Row, i: usize) -> Vec<T> {
            serde_json::from_str(&row.get::<_, Raw>(i).0).expect("a list of the case")
        }
        Lists {
            attachments: part(row, 0),
            refs: row.get::<_, Raw>(1).0,
            ratings: part(row, 2),
            tickets: part(row, 3),
            requests: part(row, 4),
            reporters: part(row, 5),
        }
    }
}
