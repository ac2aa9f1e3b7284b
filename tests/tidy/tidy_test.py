#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows that every rule of tidy.py fails on a planted breach, and that the clean tree it is planted in passes."""
import pathlib
import tempfile
import unittest

import tidy

HEAD = tidy.SPDX + "#pragma once\n// What it is.\n"
BODY = tidy.SPDX + "// What it is.\n"
CLEAN = {
    "src/base/result.h": HEAD,
    "src/base/result.cc": tidy.SPDX + '#include "base/result.h"\n',
    "src/net/stream.cc": BODY + "#include <uv.h>\nuv_loop_t loop;\n",
    "src/codec/json.cc": BODY + "#include <boost/json.hpp>\n#include <simdjson.h>\n",
    "src/codec/json.h": HEAD + '#include "base/result.h"\n',
    "src/net/address.h": HEAD,
    "src/gateway/config.cc": BODY + '#include "net/address.h"\n' + "#include <yaml-cpp/yaml.h>\n",
    "src/sdk/server.h": HEAD + '#include "codec/json.h"\n#include <sstream>\n',
    "src/sdk/context.cc": BODY + """
Task<int> f(Server& s) {
  // co_await g(A{1}) in a comment is nothing
  const A a{1};
  for (int i = 0; i < 3; ++i) { use(a); }
  if (co_await g(a)) { x = b ? 1 : 2; }
  auto found = co_await s.call("a{b", a);
  s.tool("t", [](int n) -> Task<int> { co_return n + (co_await h(n)); });
  do { ++x; } while (co_await g(a));
  co_return co_await g(a);
}
""",
    "examples/hello.cc": BODY + "int main() {}\n",
    "README.md": "# Sluice\n## The run\n[run](#the-run) [doc](docs/a.md#b-c)\n```cpp\nint main() {}\n```\n",
    "docs/a.md": "# B c\n[up](../README.md)\n",
}


def breaches(rule, change):
    with tempfile.TemporaryDirectory() as root:
        for path, text in {**CLEAN, **change}.items():
            file = pathlib.Path(root, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return list(rule(tidy.Tree(root)))


def awaiting(statement):
    return {"src/sdk/context.cc": BODY + "Task<int> f() {\n  int x = 1;\n  " + statement + "\n  co_return x;\n}\n"}


PLANTED = {
    tidy.rooms_include_only_their_row: [
        {"src/codec/json.h": HEAD + '#include "net/stream.h"\n'},
        {"src/sdk/server.h": HEAD + '#include "gateway/config.h"\n'},
        {"src/attic/a.h": HEAD}],
    tidy.no_file_includes_itself_around_a_corner: [
        {"src/base/result.h": HEAD + '#include "base/task.h"\n', "src/base/task.h": HEAD + '#include "base/result.h"\n'}],
    tidy.foreign_names_stay_in_their_room: [
        {"src/mcp/a.cc": BODY + "#include <uv.h>\n"}, {"src/base/a.cc": BODY + "#include <sys/mman.h>\n"},
        {"src/apps/a.cc": BODY + "#include <csignal>\n"}, {"src/mcp/a.cc": BODY + "uv_now(loop);\n"},
        {"src/auth/a.cc": BODY + "#include <openssl/evp.h>\n"}, {"src/codec/a.h": HEAD + "#include <boost/json.hpp>\n"},
        {"src/mcp/a.cc": BODY + "#include <simdjson.h>\n"}, {"src/gateway/b.cc": BODY + "#include <yaml-cpp/yaml.h>\n"}],
    tidy.installed_headers_name_nothing_foreign: [
        {"src/codec/json.h": HEAD + "#include <boost/json.hpp>\n"}, {"src/sdk/client.h": HEAD + "#include <unistd.h>\n"}],
    tidy.awaits_are_plain_statements: [
        awaiting("co_await g(A{1});"), awaiting("co_await g({1, 2});"), awaiting("x = co_await g([] { return 1; });"),
        awaiting("x = co_await g(y ? 1 : 2);"), awaiting("x = y ? co_await g(1) : 2;"),
        awaiting("auto [a, b] = co_await g(1);"), awaiting("if (co_await g(A{1})) { x = 2; }"),
        awaiting("const A a{co_await g(1)};"), awaiting("use(A{1}, co_await g(2));")],
    tidy.files_begin_with_licence_and_essay: [
        {"src/base/result.h": "#pragma once\n// What it is.\n"}, {"src/base/result.h": tidy.SPDX + "#pragma once\nint a;\n"},
        {"src/base/result.h": BODY}, {"src/net/stream.cc": tidy.SPDX + "#include <uv.h>\n"},
        {"src/base/result.cc": '#include "base/result.h"\n'}],
    tidy.a_type_is_defined_once: [
        {"src/sdk/server.h": HEAD + "struct Options {\n};\n", "src/apps/options.h": HEAD + "class Options final {\n};\n"}],
    tidy.links_of_documents_resolve: [
        {"docs/a.md": "[x](b.md)"}, {"docs/a.md": "[x](../README.md#no-such-part)"}],
    tidy.readme_code_is_code_of_the_examples: [{"README.md": "```cpp\nint main() { return 0; }\n```\n"}],
}


class TidyTest(unittest.TestCase):
    def test_a_clean_tree_passes(self):
        for rule in tidy.RULES:
            self.assertEqual([], breaches(rule, {}), rule.__name__)

    def test_every_rule_has_a_planted_breach(self):
        self.assertEqual(set(tidy.RULES), set(PLANTED))

    def test_every_planted_breach_is_found(self):
        for rule, changes in PLANTED.items():
            for change in changes:
                with self.subTest(rule=rule.__name__, change=change):
                    self.assertNotEqual([], breaches(rule, change))

    def test_the_table_refuses_an_edge_to_a_higher_floor(self):
        kept, tidy.ROOMS["base"] = tidy.ROOMS["base"], tidy.Room(0, {"mcp"})
        try:
            self.assertNotEqual([], breaches(tidy.rooms_include_only_their_row, {}))
        finally:
            tidy.ROOMS["base"] = kept


if __name__ == "__main__":
    unittest.main()
