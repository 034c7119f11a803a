//! The code that docs/tower.md shows is this example's.

use std::fs;
use std::path::Path;

/// The lines of a text without their indentation, and those without anything left out.
fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

#[test]
fn the_page_shows_the_code_that_is_tested() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("../../docs/tower.md")).unwrap();
    let sources: Vec<String> = fs::read_dir(root.join("src"))
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    let sources: Vec<Vec<&str>> = sources.iter().map(|text| lines(text)).collect();
    let blocks = page.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let blocks: Vec<Vec<&str>> = blocks.map(lines).collect();
    assert!(blocks.len() > 4);
    for block in blocks {
        let is_there = |source: &Vec<&str>| source.windows(block.len()).any(|part| part == block);
        assert!(sources.iter().any(is_there), "no source has\n{}", block.join("\n"));
    }
}
