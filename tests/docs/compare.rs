//! Whether a command printed what its page shows: numbers, times and ids differ, all else must not.

/// What differs, if anything; a line `…` on the page stands for any lines.
pub fn difference(shown: &[String], printed: &str) -> Option<String> {
    let printed: Vec<String> = printed.lines().map(mask).collect();
    let mut rest = printed.as_slice();
    let mut may_skip = false;
    for line in shown {
        if line.trim() == "…" {
            may_skip = true;
            continue;
        }
        let wanted = mask(line);
        let found = rest.iter().position(|line| *line == wanted);
        match found {
            Some(index) if index == 0 || may_skip => rest = &rest[index + 1..],
            _ => return Some(format!("shown:   {wanted}\nprinted: {}", rest.join("\n         "))),
        }
        may_skip = false;
    }
    let is_all = rest.is_empty() || may_skip;
    (!is_all).then(|| format!("printed, and not shown: {}", rest.join("\n")))
}

/// The line with `N` for each number and `H` for each long hexadecimal id.
fn mask(line: &str) -> String {
    let line = line.trim_end().replace(std::env::consts::ARCH, "ARCH").replace("x86_64", "ARCH");
    let mut masked = String::new();
    let mut rest = line.as_str();
    while let Some(first) = rest.chars().next() {
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        if length >= 16 && rest[..length].chars().all(|c| c.is_ascii_hexdigit()) {
            masked.push('H');
            rest = &rest[length..];
        } else if first.is_ascii_digit() {
            let number = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            let fraction =
                number.strip_prefix('.').filter(|f| f.starts_with(|c: char| c.is_ascii_digit()));
            rest = fraction.map_or(number, |f| f.trim_start_matches(|c: char| c.is_ascii_digit()));
            masked.push('N');
        } else {
            masked.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    masked
}

#[test]
fn only_what_varies_may_differ() {
    let shown = |text: &str| text.lines().map(String::from).collect::<Vec<_>>();
    for (page, printed) in [
        ("a 12.5 ms 2026-11-23T02:56:58.083Z", "a 3 ms 2027-01-02T12:16:58.1Z"),
        ("id dad763d1eaeb4639e7df88a5c4ee28da", "id 4221b5ec1db4ab12eba0820aa43de821"),
        ("first\n…\nlast", "first\nx\ny\nlast"),
        ("first\n…", "first\nx"),
    ] {
        assert_eq!(difference(&shown(page), printed), None);
    }
    for (page, printed) in
        [("healthy", "degraded"), ("a\nb", "a"), ("a", "a\nb"), ("a\nc", "a\nb\nc"), ("0 up", "up")]
    {
        assert!(difference(&shown(page), printed).is_some(), "{page:?} {printed:?}");
    }
}
