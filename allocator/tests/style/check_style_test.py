#!/usr/bin/env python3
"""Plants each kind of violation in a small tree and sees it caught, at its file and line."""

import contextlib
import io
import pathlib
import tempfile
import unittest

import check_style
import rules


class CheckStyle(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write("src/ledger/good.cpp", '#include "ledger/good.hpp"\n#include "model/ids.hpp"\n')
        kept, rules.OVER = rules.OVER, {}
        self.addCleanup(setattr, rules, "OVER", kept)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def found(self):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            status = check_style.main([str(self.root)])
        self.assertEqual(status, 1 if said.getvalue() else 0)
        return said.getvalue()

    def test_a_clean_tree_passes(self):
        self.assertEqual(self.found(), "")

    def test_an_empty_tree_does_not_pass(self):
        (self.root / "src/ledger/good.cpp").unlink()
        self.assertIn("no C++ files", self.found())

    def test_an_arrow_the_wrong_way(self):
        self.write("src/ledger/bad.cpp", '// why\n#include "service/service.hpp"\n')
        self.assertIn("src/ledger/bad.cpp:2: ledger must not include service", self.found())

    def test_an_unknown_layer(self):
        self.write("src/util/bad.hpp", '#include "model/ids.hpp"\n')
        self.assertIn("src/util/bad.hpp:1: layer util is not in MAY_INCLUDE", self.found())

    def test_a_library_outside_its_layer(self):
        for name, header in (("api", "boost/beast/http.hpp"), ("service", "sqlite3.h"),
                             ("runtime", "boost/asio.hpp"), ("daemon", "dlfcn.h")):
            self.write(f"src/{name}/bad.cpp", f"\n#include <{header}>\n")
            self.assertIn(f"src/{name}/bad.cpp:2: ", self.found())

    def test_each_banned_call(self):
        for call in ("std::chrono::system_clock::now()", "std::chrono::steady_clock::now()",
                     "std::time(nullptr)", "x = time(0)", "rand()", "std::random_device r",
                     "std::mt19937 r", "std::unordered_map<int, int> m", "std::jthread t",
                     "std::thread t", "std::async(f)", "std::mutex m", "sleep_for(1s)", "sleep(1)",
                     "usleep(1)", "thread_local int x", "clock_gettime(a, b)"):
            self.write("src/policy/bad.cpp", f"\n\nint f() {{ {call}; }}\n")
            self.assertRegex(self.found(), r"src/policy/bad.cpp:3: .* is not for policy: use ", call)

    def test_calls_are_free_elsewhere_and_in_words(self):
        self.write("src/http/fine.cpp", "auto now = std::chrono::steady_clock::now();\n")
        self.write("src/ledger/fine.cpp", '// no system_clock\n/* rand() */ auto t = "sleep(1)";\n'
                   "auto bind_time(int); x.time(0);\n")
        self.assertEqual(self.found(), "")

    def test_sizes(self):
        self.write("src/model/bad.hpp", "\n" * 121)
        self.write("src/model/bad.cpp", "\n" * 401)
        self.write("tests/model/bad_test.cpp", "\n" * 501)
        self.write("src/model/wide.cpp", "\n// " + "x" * 98 + "\n")
        self.write("src/model/long.cpp", "\nint f() {\n" + "  ;\n" * 69 + "}\n")
        self.assertEqual(self.found(), (
            "src/model/bad.cpp:401: 401 lines; a source has at most 400\n"
            "src/model/bad.hpp:121: 121 lines; a header has at most 120\n"
            "src/model/long.cpp:2: a function of 71 lines; at most 70\n"
            "src/model/wide.cpp:2: longer than 100 characters: lines 2\n"
            "tests/model/bad_test.cpp:501: 501 lines; a test has at most 500\n"))

    def test_at_the_limits_all_is_well(self):
        self.write("src/model/fine.hpp", "\n" * 120)
        self.write("src/model/fine.cpp", "int f() {\n" + "  ;\n" * 68 + "}\n" + "x" * 100 + "\n")
        self.assertEqual(self.found(), "")

    def test_the_ratchet(self):
        self.write("src/model/big.hpp", "\n" * 130)
        rules.OVER = {"src/model/big.hpp": {"header": 130}}
        self.assertEqual(self.found(), "")
        self.write("src/model/big.hpp", "\n" * 131)
        self.assertIn("131 lines; a header has at most 120 (it was 130)", self.found())
        self.write("src/model/big.hpp", "\n" * 125)
        self.assertIn("lower OVER['src/model/big.hpp']['header'] to 125", self.found())
        self.write("src/model/big.hpp", "\n")
        self.assertIn("take 'header' of 'src/model/big.hpp' out of OVER", self.found())
        (self.root / "src/model/big.hpp").unlink()
        self.assertIn("src/model/big.hpp:1: is in OVER (rules.py) and does not exist", self.found())


if __name__ == "__main__":
    unittest.main()
