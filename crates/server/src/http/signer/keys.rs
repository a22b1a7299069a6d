//! Keys: their public halves, proofs of possession, and which there are.

use std::sync::Arc;

use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::StatusCode;
use jwtis_signer::rules::Guard;
use jwtis_signer::{Decided, NotHeld, NotSigned, ProofCommand};
use serde::Serialize;
use utoipa::ToSchema;

use super::auth::{self, Checked, Client};
use super::error::{Json, SignerRefusal};
use super::promised::{Hidden, Refusals};
use super::request::{Key, KeyHash, SignQuery, SignerApi};
use crate::http::source::Source;

/// A public key.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PublicKeyAnswer {
    #[schema(pattern = "^[A-Za-z0-9]+$")]
    public_key: String,
}

/// A proof of possession.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProofAnswer {
    #[schema(pattern = "^[A-Za-z0-9]+$")]
    bls_prove_possession: String,
}

/// Whose signatures open the signer: hashes, though the name says keys. An empty list is left out.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AuthorizedKeys {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    authorized_keys: Vec<KeyHash>,
}

/// The keys that may sign.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KnownKeys {
    known_keys: Vec<KeyHash>,
}

/// The public key
#[utoipa::path(
    get,
    path = "/keys/{pkh}",
    operation_id = "publicKey",
    params(Key),
    responses(
        (status = OK, description = "the key", body = PublicKeyAnswer),
        Refusals<(Checked, Key, NotHeld)>,
    ),
)]
pub(super) async fn show(
    Checked(caller): Checked,
    Key(key): Key,
) -> Result<Json<PublicKeyAnswer>, SignerRefusal> {
    let key = caller.snapshot().public_key(&key).await.map_err(NotSigned::from)?;
    Ok(Json(PublicKeyAnswer { public_key: key.to_string() }))
}

/// Proof of possession of a tz4 key
#[utoipa::path(
    get,
    path = "/bls_prove_possession/{pkh}",
    operation_id = "provePossession",
    params(Key, ("authentication" = Option<String>, Query, description = "the client's signature of the request, where the guard asks for one")),
    responses(
        (status = OK, description = "the proof", body = ProofAnswer),
        Refusals<(Checked, Key, Client, NotSigned)>,
    ),
)]
pub(super) async fn prove(
    State(api): State<Arc<SignerApi>>,
    Checked(caller): Checked,
    Source(source): Source,
    Key(key): Key,
    query: SignQuery,
) -> Result<Json<ProofAnswer>, SignerRefusal> {
    let caller = api.signer.authenticate_client(caller, &key, &[], query.authentication.as_deref());
    let caller = caller.map_err(|refusal| Client::refused(&api, refusal, source))?;
    auth::name(caller.caller());
    let Decided { outcome, about } = api.signer.prove(ProofCommand { caller, key, source }).await;
    let proof = outcome.map_err(|error| api.refused(&about, error, source))?;
    api.metrics.signer().proved();
    Ok(Json(ProofAnswer { bls_prove_possession: proof.to_string() }))
}

/// Whose signatures open the signer
#[utoipa::path(
    get,
    path = "/authorized_keys",
    operation_id = "authorizedKeys",
    responses((status = OK, description = "their hashes", body = AuthorizedKeys), Refusals<(Checked,)>),
)]
pub(super) async fn authorized(Checked(caller): Checked) -> Json<AuthorizedKeys> {
    let authorized_keys = match &caller.snapshot().rules().guard {
        Guard::Keys(keys) => keys.iter().map(|key| KeyHash::from(&key.hash())).collect(),
        Guard::Open | Guard::Tokens(_) => Vec::new(),
    };
    Json(AuthorizedKeys { authorized_keys })
}

/// The keys that may sign; where the operator tells
#[utoipa::path(
    get,
    path = "/known_keys",
    operation_id = "knownKeys",
    responses((status = OK, description = "their hashes", body = KnownKeys), Refusals<(Checked, Hidden)>),
)]
pub(super) async fn known(
    State(api): State<Arc<SignerApi>>,
    request: Request,
) -> Result<Json<KnownKeys>, SignerRefusal> {
    // Where the rules do not tell, there is no such page, for anybody.
    if !api.signer.rules().known_keys {
        return Err(SignerRefusal::no_page());
    }
    let Checked(caller) = Checked::from_request_parts(&mut request.into_parts().0, &api).await?;
    let keys = caller.snapshot().known_keys().await.ok_or_else(SignerRefusal::no_page)?;
    Ok(Json(KnownKeys { known_keys: keys.iter().map(KeyHash::from).collect() }))
}

/// Any other method of `/known_keys`: the route is known only where the rules tell.
pub(super) async fn known_by_other_method(
    State(api): State<Arc<SignerApi>>,
) -> Result<StatusCode, SignerRefusal> {
    if api.signer.rules().known_keys {
        Ok(StatusCode::METHOD_NOT_ALLOWED)
    } else {
        Err(SignerRefusal::no_page())
    }
}
