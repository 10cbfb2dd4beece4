//! Bodies: checked against the contract's schemas, all faults at once.

use crate::{refused, Call, Fail, Refusal};
use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

pub type Object = Map<String, Value>;
type Faults = Vec<(String, &'static str)>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Schema {
    #[serde(rename = "type")]
    kind: Option<Value>,
    #[serde(default)]
    required: Vec<String>,
    properties: Option<BTreeMap<String, Schema>>,
    #[serde(rename = "enum")]
    listed: Option<Vec<Value>>,
    min_length: Option<usize>,
    max_length: Option<usize>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    items: Option<Box<Schema>>,
    min_items: Option<usize>,
    max_items: Option<usize>,
    #[serde(default, deserialize_with = "compiled")]
    pattern: Option<Regex>,
    format: Option<String>,
}

fn compiled<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Regex>, D::Error> {
    let text = String::deserialize(from)?;
    Regex::new(&text).map(Some).map_err(serde::de::Error::custom)
}

fn is_kind(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap_or("") {
        "null" => value.is_null(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.as_f64().map_or(false, |n| n.fract() == 0.0),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

impl Schema {
    fn check(&self, value: &Value, pointer: &str, faults: &mut Faults) {
        let fits = match &self.kind {
            Some(Value::Array(kinds)) => kinds.iter().any(|k| is_kind(k, value)),
            Some(kind) => is_kind(kind, value),
            None => true,
        };
        if !fits {
            return faults.push((pointer.into(), "wrong_type"));
        }
        if self.listed.as_ref().map_or(false, |l| !l.contains(value)) {
            return faults.push((pointer.into(), "not_in_enum"));
        }
        let code = match value {
            Value::String(text) => self.check_text(text),
            Value::Number(n) if self.minimum.map_or(false, |m| n.as_f64().unwrap() < m) => Some("too_small"),
            Value::Number(n) if self.maximum.map_or(false, |m| n.as_f64().unwrap() > m) => Some("too_large"),
            Value::Array(list) if self.min_items.map_or(false, |m| list.len() < m) => Some("too_few_items"),
            Value::Array(list) if self.max_items.map_or(false, |m| list.len() > m) => Some("too_many_items"),
            _ => None,
        };
        if let Some(code) = code {
            faults.push((pointer.into(), code));
        }
        match (value, &self.items) {
            (Value::Array(list), Some(items)) => {
                for (i, item) in list.iter().enumerate() {
                    items.check(item, &format!("{pointer}/{i}"), faults);
                }
            }
            (Value::Object(object), _) => self.check_object(object, pointer, faults),
            _ => (),
        }
    }

    fn check_object(&self, object: &Object, pointer: &str, faults: &mut Faults) {
        for name in self.required.iter().filter(|name| !object.contains_key(*name)) {
            faults.push((format!("{pointer}/{name}"), "required"));
        }
        let properties = match &self.properties {
            Some(properties) => properties,
            None => return,
        };
        for (name, value) in object {
            match properties.get(name) {
                Some(inner) => inner.check(value, &format!("{pointer}/{name}"), faults),
                None => faults.push((format!("{pointer}/{name}"), "unknown_field")),
            }
        }
    }

    fn check_text(&self, text: &str) -> Option<&'static str> {
        let size = text.chars().count();
        if self.min_length.map_or(false, |m| size < m) {
            Some("too_short")
        } else if self.max_length.map_or(false, |m| size > m) {
            Some("too_long")
        } else if self.pattern.as_ref().map_or(false, |p| !p.is_match(text)) {
            Some("pattern_mismatch")
        } else if self.format.as_deref() == Some("uuid") && !is_uuid(&text.to_lowercase()) {
            Some("bad_format")
        } else {
            None
        }
    }
}

pub fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(i, c)| match i {
            8 | 13 | 18 | 23 => c == b'-',
            _ => c.is_ascii_digit() || (b'a'..=b'f').contains(&c),
        })
}

/// The body, or the client's refusal.
pub fn read(call: &Call, schema: &Schema) -> Result<Object, Fail> {
    if call.raw.len() > 65536 {
        return Err(refused("body_too_large"));
    }
    if !call.content_type.starts_with("application/json") {
        return Err(refused("unsupported_media_type"));
    }
    let value: Value = serde_json::from_slice(&call.raw).map_err(|_| refused("malformed_json"))?;
    let mut faults = vec![];
    schema.check(&value, "", &mut faults);
    match value {
        Value::Object(object) if faults.is_empty() => Ok(object),
        _ => Err(Fail::Refused(Refusal { code: "invalid_body".into(), faults, ..Refusal::default() })),
    }
}

pub fn text(body: &Object, name: &str) -> Option<String> {
    body.get(name).and_then(Value::as_str).map(str::to_owned)
}

pub struct Point {
    pub lon: f64,
    pub lat: f64,
    pub accuracy: Option<f64>,
}

/// A point in WGS 84; the shifted systems of the map services are not in the benchmark.
pub fn point(body: &Object, name: &str) -> Result<Option<Point>, Fail> {
    let p = match body.get(name) {
        Some(Value::Object(p)) => p,
        _ => return Ok(None),
    };
    if p.get("coord_sys").map_or(false, |s| s != "wgs84") {
        return Err(Fail::NotMeasured);
    }
    let number = |name: &str| p.get(name).and_then(Value::as_f64);
    Ok(Some(Point { lon: number("lon").unwrap(), lat: number("lat").unwrap(), accuracy: number("accuracy") }))
}
