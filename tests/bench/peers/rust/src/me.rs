//! The caller: rights, sight, masks, and what somebody is to a case or ticket.

use crate::dictionary::{Dictionary, Offers};
use crate::rows::Case;
use crate::{refused, App, Call, Fail};
use tokio_postgres::Row;

#[derive(Default)]
pub struct Person {
    pub id: Option<String>, // none: a citizen who has not written yet
    pub name: String,
    pub phone: Option<String>,
    pub roles: Vec<String>,
    pub org: Option<String>,
    pub areas: Vec<String>,
    pub grids: Vec<String>,
    pub communities: Vec<String>, // of the grids
    scope: Option<Vec<String>>,   // none: the token does not narrow
}

pub fn overlap(a: &[String], b: &[String]) -> bool {
    a.iter().any(|one| b.contains(one))
}

fn within(code: &Option<String>, list: &[String]) -> bool {
    code.as_ref().map_or(false, |c| list.contains(c))
}

pub fn both(a: &Option<String>, b: &Option<String>) -> bool {
    a.is_some() && a == b
}

impl Person {
    /// The row of person.sql, within what the token says.
    pub fn read(app: &App, call: &Call, row: Option<Row>) -> Result<Person, Fail> {
        let token = &call.token;
        let mut me = Person::default();
        match row {
            None if token.roles.iter().any(|r| r == "citizen") && token.tenant == app.dict.tenant => me.roles.push("citizen".into()),
            None => return Err(refused("unknown_subject")),
            Some(row) if !row.get::<_, bool>(6) => return Err(refused("subject_inactive")),
            Some(row) => {
                let (known, home): (Vec<String>, Option<String>) = (row.get(3), row.get(4));
                me.id = row.get(0);
                me.name = row.get(1);
                me.phone = row.get(2);
                me.roles = token.roles.iter().filter(|r| known.contains(r)).cloned().collect();
                me.org = if token.org.is_none() || token.org == home { home.clone() } else { None };
                me.place(&app.dict, row.get(5), row.get(7), &home);
            }
        }
        me.scope = token.areas.as_ref().map(|areas| app.dict.below(areas));
        if !overlap(&me.roles, call.roles) {
            return Err(refused("insufficient_role"));
        }
        Ok(me)
    }

    /// Grids held, communities named or those of the organisation; with all below.
    fn place(&mut self, dict: &Dictionary, named: Vec<String>, grids: Vec<String>, home: &Option<String>) {
        let mut held = vec![];
        if self.has("grid_worker") {
            self.communities = grids.iter().filter_map(|g| dict.areas.get(g)?.community.clone()).collect();
            held.extend(grids.iter().cloned());
            self.grids = grids;
        }
        if self.has("community") && !named.is_empty() {
            held.extend(named);
        } else if self.has("community") {
            let own = dict.areas.iter().filter(|(_, a)| a.kind == "community" && both(&a.org, home));
            held.extend(own.map(|(code, _)| code.clone()));
        }
        if !held.is_empty() {
            self.areas = dict.below(&held);
        }
    }

    pub fn has(&self, role: &str) -> bool {
        self.roles.iter().any(|r| r == role)
    }

    pub fn has_any(&self, roles: &[&str]) -> bool {
        self.roles.iter().any(|r| roles.contains(&r.as_str()))
    }

    pub fn is(&self, id: &Option<String>) -> bool {
        both(&self.id, id)
    }

    pub fn in_area(&self, area: &Option<String>) -> bool {
        within(area, &self.areas)
    }

    pub fn narrowed(&self) -> bool {
        self.scope.is_some()
    }

    pub fn in_scope(&self, area: &Option<String>) -> bool {
        self.scope.is_none() || area.is_none() || within(area, self.scope.as_ref().unwrap())
    }

    pub fn sees_all(&self) -> bool {
        self.has_any(&["dispatcher", "leader", "supervisor", "auditor"])
    }

    pub fn sees_staff(&self) -> bool {
        self.has_any(&["grid_worker", "community", "window_clerk", "dispatcher", "leader", "department", "supervisor", "auditor", "admin"])
    }

    pub fn field_sees(&self, dict: &Dictionary, c: &Case) -> bool {
        let grid = self.has("grid_worker");
        (grid || self.has("community")) && (self.in_area(&c.area) || c.area.is_none() && dict.steps[&c.state].1)
            || grid && (self.is(&c.created_by) || self.is(&c.handler) || within(&self.id, &c.workers)
                || c.state == "checking" && within(&c.community, &self.communities))
            || self.has("window_clerk") && c.created_role == "window_clerk" && both(&c.created_org, &self.org)
    }

    pub fn owner_sees(&self, c: &Case) -> bool {
        self.has("citizen") && within(&self.id, &c.reporters) || self.has("client") && self.is(&c.created_by)
    }

    pub fn staff_sees(&self, dict: &Dictionary, c: &Case) -> bool {
        self.in_scope(&c.area)
            && (self.sees_all() || self.field_sees(dict, c) || self.has("department") && within(&self.org, &c.organisations))
    }

    pub fn sees_case(&self, dict: &Dictionary, c: &Case) -> bool {
        self.staff_sees(dict, c) || self.in_scope(&c.area) && self.owner_sees(c)
    }

    pub fn sees_ticket(&self, dict: &Dictionary, organisation: &str, c: &Case) -> bool {
        let own = self.has("department") && self.org.as_deref() == Some(organisation);
        self.in_scope(&c.area) && (self.sees_all() || self.field_sees(dict, c) || own)
    }

    /// all, own or none: which tickets of a case in sight are shown.
    pub fn tickets_seen(&self, dict: &Dictionary, c: &Case) -> &'static str {
        if self.sees_all() || self.field_sees(dict, c) {
            "all"
        } else if self.has("department") {
            "own"
        } else {
            "none"
        }
    }

    pub fn sees_reporter(&self, handler: &Option<String>, area: &Option<String>, private: bool, lead: &Option<String>, open: &[String]) -> bool {
        !self.has("auditor")
            && (self.has_any(&["dispatcher", "leader", "supervisor"]) || self.is(handler) || self.in_area(area)
                || self.has("department") && !private && both(&self.org, lead) && within(&self.org, open))
    }

    fn addresses(&self, c: &Case, role: &str) -> Vec<String> {
        let mut found = vec![format!("person:{}", self.id.as_ref().unwrap()), format!("role:{role}")];
        if let (Some(org), "department") = (&self.org, role) {
            found.push(format!("organisation:{org}"));
        }
        if self.is(&c.handler) {
            found.push("role:handler".into());
        }
        found
    }

    /// Who worked on it does not check it. That nobody else is left is not looked for: a benchmark's street has others.
    fn may_check(&self, c: &Case, role: &str) -> bool {
        match role {
            _ if within(&self.id, &c.workers) => false,
            "community" => self.in_area(&c.area),
            "grid_worker" => within(&c.community, &self.communities) && c.area.is_some() && !within(&c.area, &self.grids),
            _ => role == "supervisor" || role == "leader",
        }
    }

    /// What the caller is to a case: roles, and role:relation.
    pub fn to_case(&self, c: &Case) -> Vec<String> {
        let mut found = self.roles.clone();
        let id = match &self.id {
            Some(id) => id,
            None => return found,
        };
        for (role, areas) in [("grid_worker", &self.grids), ("community", &self.areas)] {
            if !self.has(role) {
                continue;
            }
            if within(&c.area, areas) {
                found.extend([format!("{role}:area"), format!("{role}:reach")]);
            } else if c.area.is_none() {
                found.push(format!("{role}:reach"));
            }
            if self.is(&c.handler) {
                found.push(format!("{role}:handler"));
            }
        }
        if self.has("department") && both(&self.org, &c.lead_org) {
            found.push("department:lead".into());
        }
        if self.has("department") && within(&self.org, &c.open_orgs) {
            found.push("department:open".into());
        }
        if self.has("window_clerk") && c.created_role == "window_clerk" && both(&c.created_org, &self.org) {
            found.push("window_clerk:window".into());
        }
        for role in &self.roles {
            if c.reporters.contains(id) && !c.withdrawn.contains(id) {
                found.push(format!("{role}:reporter"));
            }
            if c.state == "checking" && self.may_check(c, role) {
                found.push(format!("{role}:check"));
            }
            if !c.plan_parties.is_empty() && overlap(&c.plan_parties, &self.addresses(c, role)) {
                found.push(format!("{role}:step"));
            }
            if !c.supervised.is_empty() && overlap(&c.supervised, &self.addresses(c, role)) {
                found.push(format!("{role}:addressee"));
            }
        }
        found
    }

    pub fn to_ticket(&self, t: &TicketFacts) -> Vec<String> {
        let mut found = self.roles.clone();
        if self.has("department") && self.org.as_deref() == Some(t.organisation) {
            found.push("department:own".into());
            if t.role == "lead" && t.reachable {
                found.push("department:caller".into());
            }
            if t.supervised {
                found.push("department:supervised".into());
            }
        }
        if self.id.is_some() && !within(&self.id, t.workers) {
            if self.has("dispatcher") {
                found.push("dispatcher:apart".into());
            }
            if self.has("community") && self.in_area(t.area) {
                found.push("community:apart".into());
            }
        }
        found
    }
}

/// What a list knows of a ticket as well as an action does.
pub struct TicketFacts<'a> {
    pub state: &'a str,
    pub role: &'a str,
    pub organisation: &'a str,
    pub supervised: bool,
    pub workers: &'a [String],
    pub reachable: bool, // its case's reporter
    pub case_state: &'a str,
    pub category: &'a str,
    pub area: &'a Option<String>,
}

/// Kinds of request that whoever stands in these relations may ask for now.
pub fn askable(asks: &Offers, state: &str, relations: &[String]) -> Vec<String> {
    let asks = asks.get(state).map_or(&[][..], |o| o.as_slice());
    asks.iter().filter(|(_, who)| overlap(who, relations)).map(|(kind, _)| kind.clone()).collect()
}

impl Dictionary {
    pub fn case_actions(&self, c: &Case, relations: &[String]) -> Vec<String> {
        let offers = self.case_offers.get(&c.state).map_or(&[][..], |o| o.as_slice());
        let allowed = offers.iter().filter(|(action, who)| overlap(who, relations) && (action != "plan" || c.level == "major"));
        allowed.map(|(action, _)| action.clone()).collect()
    }

    pub fn ticket_actions(&self, t: &TicketFacts, relations: &[String]) -> Vec<String> {
        let moves = self.ticket_moves.get(t.state).map_or(&[][..], |m| m.as_slice());
        let allowed = moves.iter().filter(|m| {
            m.offered && overlap(&m.who, relations) && (m.variant != "remote" || !self.categories[t.category].on_scene)
                && (m.action != "recall" || t.case_state != "suspended" || t.role == "assist")
        });
        allowed.map(|m| m.action.clone()).collect()
    }

    /// The role in which somebody who may, does; else why none of those who may is the caller.
    pub fn acting_role(&self, me: &Person, who: &[String], relations: &[String], near: bool) -> Result<String, Fail> {
        if let Some(may) = who.iter().find(|w| relations.contains(w)) {
            return Ok(may.split(':').next().unwrap().to_owned());
        }
        for w in who {
            let (role, relation) = w.split_once(':').unwrap_or((w, ""));
            if !me.has(role) {
                continue;
            }
            if !near && matches!(w.as_str(), "community:check" | "grid_worker:check" | "community:apart") {
                return Err(refused("not_in_area"));
            }
            if let Some(code) = self.relations.get(relation) {
                return Err(refused(code));
            }
        }
        Err(refused("insufficient_role"))
    }
}

pub fn mask_name(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or(String::new(), |first| std::iter::once(first).chain(letters.map(|_| '*')).collect())
}

pub fn mask_phone(phone: &str) -> String {
    let n = phone.len();
    if n >= 9 {
        format!("{}{}{}", &phone[..3], "*".repeat(n - 7), &phone[n - 4..])
    } else {
        format!("{}{}", "*".repeat(n.saturating_sub(2)), &phone[n - (n / 2).min(2)..])
    }
}
