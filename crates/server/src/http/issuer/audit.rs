//! The audit trail, for the admin: what changed something, by number.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use jwtis_base::audit::{AuditPage, MAX_AUDIT_PAGE, NumberedRecord};
use jwtis_issuer::ListError;
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use utoipa::{IntoParams, ToSchema};

use super::api::IssuerApi;
use super::auth::Admin;
use super::problem::{Code, Problem};
use super::promised::Problems;
use super::shapes;

/// The query of `GET /audit`.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditQuery {
    #[param(schema_with = limit, required = false)]
    limit: Option<usize>,
    #[param(schema_with = after, required = false)]
    after: Option<u64>,
}

fn limit() -> Object {
    let limit = whole_number().minimum(Some(1)).maximum(Some(MAX_AUDIT_PAGE));
    limit.description(Some("most records of a page")).build()
}

fn after() -> Object {
    whole_number()
        .minimum(Some(0))
        .description(Some("only records with higher numbers; 0 unless given"))
        .build()
}

fn whole_number() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer)
}

/// A page of audit records; for the admin
#[utoipa::path(
    get,
    path = "/audit",
    operation_id = "audit",
    params(AuditQuery),
    responses((status = OK, description = "the page", body = Trail), Problems<(Admin, ListError)>),
)]
pub(super) async fn page(
    State(api): State<Arc<IssuerApi>>,
    Admin(_): Admin,
    page: Result<Query<AuditQuery>, QueryRejection>,
) -> Result<Json<Trail>, Problem> {
    let invalid = |why: String| Problem::with_detail(Code::InvalidQuery, why);
    let Query(AuditQuery { limit, after }) = page.map_err(|_| {
        invalid(format!(
            "give after and limit at most once each; limit is a whole number from 1 to {MAX_AUDIT_PAGE}, after one from 0 on"
        ))
    })?;
    let limit = limit.unwrap_or(MAX_AUDIT_PAGE);
    if !(1..=MAX_AUDIT_PAGE).contains(&limit) {
        return Err(invalid(format!("limit: {limit} is not in 1 to {MAX_AUDIT_PAGE}")));
    }
    let page = AuditPage::of(api.issuer.store(), after.unwrap_or(0), limit).await;
    let AuditPage { records, last } = page.map_err(ListError::from)?;
    Ok(Json(Trail { records, last }))
}

/// A page of the trail.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Trail {
    /// In the order of their numbers.
    #[schema(value_type = Vec<shapes::AuditRecordShape>)]
    records: Vec<NumberedRecord>,
    /// The number of the newest record of the trail; 0 where there is none.
    last: u64,
}
