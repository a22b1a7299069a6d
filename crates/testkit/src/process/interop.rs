//! Other people's programs for tests: installed once into folders of the project, and what they found, on the page `docs/reference/interop.md`.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// The project's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// `node_modules` of `package-lock.json`, installed without running anything of the packages.
pub fn node_modules(folder: &Path) -> Option<PathBuf> {
    let npm = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    installed(folder, "node_modules", "package-lock.json", &[&npm])
}

/// A Python that has what `requirements.txt` lists.
pub fn python(folder: &Path) -> Option<PathBuf> {
    let make = ["python3", "-m", "venv", ".venv"];
    let install =
        [".venv/bin/pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"];
    Some(installed(folder, ".venv", "requirements.txt", &[&make, &install])?.join("bin/python"))
}

/// A folder that `commands` make from `list`, unless they have made it from the same list before.
fn installed(folder: &Path, name: &str, list: &str, commands: &[&[&str]]) -> Option<PathBuf> {
    let list = fs::read(folder.join(list)).unwrap();
    let (made, stamp) = (folder.join(name), folder.join(name).join(".made-from"));
    if fs::read(&stamp).is_ok_and(|stamp| stamp == list) {
        return Some(made);
    }
    tell(&format!("installing {name} into {}", folder.display()));
    for command in commands {
        succeeds(Command::new(command[0]).args(&command[1..]).current_dir(folder))?;
    }
    fs::write(stamp, list).unwrap();
    Some(made)
}

/// Runs what has to be had from elsewhere. Where that fails, it says so and gives nothing; with `CI` set, the test fails.
pub fn succeeds(command: &mut Command) -> Option<()> {
    let why = match command.output() {
        Ok(output) if output.status.success() => return Some(()),
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    let line = format!("{command:?} fails: {}", why.trim());
    assert!(std::env::var_os("CI").is_none(), "{line}");
    tell(&format!("SKIPPED, nothing was shown about other programs: {line}"));
    None
}

/// Runs a program with JSON on its standard input, which answers JSON. No proxy stands between it and the server.
pub fn ask(command: &mut Command, question: &Value) -> Value {
    let command = command.env("no_proxy", "*").env("NO_PROXY", "*");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut stdin, question) = (child.stdin.take().unwrap(), question.to_string());
    // It may end without reading, and then says why.
    drop(stdin.write_all(question.as_bytes()));
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Says it even where the test passes, whose other output nobody sees.
pub fn tell(line: &str) {
    std::io::stderr().write_all(format!("\n{line}\n").as_bytes()).unwrap();
}

/// A table in Markdown, and whether every program that the page lists had its part in it.
pub struct FindingsTable {
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
    pub complete: bool,
}

impl FindingsTable {
    /// Writes the part of this name of `docs/reference/interop.md`, with `UPDATE_DOCS` and if nothing was skipped.
    pub fn update(&self, part: &str) {
        match (std::env::var_os("UPDATE_DOCS"), self.complete) {
            (Some(_), true) => write(part, &self.text()),
            (Some(_), false) => {
                tell(&format!("docs/reference/interop.md keeps its table {part}: something was skipped"))
            }
            (None, _) => {}
        }
    }

    /// Compares the table with that part, but for versions.
    #[track_caller]
    pub fn is_on_the_page(&self, part: &str) {
        let page = without_versions(&read(part));
        let text = without_versions(&self.text());
        for line in text.lines() {
            assert!(
                page.lines().any(|known| known == line),
                "{part}: the run says\n{line}\n`make interop` writes it"
            );
        }
        assert!(!self.complete || page == text, "{part}: the page has more lines; `make interop` writes it");
    }

    fn text(&self) -> String {
        let row = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let mut text = row(&self.head);
        writeln!(text, "|{}", "---|".repeat(self.head.len())).unwrap();
        self.rows.iter().for_each(|cells| text.push_str(&row(cells)));
        text
    }
}

/// Writes when and on what this runs, for people: it is compared with nothing.
pub fn note(part: &str, complete: bool) {
    if complete && std::env::var_os("UPDATE_DOCS").is_some() {
        write(part, &format!("{}.\n", circumstances()));
    }
}

fn circumstances() -> String {
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
    };
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{}; {}; {} with {cores} cores; Node {}, {}",
        said("date", &["-u", "+%F"]),
        said("uname", &["-sm"]),
        cpu.trim_start_matches([' ', '\t', ':']),
        said("node", &["--version"]),
        said("python3", &["--version"]),
    )
}

fn page() -> PathBuf {
    root().join("docs/reference/interop.md")
}

/// Where a part begins and ends in the page.
fn place(page: &str, part: &str) -> (usize, usize) {
    let open = format!("<!-- from a run: {part} -->\n");
    let start =
        page.find(&open).unwrap_or_else(|| panic!("docs/reference/interop.md has no {open}")) + open.len();
    (start, start + page[start..].find("<!-- end -->").unwrap())
}

fn read(part: &str) -> String {
    let page = fs::read_to_string(page()).unwrap();
    let (start, end) = place(&page, part);
    page[start..end].to_owned()
}

/// Tests of one program may write different parts at once.
fn write(part: &str, text: &str) {
    static WRITING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _writing = WRITING.lock();
    let mut page_text = fs::read_to_string(page()).unwrap();
    let (start, end) = place(&page_text, part);
    page_text.replace_range(start..end, text);
    fs::write(page(), page_text).unwrap();
}

/// The text with `…` for each word that is a version.
fn without_versions(text: &str) -> String {
    let is_version = |word: &str| word.contains('.') && word.starts_with(|c: char| c.is_ascii_digit());
    let line = |line: &str| {
        line.split(' ').map(|word| if is_version(word) { "…" } else { word }).collect::<Vec<_>>().join(" ")
    };
    text.lines().map(|each| line(each) + "\n").collect()
}
