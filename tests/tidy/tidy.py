#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tidy: the rules of the house that a machine can hold. Usage: tidy.py [ROOT]

Each rule is a function that takes the tree and yields breaches as (file, line, sentence). tidy_test.py plants a
breach for every rule and demands that it is found. Rules of taste are not here: those are read, not tested.
"""
import pathlib
import re
import sys
from collections import namedtuple

from statements import blocks_of, statement_at, strip

# Room: floor, rooms it may include (besides itself). The table of the design, whole, rooms to come included.
Room = namedtuple("Room", "floor may")
LOW = "base codec resilience crypto net observe mcp"
ROOMS = {name: Room(floor, set(may.split())) for name, floor, may in (
    ("base", 0, ""),
    ("codec", 1, "base"), ("resilience", 1, "base"), ("crypto", 1, "base"), ("net", 1, "base"),
    ("observe", 1, "base"),
    ("mcp", 2, "base codec crypto"), ("auth", 2, "base codec crypto"),
    ("store", 3, "base net codec mcp observe"), ("transport", 3, LOW + " auth"),
    ("cluster", 4, LOW + " auth store transport"), ("sdk", 4, LOW + " auth transport"),
    ("vsm", 5, "base codec net observe mcp cluster"),
    ("gateway", 6, LOW + " auth store transport cluster vsm"),
    ("apps", 7, LOW + " auth store transport cluster sdk vsm gateway"),
)}
# Foreign headers: what they are, which rooms may include them, whether their headers may, and how many files.
POSIX = (r"(uv\.h|unistd\.h|fcntl\.h|c?signal(\.h)?$|poll\.h|pthread\.h|netdb\.h|spawn\.h|dlfcn\.h|termios\.h|sched\.h"
         r"|(sys|netinet|arpa|net|linux)/(?!.*stream).*)")
Foreign = namedtuple("Foreign", "what pattern rooms headers files_max")
FOREIGN = (
    Foreign("POSIX and libuv", POSIX, {"net"}, True, None),
    Foreign("OpenSSL", r"openssl/", {"crypto", "net"}, True, None),
    Foreign("simdjson", r"simdjson", {"codec"}, False, None),
    Foreign("Boost", r"boost/", {"codec"}, False, None),
    Foreign("yaml-cpp", r"yaml-cpp/", {"gateway"}, False, 1),
    Foreign("CLI11", r"CLI/", {"apps"}, False, 1),
)
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
SPDX = "// SPDX-License-Identifier: Apache-2.0\n"


class Tree:
    """The files of the project as text, by path relative to the root."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        skip = {"build", "node_modules", ".git", ".cache"}
        paths = [p for p in self.root.rglob("*") if p.suffix in (".h", ".cc", ".md") and p.is_file()
                 and not skip & set(p.relative_to(self.root).parts)]
        self.text = {p.relative_to(self.root).as_posix(): p.read_text() for p in sorted(paths)}

    def sources(self, under="src/"):
        return [(path, text) for path, text in self.text.items() if path.startswith(under) and not path.endswith(".md")]

    def includes(self, path):
        for match in INCLUDE.finditer(self.text[path]):
            yield self.text[path].count("\n", 0, match.start()) + 1, match[1] == "<", match[2]


def room_of(path):
    return path.split("/")[1] if path.startswith("src/") else None


def ours(angled, name):
    return not angled and name.split("/")[0] in ROOMS


def rooms_include_only_their_row(tree):
    for name, room in ROOMS.items():
        for other in room.may:
            if ROOMS[other].floor >= room.floor:
                yield "tests/tidy/tidy.py", 1, f"the table lets {name} include {other}, which is not on a lower floor"
    for path, _ in tree.sources():
        room = room_of(path)
        if room not in ROOMS:
            yield path, 1, f"there is no room called {room}"
            continue
        for line, angled, name in tree.includes(path):
            other = name.split("/")[0]
            if not angled and other in ROOMS and other != room and other not in ROOMS[room].may:
                yield path, line, f"room {room} may not include room {other}"


def no_file_includes_itself_around_a_corner(tree):
    edges = {path: ["src/" + name for _, angled, name in tree.includes(path) if not angled and "src/" + name in tree.text]
             for path, _ in tree.sources()}
    done = set()

    def visit(path, way):
        if path in way:
            yield path, 1, "includes itself: " + " -> ".join(way[way.index(path):] + [path])
        elif path not in done:
            for other in edges[path]:
                yield from visit(other, way + [path])
            done.add(path)

    for path in edges:
        yield from visit(path, [])


def foreign_names_stay_in_their_room(tree):
    for foreign in FOREIGN:
        users = []
        for path, text in tree.sources():
            for line, angled, name in tree.includes(path):
                if not re.match(foreign.pattern, name) or ours(angled, name):
                    continue
                users.append(path)
                if room_of(path) not in foreign.rooms:
                    yield path, line, f"{foreign.what} ({name}) belongs to {', '.join(sorted(foreign.rooms))} only"
                elif path.endswith(".h") and not foreign.headers:
                    yield path, line, f"{foreign.what} ({name}) may be included by .cc files only"
            if foreign.what.startswith("POSIX") and room_of(path) != "net":
                for match in re.finditer(r"\buv_\w+", strip(text)):
                    yield path, text.count("\n", 0, match.start()) + 1, f"libuv's {match[0]} is named outside net"
        if foreign.files_max and len(set(users)) > foreign.files_max:
            yield users[-1], 1, f"{foreign.what} is in more than {foreign.files_max} file: {', '.join(sorted(set(users)))}"


def installed_headers_name_nothing_foreign(tree):
    open_, seen = [p for p, _ in tree.sources("src/sdk/") if p.endswith(".h")], set()
    while open_:
        path = open_.pop()
        seen.add(path)
        for line, angled, name in tree.includes(path):
            if "src/" + name in tree.text and "src/" + name not in seen and not angled:
                open_.append("src/" + name)
            for foreign in FOREIGN:
                if re.match(foreign.pattern, name) and not ours(angled, name):
                    yield path, line, f"is installed with the SDK and includes {foreign.what} ({name})"


def awaits_are_plain_statements(tree):
    """g++ 12 destroys temporaries of such statements twice; clang 14 and g++ 15 have their own (house style)."""
    for path, text in tree.sources() + tree.sources("examples/") + tree.sources("tests/"):
        if "co_await" not in text:
            continue
        code = strip(text)
        close, blocks = blocks_of(code)
        for match in re.finditer(r"\bco_await\b", code):
            statement = statement_at(code, close, blocks, match.start())
            line = text.count("\n", 0, match.start()) + 1
            if "{" in statement or "?" in statement:
                yield path, line, "a statement with co_await has no braces, no lambda and no ?: (name a local first)"
            if re.search(r"auto\s*&*\s*\[", statement):
                yield path, line, "a structured binding of an awaited value leaks: name the value first"


def files_begin_with_licence_and_essay(tree):
    for path, text in tree.sources():
        lines = text.split("\n")
        if not text.startswith(SPDX):
            yield path, 1, "does not start with the SPDX line"
        rest = [line for line in lines[1:6] if line != "#pragma once" and line.strip()]
        header = re.sub(r"(_test)?\.cc$", ".h", path)
        told_there = not path.endswith(".h") and header in tree.text
        if not told_there and not (rest and rest[0].startswith("// ")):
            yield path, 2, "neither it nor a header of its name says what it is: an essay follows the SPDX line"
        if path.endswith(".h") and "#pragma once" not in lines[:4]:
            yield path, 2, "has no #pragma once"


def a_type_is_defined_once(tree):
    """One flat namespace: two headers with a type of one name would be merged by the linker without a word."""
    homes = {}
    for path, text in tree.sources():
        for match in re.finditer(r"^(?:class|struct|enum class|enum) (\w+(?:::\w+)*)[^;{]*\{", text if path.endswith(".h") else "", re.M):
            other = homes.setdefault(match[1], path)
            if other != path:
                yield path, text.count("\n", 0, match.start()) + 1, f"{match[1]} is also defined in {other}"


def links_of_documents_resolve(tree):
    for path, text in tree.text.items():
        if not path.endswith(".md"):
            continue
        for match in re.finditer(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", lambda m: "\n" * m[0].count("\n"), text, flags=re.S)):
            target, _, anchor = match[1].partition("#")
            line = text.count("\n", 0, match.start()) + 1
            if re.match(r"[a-z]+:", target):
                continue
            file = (tree.root / path).parent / target if target else tree.root / path
            if not file.exists():
                yield path, line, f"links to {target}, which is not there"
            elif anchor and file.suffix == ".md" and anchor not in anchors(file.read_text()):
                yield path, line, f"links to #{anchor}, which {file.name} does not have"


def anchors(text):
    titles = re.findall(r"^#+\s+(.*?)\s*$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def readme_code_is_code_of_the_examples(tree):
    examples = "\n".join(text for _, text in tree.sources("examples/"))
    text = tree.text.get("README.md", "")
    for match in re.finditer(r"```cpp\n(.*?)```", text, re.S):
        if match[1] not in examples:
            yield "README.md", text.count("\n", 0, match.start()) + 1, "this code is not, line for line, in examples/"


RULES = (rooms_include_only_their_row, no_file_includes_itself_around_a_corner, foreign_names_stay_in_their_room,
         installed_headers_name_nothing_foreign, awaits_are_plain_statements, files_begin_with_licence_and_essay, a_type_is_defined_once,
         links_of_documents_resolve, readme_code_is_code_of_the_examples)


def main(root):
    tree, failed = Tree(root), 0
    for rule in RULES:
        breaches = sorted(set(rule(tree)))
        failed += bool(breaches)
        print(("FAIL" if breaches else "ok  "), rule.__name__)
        for file, line, sentence in breaches:
            print(f"     {file}:{line}: {sentence}")
    print(f"tidy: {len(RULES) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2]))
