//! Keys: sign, show, prove possession, and who may ask (§1.4 to §1.7).

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts as _, Path, Query, Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use jwtis_signer::rules::Guard;
use jwtis_signer::{Authenticated, Decided, NotHeld, ProofCommand, SignCommand, SignError};
use jwtis_tezos::{PublicKeyHash, SigningVersion};
use serde_json::{Value, json};

use super::Api;
use super::auth::{self, Known};
use super::body;
use super::error::{Json, Refusal};
use crate::http::source::Source;
use crate::metrics::monotonic;

pub(super) type Segment = Result<Path<String>, PathRejection>;

/// `POST /keys/{pkh}`
pub(super) async fn sign(
    State(api): State<Arc<Api>>,
    Known(caller): Known,
    Source(source): Source,
    segment: Segment,
    request: Request,
) -> Response {
    let started = monotonic();
    let key = parse(segment);
    // Only listed keys become a label.
    let listed = key
        .as_ref()
        .ok()
        .filter(|key| caller.snapshot().rules().keys.contains_key(key))
        .map(ToString::to_string);
    let answer = match key {
        Ok(key) => signature(&api, caller, key, source, request).await,
        Err(refusal) => Err(refusal),
    };
    let status = answer.as_ref().map_or_else(Refusal::status, |_| StatusCode::OK);
    api.metrics.signer().handled(listed, status.as_u16(), started.elapsed());
    answer.into_response()
}

async fn signature(
    api: &Api,
    caller: Authenticated,
    key: PublicKeyHash,
    source: std::net::IpAddr,
    request: Request,
) -> Result<Json<Value>, Refusal> {
    let (parts, body) = request.into_parts();
    let query = Parameters::of(&parts.uri);
    let version = SigningVersion::from_query(query.first("version"));
    let message = body::message(api, &parts, body).await?;
    let caller = client(api, caller, &key, &message.bytes, query.first("authentication"), source)?;

    let command = SignCommand { caller, key, message: &message.bytes, version, source };
    let Decided { outcome, about } = api.signer.sign(command).await;
    match outcome {
        Ok(signature) => {
            api.metrics.signer().signed(&about);
            Ok(Json(json!({ "signature": signature.to_string() })))
        }
        Err(error) => {
            api.metrics.signer().refused(&about, &error, source);
            Err(error.into())
        }
    }
}

/// `GET /keys/{pkh}`
pub(super) async fn show(Known(caller): Known, segment: Segment) -> Result<Json<Value>, Refusal> {
    let key = caller.snapshot().public_key(&parse(segment)?).await.map_err(SignError::from)?;
    Ok(Json(json!({ "public_key": key.to_string() })))
}

/// `GET /bls_prove_possession/{pkh}`
pub(super) async fn prove(
    State(api): State<Arc<Api>>,
    Known(caller): Known,
    Source(source): Source,
    segment: Segment,
    uri: Uri,
) -> Result<Json<Value>, Refusal> {
    let key = parse(segment)?;
    let query = Parameters::of(&uri);
    let caller = client(&api, caller, &key, &[], query.first("authentication"), source)?;
    let Decided { outcome, about } = api.signer.prove(ProofCommand { caller, key, source }).await;
    match outcome {
        Ok(proof) => {
            api.metrics.signer().proved();
            Ok(Json(json!({ "bls_prove_possession": proof.to_string() })))
        }
        Err(error) => {
            api.metrics.signer().refused(&about, &error, source);
            Err(error.into())
        }
    }
}

/// `GET /authorized_keys`: hashes, though the name says keys. An empty list is left out, as if there were none.
pub(super) async fn authorized(Known(caller): Known) -> Json<Value> {
    match &caller.snapshot().rules().guard {
        Guard::Keys(keys) if !keys.is_empty() => {
            let hashes: Vec<String> = keys.iter().map(|key| key.hash().to_string()).collect();
            Json(json!({ "authorized_keys": hashes }))
        }
        _ => Json(json!({})),
    }
}

/// `GET /known_keys`, of octez-signer; where the rules do not tell, there is no such page, for anybody.
pub(super) async fn known(State(api): State<Arc<Api>>, request: Request) -> Result<Json<Value>, Refusal> {
    if !api.signer.rules().known_keys {
        return Err(Refusal::no_page());
    }
    let Known(caller) = Known::from_request_parts(&mut request.into_parts().0, &api).await?;
    let keys = caller.snapshot().known_keys().await.ok_or_else(Refusal::no_page)?;
    let hashes: Vec<String> = keys.iter().map(ToString::to_string).collect();
    Ok(Json(json!({ "known_keys": hashes })))
}

/// Any other method of `/known_keys`: the route is known only where the rules tell.
pub(super) async fn known_by_other_method(State(api): State<Arc<Api>>) -> Result<StatusCode, Refusal> {
    if api.signer.rules().known_keys { Ok(StatusCode::METHOD_NOT_ALLOWED) } else { Err(Refusal::no_page()) }
}

/// Step 1 of §1.4.
pub(super) fn parse(segment: Segment) -> Result<PublicKeyHash, Refusal> {
    let Path(text) = segment.map_err(|_| SignError::from(NotHeld::Nowhere))?;
    Ok(text.parse::<PublicKeyHash>()?)
}

/// Checks the signature that a client puts on its requests (§1.8), where the guard in force asks for one.
fn client(
    api: &Api,
    caller: Authenticated,
    key: &PublicKeyHash,
    message: &[u8],
    authentication: Option<&str>,
    source: std::net::IpAddr,
) -> Result<Authenticated, Refusal> {
    match api.signer.authenticate_client(caller, key, message, authentication) {
        Ok(caller) => {
            auth::name(&caller);
            Ok(caller)
        }
        Err(refusal) => {
            let refusal = Refusal::from(refusal);
            refusal.count(api, "authentication", source);
            Err(refusal)
        }
    }
}

/// The query, in its order.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn of(uri: &Uri) -> Self {
        Self(Query::try_from_uri(uri).map(|Query(pairs)| pairs).unwrap_or_default())
    }

    /// The first value of this name, as in Go.
    fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}
