//! The server's flags, made from the table of settings.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use crate::config::setting::{self, Kind, Setting};
use crate::config::value::{Raw, Source};

/// The flags that were given.
#[derive(Clone, Debug, Default)]
pub struct ServerFlags(Vec<(&'static Setting, Raw)>);

impl ServerFlags {
    /// The flags given after the subcommand, then those before it: where both give one, the later counts.
    #[must_use]
    pub fn after(self, earlier: Self) -> Vec<(&'static Setting, Raw)> {
        let mut flags = self.0;
        flags.extend(earlier.0);
        flags
    }

    /// Whether none was given.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first flag that was given, as typed in its long form.
    #[must_use]
    pub fn first(&self) -> Option<String> {
        self.0.first().and_then(|(setting, _)| setting.flag_text())
    }
}

impl Args for ServerFlags {
    fn augment_args(command: Command) -> Command {
        setting::ALL.into_iter().filter_map(arg).fold(command, Command::arg)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ServerFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |setting: &'static Setting| {
            let flag = setting.flag_text()?;
            let text = if setting.short.is_some() && setting.kind == Kind::Switch {
                matches.get_flag(setting.name).then(|| "true".to_owned())
            } else {
                matches.get_one::<String>(setting.name).cloned()
            };
            text.map(|text| (setting, Raw::new(text, Source::Flag(flag))))
        };
        Ok(Self(setting::ALL.into_iter().filter_map(given).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn arg(setting: &'static Setting) -> Option<Arg> {
    let mut arg =
        Arg::new(setting.name).long(setting.long?).help(help(setting)).help_heading(heading(setting));
    if let Some(alias) = setting.alias {
        arg = arg.visible_alias(alias);
    }
    if let Some(short) = setting.short {
        arg = arg.short(short);
    }
    Some(match setting.kind {
        Kind::Value(name) | Kind::Path(name) | Kind::List(name) => {
            arg.value_name(name).action(ArgAction::Set)
        }
        // A password may start with a dash.
        Kind::Secret(name) => arg.value_name(name).action(ArgAction::Set).allow_hyphen_values(true),
        // A short switch can stand in a group of them, so it takes no value.
        Kind::Switch if setting.short.is_some() => arg.action(ArgAction::SetTrue),
        // `--tls=false` overrides a variable or the file.
        Kind::Switch => arg
            .value_name("BOOL")
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .action(ArgAction::Set),
    })
}

fn help(setting: &Setting) -> String {
    let mut help = setting.help.to_owned();
    if !setting.default.is_empty() && setting.kind != Kind::Switch {
        help.push_str(&format!(" [default: {}]", setting.default));
    }
    if let Some(env) = setting.env {
        help.push_str(&format!(" [env: {env}]"));
    }
    help
}

fn heading(setting: &Setting) -> &'static str {
    match setting.section() {
        "issuer" => "Issuer",
        "store" => "Store",
        "server" | "base_dir" | "watermark" => "Signer and observation",
        "http" => "Listeners",
        "log" => "Logs",
        _ => "Configuration",
    }
}
