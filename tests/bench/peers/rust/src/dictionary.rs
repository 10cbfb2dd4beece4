//! What changes so rarely that it is read at start and kept: the catalogue, the areas, the machines' tables, the policies.

use crate::body::Schema;
use crate::pg::{Moment, Pool, Raw};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};

pub const DAY: i64 = 86_400_000_000;
pub const MINUTE: i64 = 60_000_000;
/// Asia/Shanghai has had no other offset for decades.
pub const OFFSET: i64 = 8 * 60 * MINUTE;

pub struct Category {
    pub name: String,
    pub on_scene: bool,
    pub photo: bool,
    pub active: bool,
    pub required: Vec<String>, // questions
}

pub struct Area {
    pub kind: String,
    pub name: String,
    pub path: Vec<String>,
    pub community: Option<String>,
    pub org: Option<String>,
}

pub struct Move {
    pub action: String,
    pub variant: String,
    pub who: Vec<String>,
    pub guards: Vec<String>,
    pub offered: bool,
}

pub struct Policy(Value);

impl Policy {
    pub fn number(&self, name: &str) -> f64 {
        self.0[name].as_f64().unwrap()
    }
    pub fn minutes(&self, name: &str) -> i64 {
        (self.number(name) * MINUTE as f64) as i64
    }
    pub fn days(&self, name: &str) -> i64 {
        self.number(name) as i64 * DAY
    }
    pub fn has(&self, name: &str) -> bool {
        !self.0[name].is_null()
    }
    pub fn stages(&self) -> impl Iterator<Item = i64> + '_ {
        self.0["stages"].as_array().unwrap().iter().map(|s| s.as_i64().unwrap())
    }
}

#[derive(Deserialize)]
pub struct Entry {
    pub status: u16,
    zh: String,
    en: String,
    title_zh: String,
    title_en: String,
}

impl Entry {
    pub fn title(&self, english: bool) -> &str {
        if english { &self.title_en } else { &self.title_zh }
    }
    pub fn detail(&self, english: bool) -> &str {
        if english { &self.en } else { &self.zh }
    }
}

/// What the harness takes from openapi.yaml and errors.def.
#[derive(Deserialize)]
pub struct Contract {
    pub errors: HashMap<String, Entry>,
    pub roles: HashMap<String, Vec<String>>,
    pub bodies: HashMap<String, Schema>,
}

/// What a state offers, in order, and to whom.
pub type Offers = HashMap<String, Vec<(String, Vec<String>)>>;

pub struct Dictionary {
    pub prefix: String,
    pub tenant: String,
    pub cursor_key: Vec<u8>,
    pub contract: Contract,
    pub categories: HashMap<String, Category>,
    pub areas: HashMap<String, Area>,
    pub organisations: HashMap<String, (String, bool)>, // name, active
    pub roles: HashMap<String, String>,
    pub steps: HashMap<String, (Option<String>, bool)>, // step, working
    pub open_tickets: HashSet<String>,
    pub case_offers: Offers,
    pub case_asks: Offers,
    pub ticket_asks: Offers,
    pub case_moves: HashMap<String, Vec<Move>>,
    pub ticket_moves: HashMap<String, Vec<Move>>,
    pub shown: HashMap<String, String>,
    pub relations: HashMap<String, String>,
    pub decides: HashMap<String, Vec<String>>,
    days: HashMap<String, bool>,
    pub policies: BTreeMap<i32, Policy>,
}

fn moves(rows: Vec<tokio_postgres::Row>) -> HashMap<String, Vec<Move>> {
    let mut found: HashMap<String, Vec<Move>> = HashMap::new();
    for r in rows {
        let m = Move { action: r.get(1), variant: r.get(2), who: r.get(3), guards: r.get(4), offered: r.get(5) };
        found.entry(r.get(0)).or_default().push(m);
    }
    found
}

impl Dictionary {
    pub async fn load(pool: &Pool) -> Dictionary {
        let connection = pool.take().await;
        let tenant = std::env::var("BENCH_TENANT").expect("BENCH_TENANT");
        let file = std::env::var("BENCH_CONTRACT").expect("BENCH_CONTRACT");
        let contract = serde_json::from_slice(&std::fs::read(file).expect("the contract")).expect("the contract");
        let street = |sql: &'static str| {
            let (client, tenant) = (&connection.client, &tenant);
            async move { client.query(sql, &[tenant]).await.expect(sql) }
        };
        let all = |sql: &'static str| {
            let client = &connection.client;
            async move { client.query(sql, &[]).await.expect(sql) }
        };
        let prefix = street("SELECT number_prefix FROM tenants WHERE tenant = $1").await[0].get(0);
        let cursor_key = all("SELECT value FROM secrets WHERE name = 'cursor'").await[0].get(0);
        let categories = street("SELECT code, name, on_scene, photo_required, active, questions FROM categories WHERE tenant = $1").await;
        let areas = street("SELECT code, kind, name, path, community_code, organisation_code FROM areas WHERE tenant = $1").await;
        let organisations = street("SELECT code, name, active FROM organisations WHERE tenant = $1").await;
        let days = street("SELECT day::text, kind = 'workday' FROM calendar_days WHERE tenant = $1 AND active").await;
        let policies = street(
            "SELECT version, policy_defaults() || settings FROM policies WHERE tenant = $1 AND valid_from <= clock_timestamp()").await;
        let roles = all("SELECT code, zh FROM dictionary_entries WHERE dictionary = 'role'").await;
        let steps = all("SELECT state, step, working FROM case_states").await;
        let open_tickets = all("SELECT state FROM ticket_states WHERE open").await;
        let prepared = |name: &'static str| {
            let connection = &connection;
            async move { connection.client.query(connection.sql(name), &[]).await.expect(name) }
        };
        let offers = prepared("case_offers").await;
        let asks = prepared("asks").await;
        let case_moves = prepared("case_moves").await;
        let ticket_moves = prepared("ticket_moves").await;
        let shown = all("SELECT DISTINCT ON (action) action, shown FROM case_transitions ORDER BY action, ordinal").await;
        let relations = all("SELECT relation, refusal FROM machine_relations").await;
        let decides = all("SELECT subject || ':' || kind, decides FROM request_kinds").await;
        let (mut case_offers, mut case_asks, mut ticket_asks) = (Offers::new(), Offers::new(), Offers::new());
        for r in offers {
            case_offers.entry(r.get(0)).or_default().push((r.get(1), r.get(2)));
        }
        for r in asks {
            let of = if r.get::<_, &str>(0) == "case" { &mut case_asks } else { &mut ticket_asks };
            of.entry(r.get(1)).or_default().push((r.get(2), r.get(3)));
        }
        let json = |r: &tokio_postgres::Row, i: usize| -> Value { serde_json::from_str(&r.get::<_, Raw>(i).0).unwrap() };
        let required = |r: &tokio_postgres::Row| {
            let questions = json(r, 5);
            let wanted = questions.as_array().unwrap().iter().filter(|q| q["required"] == true);
            wanted.map(|q| q["code"].as_str().unwrap().to_owned()).collect()
        };
        Dictionary {
            prefix,
            cursor_key,
            contract,
            categories: categories.iter().map(|r| (r.get(0), Category { name: r.get(1), on_scene: r.get(2), photo: r.get(3),
                active: r.get(4), required: required(r) })).collect(),
            areas: areas.iter().map(|r| (r.get(0), Area { kind: r.get(1), name: r.get(2), path: r.get(3), community: r.get(4),
                org: r.get(5) })).collect(),
            organisations: organisations.iter().map(|r| (r.get(0), (r.get(1), r.get(2)))).collect(),
            roles: roles.iter().map(|r| (r.get(0), r.get(1))).collect(),
            steps: steps.iter().map(|r| (r.get(0), (r.get(1), r.get(2)))).collect(),
            open_tickets: open_tickets.iter().map(|r| r.get(0)).collect(),
            case_offers,
            case_asks,
            ticket_asks,
            case_moves: moves(case_moves),
            ticket_moves: moves(ticket_moves),
            shown: shown.iter().map(|r| (r.get(0), r.get(1))).collect(),
            relations: relations.iter().map(|r| (r.get(0), r.get(1))).collect(),
            decides: decides.iter().map(|r| (r.get(0), r.get(1))).collect(),
            days: days.iter().map(|r| (r.get(0), r.get(1))).collect(),
            policies: policies.iter().map(|r| (r.get(0), Policy(json(r, 1)))).collect(),
            tenant: tenant.clone(),
        }
    }

    pub fn below(&self, codes: &[String]) -> Vec<String> {
        self.areas.iter().filter(|(_, a)| a.path.iter().any(|p| codes.contains(p))).map(|(code, _)| code.clone()).collect()
    }

    /// Working days are counted as 24 hours each, on working days only.
    pub fn add_working_time(&self, from: Moment, mut left: i64) -> Moment {
        let start = from.0 + OFFSET;
        let first = start.div_euclid(DAY);
        let mut day = first;
        loop {
            let (y, m, d) = civil(day);
            let weekend = matches!((day + 3).rem_euclid(7), 5 | 6); // day 0 was a Thursday
            let worked = self.days.get(&format!("{y:04}-{m:02}-{d:02}")).copied().unwrap_or(!weekend);
            let opens = start.max(day * DAY);
            let long = (day + 1) * DAY - opens;
            if worked && left <= long {
                return Moment(opens + left - OFFSET);
            } else if worked {
                left -= long;
            }
            day += 1;
        }
    }
}

/// Year, month, day of a day since 1970.
pub fn civil(day: i64) -> (i64, i64, i64) {
    let z = day + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let m = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(m <= 2), m, doy - (153 * mp + 2) / 5 + 1)
}

/// A time as the API writes it.
pub fn iso(at: Moment) -> String {
    let local = at.0 + OFFSET;
    let (y, m, d) = civil(local.div_euclid(DAY));
    let ms = local.rem_euclid(DAY) / 1000;
    format!("{y:04}-{m:02}-{d:02}T{:02}:{:02}:{:02}.{:03}+08:00", ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000)
}
