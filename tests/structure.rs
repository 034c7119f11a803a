//! The structure of `src/`: the modules of the crate stand in an order, and each knows only those
//! that stand before it. So no circle of files crosses a folder, and what is at the bottom (settings,
//! messages) can be read and tested without the server. The order is that of docs/architecture.md.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    reason = "a test may stop where it fails, and say why"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The order, as the page shows it: the names in backquotes of the lines between two marks.
fn order() -> Vec<String> {
    let page = fs::read_to_string("docs/architecture.md").unwrap();
    let (_, rest) = page.split_once("<!-- the order of modules -->").expect("a mark");
    let (table, _) = rest.split_once("<!-- end -->").expect("a mark");
    table.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// The module of the crate's root that a file belongs to; none for the root itself.
fn module(file: &Path) -> Option<String> {
    let inner = file.strip_prefix("src").unwrap();
    let first = inner.components().next().unwrap().as_os_str().to_str().unwrap();
    let name = first.trim_end_matches(".rs");
    (!["lib", "main"].contains(&name)).then(|| name.to_owned())
}

/// The code of a file: no comments, and no tests at its foot, which may use anything.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let lines = code.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// The modules of the root that the code names: `crate::a::…` and those of `crate::{a, b::…}`.
fn named(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for rest in code.split("crate::").skip(1) {
        let word = |text: &str| -> String {
            text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
        };
        match rest.strip_prefix('{') {
            None => names.push(word(rest)),
            Some(group) => {
                let (mut depth, mut is_first) = (0, true);
                for (at, c) in group.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => is_first = true,
                        c if c.is_ascii_alphanumeric() && is_first => {
                            names.push(word(&group[at..]));
                            is_first = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    names
}

#[test]
fn each_module_knows_only_those_that_stand_before_it() {
    let order = order();
    let place: BTreeMap<&str, usize> =
        order.iter().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
    let mut sources = Vec::new();
    files(Path::new("src"), &mut sources);
    let mut wrong = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for file in sources {
        let Some(module) = module(&file) else { continue };
        let Some(own) = place.get(module.as_str()) else {
            wrong.push(format!("{module} is not in the order of docs/architecture.md"));
            continue;
        };
        seen.insert(module.clone());
        for other in named(&code(&fs::read_to_string(&file).unwrap())) {
            if other != module && place.get(other.as_str()).is_some_and(|place| place > own) {
                wrong.push(format!(
                    "{} knows {other}, which stands behind {module}",
                    file.display()
                ));
            }
        }
    }
    for name in &order {
        if !seen.contains(name) {
            wrong.push(format!("{name} is in docs/architecture.md and is no module"));
        }
    }
    wrong.dedup();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_a_file_names_is_found() {
    let text = "use crate::a::B;\nuse crate::{c, d::{E, f}, g};\n// crate::h\nlet x = crate::i();\n\
                #[cfg(test)]\nmod tests { use crate::j; }";
    assert_eq!(named(&code(text)), ["a", "c", "d", "g", "i"]);
}
