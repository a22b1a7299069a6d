//! `jwtis store clock`: what the store knows of the time, and how to make it forget a wrong one.

use clap::Args;
use jwtis_base::Env;
use jwtis_issuer::clock::KeptClock;
use jwtis_issuer::reset_kept_clock;
use jwtis_store::ReadError;
use serde_json::json;

use super::super::output::TextTable;
use super::super::store_file::{PasswordArgs, StoreFile};
use super::super::when::utc;
use super::super::{CliOutcome, Failure, Output, opening, runtime};

#[derive(Debug, Args)]
pub(crate) struct StoreClock {
    #[command(flatten)]
    store: StoreFile,
    #[command(flatten)]
    password: PasswordArgs,
    /// Forget the kept time: for a clock that was wrong for more than ten minutes and is right again.
    #[arg(long)]
    reset: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl StoreClock {
    pub(super) fn run(&self, out: &mut Output<'_>) -> CliOutcome {
        let path = self.store.existing()?;
        let store = opening::open_store(
            &path,
            &self.store.witness(&path)?,
            &self.password.require(&self.store, &path)?,
        )?;
        let kept = runtime::runtime()?.block_on(async {
            if self.reset {
                return reset_kept_clock(&store, Env::system().now()).await.map_err(|error| {
                    Failure::refused("the kept time cannot be forgotten")
                        .because(&error)
                        .hint("see the reason; `jwtis store check` tells whether the store is whole")
                });
            }
            KeptClock::of(&store).await.map_err(|error| match error {
                ReadError::Damaged { .. } => Failure::damaged("the kept time is damaged")
                    .because(&error)
                    .hint("restore a backup with `jwtis store restore BACKUP`"),
                ReadError::Unavailable(_) => Failure::refused("the kept time cannot be read").because(&error),
            })
        })?;
        if self.json {
            let seconds = |millis: u64| millis / 1000;
            return out.json(&json!({
                "confirmed": kept.map(|kept| seconds(kept.confirmed_ms)),
                "seen": kept.map(|kept| seconds(kept.seen_ms)),
                "forgotten": self.reset && kept.is_some(),
            }));
        }
        let Some(kept) = kept else { return out.line("the store keeps no time") };
        let mut table = TextTable::default();
        for (name, moment) in [("latest confirmed time", kept.confirmed()), ("server last seen", kept.seen())]
        {
            let shown = if moment.millis() == 0 { "-".to_owned() } else { utc(moment.seconds()) };
            table.pair(name, shown);
        }
        out.line(table)?;
        if self.reset { out.line("forgotten; the next start begins with its own clock") } else { Ok(()) }
    }
}
