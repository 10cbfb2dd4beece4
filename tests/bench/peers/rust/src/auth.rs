//! Tokens and cursors.

use crate::Call;
use hmac::{Hmac, Mac};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, RwLock};

const LEEWAY_S: i64 = 30;

#[derive(Deserialize)]
pub struct Token {
    iss: String,
    aud: Value,
    #[serde(rename = "sub")]
    pub subject: String,
    exp: i64,
    #[serde(default)]
    nbf: i64,
    pub tenant: String,
    pub roles: Vec<String>,
    pub org: Option<String>,
    pub areas: Option<Vec<String>>,
}

/// Tokens are verified once and kept by their digest until they expire, as whistled does.
pub struct Auth {
    key: Vec<u8>,
    cursor_key: Vec<u8>,
    issuer: String,
    audience: String,
    verified: RwLock<HashMap<[u8; 32], Arc<Token>>>,
}

fn mac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::<Sha256>::new_from_slice(key).unwrap()
}

fn decode(text: &str) -> Option<Vec<u8>> {
    base64::decode_config(text, base64::URL_SAFE_NO_PAD).ok()
}

impl Auth {
    pub fn new(cursor_key: Vec<u8>) -> Auth {
        let env = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
        let key = std::fs::read(env("BENCH_KEY_FILE")).expect("the key");
        Auth { key, cursor_key, issuer: env("BENCH_ISSUER"), audience: env("BENCH_AUDIENCE"), verified: RwLock::default() }
    }

    /// The token, or the code of what is wrong.
    pub fn check(&self, header: Option<&str>) -> Result<Arc<Token>, &'static str> {
        let text = header.ok_or("unauthorized")?.strip_prefix("Bearer ").ok_or("invalid_token")?;
        let digest: [u8; 32] = Sha256::digest(text).into();
        let known = self.verified.read().unwrap().get(&digest).cloned();
        let token = match known {
            Some(token) => token,
            None => {
                let token = Arc::new(self.verify(text).ok_or("invalid_token")?);
                self.verified.write().unwrap().insert(digest, token.clone());
                token
            }
        };
        if crate::now().0 / 1_000_000 - LEEWAY_S >= token.exp {
            return Err("invalid_token");
        }
        Ok(token)
    }

    fn verify(&self, text: &str) -> Option<Token> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (head, payload) = signed.split_once('.')?;
        let mut mac = mac(&self.key);
        mac.update(signed.as_bytes());
        mac.verify_slice(&decode(signature)?).ok()?;
        let head: Value = serde_json::from_slice(&decode(head)?).ok()?;
        let token: Token = serde_json::from_slice(&decode(payload)?).ok()?;
        let audience = match &token.aud {
            Value::Array(list) => list.iter().any(|one| one == &self.audience),
            one => one == &self.audience,
        };
        let begun = crate::now().0 / 1_000_000 + LEEWAY_S >= token.nbf;
        (head["alg"] == "HS256" && token.iss == self.issuer && audience && begun).then_some(token)
    }

    /// HMAC over operation, tenant, subject, the sum of the filters' digests, and the payload.
    fn seal(&self, call: &Call, payload: &str) -> Vec<u8> {
        let mut sum = [0u8; 32];
        for (name, value) in call.query.split('&').filter_map(|part| part.split_once('=')) {
            if matches!(name, "cursor" | "limit" | "count" | "updated_after") {
                continue;
            }
            let mut carry = 0u32;
            for (total, byte) in sum.iter_mut().zip(Sha256::digest(format!("{name}\0{value}\0"))) {
                carry += u32::from(*total) + u32::from(byte);
                *total = carry as u8;
                carry >>= 8;
            }
        }
        let mut mac = mac(&self.cursor_key);
        mac.update(format!("tickets.list\0{}\0{}\0", call.token.tenant, call.token.subject).as_bytes());
        mac.update(&sum);
        mac.update(payload.as_bytes());
        mac.finalize().into_bytes()[..16].to_vec()
    }

    pub fn seal_cursor(&self, call: &Call, payload: &str) -> String {
        let mut bytes = self.seal(call, payload);
        bytes.extend_from_slice(payload.as_bytes());
        base64::encode_config(bytes, base64::URL_SAFE_NO_PAD)
    }

    pub fn open_cursor(&self, call: &Call, cursor: &str) -> Option<String> {
        let bytes = decode(cursor).filter(|b| b.len() >= 16)?;
        let payload = String::from_utf8(bytes[16..].to_vec()).ok()?;
        (self.seal(call, &payload) == bytes[..16]).then_some(payload)
    }
}
