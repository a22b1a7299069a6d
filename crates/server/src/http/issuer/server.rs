//! The server about itself.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::api::IssuerApi;
use super::promised::Problems;
use super::shapes::AliveStatus;

/// An answer that says nothing but its status.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// The server answers.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Alive {
    #[schema(value_type = AliveStatus)]
    status: &'static str,
}

/// What this is
#[utoipa::path(
    get,
    path = "/",
    operation_id = "greeting",
    responses((status = OK, description = "a greeting", body = String, content_type = "text/plain"), Problems<()>),
)]
pub(super) async fn greeting() -> &'static str {
    concat!("jwtis ", env!("CARGO_PKG_VERSION"), ": JWT issuer and signer. POST /register/{kid} to begin.\n")
}

/// Whether the server answers
#[utoipa::path(
    get,
    path = "/ping",
    operation_id = "ping",
    responses((status = OK, description = "it does", body = Alive), Problems<()>),
)]
pub(super) async fn ping() -> Json<Alive> {
    Json(Alive { status: "ok" })
}

/// An OpenAPI document.
enum Document {}

impl PartialSchema for Document {
    fn schema() -> RefOr<Schema> {
        let document = ObjectBuilder::new().schema_type(Type::Object);
        ["openapi", "info", "paths"].into_iter().fold(document, ObjectBuilder::required).into()
    }
}

impl ToSchema for Document {}

/// This document
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "openapi",
    responses((status = OK, description = "the document", body = inline(Document)), Problems<()>),
)]
pub(super) async fn openapi(State(api): State<Arc<IssuerApi>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], api.document.clone())
}
