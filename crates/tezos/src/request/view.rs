//! A request as JSON and in words, for `policy explain` and logs.

use serde_json::{Map, Value as Json, json};

use super::{Body, SignRequest};
use crate::base58check::{self, Prefix};
use crate::operation::{fields_to_json, hex};

impl SignRequest {
    /// The whole request. Amounts are texts, because some JSON readers round large numbers.
    pub fn to_json(&self) -> Json {
        let mut object = Map::new();
        object.insert("kind".to_owned(), Json::from(self.kind().name()));
        object.insert("bytes".to_owned(), Json::from(self.message().len()));
        object.insert("digest".to_owned(), Json::from(hex(&self.digest())));
        match self.body() {
            Body::Block { chain, header } => {
                object.insert("chain_id".to_owned(), Json::from(chain.to_string()));
                object.extend(fields_to_json(&header.fields()));
            }
            Body::Consensus { chain, operation } => {
                object.insert("chain_id".to_owned(), Json::from(chain.to_string()));
                object.extend(fields_to_json(&operation.fields()));
            }
            Body::Generic { branch, operations, protocol } => {
                object.insert("protocol".to_owned(), Json::from(protocol.to_string()));
                object.insert("branch".to_owned(), Json::from(base58check::encode(Prefix::B, branch)));
                let operations: Vec<Json> = operations.iter().map(super::Operation::to_json).collect();
                object.insert("operations".to_owned(), Json::from(operations));
            }
            Body::Pack => {
                let packed = self.message().get(1..).unwrap_or_default();
                object.insert("packed".to_owned(), json!(hex(packed)));
            }
        }
        Json::Object(object)
    }

    /// The request as lines for people: one line, then one for each operation of a batch.
    pub fn in_words(&self) -> Vec<String> {
        match self.body() {
            Body::Block { chain, header } => vec![format!(
                "{} of level {}, round {} (payload of round {}) on {chain}",
                self.kind(),
                header.level(),
                header.round(),
                header.payload_round(),
            )],
            Body::Consensus { chain, operation } => vec![format!(
                "{} (tag {}) of level {}, round {} on {chain}",
                self.kind(),
                operation.tag(),
                operation.level(),
                operation.round(),
            )],
            Body::Generic { operations, protocol, .. } => {
                let mut lines = vec![format!(
                    "a batch of {} operation(s), in the layout of {protocol}",
                    operations.len()
                )];
                lines.extend(operations.iter().map(super::Operation::in_words));
                lines
            }
            Body::Pack => vec![format!("packed data of {} bytes", self.message().len().saturating_sub(1))],
        }
    }
}
