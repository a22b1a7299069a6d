//! `GET /store/backup`: a consistent copy of the sealed store while it is in use.
//!
//! The copy is as secret as the store's own file: useless without the password. It lies in the backup folder without a name while it
//! is sent, so that nothing is left behind, however the download ends.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use jwtis_store::{OpenError, Store};
use tokio_util::io::ReaderStream;
use tracing::warn;

use super::api::IssuerApi;
use super::auth::Admin;
use super::problem::{Code, Problem};
use super::promised::Problems;

/// Bytes read and sent at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// A sealed copy of the store; for the admin
#[utoipa::path(
    get,
    path = "/store/backup",
    operation_id = "backup",
    responses(
        (status = OK, description = "the copy", content_type = "application/octet-stream"),
        Problems<(Admin, OpenError)>,
    ),
)]
pub(super) async fn download(
    State(api): State<Arc<IssuerApi>>,
    Admin(_): Admin,
) -> Result<Response, Problem> {
    let store = api.issuer.store().clone();
    let folder = api.backup_folder.clone();
    let copied = tokio::task::spawn_blocking(move || copy(&store, &folder)).await;
    let (file, bytes) = copied.map_err(|error| Problem::caused_by(Code::Internal, error))??;

    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, bytes.to_string()),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"jwtis-backup.db\"".to_owned()),
    ];
    let stream = ReaderStream::with_capacity(tokio::fs::File::from_std(file), CHUNK_BYTES);
    Ok((headers, Body::from_stream(stream)).into_response())
}

/// Copies the store to a file in `folder` that has no name.
fn copy(store: &Store, folder: &Path) -> Result<(File, u64), Problem> {
    let (file, report) = store.backup_without_name(folder).map_err(failed)?;
    let faults = report.faults();
    if !faults.is_empty() {
        warn!(records = ?faults, "the backup holds records that do not verify: so does the store");
    }
    let bytes = file.metadata().map_err(|error| failed(error.into()))?.len();
    Ok((file, bytes))
}

/// A disk that refuses, or has no room, may take a later try.
fn failed(error: OpenError) -> Problem {
    let code = match &error {
        OpenError::Io(_) => Code::StoreUnavailable,
        OpenError::NotFound
        | OpenError::AlreadyExists
        | OpenError::WrongPassword { .. }
        | OpenError::NotSealed { .. }
        | OpenError::Sealed { .. }
        | OpenError::InUse
        | OpenError::Damaged { .. }
        | OpenError::NewerFormat { .. }
        | OpenError::StoreGone { .. }
        | OpenError::WitnessOfAnother { .. }
        | OpenError::WitnessDamaged { .. }
        | OpenError::WitnessMisplaced { .. }
        | OpenError::WitnessUnwritable { .. } => Code::Internal,
    };
    Problem::caused_by(code, error)
}
