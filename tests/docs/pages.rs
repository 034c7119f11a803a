//! The pages, taken apart: headings, prose, and blocks of code.

use serde_json::Value;

use super::{ROOT, expect_none, read};

/// A page of the documentation.
pub struct Page {
    /// Its path in the repository.
    pub path: String,
    pub headings: Vec<String>,
    /// Every line outside of blocks, with its number.
    pub prose: Vec<(usize, String)>,
    pub blocks: Vec<Block>,
}

/// A fenced block.
pub struct Block {
    pub language: String,
    /// Its lines with their numbers.
    pub lines: Vec<(usize, String)>,
}

/// The page about another service than this one: it is done as a whole by examples/links/tests/guide.rs,
/// so its commands and names are not looked for here.
pub const GUIDE: &str = "docs/your-service.md";

/// Every page that a reader may meet.
pub fn all() -> Vec<Page> {
    let mut paths: Vec<String> =
        ["README.md", "CONTRIBUTING.md", "k8s/README.md"].map(Into::into).into();
    for entry in std::fs::read_dir(format!("{ROOT}/docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if std::path::Path::new(&name).extension().is_some_and(|extension| extension == "md") {
            paths.push(format!("docs/{name}"));
        }
    }
    paths.sort();
    assert!(paths.len() > 15, "only {paths:?}");
    paths.into_iter().map(|path| Page::parse(path.clone(), &read(&path))).collect()
}

impl Page {
    fn parse(path: String, content: &str) -> Self {
        let mut page = Self { path, headings: vec![], prose: vec![], blocks: vec![] };
        let mut is_open = false;
        for (index, line) in content.lines().enumerate() {
            let line_and_number = (index + 1, line.to_owned());
            if let Some(language) = line.trim_start().strip_prefix("```") {
                is_open = !is_open;
                if is_open {
                    page.blocks.push(Block { language: language.to_owned(), lines: vec![] });
                }
            } else if is_open {
                page.blocks.last_mut().unwrap().lines.push(line_and_number);
            } else {
                if line.starts_with('#') {
                    page.headings.push(line.trim_start_matches('#').trim().to_owned());
                }
                page.prose.push(line_and_number);
            }
        }
        assert!(!is_open, "{}: a block is not closed", page.path);
        page
    }

    /// The words between backticks, with the numbers of their lines.
    pub fn spans(&self) -> Vec<(usize, String)> {
        let spans = |(number, line): &(usize, String)| {
            let odd = line.split('`').skip(1).step_by(2);
            odd.map(|span| (*number, span.to_owned())).collect::<Vec<_>>()
        };
        self.prose.iter().flat_map(spans).collect()
    }
}

#[test]
fn code_is_fenced_and_says_its_language() {
    let known = ["console", "promql", "yaml", "toml", "json", "rust", "nix", "sql", "text"];
    let mut wrong = Vec::new();
    for page in all() {
        for block in &page.blocks {
            if !known.contains(&block.language.as_str()) {
                let line = block.lines.first().map_or(0, |(number, _)| *number);
                wrong.push(format!("{}:{line}: a block in {:?}", page.path, block.language));
            }
        }
        for window in page.prose.windows(2) {
            let (number, line) = &window[1];
            // After a blank line four spaces are code; elsewhere a list goes on.
            if window[0].1.is_empty() && line.starts_with("    ") {
                wrong.push(format!("{}:{number}: indented code; use a fence", page.path));
            }
        }
        for (number, line) in &page.prose {
            if line.matches('`').count() % 2 == 1 {
                wrong.push(format!("{}:{number}: a backtick is not closed", page.path));
            }
        }
    }
    expect_none(&wrong);
}

#[test]
fn what_has_a_grammar_parses() {
    let mut wrong = Vec::new();
    for page in all() {
        for block in &page.blocks {
            let lines: Vec<&str> = block.lines.iter().map(|(_, line)| line.as_str()).collect();
            let text = lines.join("\n");
            let result = match block.language.as_str() {
                // One object a line, as logs are.
                "json" => lines.iter().try_for_each(|line| {
                    serde_json::from_str::<Value>(line).map(drop).map_err(|e| e.to_string())
                }),
                "yaml" => {
                    serde_saphyr::from_str::<Value>(&text).map(drop).map_err(|e| e.to_string())
                }
                "toml" => toml::de::DeTable::parse(&text).map(drop).map_err(|e| e.to_string()),
                _ => continue,
            };
            if let Err(error) = result {
                wrong.push(format!("{}:{}: {error}", page.path, block.lines[0].0));
            }
        }
    }
    expect_none(&wrong);
}
