//! The documents say what the program does: the table of settings is the code's, and the operator's commands run.

use std::fs;
use std::path::{Path, PathBuf};

use jwtis::config::schema::{self, KeyRow, SettingRow};
use jwtis_testkit::process::{Place, Run};

/// The two tables that the program knows better, by the marks around them.
const SETTINGS: (&str, &str) = ("<!-- settings: ", "<!-- end of settings -->");
const SIGNER_KEYS: (&str, &str) = ("<!-- signer keys: ", "<!-- end of signer keys -->");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The page of the configuration.
fn configuration() -> (PathBuf, String) {
    let path = root().join("docs/reference/configuration.md");
    let text = fs::read_to_string(&path).unwrap();
    (path, text)
}

/// Every page of the project, with its path.
fn pages() -> Vec<(PathBuf, String)> {
    let mut paths = vec![root().join("docs/README.md")];
    for folder in ["", "docs/guide", "docs/internals", "docs/reference"] {
        let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        paths.extend(entries.filter(|path| path.extension().is_some_and(|end| end == "md")));
    }
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// One line per setting, as Markdown.
fn settings_table() -> String {
    let code = |text: &str| if text.is_empty() { String::new() } else { format!("`{text}`") };
    let row = |setting: &SettingRow| {
        let short = setting.short.map(|short| format!("`-{short}`"));
        let long = setting.long.iter().map(|long| format!("`--{long}`"));
        let flags: Vec<String> = short.into_iter().chain(long).collect();
        let cells = [
            if setting.in_file { code(&setting.name) } else { String::new() },
            flags.join(", "),
            code(setting.env.unwrap_or_default()),
            setting.takes.to_owned(),
            code(setting.default),
        ];
        format!("| {} | {} | {} |", cells.join(" | "), applied(setting.reloaded), setting.help)
    };
    let rows: Vec<String> = schema::settings().iter().map(row).collect();
    format!(
        "| In the file | Flag | Variable | Value | Default | Change | Meaning |\n|---|---|---|---|---|---|---|\n{}\n",
        rows.join("\n")
    )
}

/// One line per key of Signatory's sections, as Markdown.
fn signer_keys_table() -> String {
    let row = |key: &KeyRow| {
        let KeyRow { path, takes, default, reloaded, meaning } = key;
        format!("| `{path}` | {takes} | {default} | {} | {meaning} |", applied(*reloaded))
    };
    let rows: Vec<String> = schema::keys().iter().map(row).collect();
    format!("| Key | Value | Default | Change | Meaning |\n|---|---|---|---|---|\n{}\n", rows.join("\n"))
}

/// When a change takes effect.
const fn applied(reloaded: bool) -> &'static str {
    if reloaded { "reload" } else { "restart" }
}

#[test]
fn configuration_md_has_the_tables_of_the_code() {
    for ((begin_mark, end_mark), table) in [(SETTINGS, settings_table()), (SIGNER_KEYS, signer_keys_table())]
    {
        let (path, text) = configuration();
        let begin = text.find(begin_mark).unwrap();
        let begin = begin + text[begin..].find('\n').unwrap() + 1;
        let end = text.find(end_mark).unwrap();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            fs::write(path, format!("{}{}{}", &text[..begin], table, &text[end..])).unwrap();
        } else {
            assert_eq!(&text[begin..end], table, "run with UPDATE_DOCS=1");
        }
    }
}

#[test]
fn the_example_files_are_valid() {
    let (_, text) = configuration();
    let mut examples = 0;
    for block in text.split("```yaml\n").skip(1) {
        let (yaml, _) = block.split_once("```").unwrap();
        let mut place = Place::new();
        place.set("SIGNER_PASSWORD", "Long-Enough-Pass-1");
        place.set("SIGNER_SECRET", "A-Secret-Of-At-Least-32-Bytes-0001");
        place.file("jwtis.yaml", yaml);
        let checked = place.ok(&["config", "show", "-c", "jwtis.yaml", "--strict-config"]);
        assert!(checked.contains("issuer.listen"), "{checked}");
        examples += 1;
    }
    assert!(examples > 1, "the signer has an example too");
}

/// Blocks marked `running` run beside a server, blocks marked `at-rest` without; a server is started and stopped in between.
#[test]
fn the_commands_of_the_documents_run() {
    let mut blocks = 0;
    for (page, text) in pages() {
        if !text.contains("```sh ") {
            continue;
        }
        let name = page.display();
        let mut place = Place::new();
        let server = place.serve(&[]);
        place.set("JWTIS_PSWD", &server.export("JWTIS_PSWD"));
        place.set("JWTIS_ADMIN_TOKEN", &server.export("JWTIS_ADMIN_TOKEN"));
        let mut server = Some(server);
        for block in text.split("```sh ").skip(1) {
            let (kind, rest) = block.split_once('\n').unwrap();
            let (commands, _) = rest.split_once("```").unwrap();
            match (kind, &server) {
                ("running", None) => server = Some(place.serve(&[])),
                ("at-rest", Some(_)) => drop(server.take()),
                ("running" | "at-rest", _) => {}
                _ => panic!("{name}: a block is marked {kind}"),
            }
            if let Some(server) = &server {
                let url = server.url.clone();
                place.set("JWTIS_URL", &url);
            }
            let run = Run::of(place.command("sh", &["-euc", commands]).output().unwrap());
            assert_eq!(run.code, Some(0), "{name}: {commands}\n{}\n{}", run.stdout, run.stderr);
            if commands.contains("store passwd") {
                let new = fs::read_to_string(place.path().join("new-password")).unwrap();
                place.set("JWTIS_PSWD", new.trim());
            }
            blocks += 1;
        }
    }
    assert!(blocks > 10, "{blocks} blocks");
}

#[test]
fn every_link_and_path_of_the_pages_leads_somewhere() {
    for (page, text) in pages() {
        for link in text.split("](").skip(1).map(|rest| rest.split_once(')').unwrap().0) {
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            assert!(target.exists(), "{}: {link}", page.display());
            let found = anchor.is_empty()
                || fs::read_to_string(&target).unwrap().lines().any(|line| anchor_of(line) == anchor);
            assert!(found, "{}: no heading for {link}", page.display());
        }
        let in_project = |code: &&str| ["crates/", "docs/", "tools/"].iter().any(|top| code.starts_with(top));
        for path in text.split('`').filter(in_project) {
            // Patterns, and folders that only runs make.
            let made = path.contains(['*', '{', ' ']) || path.starts_with("tools/fuzz/");
            assert!(made || root().join(path).exists(), "{}: {path}", page.display());
        }
    }
}

/// The anchor that a heading gets.
fn anchor_of(line: &str) -> String {
    let Some((_, heading)) = line.split_once("# ") else { return String::new() };
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}
