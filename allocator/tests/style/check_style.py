#!/usr/bin/env python3
"""Checks the C++ tree against the rules of rules.py: who includes whom, sizes, banned calls.

    check_style.py FOLDER    # one that holds src/ and tests/

Prints one line for each thing that is wrong, as FILE:LINE: WHAT; exit status 1 if there is any.
Knows the layout of our files (functions end with a brace in the first column), not C++.
"""

import pathlib
import re
import sys

import rules

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
COMMENT_OR_TEXT = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"', re.DOTALL)


def blank(match):
    """What is left of a comment or text: its line ends, so that numbers stay true."""
    return '""' + "\n" * match.group().count("\n")


def code_lines(text):
    return COMMENT_OR_TEXT.sub(blank, text).split("\n")


def check_includes(layer, lines):
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        ours, theirs = match.groups()
        target = ours.split("/")[0] if ours and "/" in ours else None
        allowed = rules.MAY_INCLUDE.get(layer)
        if layer not in rules.MAY_INCLUDE:
            yield number, f"layer {layer} is not in MAY_INCLUDE (rules.py)"
        elif target in rules.MAY_INCLUDE and target != layer and allowed is not None:
            if target not in allowed:
                yield number, f"{layer} must not include {target}: arrows point one way"
        for name, layers in rules.WRAPPED.items():
            if (theirs or ours).startswith(name) and layer not in layers:
                yield number, f"{name} is only for {', '.join(layers)}: use what it offers"


def check_calls(layer, text):
    if layer not in rules.CORE:
        return
    for number, line in enumerate(code_lines(text), 1):
        for pattern, instead in rules.BANNED.items():
            match = re.search(pattern, line)
            if match:
                yield number, f"{match.group().strip()} is not for {layer}: use {instead}"


def functions(lines):
    """(first line, length) of what ends with a lone brace in the first column."""
    start = None
    for number, line in enumerate(lines, 1):
        if line and not line[0].isspace() and line.endswith("{"):
            start = number
        elif line == "}" and start is not None:
            yield start, number - start + 1
            start = None
        elif line.startswith("}"):  # the end of a type or a namespace
            start = None


def sizes(kind, lines):
    """For each limit that is passed: (limit, how far, line, what)."""
    count = len(lines) - (lines[-1] == "")
    limit = rules.LIMITS[kind]
    if count > limit:
        yield kind, count, limit + 1, f"{count} lines; a {kind} has at most {limit}"
    longest = max(functions(lines), key=lambda f: f[1], default=(0, 0))
    if longest[1] > rules.LIMITS["function"]:
        yield ("function", longest[1], longest[0],
               f"a function of {longest[1]} lines; at most {rules.LIMITS['function']}")
    wide = [n for n, line in enumerate(lines, 1) if len(line) > rules.LIMITS["line"]]
    if wide:
        numbers = ", ".join(map(str, wide))
        yield ("line", len(wide), wide[0],
               f"longer than {rules.LIMITS['line']} characters: lines {numbers}")


def check_sizes(name, kind, lines):
    over = dict(rules.OVER.get(name, {}))
    for limit, far, number, what in sizes(kind, lines):
        known = over.pop(limit, 0)
        if far > known:
            yield number, what + (f" (it was {known})" if known else "")
        elif far < known:
            yield number, f"better than before: lower OVER[{name!r}][{limit!r}] to {far} (rules.py)"
    for limit in over:
        yield 1, f"well done: take {limit!r} of {name!r} out of OVER (rules.py)"


def check_file(root, path):
    name = path.relative_to(root).as_posix()
    text = path.read_text(encoding="utf-8")
    lines = text.split("\n")
    test = name.startswith("tests/")
    kind = "header" if path.suffix == ".hpp" and not test else "test" if test else "source"
    yield from ((name, *found) for found in check_sizes(name, kind, lines))
    if not test:
        layer = name.split("/")[1]
        yield from ((name, *found) for found in check_includes(layer, lines))
        yield from ((name, *found) for found in check_calls(layer, text))


def check(root):
    paths = sorted(p for part in ("src", "tests") for p in (root / part).rglob("*.?pp"))
    if not paths:
        yield ("src", 1, f"no C++ files under {root}")
    for path in paths:
        yield from check_file(root, path)
    for name in rules.OVER:
        if not (root / name).exists():
            yield (name, 1, "is in OVER (rules.py) and does not exist")


def main(arguments):
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    found = list(check(pathlib.Path(arguments[0])))
    for name, number, what in found:
        print(f"{name}:{number}: {what}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
