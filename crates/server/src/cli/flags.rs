//! The server's flags, made from the model of the configuration.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use crate::config::schema::{self, SettingRow};
use crate::config::{GivenFlags, GivenText};

/// The flags that were given.
#[derive(Clone, Debug, Default)]
pub struct ServerFlags(GivenFlags);

impl ServerFlags {
    /// The flags given after the subcommand, then those before it: where both give one, the later counts.
    #[must_use]
    pub fn after(self, earlier: Self) -> GivenFlags {
        let mut flags = self.0;
        flags.extend(earlier.0);
        flags
    }

    /// The first flag that was given, as typed in its long form.
    #[must_use]
    pub fn first(&self) -> Option<String> {
        self.0.first().and_then(|(row, _)| row.flag())
    }
}

impl Args for ServerFlags {
    fn augment_args(command: Command) -> Command {
        schema::settings().iter().filter_map(arg).fold(command, Command::arg)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ServerFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |row: &'static SettingRow| {
            let flag = row.flag()?;
            let text = if row.short.is_some() && row.is_switch() {
                matches.get_flag(&row.name).then(|| "true".to_owned())
            } else {
                matches.get_one::<String>(&row.name).cloned()
            };
            text.map(|text| (row, GivenText::new(text, flag)))
        };
        Ok(Self(schema::settings().iter().filter_map(given).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn arg(row: &'static SettingRow) -> Option<Arg> {
    let (long, aliases) = row.long.split_first()?;
    let arg = Arg::new(row.name.as_str()).long(*long).visible_aliases(aliases.iter().copied());
    let arg = arg.short(row.short).help(help(row)).help_heading(heading(row));
    Some(match row {
        // A short switch can stand in a group of them, so it takes no value.
        row if row.is_switch() && row.short.is_some() => arg.action(ArgAction::SetTrue),
        // `--tls=false` overrides a variable or the file.
        row if row.is_switch() => arg
            .value_name("BOOL")
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .action(ArgAction::Set),
        // A password may start with a dash.
        row => arg.value_name(row.takes).action(ArgAction::Set).allow_hyphen_values(row.secret),
    })
}

fn help(row: &SettingRow) -> String {
    let mut help = row.help.to_owned();
    if !row.default.is_empty() && !row.is_switch() {
        help.push_str(&format!(" [default: {}]", row.default));
    }
    if let Some(env) = row.env {
        help.push_str(&format!(" [env: {env}]"));
    }
    help
}

fn heading(row: &SettingRow) -> &'static str {
    match row.section() {
        "issuer" => "Issuer",
        "store" => "Store",
        "server" | "base_dir" | "watermark" => "Signer and observation",
        "http" => "Listeners",
        "log" => "Logs",
        _ => "Configuration",
    }
}
