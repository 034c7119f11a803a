//! The names in a PromQL expression. Whether it is valid Prometheus itself says; this only finds
//! which metrics and labels it speaks of.

use std::collections::BTreeSet;

/// A metric with the matchers beside it.
#[derive(Debug, PartialEq)]
pub struct Selector {
    pub metric: String,
    pub labels: Vec<String>,
    /// The selector as it is written, without a range.
    pub text: String,
}

/// What an expression speaks of.
#[derive(Debug, Default, PartialEq)]
pub struct Names {
    pub selectors: Vec<Selector>,
    /// The labels by which it groups or joins.
    pub grouping: BTreeSet<String>,
}

const BEFORE_LABELS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
const KEYWORDS: [&str; 7] = ["and", "or", "unless", "offset", "bool", "inf", "nan"];

/// Finds the names in an expression.
pub fn names(expression: &str) -> Names {
    let mut names = Names::default();
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        match first {
            '"' | '\'' => rest = after_string(rest),
            '[' => rest = after(rest, ']'),
            '0'..='9' => rest = rest.trim_start_matches(|c: char| c.is_alphanumeric() || c == '.'),
            'a'..='z' | 'A'..='Z' | '_' => {
                let (word, tail) = split_word(rest);
                let next = tail.trim_start();
                rest = tail;
                if BEFORE_LABELS.contains(&word) {
                    if let Some(list) = next.strip_prefix('(') {
                        let (list, tail) = list.split_once(')').expect("a closed list");
                        names.grouping.extend(list.split(',').map(|l| l.trim().to_owned()));
                        names.grouping.remove("");
                        rest = tail;
                    }
                } else if !KEYWORDS.contains(&word)
                    && !next.starts_with('(')
                    && !["by", "without"].contains(&split_word(next).0)
                {
                    let (labels, tail) = matchers(tail);
                    rest = tail;
                    let text =
                        expression[offset(expression, word)..offset(expression, tail)].trim();
                    names.selectors.push(Selector {
                        metric: word.to_owned(),
                        labels,
                        text: text.to_owned(),
                    });
                }
            }
            '{' => panic!("a selector without a metric: {rest}"),
            _ => rest = &rest[first.len_utf8()..],
        }
    }
    names
}

/// The labels of `{a="b", …}`, if it is next, and what follows.
fn matchers(text: &str) -> (Vec<String>, &str) {
    let Some(mut rest) = text.strip_prefix('{') else { return (Vec::new(), text) };
    let mut labels = Vec::new();
    loop {
        match rest.chars().next() {
            None => panic!("unclosed: {text}"),
            Some('}') => return (labels, &rest[1..]),
            Some('"' | '\'') => rest = after_string(rest),
            Some(c) if c.is_ascii_alphabetic() || c == '_' => {
                let (word, tail) = split_word(rest);
                labels.push(word.to_owned());
                rest = tail;
            }
            Some(c) => rest = &rest[c.len_utf8()..],
        }
    }
}

fn split_word(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':');
    text.split_at(end.unwrap_or(text.len()))
}

fn after(text: &str, end: char) -> &str {
    text.split_once(end).unwrap_or_else(|| panic!("no {end} in {text}")).1
}

/// Escaped quotes are not used here, and would be seen: what follows them would be no metric.
fn after_string(text: &str) -> &str {
    after(&text[1..], text.chars().next().expect("a quote"))
}

/// Where a part of a text begins.
fn offset(whole: &str, part: &str) -> usize {
    part.as_ptr() as usize - whole.as_ptr() as usize
}

#[test]
fn finds_what_an_expression_speaks_of() {
    let found = names(
        "histogram_quantile(0.95, sum by (le, pod) (rate(a_bucket{x=\"}b\",y!~'c'}[5m] offset 1h)))\
         > bool 1e3 or on (z) time() - c unless absent(up{job=\"a\"} == 1)",
    );
    let selectors: Vec<&str> = found.selectors.iter().map(|s| s.text.as_str()).collect();
    assert_eq!(selectors, ["a_bucket{x=\"}b\",y!~'c'}", "c", "up{job=\"a\"}"]);
    assert_eq!(found.selectors[0].labels, ["x", "y"]);
    assert_eq!(found.grouping, ["le", "pod", "z"].map(String::from).into());
}
