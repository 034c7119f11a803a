//! The recipes and scripts that the pages name exist, with the options and arguments that they show.

use std::path::Path;

use super::commands;
use super::names;
use super::pages;
use super::{ROOT, expect_none, read};

#[test]
fn recipes_scripts_and_their_options_exist() {
    let justfile = read("justfile");
    names::check(|_, code| {
        let mut missing = Vec::new();
        for part in code.parts() {
            let mut words = part.split_whitespace();
            let script = match words.next().unwrap() {
                "just" => {
                    let Some(recipe) = words.next().filter(|word| !word.starts_with('-')) else {
                        continue;
                    };
                    let Some(body) = body(&justfile, recipe) else {
                        missing.push(format!("recipe {recipe}"));
                        continue;
                    };
                    names::words(body).find(|word| is_script(word)).map(String::from)
                }
                first => is_script(first).then(|| first.to_owned()),
            };
            let Some(script) = script else { continue };
            let content = read(&script);
            for option in words.filter(|word| word.starts_with("--") && word.len() > 2) {
                if !content.contains(option.split('=').next().unwrap()) {
                    missing.push(format!("{option} of {script}"));
                }
            }
        }
        missing
    });
}

#[test]
fn commands_give_recipes_what_they_need() {
    let justfile = read("justfile");
    let mut wrong = Vec::new();
    for command in pages::all().iter().flat_map(commands::of) {
        for part in command.parts() {
            let mut words = part.split_whitespace();
            let Some("just") = words.next() else { continue };
            let Some(recipe) = words.next() else { continue };
            let head = justfile.lines().find(|line| line.starts_with(&format!("{recipe} ")));
            let parameters = head.unwrap_or_default().split(':').next().unwrap();
            let is_required = |name: &&str| !name.contains(['*', '=', '(', '"']);
            let required = parameters.split_whitespace().skip(1).filter(is_required).count();
            if words.count() < required {
                wrong.push(format!("{}: needs {parameters}: {part}", command.origin));
            }
        }
    }
    expect_none(&wrong);
}

fn is_script(word: &str) -> bool {
    let folders = ["scripts/", "tests/", "benches/", ".ci/"];
    folders.iter().any(|folder| word.starts_with(folder)) && Path::new(ROOT).join(word).is_file()
}

/// The lines of a recipe.
fn body<'a>(justfile: &'a str, recipe: &str) -> Option<&'a str> {
    let is_head = |line: &str| {
        line.starts_with(&format!("{recipe}:")) || line.starts_with(&format!("{recipe} "))
    };
    let head = justfile.lines().find(|line| is_head(line) && line.contains(':'))?;
    let from = justfile.find(&format!("\n{head}\n"))? + head.len() + 2;
    Some(justfile[from..].split("\n\n").next().unwrap())
}
