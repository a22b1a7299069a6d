//! `GET /store/backup`: a consistent copy of the sealed store while it is in use.
//!
//! The copy is as secret as the store's own file: useless without the password. It lies in the backup folder without a name while it
//! is sent, so that nothing is left behind, however the download ends.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use jwtis_core::NoEntropy;
use jwtis_store::Store;
use tokio_util::io::ReaderStream;
use tracing::warn;

use super::Api;
use super::auth::Admin;
use super::problem::{Code, Problem};

/// Bytes read and sent at once.
const CHUNK_BYTES: usize = 64 * 1024;

pub(super) async fn download(State(api): State<Arc<Api>>, Admin(_): Admin) -> Result<Response, Problem> {
    let store = api.issuer.store().clone();
    let path = api.backup_folder.join(temporary_name(&api)?);
    let copied = tokio::task::spawn_blocking(move || copy(&store, &path)).await;
    let (file, bytes) = copied.map_err(|error| Problem::caused_by(Code::Internal, error))??;

    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, bytes.to_string()),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"jwtis-backup.db\"".to_owned()),
    ];
    let stream = ReaderStream::with_capacity(tokio::fs::File::from_std(file), CHUNK_BYTES);
    Ok((headers, Body::from_stream(stream)).into_response())
}

/// A name that nobody can have prepared a file under.
fn temporary_name(api: &Api) -> Result<String, NoEntropy> {
    let random = u128::from_be_bytes(api.issuer.env().random()?);
    Ok(format!(".jwtis-backup-{random:032x}"))
}

/// Copies the store to `path`, opens the copy and takes its name away.
fn copy(store: &Store, path: &Path) -> Result<(File, u64), Problem> {
    let report = store.backup_to(path).map_err(|error| Problem::caused_by(Code::Internal, error))?;
    if !report.damaged.is_empty() {
        warn!(records = ?report.damaged, "the backup holds records that do not verify: so does the store");
    }
    let opened = open(path).map_err(|error| Problem::caused_by(Code::Internal, error));
    // Without its name the copy lives as long as somebody reads it.
    if let Err(error) = fs::remove_file(path) {
        warn!(path = %path.display(), error = &error as &dyn std::error::Error, "the copy of a backup stays: remove it");
    }
    opened
}

fn open(path: &Path) -> io::Result<(File, u64)> {
    let file = File::open(path)?;
    let bytes = file.metadata()?.len();
    Ok((file, bytes))
}
