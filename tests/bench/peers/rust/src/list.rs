//! Reads: one case, and a department's tickets.

use crate::body::is_uuid;
use crate::me::Person;
use crate::pg::{Connection, Text};
use crate::rows::{Case, Item, Lists};
use crate::ticket::ItemView;
use crate::{refused, reply, App, Call, Fail, Reply};
use futures::try_join;
use serde::Serialize;
use tokio_postgres::types::ToSql;

#[derive(Serialize)]
struct Page {
    items: Vec<ItemView>,
    next_cursor: Option<String>,
}

impl App {
    pub async fn person(&self, connection: &Connection, call: &Call) -> Result<Person, Fail> {
        let row = connection.client.query_opt(connection.sql("person"), &[&call.token.tenant, &call.token.subject]).await?;
        Person::read(self, call, row)
    }

    /// The person, the case and what hangs on it: sent together, answered in order.
    pub async fn read_all(&self, connection: &Connection, call: &Call, id: &str) -> Result<(Person, Case, Lists), Fail> {
        let (client, tenant, case) = (&connection.client, &call.token.tenant, Text(id));
        let (who, what): ([&(dyn ToSql + Sync); 2], [&(dyn ToSql + Sync); 2]) = ([tenant, &call.token.subject], [tenant, &case]);
        let (person, row, lists) = try_join!(
            client.query_opt(connection.sql("person"), &who),
            client.query_opt(connection.sql("case"), &what),
            client.query_opt(connection.sql("case_lists"), &what),
        )?;
        let me = Person::read(self, call, person)?;
        let row = row.ok_or_else(|| refused("not_found"))?;
        Ok((me, Case::read(&row, 0), Lists::read(&lists.ok_or_else(|| refused("not_found"))?)))
    }

    pub async fn get_case(&self, call: &Call) -> Result<Reply, Fail> {
        if !is_uuid(&call.id) {
            return Err(refused("not_found"));
        }
        let connection = self.pool.take().await;
        let (me, case, lists) = self.read_all(&connection, call, &call.id).await?;
        drop(connection);
        if !me.sees_case(&self.dict, &case) {
            return Err(refused("not_found"));
        }
        if case.level == "major" || case.plan_request.is_some() {
            return Err(Fail::NotMeasured);
        }
        let view = self.dict.view_case(&me, &case, &lists, call.now);
        Ok(reply(200, &view, Some(view.version)))
    }

    /// What a department's app asks for: its tickets, newest first, or what changed after a cursor of the feed.
    pub async fn list_tickets(&self, call: &Call) -> Result<Reply, Fail> {
        let (mut limit, mut payload) = (20usize, None);
        for (name, value) in call.query.split('&').filter_map(|part| part.split_once('=')) {
            match name {
                "limit" => limit = value.parse().map_err(|_| refused("invalid_parameter"))?,
                "cursor" => payload = Some(self.auth.open_cursor(call, value).ok_or_else(|| refused("cursor_invalid"))?),
                _ => return Err(Fail::NotMeasured),
            }
        }
        let place = match payload.as_ref().map(|p| p.strip_prefix("feed|").and_then(|p| p.split_once('|'))) {
            None => None,
            Some(Some((era, position))) => Some((era, position.parse::<i64>().map_err(|_| refused("cursor_invalid"))?)),
            Some(None) => return Err(Fail::NotMeasured),
        };
        let era = place.map(|(era, _)| era);
        let connection = self.pool.take().await;
        let (client, tenant, many) = (&connection.client, &call.token.tenant, limit as i64 + 1);
        let (who, end): ([&(dyn ToSql + Sync); 2], [&(dyn ToSql + Sync); 2]) = ([tenant, &call.token.subject], [tenant, &era]);
        let (person, end) = try_join!(
            client.query_opt(connection.sql("person"), &who),
            client.query_opt(connection.sql("feed_last"), &end),
        )?;
        let me = Person::read(self, call, person)?;
        let (last, present, upto): (i64, String, Option<i64>) = end.map_or_else(Default::default, |row| (row.get(0), row.get(1), row.get(2)));
        let org = match &me.org {
            Some(org) if me.has("department") && !me.sees_all() && !me.narrowed() => org,
            _ => return Err(Fail::NotMeasured),
        };
        let rows = match place {
            Some((_, position)) if position > upto.unwrap_or(0) => return Err(refused("cursor_reset")),
            Some((_, position)) => client.query(connection.sql("ticket_feed"), &[tenant, org, &position, &many, &present]).await?,
            None => client.query(connection.sql("ticket_list"), &[tenant, org, &many]).await?,
        };
        drop(connection);
        Ok(self.page(call, &me, rows, limit, place.map(|_| format!("feed|{present}|{last}"))))
    }

    fn page(&self, call: &Call, me: &Person, rows: Vec<tokio_postgres::Row>, limit: usize, resting: Option<String>) -> Reply {
        let more = rows.len() > limit;
        let mut next = resting;
        let mut items = Vec::with_capacity(rows.len());
        for row in rows.iter().take(limit) {
            let item = Item::read(row, 0);
            if more {
                next = Some(item.place.clone());
            }
            let (relations, reporter) = (me.to_ticket(&item.facts()), self.dict.item_reporter(me, &item));
            items.push(self.dict.view_item(me, item, &relations, reporter, call.now));
        }
        let next_cursor = next.map(|payload| self.auth.seal_cursor(call, &payload));
        let link = next_cursor.as_ref().map(|cursor| next_link(call, cursor));
        let mut reply = reply(200, &Page { items, next_cursor }, None);
        reply.link = link;
        reply
    }
}

/// The same address with another cursor.
fn next_link(call: &Call, cursor: &str) -> String {
    let mut parts: Vec<&str> = call.query.split('&').filter(|p| !p.is_empty() && !p.starts_with("cursor=")).collect();
    let next = format!("cursor={cursor}");
    parts.push(&next);
    format!("<{}?{}>; rel=\"next\"", call.path, parts.join("&"))
}
