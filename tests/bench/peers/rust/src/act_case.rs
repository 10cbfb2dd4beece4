//! Actions on a case: read and lock, check, change in memory, write.

use crate::body::{self, is_uuid, point, text, Object};
use crate::clocks::{settle_ticket, ticket_due, TicketTimes};
use crate::dictionary::{iso, Move};
use crate::me::{both, Person};
use crate::pg::{Connection, Moment, Text};
use crate::rows::{Brief, Case, Lists, Rating, Reporter};
use crate::work::{find, fresh, guarded, Id, Work};
use crate::{at, new_id, refused, reply, values, App, Call, Fail, Reply};
use futures::{join, try_join};
use serde_json::{json, Value};
use tokio_postgres::types::ToSql;

impl App {
    pub async fn act_on_case(&self, call: &Call, operation: &str) -> Result<Reply, Fail> {
        let body = body::read(call, &self.dict.contract.bodies[operation])?;
        if call.if_match.is_none() {
            return Err(refused("precondition_required"));
        }
        if !is_uuid(&call.id) {
            return Err(refused("not_found"));
        }
        let connection = self.pool.take().await;
        let (begun, opened) = join!(connection.client.batch_execute("BEGIN"), self.open(&connection, call, &call.id, body));
        begun?;
        let done = match opened {
            Ok((me, work)) => self.case_action(&connection, call, operation, me, work).await,
            Err(fail) => Err(fail),
        };
        crate::end(&connection, done).await
    }

    /// The person, the case locked, and what hangs on it.
    pub async fn open<'a>(&'a self, connection: &Connection, call: &'a Call, case: &str, body: Object) -> Result<(Person, Work<'a>), Fail> {
        let (client, tenant, case) = (&connection.client, &call.token.tenant, Text(case));
        let (who, what): ([&(dyn ToSql + Sync); 2], [&(dyn ToSql + Sync); 2]) = ([tenant, &call.token.subject], [tenant, &case]);
        let (person, row, lists) = try_join!(
            client.query_opt(connection.sql("person"), &who),
            client.query_opt(connection.sql("case_lock"), &what),
            client.query_opt(connection.sql("case_lists"), &what),
        )?;
        let me = Person::read(self, call, person)?;
        let row = Case::read(&row.ok_or_else(|| refused("not_found"))?, 0);
        let lists = Lists::read(&lists.ok_or_else(|| refused("not_found"))?);
        if !self.dict.policies.contains_key(&row.policy_version) || row.level == "major" || row.plan_request.is_some() || !lists.requests.is_empty() {
            return Err(Fail::NotMeasured);
        }
        Ok((me, Work::new(self, call, row, lists, body)))
    }

    async fn case_action(&self, connection: &Connection, call: &Call, operation: &str, me: Person, mut work: Work<'_>) -> Result<Reply, Fail> {
        if self.take_key(connection, call, operation, &call.id).await?.is_some() {
            return Err(Fail::NotMeasured);
        }
        if !me.sees_case(&self.dict, &work.case) {
            return Err(refused("not_found"));
        }
        fresh(call, work.case.version)?;
        self.check_case(connection, &me, &mut work).await?;
        match call.action.as_str() {
            "accept" => work.accept(&me),
            "register" => work.register(&me)?,
            "whistle" => work.whistle(&me)?,
            "check" => work.pass(&me)?,
            "rate" => work.rate(&me)?,
            _ => return Err(Fail::NotMeasured),
        }
        work.write(connection).await?;
        let view = self.dict.view_case(&me, &work.case, &work.lists, call.now);
        Ok(reply(200, &view, Some(view.version)))
    }

    /// State, world, person, row, in this order.
    async fn check_case(&self, connection: &Connection, me: &Person, w: &mut Work<'_>) -> Result<(), Fail> {
        let action = w.call.action.as_str();
        let variant = match action {
            "whistle" => text(&w.body, "kind").unwrap(),
            "check" => if w.body["pass"] == true { "pass".into() } else { "fail".into() },
            _ => String::new(),
        };
        if variant == "emergency" || variant == "fail" {
            return Err(Fail::NotMeasured);
        }
        let m = find(self.dict.case_moves.get(&w.case.state), action, &variant).ok_or_else(|| w.wrong_state(me))?;
        let is_reporter = me.id.as_ref().map_or(false, |id| w.case.reporters.contains(id));
        if action == "rate" && is_reporter && w.rater(me).is_none() {
            return Err(refused("already_done"));
        }
        let lead_open = w.lists.tickets.iter().any(|t| w.case.lead_ticket.as_ref() == Some(&t.id) && self.dict.open_tickets.contains(&t.state));
        if guarded(m, "lead_free") && w.leads() > 0 && lead_open {
            return Err(refused("lead_not_closed"));
        }
        let worked = me.id.as_ref().map_or(false, |id| w.case.workers.contains(id));
        let neighbour = w.case.community.as_ref().map_or(false, |c| me.communities.contains(c));
        let near = me.has("community") && me.in_area(&w.case.area) || worked
            || neighbour && !w.case.area.as_ref().map_or(false, |a| me.grids.contains(a));
        w.role = self.dict.acting_role(me, &m.who, &me.to_case(&w.case), near)?;
        if guarded(m, "level_allowed") && w.role != "dispatcher" && w.body["level"] != "ordinary" {
            return Err(refused("level_not_allowed"));
        }
        self.check_row(connection, w, m).await
    }

    async fn check_row(&self, connection: &Connection, w: &Work<'_>, m: &Move) -> Result<(), Fail> {
        if let Some(code) = text(&w.body, "category") {
            if !self.dict.categories.get(&code).map_or(false, |k| k.active || code == w.case.category) {
                return Err(at("unknown_reference", "/category"));
            }
        }
        if w.body.get("attachments").and_then(Value::as_array).map_or(false, |a| !a.is_empty()) {
            return Err(Fail::NotMeasured);
        }
        if guarded(m, "lead_named") && (w.leads() > 1 || w.leads() == 0 && w.case.lead_ticket.is_none()) {
            return Err(at("lead_not_named", "/tickets"));
        }
        let unknown = |t: &Object| !self.dict.organisations.get(t["organisation"].as_str().unwrap()).map_or(false, |o| o.1);
        if let Some(i) = w.tickets().iter().position(unknown).filter(|_| guarded(m, "organisations_known")) {
            return Err(at("unknown_reference", format!("/tickets/{i}/organisation")));
        }
        if !guarded(m, "check_near") || !self.dict.categories[&w.case.category].on_scene || w.case.lon.is_none() {
            return Ok(());
        }
        let p = point(&w.body, "point")?.ok_or_else(|| at("required", "/point"))?;
        let values: [&(dyn ToSql + Sync); 4] = [&self.dict.tenant, &Text(&w.case.id), &p.lon, &p.lat];
        let metres: f64 = connection.client.query_one(connection.sql("distance"), &values).await?.get(0);
        let reach = w.policy.number("check_metres") + p.accuracy.unwrap_or(0.0).min(w.policy.number("check_accuracy_metres"));
        if metres > reach { Err(at("too_far", "/point")) } else { Ok(()) }
    }
}

impl Work<'_> {
    fn accept(&mut self, me: &Person) {
        if self.case.first_contact.is_none() {
            self.case.first_contact = me.id.clone();
            self.case.contact_name = Some(me.name.clone());
            self.case.contact_role = Some(self.role.clone());
            self.case.contact_org = me.org.clone();
        }
        let (role, note) = (self.role.clone(), text(&self.body, "note"));
        self.case_to(me, "accept", &role, "accepted", note, json!({}));
    }

    fn register(&mut self, me: &Person) -> Result<(), Fail> {
        let level = text(&self.body, "level").unwrap();
        if level == "major" || self.case.resolve_cause == "reopen" || self.case.resolve_cause == "delay" {
            return Err(Fail::NotMeasured);
        }
        let (now, tenant, role) = (self.call.now, self.call.token.tenant.clone(), self.role.clone());
        self.case.level = level.clone();
        self.case.registered_at = Some(now);
        if let Some(code) = text(&self.body, "category") {
            self.case.category = code;
        }
        let (data, note) = (json!({"level": level, "category": self.case.category}), text(&self.body, "note"));
        self.case_to(me, "register", &role, "registered", note, data);
        let due = Some(Moment(self.case.round_started_at.0 + self.policy.minutes(&format!("{level}_minutes"))));
        if self.case.resolve_due_at != due {
            self.writes.push(("due_insert", values![tenant, Id(Some(self.case.id.clone())), Id(Some(new_id())), self.case.resolve_due_at, due,
                "register", now, Id(me.id.clone()), role]));
        }
        self.case.resolve_due_at = due;
        Ok(())
    }

    fn whistle(&mut self, me: &Person) -> Result<(), Fail> {
        if self.leads() > 0 && self.case.lead_ticket.is_some() {
            return Err(Fail::NotMeasured); // a new lead in place of a closed one
        }
        let (whistle, role, reason) = (new_id(), self.role.clone(), text(&self.body, "reason"));
        let to = match self.case.state.as_str() {
            "whistled" | "handling" => "=",
            _ if self.case.signed_round == self.case.round => "handling",
            _ => "whistled",
        };
        self.case.handler = None;
        let data = json!({"kind": "everyday", "tickets": self.body["tickets"]});
        self.case_to(me, "whistle", &role, to, reason.clone(), data);
        self.writes.push(("whistle_insert", values![self.call.token.tenant.clone(), Id(Some(whistle.clone())), Id(Some(self.case.id.clone())),
            "everyday", self.case.round, reason, self.call.now, Id(me.id.clone()), role]));
        for wanted in self.tickets() {
            self.issue(me, &whistle, &wanted);
        }
        self.count();
        Ok(())
    }

    fn issue(&mut self, me: &Person, whistle: &str, wanted: &Object) {
        let (now, role, ticket) = (self.call.now, self.role.clone(), new_id());
        let (kind, organisation, task) = (text(wanted, "role").unwrap(), text(wanted, "organisation").unwrap(), text(wanted, "task").unwrap());
        let due = |clock: &str| ticket_due(&self.app.dict, &self.case, self.policy, clock, now);
        let called = kind == "lead" && self.case.contactable && !self.case.anonymous;
        let contact = if called { due("contact") } else { None };
        let (sign, report, finish) = (due("sign"), due("report"), due("finish"));
        let times = TicketTimes { state: "issued", issued_at: now, sign: (sign, None), contact: (contact, None, false), report: (report, None, None),
            finish: (finish, Some(now)) };
        let (overdue_at, next_at) = settle_ticket(&times, &[], self.policy);
        self.case.tickets_issued += 1;
        self.writes.push(("ticket_insert", values![self.call.token.tenant.clone(), Id(Some(ticket.clone())), Id(Some(self.case.id.clone())),
            self.case.tickets_issued, Id(Some(whistle.into())), "everyday", kind.clone(), organisation.clone(), task.clone(), self.case.round, now,
            Id(me.id.clone()), role.clone(), sign, contact, report, finish, overdue_at, next_at]));
        let data = json!({"kind": "everyday", "role": kind, "organisation": organisation});
        self.happened(me, "issue", &role, "staff", None, "issued", None, Some(ticket.clone()), data);
        self.lists.tickets.push(Brief { id: ticket, n: self.case.tickets_issued, role: kind, organisation, state: "issued".into(),
            kind: "everyday".into(), task, closed_round: None, sign_due_at: sign.map(iso), finish_due_at: finish.map(iso), overdue: false,
            result: None, reply: None, submitted_at: None, clock_next_at: next_at });
    }

    fn pass(&mut self, me: &Person) -> Result<(), Fail> {
        let (now, role, reason) = (self.call.now, self.role.clone(), text(&self.body, "reason"));
        let p = point(&self.body, "point")?;
        let (lon, lat, accuracy) = p.map_or((None, None, None), |p| (Some(p.lon), Some(p.lat), p.accuracy));
        self.writes.push(("check_insert", values![self.call.token.tenant.clone(), Id(Some(self.case.id.clone())), Id(Some(new_id())),
            self.case.round, reason.clone(), now, Id(me.id.clone()), role.clone(), lon, lat, accuracy]));
        self.case.state_before = None;
        let can_be_asked = |r: &Reporter| !r.withdrawn && !r.anonymous && r.contactable && (r.person_id.is_none() || !both(&r.person_id, &self.case.handler));
        if self.lists.reporters.iter().any(can_be_asked) {
            self.case.evaluating_at = Some(now);
            self.case.callback_tries = 0;
            self.case_to(me, "check", &role, "evaluating", reason, json!({"pass": true}));
        } else {
            self.case.evaluating_at = None;
            self.case.closed_at = Some(now);
            self.case.closed_how = Some("unrated".into());
            self.case_to(me, "check", &role, "closed", reason, json!({"pass": true, "closed": "unrated"}));
        }
        Ok(())
    }

    fn rate(&mut self, me: &Person) -> Result<(), Fail> {
        let (solved, satisfied) = (text(&self.body, "solved").unwrap(), self.body["satisfied"].as_f64().unwrap() as i32);
        if solved == "no" || satisfied <= 2 || self.case.state != "evaluating" {
            return Err(Fail::NotMeasured);
        }
        let (now, role, comment) = (self.call.now, self.role.clone(), text(&self.body, "comment"));
        let (n, contacted) = (self.rater(me).unwrap().n, self.body["contacted"] == true);
        self.writes.push(("rating_insert", values![self.call.token.tenant.clone(), Id(Some(self.case.id.clone())), self.case.round, n,
            Id(me.id.clone()), now, contacted, solved.clone(), satisfied, comment.clone()]));
        self.lists.ratings.push(Rating { round: self.case.round, reporter: n, person_id: me.id.clone(), contacted, solved, satisfied,
            comment: comment.clone(), rated_at: iso(now) });
        self.changed = true;
        self.case.closed_at = Some(now);
        self.case.closed_how = Some("rated".into());
        let mut data = self.body.clone();
        data.remove("comment");
        self.case_to(me, "rate", &role, "closed", comment, Value::Object(data));
        Ok(())
    }
}
