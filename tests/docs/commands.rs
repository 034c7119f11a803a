//! The commands of the pages, and what each would need.

use super::elsewhere;
use super::expect_none;
use super::pages::{self, Block, Page};

/// A command and what the page says that it prints.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// `page:line`
    pub origin: String,
    pub text: String,
    pub output: Vec<String>,
}

/// Every command of a page, in order.
pub fn of(page: &Page) -> Vec<Command> {
    if page.path == pages::GUIDE {
        return Vec::new();
    }
    let blocks = page.blocks.iter().filter(|block| block.language == "console");
    blocks.flat_map(|block| of_block(&page.path, block)).collect()
}

fn of_block(path: &str, block: &Block) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    let has_prompts = block.lines.iter().any(|(_, line)| line.starts_with("$ "));
    let mut is_continued = false;
    for (number, line) in &block.lines {
        let text = line.strip_prefix("$ ");
        if is_continued {
            let last = commands.last_mut().unwrap();
            last.text.push('\n');
            last.text.push_str(line);
        } else if let Some(text) = text.or((!has_prompts).then_some(line)) {
            let origin = format!("{path}:{number}");
            commands.push(Command { origin, text: text.to_owned(), output: vec![] });
        } else if let Some(last) = commands.last_mut() {
            last.output.push(line.clone());
            continue;
        } else {
            panic!("{path}:{number}: output without a command");
        }
        is_continued = ["\\", "|", "&&"].iter().any(|end| line.ends_with(end));
    }
    commands.retain(|command| !command.text.trim().is_empty());
    commands
}

impl Command {
    /// The commands of its pipeline or list, without assignments and comments.
    pub fn parts(&self) -> Vec<String> {
        let text = self.text.replace("\\\n", " ").replace('\n', " ");
        let text = text.split(" # ").next().unwrap_or_default().replace("&&", "|");
        // A `|` between quotes belongs to jq.
        let mut parts = vec![String::new()];
        let mut quote = None;
        for character in text.chars() {
            match quote {
                None if character == '|' || character == ';' => parts.push(String::new()),
                None if character == '\'' || character == '"' => quote = Some(character),
                Some(open) if open == character => quote = None,
                _ => {}
            }
            if quote.is_some() || !['|', ';'].contains(&character) {
                parts.last_mut().unwrap().push(character);
            }
        }
        let without_assignments = |part: &String| {
            let words = part.split_whitespace();
            words.skip_while(|word| is_assignment(word)).collect::<Vec<_>>().join(" ")
        };
        parts.iter().map(without_assignments).filter(|part| !part.is_empty()).collect()
    }

    /// Why it is not run here, if it is not.
    pub fn reason(&self) -> Option<&'static str> {
        self.parts().iter().find_map(|part| elsewhere::reason(part))
    }

    /// Whether all of it is known to run here.
    pub fn runs_here(&self) -> bool {
        self.reason().is_none() && self.parts().iter().all(|part| elsewhere::can_run(part))
    }
}

fn is_assignment(word: &str) -> bool {
    let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    word.split_once('=').is_some_and(|(name, _)| !name.is_empty() && name.chars().all(is_name))
}

#[test]
fn each_command_is_run_here_or_says_why_not() {
    let mut wrong = Vec::new();
    let mut used = Vec::new();
    for command in pages::all().iter().flat_map(of) {
        let parts = command.parts();
        match command.reason() {
            Some(_) => used.extend(parts.iter().filter_map(|part| elsewhere::prefix(part))),
            None if command.runs_here() => {}
            None => wrong
                .push(format!("{}: is neither run nor excused: {}", command.origin, command.text)),
        }
    }
    wrong.extend(
        elsewhere::prefixes()
            .filter(|prefix| !used.contains(prefix))
            .map(|prefix| format!("tests/docs/elsewhere.rs: no page has {prefix:?} any more")),
    );
    expect_none(&wrong);
}

#[test]
fn no_command_expects_more_in_the_image_than_the_binary() {
    let mut wrong = Vec::new();
    for page in pages::all() {
        let blocks = page.blocks.iter().filter(|block| block.language == "yaml");
        let yaml = blocks.flat_map(|block| &block.lines).filter(|(_, line)| line.contains("CMD"));
        for (number, line) in yaml.filter(|(_, line)| !line.contains("/pcf-api")) {
            wrong.push(format!("{}:{number}: not in the image: {line}", page.path));
        }
        let spans = page.spans().into_iter().map(|(number, text)| Command {
            origin: format!("{}:{number}", page.path),
            text,
            output: vec![],
        });
        for command in of(&page).into_iter().chain(spans) {
            let runs_inside = |part: &String| match inside(part) {
                Some(program) => program != "/pcf-api",
                None => false,
            };
            if command.parts().iter().any(runs_inside) {
                wrong.push(format!("{}: not in the image: {}", command.origin, command.text));
            }
        }
    }
    expect_none(&wrong);
}

/// The program that a command runs inside of the image, if it does.
fn inside(command: &str) -> Option<String> {
    let words: Vec<&str> = command.split_whitespace().collect();
    let engine = *words.first()?;
    let has = |word: &str| words.contains(&word);
    if engine == "kubectl" && has("exec") {
        let separator = words.iter().position(|word| *word == "--")?;
        return Some((*words.get(separator + 1).unwrap_or(&"nothing")).to_owned());
    }
    if engine == "kubectl" && has("debug") {
        // The words alone name it; a command has an image of its own, which has what it needs.
        return (words.len() > 2 && !command.contains("--image=")).then(|| "no --image".to_owned());
    }
    if ["docker", "podman"].contains(&engine) && (has("exec") || has("run")) {
        let foreign = ["sh", "bash", "ash", "/bin/sh", "/bin/bash", "curl", "wget", "cat", "ls"];
        let found = words.iter().find(|word| foreign.contains(word));
        return found.map(|word| (*word).to_owned());
    }
    None
}

#[test]
fn commands_are_taken_apart() {
    let text = "$ A=1 one 'x | y' | two && three # four\nprinted\n$ five \\\n    six";
    let lines = text.lines().enumerate().map(|(number, line)| (number, line.to_owned())).collect();
    let commands = of_block("page", &Block { language: "console".into(), lines });
    assert_eq!(commands[0].parts(), ["one 'x | y'", "two", "three"]);
    assert_eq!(commands[0].output, ["printed"]);
    assert_eq!(commands[1].parts(), ["five six"]);
    for (command, program) in [
        ("kubectl -n x exec deploy/y -- /pcf-api config", Some("/pcf-api")),
        ("kubectl exec deploy/y -- sh", Some("sh")),
        ("docker exec x curl localhost", Some("curl")),
        ("podman exec x /pcf-api healthcheck", None),
        ("kubectl debug -it POD --image=IMAGE", None),
        ("kubectl debug -it POD", Some("no --image")),
    ] {
        assert_eq!(inside(command).as_deref(), program, "{command}");
    }
}
