#!/usr/bin/env python3
"""Style rules of the allocator that a machine can hold: include arrows, sizes, banned calls.

    check_style.py [--root ALLOCATOR] [--junit FILE]

Prints one line per breach, `file:line: what; instead`, and exits 1 if there is any.
"""
import argparse
import pathlib
import re
import sys
from collections.abc import Iterator
from typing import NamedTuple
from xml.sax.saxutils import quoteattr

# Which layers a layer may include, besides itself. An arrow that is not here is wrong.
ARROWS = {
    "text": set(),
    "model": set(),
    "policy": {"model"},
    "ledger": {"model", "policy"},
    "store": {"text", "model"},
    "inventory": {"model"},
    "processes": {"model"},
    "usage": {"model"},
    "config": {"model"},
    "http": {"model"},
    "inject": {"model", "config", "inventory"},
    "runtime": {"model", "http"},
    "service": {"model", "policy", "ledger", "store", "inventory", "runtime"},
    "api": {"text", "model", "config", "http", "inject", "ledger", "service", "usage"},
    "daemon": {"model", "config", "policy", "ledger", "store", "inventory", "runtime", "inject",
               "processes", "service", "usage", "http", "api"},
    "ctl": {"model", "http", "api"},
    "login": {"text", "model", "http", "api"},
    "nvml_sim": set(),
    "cell": set(),
}
# A library's headers stay in the layers that wrap it: (header, layers, instead).
WRAPPED = [
    (r"boost/(asio|beast)\b", {"http"}, "http/'s server.hpp, client.hpp or loop.hpp"),
    (r"sqlite3\.h$", {"store"}, "store/store.hpp"),
    (r"dlfcn\.h$", {"inventory"}, "inventory/inventory.hpp"),
    (r"security/pam", {"login"}, "login/ports.hpp"),
    (r"toml\+\+/", {"config"}, "config/read.hpp"),
    (r"yaml-cpp/", {"inventory"}, "inventory/cdi.hpp"),
]

DETERMINISTIC = {"model", "policy", "ledger", "service", "usage"}
BANNED = [  # (what, instead); these layers must replay exactly from one seed
    (r"\b(system_clock|steady_clock|high_resolution_clock)\b", "model::Now, passed in"),
    (r"\b(time|clock_gettime|gettimeofday)\s*\(", "model::Now, passed in"),
    (r"\b(s?rand|random_device|mt19937(_64)?)\b", "chance comes in as an argument"),
    (r"\bunordered_\w*(map|set)\b",
     "std::map or std::set: iteration order is part of the answer; to look up only: model/lookup.hpp"),
    (r"\b(std::thread|jthread|std::async|std::mutex|condition_variable)\b",
     "no threads here: the caller pumps"),
    (r"\b(sleep_for|sleep_until|usleep|nanosleep|sleep)\s*\(", "a deadline, and pump()"),
    (r"\b(getenv|setenv)\s*\(", "settings, passed in"),
]
HASHED = pathlib.Path("src/model/lookup.hpp")  # a hash table that nobody can go through
EVERYWHERE = [
    (r"\b(TODO|FIXME|XXX)\b", "an issue"),
    (r"(?<![\w.>])assert\s*\(", "GPUHUB_ASSERT, which is on in release"),
]

HEADER_LINES, SOURCE_LINES, TEST_LINES, FUNCTION_LINES, LINE_CHARS = 120, 400, 500, 70, 100
KNOWN_LONG = "tests/style/known_long.txt"  # lines over the limit per file, from before this check


class Breach(NamedTuple):
    rule: str
    path: pathlib.Path
    line: int
    text: str


class File(NamedTuple):
    path: pathlib.Path  # below the allocator's folder
    lines: list[str]

    @property
    def layer(self) -> str:
        return self.path.parts[1] if self.path.parts[0] == "src" else ""


def read(root: pathlib.Path) -> list[File]:
    paths = sorted(p for top in ("src", "tests", "bench") for p in (root / top).rglob("*.[ch]pp"))
    return [File(p.relative_to(root), p.read_text(encoding="utf-8").splitlines()) for p in paths]


def code_of(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Lines with comments and the insides of strings blanked. Raw strings are blanked whole."""
    in_block = False
    raw_end = None
    for number, line in enumerate(lines, 1):
        if raw_end is not None:
            if raw_end not in line:
                continue
            line = line.split(raw_end, 1)[1]
            raw_end = None
        if in_block:
            if "*/" not in line:
                continue
            line = line.split("*/", 1)[1]
            in_block = False
        if line.lstrip().startswith("#include"):
            yield number, line
            continue
        raw = re.search(r'R"([^(\s]*)\(', line)
        if raw:
            end = f'){raw[1]}"'
            rest = line[raw.end():]
            line = line[:raw.start()] + '""'
            if end in rest:
                line += rest.split(end, 1)[1]
            else:
                raw_end = end
        line = re.sub(r'"(\\.|[^"\\])*"', '""', line)
        line = re.sub(r"'(\\.|[^'\\])'", "''", line)
        line = re.sub(r"/\*.*?\*/", "", line)
        line = line.split("//", 1)[0]
        if "/*" in line:
            line = line.split("/*", 1)[0]
            in_block = True
        yield number, line


def arrows(file: File) -> Iterator[Breach]:
    if not file.layer:
        return
    if file.layer not in ARROWS:
        yield Breach("arrows", file.path, 1, f"layer {file.layer} is not in the table; add it to "
                     "ARROWS with what it may include")
        return
    for number, line in code_of(file.lines):
        ours = re.match(r'\s*#include "([^"]+)"', line)
        other = re.match(r"\s*#include <([^>]+)>", line)
        if ours:
            target = ours[1].split("/")[0] if "/" in ours[1] else ""
            if not target or target.startswith("."):
                yield Breach("arrows", file.path, number, f'"{ours[1]}" names no layer; '
                             f'instead "{file.layer}/{pathlib.Path(ours[1]).name}"')
            elif target in ARROWS and target != file.layer and target not in ARROWS[file.layer]:
                allowed = ", ".join(sorted(ARROWS[file.layer])) or "no other layer"
                yield Breach("arrows", file.path, number, f"{file.layer} must not know {target}; "
                             f"it may include: {allowed}")
        elif other:
            for header, layers, instead in WRAPPED:
                if re.match(header, other[1]) and file.layer not in layers:
                    yield Breach("arrows", file.path, number, f"<{other[1]}> belongs in "
                                 f"{'/, '.join(sorted(layers))}/; instead {instead}")


def banned(file: File) -> Iterator[Breach]:
    rules = EVERYWHERE + (BANNED if file.layer in DETERMINISTIC else [])
    if file.path == HASHED:
        rules = EVERYWHERE
    for number, line in code_of(file.lines):
        if line.lstrip().startswith("#include"):
            continue
        for pattern, instead in rules:
            if found := re.search(pattern, line):
                yield Breach("banned", file.path, number, f"{found[0].rstrip(' (')}; instead: {instead}")
    for number, line in enumerate(file.lines, 1):
        if found := re.search(r"//.*\b(TODO|FIXME|XXX)\b", line):
            yield Breach("banned", file.path, number, f"{found[1]}; instead: an issue")


def sizes(file: File) -> Iterator[Breach]:
    in_tests = file.path.parts[0] == "tests"
    limit = TEST_LINES if in_tests else HEADER_LINES if file.path.suffix == ".hpp" else SOURCE_LINES
    if len(file.lines) > limit:
        yield Breach("sizes", file.path, limit + 1, f"{len(file.lines)} lines, at most {limit}; a "
                     "second noun hides inside")
    yield from functions(file)


def functions(file: File) -> Iterator[Breach]:
    """Bodies that open on a line ending in `{` and close with `}` in the same column, as the
    formatter leaves them; namespaces, types and test fixtures are none."""
    start: dict[str, int] = {}
    for number, line in code_of(file.lines):
        text = line.rstrip()
        indent = text[:len(text) - len(text.lstrip())]
        if len(indent) > 2:
            continue
        if text.lstrip().startswith("}"):
            begun = start.pop(indent, None)
            if begun is not None and number - begun + 1 > FUNCTION_LINES:
                yield Breach("sizes", file.path, begun, f"a function of {number - begun + 1} lines, "
                             f"at most {FUNCTION_LINES}; name its parts")
        if text.endswith("{"):
            body = ")" in text and not re.match(r"\s*(namespace|class|struct|enum|extern)\b", text)
            if body or text.strip() == "{":
                start[indent] = number
            else:
                start.pop(indent, None)


def lengths(file: File, known: dict[str, int]) -> Iterator[Breach]:
    over = [n for n, line in enumerate(file.lines, 1) if len(line) > LINE_CHARS]
    allowed = known.get(file.path.as_posix(), 0)
    if len(over) > allowed:
        for number in over:
            yield Breach("lengths", file.path, number, f"{len(file.lines[number - 1])} characters, "
                         f"at most {LINE_CHARS}")


def known_long(root: pathlib.Path) -> dict[str, int]:
    table = root / KNOWN_LONG
    rows = table.read_text(encoding="utf-8").splitlines() if table.exists() else []
    return {path: int(count) for count, path in
            (row.split() for row in rows if row and not row.startswith("#"))}


def check(root: pathlib.Path) -> list[Breach]:
    known = known_long(root)
    found: list[Breach] = []
    for file in read(root):
        for rule in (arrows, banned, sizes):
            found += rule(file)
        found += lengths(file, known)
    return found


def write_junit(path: pathlib.Path, breaches: list[Breach]) -> None:
    cases = []
    for rule in ("arrows", "banned", "sizes", "lengths"):
        mine = [f"{b.path}:{b.line}: {b.text}" for b in breaches if b.rule == rule]
        inner = f"<failure message={quoteattr(chr(10).join(mine))}/>" if mine else ""
        cases.append(f'<testcase classname="style" name="{rule}">{inner}</testcase>')
    path.write_text('<?xml version="1.0" encoding="utf-8"?>\n<testsuites><testsuite name="style">\n'
                    + "\n".join(cases) + "\n</testsuite></testsuites>\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("--junit", type=pathlib.Path)
    options = parser.parse_args()
    breaches = check(options.root)
    for breach in breaches:
        print(f"{breach.path}:{breach.line}: {breach.text}")
    if options.junit:
        write_junit(options.junit, breaches)
    print(f"{len(breaches)} breaches of style" if breaches else "style: good")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
