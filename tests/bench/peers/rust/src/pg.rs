//! Connections: a fixed number, each with every statement prepared; and the few types that the queries need.

use crate::Fail;
use postgres_types::private::BytesMut;
use postgres_types::{to_sql_checked, FromSql, IsNull, ToSql, Type};
use std::collections::HashMap;
use std::error::Error;
use std::sync::Mutex;
use tokio::sync::Semaphore;
use tokio_postgres::{Client, NoTls, Statement};

type Boxed = Box<dyn Error + Sync + Send>;

/// Microseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i64);

const EPOCH_2000: i64 = 946_684_800_000_000;

impl<'a> FromSql<'a> for Moment {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Boxed> {
        Ok(Moment(i64::from_be_bytes(raw.try_into()?) + EPOCH_2000))
    }
    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMPTZ
    }
}

impl ToSql for Moment {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Boxed> {
        out.extend_from_slice(&(self.0 - EPOCH_2000).to_be_bytes());
        Ok(IsNull::No)
    }
    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMPTZ
    }
    to_sql_checked!();
}

/// A text that the server may want as a UUID or as JSON.
#[derive(Debug)]
pub struct Text<'a>(pub &'a str);

pub fn text(value: &Option<String>) -> Option<Text> {
    value.as_deref().map(Text)
}

impl ToSql for Text<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Boxed> {
        if *ty == Type::UUID {
            let digits: String = self.0.chars().filter(|c| *c != '-').collect();
            out.extend_from_slice(&u128::from_str_radix(&digits, 16)?.to_be_bytes());
        } else {
            if *ty == Type::JSONB {
                out.extend_from_slice(&[1]);
            }
            out.extend_from_slice(self.0.as_bytes());
        }
        Ok(IsNull::No)
    }
    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::UUID | Type::TEXT | Type::JSONB | Type::VARCHAR)
    }
    to_sql_checked!();
}

/// JSON as the server wrote it.
#[derive(Debug)]
pub struct Raw(pub String);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Boxed> {
        let from = usize::from(*ty == Type::JSONB);
        Ok(Raw(std::str::from_utf8(&raw[from..])?.to_owned()))
    }
    fn accepts(ty: &Type) -> bool {
        *ty == Type::JSON || *ty == Type::JSONB
    }
}

pub struct Connection {
    pub client: Client,
    statements: HashMap<String, Statement>,
}

impl Connection {
    pub fn sql(&self, name: &str) -> &Statement {
        &self.statements[name]
    }
}

pub struct Pool {
    idle: Mutex<Vec<Connection>>,
    permits: Semaphore,
}

/// Goes back to the pool when it is dropped.
pub struct Lease<'a> {
    pool: &'a Pool,
    connection: Option<Connection>,
    _permit: tokio::sync::SemaphorePermit<'a>,
}

impl std::ops::Deref for Lease<'_> {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        self.connection.as_ref().unwrap()
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.pool.idle.lock().unwrap().push(self.connection.take().unwrap());
    }
}

fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

async fn connect(sources: &[(String, String)]) -> Connection {
    let options = format!("-c search_path={},whistled,public -c TimeZone=Asia/Shanghai", env("BENCH_SCHEMA"));
    let (client, connection) = tokio_postgres::Config::new()
        .host_path(env("BENCH_SOCKET"))
        .user("whistled")
        .dbname(&env("BENCH_DATABASE"))
        .options(&options)
        .connect(NoTls)
        .await
        .expect("the database");
    tokio::spawn(connection);
    let mut statements = HashMap::new();
    for (name, sql) in sources {
        statements.insert(name.clone(), client.prepare(sql).await.unwrap_or_else(|e| panic!("{name}: {e}")));
    }
    Connection { client, statements }
}

impl Pool {
    pub async fn open() -> Pool {
        let mut sources = vec![];
        for file in std::fs::read_dir(env("BENCH_SQL")).expect("the statements") {
            let path = file.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            sources.push((name, std::fs::read_to_string(&path).unwrap()));
        }
        for (name, locked, lock) in [("case", "case_lock", " FOR UPDATE OF c"), ("ticket", "ticket_lock", " FOR UPDATE OF t")] {
            let sql = sources.iter().find(|s| s.0 == name).unwrap().1.clone();
            sources.push((locked.into(), sql + lock));
        }
        let size: usize = env("BENCH_POOL").parse().expect("BENCH_POOL");
        let mut idle = vec![];
        for _ in 0..size {
            idle.push(connect(&sources).await);
        }
        Pool { idle: Mutex::new(idle), permits: Semaphore::new(size) }
    }

    pub async fn take(&self) -> Lease<'_> {
        let permit = self.permits.acquire().await.unwrap();
        let connection = self.idle.lock().unwrap().pop();
        Lease { pool: self, connection, _permit: permit }
    }
}

impl From<tokio_postgres::Error> for Fail {
    fn from(error: tokio_postgres::Error) -> Fail {
        Fail::Database(error)
    }
}
