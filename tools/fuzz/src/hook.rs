//! What the policy hook replies.

use std::sync::{Arc, Mutex};

use axum::Router;
use jwtis_signer::PolicyHook;
use jwtis_signer::hook::{Hook, HookReply};
use jwtis_store::{BoxError, BoxFuture};
use jwtis_tezos::{SecretKey, SigningVersion};
use serde_json::{Value, json};

use super::http::{KEYS, filled, request, send, signer_router};
use super::seeds;

/// A hook that says what it is told to, with `@nonce@` and `@key@` filled in, signed where `seal` says so.
struct Puppet {
    says: Mutex<(bool, Vec<u8>)>,
    said: Mutex<Vec<u8>>,
    asked: Mutex<String>,
}

struct Strings(Arc<Puppet>);

impl PolicyHook for Strings {
    fn ask(&self, body: Vec<u8>) -> BoxFuture<'_, Result<HookReply, BoxError>> {
        let question: Value = serde_json::from_slice(&body).unwrap();
        let nonce = question["nonce"].as_str().unwrap().to_owned();
        let key: SecretKey = KEYS[0].parse().unwrap();
        let (seal, text) = self.0.says.lock().unwrap().clone();
        let payload = filled(&text, &[("nonce", &nonce), ("key", &key.public_key().hash().to_string())]);
        let body = if seal {
            let signature = key.sign(&payload, SigningVersion::LATEST).unwrap().to_string();
            [br#"{"payload":"#, payload.as_slice(), br#","signature":""#, signature.as_bytes(), b"\"}"]
                .concat()
        } else {
            payload.clone()
        };
        *self.0.said.lock().unwrap() = payload;
        *self.0.asked.lock().unwrap() = nonce;
        Box::pin(std::future::ready(Ok(HookReply { status: 200, status_text: "200 OK".to_owned(), body })))
    }
}

/// A reply is believed only where it was signed, and says yes to our question in the name of the key that signed it.
pub fn reply(data: &[u8]) {
    thread_local!(static WORLD: (Router, Arc<Puppet>) = {
        let puppet = Arc::new(Puppet { says: Mutex::default(), said: Mutex::default(), asked: Mutex::default() });
        let key: SecretKey = KEYS[0].parse().unwrap();
        let hook = Hook { transport: Arc::new(Strings(Arc::clone(&puppet))), authorized_keys: Some(vec![key.public_key().clone()]) };
        (signer_router(Some(hook)), puppet)
    });
    let [first, text @ ..] = data else { return };
    let seal = first & 1 == 1;
    WORLD.with(|(router, puppet)| {
        *puppet.says.lock().unwrap() = (seal, text.to_vec());
        let key: SecretKey = KEYS[0].parse().unwrap();
        let (request, _) =
            request(format!("POST /keys/{}\n\n\"05030b\"", key.public_key().hash()).as_bytes()).unwrap();
        let answer = send(router, request);
        if answer.status != 200 {
            assert!(matches!(answer.status, 401 | 403 | 500), "{}: {}", answer.status, answer.text());
            return;
        }
        assert!(seal, "an unsigned reply is believed");
        let said: Value = serde_json::from_slice(&puppet.said.lock().unwrap()).expect("the payload is JSON");
        assert_eq!(said["status"], json!(200));
        assert_eq!(said["nonce"].as_str(), Some(puppet.asked.lock().unwrap().as_str()));
        assert_eq!(said["public_key_hash"], json!(key.public_key().hash().to_string()));
    });
}

pub fn reply_seeds() -> Vec<Vec<u8>> {
    seeds::bytes([
        "1{\"status\":200,\"public_key_hash\":\"@key@\",\"nonce\":\"@nonce@\"}",
        "1{\"status\":200,\"error\":\"\",\"public_key_hash\":\"@key@\",\"nonce\":\"@nonce@\",\"other\":[{}]}",
        "1{\"status\":403,\"error\":\"no\",\"public_key_hash\":\"@key@\",\"nonce\":\"@nonce@\"}",
        "1{\"nonce\":\"\\u0041\",\"status\":2e2}",
        "0{\"payload\":{\"status\":200,\"public_key_hash\":\"@key@\",\"nonce\":\"@nonce@\"},\"signature\":\"edsigtendgcUcFnp2YNtrCSLoZdpztnZjfKvHqUH8SaQxZFbQeoNroc3yafZVmaP5LJ8rNpu9Q2kBYZ2JQvUyGiTfM6iYAoP8Pg\"}",
        "0{}",
    ])
}
