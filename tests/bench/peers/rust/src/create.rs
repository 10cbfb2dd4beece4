//! Intake.

use crate::work::Work;
use crate::body::{self, text, Object};
use crate::clocks::settle_case;
use crate::dictionary::{iso, Category};
use crate::me::Person;
use crate::pg::{text as opt, Connection, Moment, Text};
use crate::rows::{Case, Lists, RawText, Reporter};
use crate::view::Duplicates;
use crate::{at, new_id, refused, reply, App, Call, Fail, Reply};
use futures::{join, try_join};
use serde_json::{json, Value};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use tokio_postgres::types::ToSql;
use unicode_normalization::UnicodeNormalization;

/// Fields whose work is not in the benchmark.
const UNMEASURED: [&str; 7] = ["register", "start_source", "arrived", "external_ref", "attachments", "place_id", "area"];
const WHO: [&str; 6] = ["dispatcher", "community", "grid_worker", "window_clerk", "client", "citizen"];

impl App {
    pub async fn create_case(&self, call: &Call) -> Result<Reply, Fail> {
        let body = body::read(call, &self.dict.contract.bodies["cases.create"])?;
        let connection = self.pool.take().await;
        let (begun, me) = join!(connection.client.batch_execute("BEGIN"), self.person(&connection, call));
        begun?;
        let done = match me {
            Ok(me) => self.create(&connection, call, me, body).await,
            Err(fail) => Err(fail),
        };
        crate::end(&connection, done).await
    }

    async fn create(&self, connection: &Connection, call: &Call, mut me: Person, body: Object) -> Result<Reply, Fail> {
        let id = new_id();
        if let Some(done) = self.take_key(connection, call, "cases.create", &id).await? {
            return self.replay(connection, call, &done).await;
        }
        let mut work = self.drafted(connection, call, &me, &id, body).await?;
        if me.id.is_none() {
            let person = new_id();
            connection.client.execute(connection.sql("person_insert"), &[&call.token.tenant, &Text(&person), &call.token.subject]).await?;
            me.id = Some(person);
        }
        work.case.created_by = me.id.clone();
        if work.role == "citizen" {
            work.case.reporters = vec![me.id.clone().unwrap()];
        }
        let ids = self.insert_case(connection, call, &me, &mut work).await?;
        let mut view = self.dict.view_case(&me, &work.case, &work.lists, call.now);
        view.duplicates = Some(Duplicates { count: ids.len(), ids: me.sees_staff().then(|| ids) });
        let mut reply = reply(201, &view, Some(view.version));
        reply.location = Some(format!("/v1/cases/{id}"));
        Ok(reply)
    }

    /// Writes the key first: who comes second with the same key waits here for the first, and finds what it did.
    pub async fn take_key(&self, connection: &Connection, call: &Call, operation: &str, object: &str) -> Result<Option<String>, Fail> {
        let key = match call.key.as_deref().map(|k| k.trim_matches('"')) {
            Some(key) if !key.is_empty() => key,
            _ => return Ok(None),
        };
        let mut digest = Sha256::new();
        for part in [call.method.as_str(), &call.path, call.if_match.as_deref().unwrap_or("")] {
            digest.update(part);
            digest.update([0]);
        }
        digest.update(&call.raw);
        let fingerprint: String = digest.finalize().iter().map(|b| format!("{b:02x}")).collect();
        let (client, tenant, subject) = (&connection.client, &call.token.tenant, &call.token.subject);
        let new = client
            .query_opt(connection.sql("key_insert"), &[tenant, subject, &operation, &key, &fingerprint, &Text(object)])
            .await?;
        if new.is_some() {
            return Ok(None);
        }
        let row = client.query_one(connection.sql("key_find"), &[tenant, subject, &operation, &key]).await?;
        if row.get::<_, String>(0) != fingerprint {
            return Err(refused("idempotency_key_reused"));
        }
        Ok(Some(row.get(1)))
    }

    /// Done before under this key: the object as it is now.
    async fn replay(&self, connection: &Connection, call: &Call, id: &str) -> Result<Reply, Fail> {
        let (me, case, lists) = self.read_all(connection, call, id).await?;
        if !me.sees_case(&self.dict, &case) {
            return Err(refused("not_found"));
        }
        let view = self.dict.view_case(&me, &case, &lists, call.now);
        let mut reply = reply(201, &view, Some(view.version));
        reply.location = Some(format!("/v1/cases/{id}"));
        reply.replayed = true;
        Ok(reply)
    }

    /// The case as intake would have it, or why it may not be.
    async fn drafted<'a>(&'a self, connection: &Connection, call: &'a Call, me: &Person, id: &str, body: Object) -> Result<Work<'a>, Fail> {
        let given = |name: &&str| body.get(*name).map_or(false, |v| !v.is_null() && v != false);
        if UNMEASURED.iter().any(|name| given(name)) {
            return Err(Fail::NotMeasured);
        }
        let role = WHO.iter().find(|role| me.has(role)).copied().unwrap_or("citizen");
        let code = text(&body, "category").unwrap();
        let category = self.dict.categories.get(&code).filter(|k| k.active).ok_or_else(|| at("unknown_reference", "/category"))?;
        let mut case = empty_case(id, call.now);
        case.kind = text(&body, "kind").unwrap();
        case.category = code;
        case.title = text(&body, "title");
        case.description = text(&body, "description").unwrap();
        case.proposed_level = text(&body, "level");
        case.created_role = role.into();
        case.created_org = me.org.clone();
        case.policy_version = *self.dict.policies.keys().last().unwrap();
        case.tags = tags(&body);
        self.place(connection, &mut case, &body).await?;
        answer(&body, category)?;
        let source = match role {
            "citizen" => "resident_app",
            "grid_worker" => "patrol",
            "window_clerk" => "window",
            _ => "other",
        };
        case.source = text(&body, "source").unwrap_or_else(|| source.into());
        if body.contains_key("claimed_at") {
            return Err(Fail::NotMeasured);
        }
        if role != "citizen" && role != "client" {
            case.first_contact = me.id.clone();
            case.contact_name = Some(me.name.clone());
            case.contact_role = Some(role.into());
            case.contact_org = me.org.clone();
        }
        let mut work = Work::new(self, call, case, Lists { refs: "[]".into(), ..Lists::default() }, body);
        work.role = role.into();
        reporter(&mut work, me);
        work.case.resolve_due_at = Some(Moment(call.now.0 + work.policy.minutes("ordinary_minutes")));
        work.case.arrive_due_at = category.on_scene.then(|| Moment(call.now.0 + work.policy.minutes("arrive_minutes")));
        settle_case(&mut work.case, work.policy);
        Ok(work)
    }

    async fn place(&self, connection: &Connection, case: &mut Case, body: &Object) -> Result<(), Fail> {
        let point = body::point(body, "location")?;
        let of_map = body.get("location").and_then(Value::as_object).and_then(|l| text(l, "address"));
        case.address = text(body, "address").or(of_map);
        match point {
            None if case.address.is_none() => Err(at("place_missing", "/location")),
            None => Ok(()),
            Some(p) => {
                case.lon = Some(p.lon);
                case.lat = Some(p.lat);
                let grid = connection.client.query_opt(connection.sql("grid"), &[&self.dict.tenant, &p.lon, &p.lat]).await?;
                case.area = grid.as_ref().map(|row| row.get(0));
                case.community = grid.and_then(|row| row.get(1));
                Ok(())
            }
        }
    }

    /// The row and what hangs on it, sent together; with the ids of what may be the same.
    async fn insert_case(&self, connection: &Connection, call: &Call, me: &Person, work: &mut Work<'_>) -> Result<Vec<String>, Fail> {
        let (client, tenant) = (&connection.client, &call.token.tenant);
        let data = json!({"source": work.case.source, "category": work.case.category, "proposed_level": work.case.proposed_level});
        let role = work.role.clone();
        work.happened(me, "create", &role, "public", None, "received", None, None, data);
        if let (Some(first), id) = (work.lists.reporters.first_mut(), work.case.reporters.first()) {
            first.person_id = id.cloned();
        }
        let c = &work.case;
        let (id, since) = (Text(&c.id), Moment(call.now.0 - work.policy.days("duplicate_days")));
        let number = format!("{}{}-", self.dict.prefix, iso(Moment(call.now.0))[..10].replace('-', ""));
        let grams = grams(&[c.title.as_deref(), Some(&c.description), c.address.as_deref()]);
        let (person, created, contact) = (c.reporters.first().map(|p| Text(p)), opt(&c.created_by), opt(&c.first_contact));
        let answers = Text(&c.answers.0);
        let metres = work.policy.number("duplicate_metres");
        let (events, outbox) = work.event_rows(1, &[]);
        let row: [&(dyn ToSql + Sync); 33] = [
            tenant, &id, &number, &c.kind, &c.category, &c.title, &c.description, &c.proposed_level, &c.source, &c.tags, &answers,
            &c.lon, &c.lat, &c.address, &c.area, &c.community, &created, &c.created_role, &c.created_org, &c.reporter_name, &c.reporter_phone,
            &c.anonymous, &c.private, &c.contactable, &c.reporters, &contact, &c.policy_version, &c.claimed_at, &c.received_at,
            &c.arrive_due_at, &c.resolve_due_at, &c.overdue_at, &c.clock_next_at];
        let inserted = client.query_one(connection.sql("case_insert"), &row);
        let texts: [&(dyn ToSql + Sync); 3] = [tenant, &id, &grams];
        let texts = client.execute(connection.sql("text_insert"), &texts);
        let reported = async {
            match work.lists.reporters.first() {
                Some(r) => client.execute(connection.sql("reporter_insert"), &[tenant, &id, &person, &r.name, &r.phone, &r.anonymous,
                    &r.private, &r.contactable, &call.now]).await,
                None => Ok(0),
            }
        };
        let near = async {
            match (c.lon, c.lat) {
                (Some(lon), Some(lat)) => client.query(connection.sql("duplicates"), &[tenant, &id, &c.category, &lon, &lat, &metres, &since]).await,
                _ => Ok(vec![]),
            }
        };
        let (row, _, _, _, _, found) = try_join!(inserted, texts, reported, events.insert(connection), outbox.insert(connection), near)?;
        work.case.number = row.get(0);
        Ok(found.iter().map(|row| row.get(0)).collect())
    }
}

fn empty_case(id: &str, now: Moment) -> Case {
    Case {
        id: id.into(), version: 1, number: String::new(), state: "received".into(), kind: String::new(), category: String::new(), title: None,
        description: String::new(), level: "ordinary".into(), proposed_level: None, registered_at: None, source: String::new(), tags: vec![],
        answers: RawText("{}".into()), lon: None, lat: None, address: None, place_id: None, area: None, community: None, created_by: None,
        created_role: String::new(), created_org: None, reporter_name: None, reporter_phone: None, anonymous: false, private: false,
        contactable: false, reporters: vec![], withdrawn: vec![], handler: None, first_contact: None, first_handler: None, first_org: None,
        workers: vec![], lead_ticket: None, lead_org: None, organisations: vec![], open_orgs: vec![], tickets_issued: 0, tickets_open: 0,
        tickets_unsubmitted: 0, policy_version: 0, claimed_at: None, received_at: now, round: 1, round_started_at: now, round_suspended: 0.0,
        arrive_due_at: None, arrived_at: None, resolve_due_at: None, resolve_cause: "level".into(), resolved_at: None, plan_started_at: None,
        plan_due_at: None, planned_at: None, plan_request: None, plan_parties: vec![], fired: vec![], overdue_at: None, clock_next_at: None, state_at: now,
        state_before: None, signed_round: 0, never_sampled: false, result: None, reply: None, reject_code: None, reject_basis: None,
        reject_reason: None, merged_into: None, review_date: None, evaluating_at: None, closed_at: None, closed_how: None, rework_count: 0,
        urge_count: 0, callback_tries: 0, supervised: vec![], event_seq: 0, updated_at: now, handler_name: None, handler_role: None,
        handler_org: None, contact_name: None, contact_role: None, contact_org: None, first_name: None, first_role: None, first_home: None,
    }
}

fn tags(body: &Object) -> Vec<String> {
    let list = body.get("tags").and_then(Value::as_array);
    let mut found: Vec<String> = list.into_iter().flatten().map(|t| t.as_str().unwrap().to_owned()).collect();
    found.sort();
    found.dedup();
    found
}

fn answer(body: &Object, category: &Category) -> Result<(), Fail> {
    if body.get("answers").and_then(Value::as_object).map_or(false, |a| !a.is_empty()) {
        return Err(Fail::NotMeasured);
    }
    category.required.first().map_or(Ok(()), |code| Err(at("required", format!("/answers/{code}"))))
}

/// A citizen reports for themselves; staff who name nobody found it themselves.
fn reporter(work: &mut Work, me: &Person) {
    let given = work.body.get("reporter").and_then(Value::as_object).cloned();
    let there = given.is_some();
    let given = given.unwrap_or_default();
    let citizen = work.role == "citizen";
    let yes = |name: &str, otherwise: bool| given.get(name).and_then(Value::as_bool).unwrap_or(otherwise);
    let own = |value: &str| (citizen && !value.is_empty()).then(|| value.to_owned());
    let c = &mut work.case;
    c.reporter_name = text(&given, "name").or_else(|| own(&me.name));
    c.reporter_phone = text(&given, "phone").or_else(|| own(me.phone.as_deref().unwrap_or("")));
    c.anonymous = yes("anonymous", false);
    c.private = yes("private", false);
    c.contactable = yes("contactable", !c.anonymous && (citizen || c.reporter_phone.is_some()));
    if citizen || there {
        work.lists.reporters.push(Reporter { n: 1, person_id: None, name: c.reporter_name.clone(), phone: c.reporter_phone.clone(),
            anonymous: c.anonymous, private: c.private, contactable: c.contactable, withdrawn: false });
    }
}

fn is_gap(c: char) -> bool {
    c.is_ascii_punctuation() || c.is_whitespace() || ('\u{2000}'..='\u{206f}').contains(&c) || ('\u{3000}'..='\u{303f}').contains(&c)
}

/// What a text is found by: pairs of neighbouring characters, and single ones of Chinese.
fn grams(parts: &[Option<&str>]) -> Vec<String> {
    let whole: Vec<&str> = parts.iter().flatten().copied().collect();
    let folded = whole.join("\n").nfkc().collect::<String>().to_lowercase();
    let mut found = HashSet::new();
    for word in folded.split(is_gap) {
        let letters: Vec<char> = word.chars().collect();
        for (i, letter) in letters.iter().enumerate() {
            if *letter >= '\u{4e00}' {
                found.insert(letter.to_string());
            }
            if let Some(next) = letters.get(i + 1) {
                found.insert([*letter, *next].iter().collect());
            }
        }
    }
    found.into_iter().collect()
}

