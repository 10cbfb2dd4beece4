//! The Rust peer: hyper, tokio-postgres. Serves the operations that tests/bench measures, with whistled's replies and effects.

#[macro_use]
mod work;

mod act_case;
mod act_ticket;
mod auth;
mod body;
mod clocks;
mod create;
mod dictionary;
mod list;
mod me;
mod pg;
mod rows;
mod ticket;
mod view;

use hyper::service::{make_service_fn, service_fn};
use hyper::{header, Body, Method, Request, Response, Server, StatusCode};
use pg::{Connection, Moment};
use serde::Serialize;
use serde_json::{json, Value};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Why there is no good reply.
pub enum Fail {
    Refused(Refusal),
    NotMeasured,
    Database(tokio_postgres::Error),
}

#[derive(Default)]
pub struct Refusal {
    pub code: String,
    pub pointer: Option<String>,
    pub detail: Option<Value>,
    pub faults: Vec<(String, &'static str)>,
}

pub fn refused(code: &str) -> Fail {
    Fail::Refused(Refusal { code: code.into(), ..Refusal::default() })
}

pub fn at(code: &str, pointer: impl Into<String>) -> Fail {
    Fail::Refused(Refusal { code: code.into(), pointer: Some(pointer.into()), ..Refusal::default() })
}

/// One request on its way.
pub struct Call {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub id: String,
    pub action: String,
    pub roles: &'static [String],
    pub token: Arc<auth::Token>,
    pub if_match: Option<String>,
    pub key: Option<String>,
    pub content_type: String,
    pub raw: Vec<u8>,
    pub now: Moment,
}

pub struct Reply {
    status: u16,
    body: Vec<u8>,
    version: Option<i64>,
    location: Option<String>,
    link: Option<String>,
    replayed: bool,
}

pub fn reply(status: u16, body: &impl Serialize, version: Option<i64>) -> Reply {
    Reply { status, body: serde_json::to_vec(body).unwrap(), version, location: None, link: None, replayed: false }
}

pub struct App {
    pub pool: pg::Pool,
    pub dict: dictionary::Dictionary,
    pub auth: auth::Auth,
}

pub fn now() -> Moment {
    Moment(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as i64)
}

/// UUIDv7.
pub fn new_id() -> String {
    let mut random = [0u8; 16];
    getrandom::getrandom(&mut random).unwrap();
    let ms = (now().0 / 1000) as u128;
    let bits = ms << 80 | u128::from_be_bytes(random) & ((1 << 80) - 1);
    let bits = bits & !(0xf << 76) | 7 << 76;
    let bits = bits & !(3 << 62) | 2 << 62;
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn wanted<'a>(app: &'static App, method: &Method, parts: &[&'a str]) -> Option<(String, &'static [String])> {
    let operation = match (method, parts) {
        (&Method::POST, ["v1", "cases"]) => "cases.create".to_owned(),
        (&Method::GET, ["v1", "cases", _]) => "cases.get".to_owned(),
        (&Method::GET, ["v1", "tickets"]) => "tickets.list".to_owned(),
        (&Method::POST, ["v1", kind, _, action]) => format!("{kind}.{}", action.replace('-', "_")),
        _ => return None,
    };
    app.dict.contract.roles.get(&operation).map(|roles| (operation, roles.as_slice()))
}

async fn serve(app: &'static App, request: Request<Body>) -> Result<Response<Body>, Infallible> {
    if request.uri().path() == "/readyz" {
        return Ok(Response::new(Body::empty()));
    }
    let (head, body) = request.into_parts();
    let field = |name| head.headers.get(name).and_then(|v: &header::HeaderValue| v.to_str().ok()).map(str::to_owned);
    let request_id = field(header::HeaderName::from_static("x-request-id")).unwrap_or_else(new_id);
    let english = field(header::ACCEPT_LANGUAGE).map_or(false, |l| l.starts_with("en"));
    let parts: Vec<&str> = head.uri.path().trim_start_matches('/').split('/').collect();
    let authorization = field(header::AUTHORIZATION);
    let (operation, roles) = match wanted(app, &head.method, &parts) {
        Some(found) => found,
        None => return Ok(problem(app, refused("no_such_route"), &request_id, english, None)),
    };
    let token = match app.auth.check(authorization.as_deref()) {
        Ok(token) => token,
        Err(code) => return Ok(problem(app, refused(code), &request_id, english, Some(code))),
    };
    if !me::overlap(&token.roles, roles) {
        return Ok(problem(app, refused("insufficient_role"), &request_id, english, Some("insufficient_scope")));
    }
    let call = Call {
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or("").to_owned(),
        id: parts.get(2).map_or(String::new(), |p| (*p).to_owned()),
        action: parts.get(3).map_or(String::new(), |p| p.replace('-', "_")),
        if_match: field(header::IF_MATCH),
        key: field(header::HeaderName::from_static("idempotency-key")),
        content_type: field(header::CONTENT_TYPE).unwrap_or_default(),
        raw: hyper::body::to_bytes(body).await.map_or(vec![], |b| b.to_vec()),
        method: head.method.clone(),
        roles,
        token,
        now: now(),
    };
    Ok(match handle(app, &operation, &call).await {
        Ok(reply) => success(reply, &request_id),
        Err(fail) => problem(app, fail, &request_id, english, None),
    })
}

fn handle<'a>(app: &'static App, operation: &'a str, call: &'a Call) -> Pin<Box<dyn Future<Output = Result<Reply, Fail>> + Send + 'a>> {
    match operation {
        "cases.get" => Box::pin(app.get_case(call)),
        "tickets.list" => Box::pin(app.list_tickets(call)),
        "cases.create" => Box::pin(app.create_case(call)),
        _ if operation.starts_with("cases.") => Box::pin(app.act_on_case(call, operation)),
        _ => Box::pin(app.act_on_ticket(call, operation)),
    }
}

/// Ends the transaction; a refusal leaves nothing.
pub async fn end<T>(connection: &Connection, done: Result<T, Fail>) -> Result<T, Fail> {
    connection.client.batch_execute(if done.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    done
}

fn common(status: u16, content_type: &str, request_id: &str) -> hyper::http::response::Builder {
    Response::builder()
        .status(StatusCode::from_u16(status).unwrap())
        .header(header::CONTENT_TYPE, content_type)
        .header("X-Request-Id", request_id)
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::VARY, "Accept, Accept-Encoding, Accept-Language, Authorization, Origin")
        .header("X-Content-Type-Options", "nosniff")
}

fn success(reply: Reply, request_id: &str) -> Response<Body> {
    let mut out = common(reply.status, "application/json", request_id);
    if let Some(version) = reply.version {
        out = out.header(header::ETAG, format!("\"{version}.{:08x}\"", crc32fast::hash(&reply.body)));
    }
    if let Some(location) = reply.location {
        out = out.header(header::LOCATION, location);
    }
    if let Some(link) = reply.link {
        out = out.header(header::LINK, link);
    }
    if reply.replayed {
        out = out.header("Idempotent-Replayed", "true");
    }
    out.body(Body::from(reply.body)).unwrap()
}

fn problem(app: &App, fail: Fail, request_id: &str, english: bool, bearer: Option<&str>) -> Response<Body> {
    let refusal = match fail {
        Fail::Refused(refusal) => refusal,
        Fail::NotMeasured => return Response::builder().status(501).body(Body::from("not in the benchmark")).unwrap(),
        Fail::Database(error) => {
            eprintln!("{error:?}");
            let retry = error.code().map_or(false, |c| c.code() == "40P01" || c.code() == "40001");
            Refusal { code: if retry { "unavailable" } else { "internal" }.into(), ..Refusal::default() }
        }
    };
    let entry = &app.dict.contract.errors[&refusal.code];
    let of = |code: &str| app.dict.contract.errors[code].detail(english).to_owned();
    let mut body = json!({"type": format!("/docs#errors-{}", refusal.code), "title": entry.title(english), "status": entry.status,
        "detail": entry.detail(english), "instance": request_id, "code": refusal.code});
    if let Some(Value::Object(detail)) = refusal.detail {
        body.as_object_mut().unwrap().extend(detail);
    }
    if let Some(pointer) = refusal.pointer {
        body["errors"] = json!([{"pointer": pointer, "code": refusal.code, "detail": entry.detail(english)}]);
    } else if !refusal.faults.is_empty() {
        body["errors"] = refusal.faults.iter().map(|(p, c)| json!({"pointer": p, "code": c, "detail": of(c)})).collect();
    }
    let mut out = common(entry.status, "application/problem+json", request_id)
        .header(header::CONTENT_LANGUAGE, if english { "en" } else { "zh-CN" });
    out = match bearer {
        Some("unauthorized") => out.header(header::WWW_AUTHENTICATE, "Bearer realm=\"whistled\""),
        Some(error) => out.header(header::WWW_AUTHENTICATE, format!("Bearer realm=\"whistled\", error=\"{error}\"")),
        None => out,
    };
    if entry.status == 503 {
        out = out.header(header::RETRY_AFTER, "1");
    }
    out.body(Body::from(body.to_string())).unwrap()
}

async fn run() {
    let pool = pg::Pool::open().await;
    let dict = dictionary::Dictionary::load(&pool).await;
    let auth = auth::Auth::new(dict.cursor_key.clone());
    let app: &'static App = Box::leak(Box::new(App { pool, dict, auth }));
    let port: u16 = std::env::var("BENCH_PORT").expect("BENCH_PORT").parse().unwrap();
    let make = make_service_fn(move |_| async move { Ok::<_, Infallible>(service_fn(move |request| serve(app, request))) });
    let server = Server::bind(&([127, 0, 0, 1], port).into()).tcp_nodelay(true).serve(make);
    let mut stop = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
    tokio::select! {
        done = server => done.expect("the server"),
        _ = stop.recv() => (),
    }
}

fn main() {
    let workers = std::env::var("BENCH_WORKERS").map_or(2, |w| w.parse().unwrap());
    tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build().unwrap().block_on(run());
}
