#!/usr/bin/env python3
"""Lists the crate's public API, one declaration a line, as its documentation shows it.

usage: scripts/api.py [--check]

Without an option docs/api.txt is written anew; with --check it is only compared, and what differs is
told: a line that goes is a break of someone's build, a line that comes is a promise.
"""

import html
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
RECORD = ROOT / "docs" / "api.txt"


def words(markup):
    """The text of a piece of HTML, in one line."""
    text = html.unescape(re.sub(r"<[^>]*>", "", markup))
    return " ".join(text.replace("§", " ").split())


def declarations(page):
    """What a page declares: the item itself, its methods, and the traits that it has."""
    text = page.read_text(encoding="utf-8")
    # What every type has by the standard library is no promise of ours.
    for part in ("synthetic-implementations-list", "blanket-implementations-list"):
        text = text.split(f'<div id="{part}"')[0]
    for item in re.findall(r'<pre class="rust item-decl"><code>(.*?)</code></pre>', text, re.S):
        yield words(item)
    own, _, traits = text.partition('<div id="trait-implementations-list"')
    own, _, _ = own.partition('<h2 id="implementors"')
    for header in re.findall(r'<h[34] class="code-header">(.*?)</h[34]>', own, re.S):
        yield words(header)
    # The methods of a trait are the trait's.
    for header in re.findall(r'<h3 class="code-header">(.*?)</h3>', traits, re.S):
        yield words(header)


def listing():
    subprocess.run(
        ["cargo", "doc", "--quiet", "--no-deps", "--lib", "--all-features"], cwd=ROOT, check=True
    )
    target = subprocess.run(
        ["cargo", "metadata", "--no-deps", "--format-version", "1"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout
    folder = pathlib.Path(re.search(r'"target_directory":"([^"]+)"', target)[1]) / "doc" / "pcf_api"
    # Pages of what is not public may be left from `cargo doc --document-private-items`.
    public = re.findall(r'<li><a href="([^"]+)">([^<]+)', (folder / "all.html").read_text())
    lines = []
    for page, path in public:
        kind = pathlib.PurePath(page).name.partition(".")[0]
        found = dict.fromkeys(declarations(folder / page))
        lines.extend(f"{kind} {path}: {line}" for line in found)
    return lines


def main(arguments):
    if arguments in (["--help"], ["-h"]):
        print(__doc__.strip())
        return 0
    if arguments not in ([], ["--check"]):
        print("scripts/api.py: error: expected --check or nothing", file=sys.stderr)
        return 2
    now = listing()
    if not now:
        print("scripts/api.py: error: the documentation shows nothing", file=sys.stderr)
        return 1
    if not arguments:
        RECORD.write_text("".join(f"{line}\n" for line in now), encoding="utf-8")
        return 0
    recorded = RECORD.read_text(encoding="utf-8").splitlines()
    gone = [f"- {line}" for line in recorded if line not in now]
    come = [f"+ {line}" for line in now if line not in recorded]
    for line in gone + come:
        print(line)
    if gone or come:
        print(
            f"the public API has changed: {len(gone)} lines are gone, {len(come)} are new; "
            "where that is meant, run scripts/api.py and tell it in CHANGELOG.md",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
