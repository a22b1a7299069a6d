//! Runs the `console` blocks of a document as their reader would, and compares what is printed with what the document shows, but for
//! keys, tokens, ids, times and numbers. `UPDATE_DOCS=1` writes the document anew instead.
//!
//! * `jwtis …` that serves is started in the background and stays for what follows; with `Ctrl-C` in its comment it is stopped at once.
//!   Of what it prints the document may show any lines.
//! * Commands that need the store at rest stop the server first.
//! * `export NAME=…` takes what was printed at the first start, or the `client_token` of the last answer; `tz1…` is the key that was made last.
//! * A `yaml` block that begins with `# NAME` is written to that file.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use jwtis_testkit::process::{Place, Run, Server};

/// Where the documents say the issuer and the signer listen.
const URLS: [&str; 2] = ["http://127.0.0.1:4343", "http://127.0.0.1:6732"];

/// One `$ command` and what the document says is printed.
struct Shown<'a> {
    command: &'a str,
    output: String,
}

/// Somebody who follows a document.
struct Reader {
    place: Place,
    server: Option<Server>,
    /// Base URLs of the issuer and the signer, where they are served.
    urls: [Option<String>; 2],
    last: String,
    /// What the first start printed.
    first_start: String,
    /// The key that was made last.
    key: String,
}

/// Follows the documents at `paths`, below the repository, one after the other; together they have `at_least` so many commands. With
/// `running` a first start has been made and goes on when the first document begins.
pub(crate) fn follow(paths: &[&str], running: bool, at_least: usize) {
    let mut reader = Reader::new();
    if running {
        reader.serve(&[], "", "");
    }
    let commands: usize = paths.iter().map(|path| reader.follow(path)).sum();
    assert!(commands >= at_least, "{paths:?} have lost their commands");
}

impl Reader {
    fn new() -> Self {
        let mut place = Place::new();
        place.set("JWTIS_SIGNER_ADDRESS", "127.0.0.1:0");
        Self {
            place,
            server: None,
            urls: [None, None],
            last: String::new(),
            first_start: String::new(),
            key: String::new(),
        }
    }

    /// Runs the commands of a document and returns how many there are.
    fn follow(&mut self, path: &str) -> usize {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
        let document = fs::read_to_string(&path).unwrap();
        let update = std::env::var_os("UPDATE_DOCS").is_some();
        let mut written = String::new();
        let mut commands = 0;
        for (number, part) in document.split("```").enumerate() {
            if number > 0 {
                written.push_str("```");
            }
            if let (1, Some(yaml)) = (number % 2, part.strip_prefix("yaml\n# ")) {
                self.file(yaml);
            }
            let Some(block) = part.strip_prefix("console\n").filter(|_| number % 2 == 1) else {
                written.push_str(part);
                continue;
            };
            written.push_str("console\n");
            for Shown { command, output } in shown(block) {
                commands += 1;
                let printed = self.run(command, &output);
                let fits = fits(&output, &printed);
                assert!(
                    fits || update,
                    "$ {command}\n{}\nis not\n{}\nrun with UPDATE_DOCS=1",
                    masked(&printed),
                    masked(&output)
                );
                write!(written, "$ {command}\n{}", if fits { &output } else { &printed }).unwrap();
            }
        }
        if update {
            fs::write(path, written).unwrap();
        }
        commands
    }

    /// A file whose name is its first line, behind the `#`.
    fn file(&self, yaml: &str) {
        let (name, _) = yaml.split_once('\n').unwrap();
        self.place.file(name.trim(), &self.with_key(&format!("# {yaml}")));
    }

    fn with_key(&self, text: &str) -> String {
        text.replace("tz1…", &self.key)
    }

    /// Runs a command and gives what it printed; `output` is what the document shows.
    fn run(&mut self, command: &str, output: &str) -> String {
        let (line, comment) = command.split_once("  #").unwrap_or((command, ""));
        let line = line.trim();
        if let Some((name, _)) = line.strip_prefix("export ").and_then(|export| export.split_once('=')) {
            self.export(name);
            return String::new();
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        if words[0] == "jwtis" && words.get(1).is_none_or(|word| *word == "serve" || word.starts_with('-')) {
            return self.serve(&words[1..], comment, output);
        }
        if ["key", "store", "watermark"].iter().any(|name| words.starts_with(&["jwtis", name])) {
            self.server = None;
        }
        let mut line = self.with_key(line);
        for (url, real) in URLS.iter().zip(&self.urls) {
            if let Some(real) = real {
                line = line.replace(url, real);
            }
        }
        let run = Run::of(self.place.command("sh", &["-c", &line]).output().unwrap());
        let mut printed = run.stdout + &run.stderr;
        if !printed.is_empty() && !printed.ends_with('\n') {
            printed.push('\n');
        }
        for (url, real) in URLS.iter().zip(&self.urls) {
            if let Some(real) = real {
                printed = printed.replace(real, url);
            }
        }
        if let Some(made) = printed.lines().find_map(|line| line.strip_prefix("Public Key Hash:")) {
            self.key = made.trim().to_owned();
        }
        if !printed.is_empty() {
            self.last.clone_from(&printed);
        }
        printed
    }

    /// The value of a variable, from what was printed.
    fn export(&mut self, name: &str) {
        let value = if name == "JWTIS_CLIENT_TOKEN" {
            let answer: serde_json::Value = serde_json::from_str(&self.last).unwrap();
            answer["client_token"].as_str().unwrap().to_owned()
        } else {
            export_of(&self.first_start, name)
        };
        self.place.set(name, &value);
    }

    /// Starts a server, and checks the lines that the document shows of it.
    fn serve(&mut self, words: &[&str], comment: &str, output: &str) -> String {
        self.server = None;
        let mut server = self.place.serve(words.strip_prefix(&["serve"]).unwrap_or(words));
        let signs = server.stdout.lines().any(|line| line.starts_with("signer is listening on "));
        let issues =
            !server.stdout.contains("signer is listening on ") || !words_say_pure(&self.place, words);
        self.urls = match (issues, signs) {
            (true, true) => {
                let signer = server.url.clone();
                [Some(server.next_url()), Some(signer)]
            }
            (false, true) => [None, Some(server.url.clone())],
            _ => [Some(server.url.clone()), None],
        };
        if let Some(url) = &self.urls[0] {
            self.place.set("JWTIS_URL", url);
        }
        let printed = masked(&server.stdout);
        for line in output.lines() {
            assert!(printed.contains(&masked(line)), "{line}\nis not in\n{}", server.stdout);
        }
        if self.first_start.is_empty() {
            self.first_start.clone_from(&server.stdout);
        }
        if !comment.contains("Ctrl-C") {
            self.server = Some(server);
        }
        output.to_owned()
    }
}

/// Whether the file that `-c` names switches the issuer off.
fn words_say_pure(place: &Place, words: &[&str]) -> bool {
    let file = words.iter().zip(words.iter().skip(1)).find(|(flag, _)| **flag == "-c").map(|(_, file)| file);
    file.is_some_and(|file| {
        fs::read_to_string(place.path().join(file)).unwrap().contains("issuer: {enabled: false}")
    })
}

fn export_of(printed: &str, name: &str) -> String {
    let start = format!("export {name}='");
    let line = printed.lines().map(str::trim).find_map(|line| line.strip_prefix(&start));
    line.unwrap_or_else(|| panic!("no {name} in {printed}")).trim_end_matches('\'').to_owned()
}

fn shown(block: &str) -> Vec<Shown<'_>> {
    let mut shown: Vec<Shown<'_>> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ "), shown.last_mut()) {
            (Some(command), _) => shown.push(Shown { command, output: String::new() }),
            (None, Some(Shown { output, .. })) => writeln!(output, "{line}").unwrap(),
            (None, None) => panic!("a block begins with output: {line}"),
        }
    }
    shown
}

/// Whether a command printed what a document shows. `…` in the document stands for anything, together with the word in front of it.
fn fits(shown: &str, printed: &str) -> bool {
    let (shown, printed) = (masked(shown), masked(printed));
    let (first, rest) = shown.split_once('…').unwrap_or((&shown, ""));
    let Some(mut left) = printed.strip_prefix(first) else { return false };
    if first.len() == shown.len() {
        return left.is_empty();
    }
    let (between, last) = rest.rsplit_once('…').unwrap_or(("", rest));
    for piece in between.split('…') {
        let Some((_, behind)) = left.split_once(piece) else { return false };
        left = behind;
    }
    left.ends_with(last)
}

/// The text with long words, which are tokens and ids, and digits made alike. A word that is cut by `…` is left out.
fn masked(text: &str) -> String {
    let in_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let mut masked = String::new();
    for word in text.split_inclusive(|c: char| !in_word(c)) {
        let body = word.trim_end_matches(|c: char| !in_word(c));
        if word.ends_with('…') {
            // The wildcard stands for the word, too.
        } else if body.len() >= 20 {
            masked.push('~');
        } else {
            masked.extend(body.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }));
        }
        masked.push_str(&word[body.len()..]);
    }
    // One digit or two, now or a second ago: time goes by.
    while masked.contains("00") {
        masked = masked.replace("00", "0");
    }
    for ago in ["0 seconds ago", "0 second ago"] {
        masked = masked.replace(ago, "now");
    }
    masked.split_whitespace().collect::<Vec<_>>().join(" ")
}
