//! `jwtis audit`: the records of what changed something, as a table or as lines of JSON.

use std::collections::VecDeque;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use jwtis_base::audit::{AuditPage, EVENTS, MAX_AUDIT_PAGE, NumberedRecord};
use jwtis_base::{Env, Timestamp, Ttl};
use jwtis_signer::watermark::file;
use jwtis_store::{ReadError, Store};
use serde_json::Value;

use super::api::{Api, As, Connection};
use super::opening::store_exists;
use super::output::TextTable;
use super::printable::printable;
use super::runtime::runtime;
use super::store_file::StoreAtRest;
use super::when::utc;
use super::{CliOutcome, Failure, Output};

/// Records read at once.
const PAGE: u64 = 500;
const _: () = assert!(PAGE <= MAX_AUDIT_PAGE as u64, "the server gives pages of that size");

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Show the newest records, the newest last.
    List(List),
    /// Write all records as lines of JSON, in the order of their numbers.
    Export {
        /// Only records with numbers above this one: the last that an earlier export wrote.
        #[arg(long, value_name = "NUMBER", default_value_t = 0)]
        after: u64,
        #[command(flatten)]
        trail: TrailArgs,
    },
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// How many.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Only of the last so long, like 24h.
    #[arg(long, value_name = "DURATION")]
    since: Option<Ttl>,
    /// Only this event, like client_registered.
    #[arg(long, value_name = "EVENT", value_parser = PossibleValuesParser::new(EVENTS), hide_possible_values = true)]
    event: Option<String>,
    /// Only of this client.
    #[arg(long, value_name = "KID")]
    client: Option<String>,
    /// Only of this signing key.
    #[arg(long, value_name = "PKH")]
    key: Option<String>,
    #[command(flatten)]
    trail: TrailArgs,
}

/// Where the records are. A server that is named by --url, or that has the store open, is asked. A store at rest is read.
#[derive(Debug, Args)]
pub(crate) struct TrailArgs {
    /// Read the trail that the watermark driver `file` keeps below this base folder, while its server is stopped.
    #[arg(long, value_name = "BASE_DIR", value_parser = crate::config::path::given)]
    watermarks: Option<PathBuf>,
    #[command(flatten)]
    store: StoreAtRest,
    #[command(flatten)]
    connection: Connection,
}

impl AuditCommand {
    pub(crate) fn run(&self, out: &mut Output<'_>) -> CliOutcome {
        match self {
            Self::List(list) => list.run(out),
            Self::Export { after, trail } => {
                let source = trail.open()?;
                let (mut after, last) = (*after, source.last()?);
                if after > last {
                    return Err(Failure::refused(format!("the trail ends at number {last}, before {after}"))
                        .hint("the store has gone back since: its new records have numbers that you know for others; export all of it anew, into another file"));
                }
                loop {
                    let page = source.page(after)?;
                    let Some(last) = page.records.last() else { return Ok(()) };
                    after = last.number;
                    for record in &page.records {
                        out.line(line(record)?)?;
                    }
                }
            }
        }
    }
}

impl List {
    fn run(&self, out: &mut Output<'_>) -> CliOutcome {
        let since = self.since.map(|since| {
            let age = u64::try_from(since.as_duration().as_millis()).unwrap_or(u64::MAX);
            Timestamp::from_millis(Env::system().now().millis().saturating_sub(age))
        });
        let found = self.newest(&self.trail.open()?, since)?;
        if found.is_empty() {
            super::failure::warn("no records match");
        }
        if self.trail.connection.json {
            return out.json(&found);
        }
        let mut table = TextTable::with_header(&["NUMBER", "TIME", "EVENT", "BY", "WHAT"]);
        for NumberedRecord { number, record } in &found {
            table.row([
                number.to_string(),
                utc(record.at().seconds()),
                printable(record.event()),
                printable(record.by()),
                what(record.fields().iter().map(|(name, value)| (name.as_ref(), value))),
            ]);
        }
        out.line(table)
    }

    /// Reads from the end, until there are enough or all others are older.
    fn newest(&self, source: &Source, since: Option<Timestamp>) -> Result<VecDeque<NumberedRecord>, Failure> {
        let mut found = VecDeque::new();
        let mut end = source.last()?;
        while end > 0 {
            let after = end.saturating_sub(PAGE);
            let mut page = source.page(after)?.records;
            page.retain(|record| record.number <= end);
            let is_recent = |record: &NumberedRecord| since.is_none_or(|since| record.record.at() >= since);
            if !page.iter().any(is_recent) {
                break;
            }
            for record in page.into_iter().rev().filter(|record| is_recent(record) && self.wants(record)) {
                found.push_front(record);
                if found.len() >= usize::try_from(self.limit).unwrap_or(usize::MAX) {
                    return Ok(found);
                }
            }
            end = after;
        }
        Ok(found)
    }

    fn wants(&self, NumberedRecord { record, .. }: &NumberedRecord) -> bool {
        let is = |name: &str, wanted: &Option<String>| {
            wanted
                .as_deref()
                .is_none_or(|wanted| record.fields().get(name).and_then(Value::as_str) == Some(wanted))
        };
        self.event.as_deref().is_none_or(|event| event == record.event())
            && is("client", &self.client)
            && is("key", &self.key)
    }
}

impl TrailArgs {
    fn open(&self) -> Result<Source, Failure> {
        if let Some(base_dir) = &self.watermarks {
            let store = file::read_store(base_dir)
                .map_err(|error| Failure::from_store(&file::path_below(base_dir), &error))?;
            return Ok(Source::Store(store, runtime()?));
        }
        let named = self.connection.is_named_by_flag()
            || (self.connection.is_named() && !store_exists(&self.store.file.path()?)?);
        if named || self.store.is_in_use()? {
            return Ok(Source::Server(Box::new(self.connection.open(As::Admin)?)));
        }
        Ok(Source::Store(self.store.open()?, runtime()?))
    }
}

/// Who is asked for the records.
enum Source {
    Server(Box<Api>),
    Store(Store, tokio::runtime::Runtime),
}

impl Source {
    fn page(&self, after: u64) -> Result<AuditPage, Failure> {
        self.read(after, PAGE)
    }

    fn last(&self) -> Result<u64, Failure> {
        Ok(self.read(u64::MAX, 1)?.last)
    }

    fn read(&self, after: u64, limit: u64) -> Result<AuditPage, Failure> {
        match self {
            Self::Server(api) => {
                let page = api.get(&format!("/audit?after={after}&limit={limit}"))?;
                serde_json::from_value(page).map_err(|error| {
                    Failure::refused("the server's answer is no page of audit records")
                        .because(&error)
                        .hint("is this URL that of a jwtis issuer of this release or a later one?")
                })
            }
            Self::Store(store, runtime) => {
                let limit = usize::try_from(limit).unwrap_or(MAX_AUDIT_PAGE);
                runtime.block_on(AuditPage::of(store, after, limit)).map_err(|error| match error {
                    ReadError::Damaged { .. } => Failure::damaged("an audit record is damaged")
                        .because(&error)
                        .hint("`jwtis store check` shows what else is; `--after` goes on behind it"),
                    ReadError::Unavailable(_) => {
                        Failure::refused("the audit records cannot be read").because(&error)
                    }
                })
            }
        }
    }
}

/// One record in one line.
fn line(record: &NumberedRecord) -> Result<String, Failure> {
    serde_json::to_string(record)
        .map_err(|error| Failure::refused("a record cannot be written as JSON").because(&error))
}

/// `client=shop session=…`
fn what<'r>(fields: impl Iterator<Item = (&'r str, &'r Value)>) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let words: Vec<String> =
        fields.map(|(name, value)| printable(&format!("{name}={}", text(value)))).collect();
    words.join(" ")
}
