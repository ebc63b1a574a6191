#!/usr/bin/env python3
"""Each rule of check_style.py is seen to catch a breach planted on purpose, and to let good code be."""
import pathlib
import tempfile
import unittest

import check_style


def breaches(path: str, text: str, known: str = "") -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, content in ((path, text), (check_style.KNOWN_LONG, known)):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(content, encoding="utf-8")
        return [f"{b.rule}:{b.line}" for b in check_style.check(root)]


class Arrows(unittest.TestCase):
    def test_up_the_layers_is_refused(self):
        self.assertEqual(breaches("src/model/a.hpp", '#include "ledger/ledger.hpp"\n'), ["arrows:1"])
        self.assertEqual(breaches("src/ledger/a.cpp", '\n#include "store/store.hpp"\n'), ["arrows:2"])

    def test_down_the_layers_is_good(self):
        self.assertEqual(breaches("src/ledger/a.cpp", '#include "policy/policy.hpp"\n'), [])

    def test_an_unknown_layer_and_a_bare_name_are_refused(self):
        self.assertEqual(breaches("src/misc/a.cpp", ""), ["arrows:1"])
        self.assertEqual(breaches("src/model/a.cpp", '#include "ids.hpp"\n'), ["arrows:1"])

    def test_the_network_stays_in_http(self):
        line = "#include <boost/beast/http.hpp>\n"
        self.assertEqual(breaches("src/api/a.cpp", line), ["arrows:1"])
        self.assertEqual(breaches("src/http/a.cpp", line), [])

    def test_a_library_stays_in_the_layer_that_wraps_it(self):
        for header, layer in (("sqlite3.h", "store"), ("dlfcn.h", "inventory"),
                              ("toml++/toml.hpp", "config"), ("yaml-cpp/yaml.h", "inventory")):
            line = f"#include <{header}>\n"
            self.assertEqual(breaches("src/daemon/a.cpp", line), ["arrows:1"])
            self.assertEqual(breaches(f"src/{layer}/a.cpp", line), [])


class Banned(unittest.TestCase):
    def test_clock_chance_order_and_threads_in_the_core(self):
        for text in ("auto t = std::chrono::steady_clock::now();", "int r = rand();",
                     "std::unordered_map<int, int> m;", "std::jthread t;", "sleep_for(1s);",
                     "std::random_device d;", 'getenv("HOME");'):
            self.assertEqual(breaches("src/service/a.cpp", text), ["banned:1"], text)
            self.assertEqual(breaches("src/daemon/a.cpp", text), [], text)

    def test_words_in_comments_and_strings_are_not_calls(self):
        text = '// no rand() here\nauto s = "rand()"; /* sleep(1) */\nauto r = R"(rand()\nrand())";\n'
        self.assertEqual(breaches("src/ledger/a.cpp", text), [])

    def test_plain_assert_and_notes_to_self(self):
        self.assertEqual(breaches("src/api/a.cpp", "assert(x);\n// TODO later\n"),
                         ["banned:1", "banned:2"])
        self.assertEqual(breaches("src/api/a.cpp", "static_assert(x);\nGPUHUB_ASSERT(x);\n"), [])


class Sizes(unittest.TestCase):
    def test_files(self):
        self.assertEqual(breaches("src/model/a.hpp", "\n" * 120), [])
        self.assertEqual(breaches("src/model/a.hpp", "\n" * 121), ["sizes:121"])
        self.assertEqual(breaches("src/model/a.cpp", "\n" * 401), ["sizes:401"])
        self.assertEqual(breaches("tests/model/a.hpp", "\n" * 501), ["sizes:501"])

    def test_functions(self):
        self.assertEqual(breaches("src/model/a.cpp", "void f() {\n" + "  x;\n" * 68 + "}\n"), [])
        self.assertEqual(breaches("src/model/a.cpp", "void f() {\n" + "  x;\n" * 69 + "}\n"),
                         ["sizes:1"])
        self.assertEqual(breaches("src/model/a.cpp", "namespace a {\n" + "int x;\n" * 99 + "}\n"), [])

    def test_lines_count_characters_and_the_table_only_lets_old_ones_be(self):
        self.assertEqual(breaches("src/model/a.cpp", "é" * 100), [])
        self.assertEqual(breaches("src/model/a.cpp", "é" * 101), ["lengths:1"])
        self.assertEqual(breaches("src/model/a.cpp", "e" * 101, "1 src/model/a.cpp\n"), [])
        self.assertEqual(breaches("src/model/a.cpp", "e" * 101 + "\n" + "e" * 101,
                                  "1 src/model/a.cpp\n"), ["lengths:1", "lengths:2"])


if __name__ == "__main__":
    unittest.main()
