//! How a store is shown.

use std::path::Path;

use jwtis_store::{Report, TableInfo};
use serde_json::{Value, json};

use crate::cli::printable::printable;

pub(super) fn shown(path: &Path) -> String {
    printable(&path.display().to_string())
}

pub(super) fn tables_json(tables: &[TableInfo]) -> Value {
    tables
        .iter()
        .map(|table| json!({ "name": table.name, "records": table.records, "sealed_bytes": table.sealed_bytes }))
        .collect()
}

pub(super) fn report_json(path: &Path, report: &Report) -> Value {
    json!({
        "path": path,
        "tables": tables_json(&report.tables),
        "damaged": report.damaged,
        "altered": report.altered,
        "summarized": report.summarized,
        "commits": report.commits,
        "rolled_back": report.rolled_back.map(|mark| mark.cause.name()),
    })
}
