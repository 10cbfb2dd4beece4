//! Actions on a ticket; its case is locked before it.

use crate::body::{self, is_uuid, point, text, Object};
use crate::clocks::settle_ticket;
use crate::me::Person;
use crate::pg::{Connection, Text};
use crate::rows::Ticket;
use crate::work::{find, fresh, guarded, Id, Work};
use crate::{at, refused, reply, values, App, Call, Fail, Refusal, Reply};
use futures::{join, try_join};
use serde_json::{json, Value};
use tokio_postgres::types::ToSql;

impl App {
    pub async fn act_on_ticket(&self, call: &Call, operation: &str) -> Result<Reply, Fail> {
        let body = body::read(call, &self.dict.contract.bodies[operation])?;
        if call.if_match.is_none() && call.action != "contact" {
            return Err(refused("precondition_required"));
        }
        if !is_uuid(&call.id) {
            return Err(refused("not_found"));
        }
        let connection = self.pool.take().await;
        let done = self.ticket_transaction(&connection, call, operation, body).await;
        crate::end(&connection, done).await
    }

    /// The case is locked before its ticket, so its id is asked first.
    async fn ticket_transaction(&self, connection: &Connection, call: &Call, operation: &str, body: Object) -> Result<Reply, Fail> {
        let (client, tenant, ticket) = (&connection.client, &call.token.tenant, Text(&call.id));
        let asked: [&(dyn ToSql + Sync); 2] = [tenant, &ticket];
        let (_, case) = try_join!(client.batch_execute("BEGIN"), client.query_opt(connection.sql("ticket_case"), &asked))?;
        let case: String = case.ok_or_else(|| refused("not_found"))?.get(0);
        let locked = async { Ok(client.query_one(connection.sql("ticket_lock"), &asked).await?) };
        let (opened, row) = join!(self.open(connection, call, &case, body), locked);
        let ((me, mut work), row): ((Person, Work), Result<_, Fail>) = (opened?, row);
        work.ticket = Some(Ticket::read(&row?, 0));
        self.ticket_action(connection, call, operation, me, work).await
    }

    async fn ticket_action(&self, connection: &Connection, call: &Call, operation: &str, me: Person, mut work: Work<'_>) -> Result<Reply, Fail> {
        if self.take_key(connection, call, operation, &call.id).await?.is_some() {
            return Err(Fail::NotMeasured);
        }
        let t = work.ticket.as_ref().unwrap();
        if !me.sees_ticket(&self.dict, &t.organisation, &work.case) {
            return Err(refused("not_found"));
        }
        fresh(call, t.version)?;
        self.check_ticket(&me, &mut work)?;
        work.do_ticket(&me)?;
        work.write(connection).await?;
        let view = self.dict.view_ticket(&me, work.ticket.as_ref().unwrap(), &work.case, &work.lists, call.now);
        Ok(reply(200, &view, Some(view.item.version)))
    }

    fn check_ticket(&self, me: &Person, w: &mut Work) -> Result<(), Fail> {
        let (action, category) = (w.call.action.as_str(), &self.dict.categories[&w.case.category]);
        let item = crate::rows::Item::of(w.ticket.as_ref().unwrap(), &w.case);
        let facts = item.facts();
        let moves = self.dict.ticket_moves.get(facts.state);
        let found = find(moves, action, "").or_else(|| find(moves, action, "remote").filter(|_| !category.on_scene));
        let m = match found {
            Some(m) if action != "contact" || facts.role == "lead" && facts.reachable => m,
            _ => return Err(w.wrong_state(me)),
        };
        w.role = self.dict.acting_role(me, &m.who, &me.to_ticket(&facts), me.in_area(&w.case.area))?;
        if w.body.get("attachments").and_then(Value::as_array).map_or(false, |a| !a.is_empty()) {
            return Err(Fail::NotMeasured);
        }
        if guarded(m, "lead_reply") && facts.role == "lead" && text(&w.body, "reply").unwrap_or_default().trim().is_empty() {
            return Err(at("required", "/reply"));
        }
        if guarded(m, "photo") && category.photo {
            return Err(at("photo_missing", "/attachments"));
        }
        if action == "approve" && w.body.get("feedback").map_or(false, |f| !f.is_null()) {
            return self.check_feedback(me, w);
        }
        Ok(())
    }

    /// The feedback that comes with the last approval, looked at as if the ticket were closed already.
    fn check_feedback(&self, me: &Person, w: &Work) -> Result<(), Fail> {
        let m = find(self.dict.case_moves.get(&w.case.state), "feedback", "").ok_or_else(|| {
            let detail = json!({"state": w.case.state, "allowed_actions": self.dict.case_actions(&w.case, &me.to_case(&w.case))});
            Fail::Refused(Refusal { code: "invalid_transition".into(), detail: Some(detail), ..Refusal::default() })
        })?;
        if w.case.tickets_open != 1 {
            return Err(refused("open_tickets"));
        }
        if w.case.lead_ticket.is_none() {
            return Err(refused("lead_not_closed"));
        }
        self.dict.acting_role(me, &m.who, &me.to_case(&w.case), false).map(|_| ())
    }
}

impl Work<'_> {
    fn do_ticket(&mut self, me: &Person) -> Result<(), Fail> {
        let (action, now, note) = (self.call.action.clone(), self.call.now, text(&self.body, "note"));
        let (state, contacted) = { let t = self.ticket.as_ref().unwrap(); (t.state.clone(), t.contacted_at) };
        if action != "approve" {
            let (t, id) = (self.ticket.as_mut().unwrap(), me.id.as_ref().unwrap());
            if !t.workers.contains(id) {
                t.workers.push(id.clone());
            }
            self.worked(me);
        }
        let (result, reply, cause) = (text(&self.body, "result"), text(&self.body, "reply"), text(&self.body, "cause_code"));
        let p = point(&self.body, "point")?;
        let t = self.ticket.as_mut().unwrap();
        let (to, note, data) = match action.as_str() {
            "sign" => {
                t.signed_at = Some(now);
                self.case.signed_round = self.case.round;
                ("signed", note, json!({}))
            }
            "contact" => {
                t.contacted_at = t.contacted_at.or(Some(now));
                ("=", note, json!({}))
            }
            "report_in" => {
                let p = p.unwrap();
                t.reported_in_at = Some(now);
                t.point = Some((p.lon, p.lat, p.accuracy.unwrap()));
                ("reported_in", note, json!({"lon": p.lon, "lat": p.lat, "accuracy": p.accuracy}))
            }
            "start" => {
                t.started_at = t.started_at.or(Some(now));
                ("in_progress", note, json!({}))
            }
            "submit" => {
                t.submitted_at = Some(now);
                t.not_contacted = t.contact_due_at.is_some() && t.contacted_at.is_none();
                t.result = result.clone();
                t.reply = reply.clone();
                t.cause_code = cause.clone();
                ("submitted", result, json!({"reply": reply, "cause_code": cause}))
            }
            _ => {
                t.rating = Some(self.body["rating"].as_f64().unwrap() as i32);
                t.closed_at = Some(now);
                t.closed_round = Some(self.case.round);
                ("closed", note, json!({"rating": t.rating}))
            }
        };
        self.ticket_to(me, &action, to, note, data);
        if action == "sign" {
            self.first_sign(me);
        }
        let t = self.ticket.as_mut().unwrap();
        t.version += i64::from(t.state != state || t.contacted_at != contacted);
        self.write_ticket();
        self.count();
        if let (Some(Value::Object(feedback)), "approve") = (self.body.get("feedback").cloned(), action.as_str()) {
            self.feedback(me, &feedback);
        }
        Ok(())
    }

    /// The first signature of a ticket takes the case to handling.
    fn first_sign(&mut self, me: &Person) {
        if self.case.state != "whistled" {
            return;
        }
        if self.case.first_handler.is_none() && self.case.first_org.is_none() {
            self.case.first_org = self.case.lead_org.clone();
        }
        self.case_to(me, "first_sign", "system", "handling", None, json!({}));
    }

    fn write_ticket(&mut self) {
        let policy = self.policy;
        let t = self.ticket.as_mut().unwrap();
        let (overdue_at, next_at) = settle_ticket(&t.times(), &t.fired, policy);
        t.overdue_at = overdue_at;
        t.clock_next_at = next_at;
        let (lon, lat, accuracy) = t.point.map_or((None, None, None), |p| (Some(p.0), Some(p.1), Some(p.2)));
        self.writes.push(("ticket_update", values![self.call.token.tenant.clone(), Id(Some(t.id.clone())), t.version, t.state.clone(),
            t.state_at.unwrap_or(t.updated_at), t.workers.clone(), t.signed_at, t.contacted_at, t.not_contacted, t.reported_in_at, lon, lat, accuracy,
            t.started_at, t.submitted_at, t.closed_at, t.closed_round, t.result.clone(), t.reply.clone(), t.cause_code.clone(), t.rating,
            t.overdue_at, t.clock_next_at, t.updated_at]));
        if let Some(brief) = self.lists.tickets.iter_mut().find(|b| b.id == t.id) {
            brief.state = t.state.clone();
            brief.submitted_at = t.submitted_at;
            brief.closed_round = t.closed_round;
            brief.clock_next_at = t.clock_next_at;
            brief.result = t.result.clone();
            brief.reply = t.reply.clone();
        }
    }

    /// 办结反馈: the latest submission among the tickets closed in this round is when the work was done.
    fn feedback(&mut self, me: &Person, body: &Object) {
        let (round, role) = (self.case.round, self.role.clone());
        let closed = self.lists.tickets.iter().filter(|t| t.state == "closed" && t.closed_round == Some(round));
        let done = closed.filter_map(|t| t.submitted_at).max().unwrap_or(self.call.now);
        if let Some(lead) = self.lists.tickets.iter().find(|t| self.case.lead_ticket.as_ref() == Some(&t.id)) {
            self.case.result = lead.result.clone();
            self.case.reply = text(body, "reply").or_else(|| lead.reply.clone());
        }
        self.case.resolved_at = Some(done);
        self.case.state_before = Some("handling".into());
        let (reply, note) = (self.case.reply.clone(), text(body, "note"));
        self.case_to(me, "feedback", &role, "checking", reply, json!({ "note": note }));
    }
}
