"""Each rule of tidy.py is seen to fail on something bad and to pass something good."""

import pathlib
import tempfile
import unittest

import rules_cpp
import rules_documents
import rules_text
import rules_tools
import rules_tree
import source_tree
import tidy

HEADER = "// A thing.\n#pragma once\n"
# rule -> bad contents, by path. Each is bad by itself.
BAD = {
    "octets": [("policy/a.cpp", "int a;\tint b;\n"), ("policy/a.cpp", "int a; \n"),
               ("policy/a.cpp", "int a;"), ("policy/a.cpp", "int a;\r\n"),
               ("policy/a.cpp", "int a;\n\n"), ("README.md", b"\xff\n")],
    "lengths": [("policy/a.cpp", "// " + "a" * 98 + "\n"), ("policy/a.cpp", "\n" * 600 + "a\n"),
                ("contrib/a.sh", "#" * 101 + "\n")],
    "words": [("policy/a.h", "// FIX" "ME\n"), ("policy/a.h", "// T" "ODO: later\n"),
              ("policy/a.h", "// T" "ODO(dns):\n"), ("README.md", "see /ro" "ot/x\n"),
              ("tests/a.py", "# /wo" "rk/main\n")],
    "python": [("tests/a.py", "def f(:\n"), ("tests/a.py", "def f():\n" + "    pass\n" * 70)],
    "banned_calls": [
        ("policy/a.cpp", text) for text in (
            "int a = atoi(b);\n", "x = std::stoi(b);\n", "return ::close(fd);\n",
            "  std::system (c);\n", "auto t = std::localtime(&n);\n", "else rand();\n",
            "sprintf(a, b);\n", "FILE* f = popen(a, b);\n", "std::this_thread::sleep_for(s);\n",
            "thread.detach();\n", "strtol(a, b, 10);\n", "gmtime_r(a, b);\n", "free(p);\n",
            "close(pipe_[0]);\n", "~A() {\n}\n\nint b = free(p);\n")],
    "banned_words": [
        ("policy/a.cpp", text) for text in (
            "using namespace std;\n", "out << std::endl;\n", "auto* p = new int(4);\n",
            "delete p;\n", "volatile int a;\n", "#define A 1\n", "int* a = NULL;\n",
            "auto n = std::chrono::system_clock::now();\n", "time(nullptr);\n")],
    "catch_all": [("policy/a.cpp", "try {\n} catch (...) {\n}\n")],
    "close_on_exec": [("policy/a.cpp", "int fd = ::open(path.c_str(),\n  O_RDONLY | f());\n"),
                      ("policy/a.cpp", "int fd = socket(AF_INET, SOCK_STREAM, 0);\n")],
    "comments": [("policy/a.cpp", "/* a */\n"), ("policy/a.cpp", "int a;  // NO" "LINT\n"),
                 ("policy/a.cpp", "int a;  // NO" "LINT(cert-err58-cpp)\n")],
    "function_lengths": [
        ("policy/a.cpp", "namespace x {\nint f(int a) {\n" + "  ++a;\n" * 69 + "}\n}\n"),
        ("policy/a.cpp", "struct A {\n  A()\n      : b{1} {\n" + "    f();\n" * 69 + "  }\n};\n"),
        ("tests/policy/a_test.cpp", "TEST(A, B) {\n" + "  f([] {});\n" * 69 + "}\n")],
    "header": [("policy/a.h", "// A thing.\nint a;\n"), ("policy/a.h", "#pragma once\n")],
    "name_spaces": [("policy/a.cpp", "namespace tlsrpt::reporter {}\n")],
    "shared_pointers": [("policy/a.cpp", "int a;\n\n\n\nstd::shared_ptr<int> b;\n")],
    "include_direction": [
        ("policy/a.cpp", '#include "reporter/b.h"\n'), ("reporter/a.cpp", '#include "b.h"\n'),
        ("reporter/a.cpp", '#include "milter/c.h"\n')],
    "own_header_first": [("reporter/b.cpp", '#include <string>\n\n#include "reporter/b.h"\n')],
    "libraries": [
        ("policy/a.cpp", "#include <sqlite3.h>\n"), ("reporter/a.cpp", "#include <ares.h>\n"),
        ("reporter/report/report_json.h", "#include <nlohmann/json.hpp>\n"),
        ("tests/milter/a_test.cpp", "#include <nlohmann/json.hpp>\n")],
    "test_exists": [("policy/new.cpp", "int a;\n"), ("tests/policy/gone_test.cpp", "int a;\n")],
    "places": [("src/a.cpp", "int a;\n"), ("notes.txt", "a\n")],
    "names": [("policy/Thing.cpp", "int a;\n"), ("policy/a-b.h", HEADER),
              ("man/new.8", ".Dd\n")],
    "modes": [("policy/a.cpp", "int a;\n", 0o755)],
    "files_exist": [("README.md", "See `policy/none.cpp`.\n"), ("README.md", "[a](man/none.5)\n"),
                    ("ARCHITECTURE.md", "All of `reporter/none/`.\n")],
    "functions_exist": [("ARCHITECTURE.md", "`none()` does it.\n"),
                        ("ARCHITECTURE.md", "| `policy/d.h` | `elsewhere()` |\n")],
    "clang_format": [("policy/a.cpp", "int  a;\n")],
    "shellcheck": [("contrib/a.sh", "#!/bin/sh\nunused=1\n")],
}
GOOD = {
    "policy/d.h": HEADER + "namespace tlsrpt::policy {\nint d();\n}  // namespace tlsrpt::policy\n",
    "policy/e.h": HEADER + "namespace tlsrpt::policy {\n// T" "ODO(dns): faster, once measured.\n"
                  "int elsewhere();\n}  // namespace tlsrpt::policy\n",
    "policy/e.cpp": """#include "policy/e.h"

#include <fcntl.h>

namespace tlsrpt::policy {

// system("rm") and using namespace std in a comment; new delete.
int elsewhere() {
  const char* text = "/* atoi(x) */ new \\" catch (...)";
  const char* raw = R"x(delete "free(p) )x";
  file.close();
  return ::open(text, O_RDONLY | O_CLOEXEC) + 1'000 + static_cast<int>(raw[0]);
}

constexpr auto table = std::to_array<int>({
""" + "    1,\n" * 80 + """});

struct Thing {
  Thing(const Thing&) = delete;
  Status close();
  void* p = nullptr;  // NOLINT(some-check): because.
  int new_ = open(close(day));
  std::unique_ptr<Thing> thing(new Thing);
  ~Thing() {
    if (p != nullptr) ::close(fd_);
  }
};

}  // namespace tlsrpt::policy
""",
    "tests/policy/e_test.cpp": '#include "policy/e.h"\n',
    "reporter/b.h": HEADER + "namespace tlsrpt::reporter {}\n",
    "milter/c.h": HEADER + '#include "reporter/b.h"\nnamespace tlsrpt::milter {}\n',
    "tests/data/mail.log": b"\xff\t \n\n",
    "tests/install/install.list": "usr/share/man/man8/tlsrpt.8\n",
    "man/tlsrpt.8": ".Dd a\tb\n",
    "README.md": "See `policy/d.h`, `contrib/*`, `tests/` and [the rest](ARCHITECTURE.md).\n",
    "ARCHITECTURE.md": "`policy/d.h` has\n`d()`.\n\n| `policy/e.cpp` | `elsewhere()` |\n",
}


class Tidy(unittest.TestCase):

    def faults(self, contents, modes=(), exceptions=None, tools=False):
        """What tidy says of a tree with these files, and those that have to be there."""
        contents = {**{path: "#!/bin/sh\n" for path in rules_tree.REQUIRED}, **contents}
        with tempfile.TemporaryDirectory() as folder:
            top = pathlib.Path(folder)
            for path, text in contents.items():
                (top / path).parent.mkdir(parents=True, exist_ok=True)
                (top / path).write_bytes(text.encode() if isinstance(text, str) else text)
            for path, mode in modes:
                (top / path).chmod(mode)
            return list(tidy.check(folder, source_tree.read(folder), exceptions or {}, tools))

    def test_every_rule_fails_on_what_is_bad(self):
        for rule, cases in BAD.items():
            tool = rule in [function.__name__ for function in rules_tools.ALL]
            for path, text, *mode in cases:
                with self.subTest(rule=rule, path=path, text=text[:60]):
                    found = self.faults({**GOOD, path: text}, [(path, m) for m in mode],
                                        tools=tool)
                    self.assertIn((rule, path), {fault[:2] for fault in found})

    def test_every_rule_is_tried(self):
        rules = {rule.__name__ for rules in (rules_text, rules_cpp, rules_tree, rules_documents,
                                             rules_tools) for rule in rules.ALL}
        self.assertEqual(rules, set(BAD))

    def test_what_is_good_passes(self):
        self.assertEqual([], self.faults(GOOD))

    def test_missing_document_fails(self):
        for path in rules_tree.REQUIRED:
            with tempfile.TemporaryDirectory() as folder:
                files = source_tree.read(folder)
                self.assertIn(path, [fault[1] for fault in tidy.check(folder, files, {}, False)])

    def test_exception_covers_one_rule_in_one_file(self):
        bad = {"policy/d.h": HEADER + "namespace tlsrpt::policy {}\n#define A\nint b = free(A);\n"}
        found = self.faults({**GOOD, **bad, "ARCHITECTURE.md": "\n."},
                            exceptions={("banned_words", "policy/d.h"): 1})
        self.assertIn("banned_calls", [fault[0] for fault in found])
        self.assertNotIn("banned_words", [fault[0] for fault in found])

    def test_exception_that_nothing_needs_fails(self):
        found = self.faults(GOOD, exceptions={("banned_words", "policy/d.h"): 7})
        self.assertEqual([("exceptions", 7)], [(fault[0], fault[2]) for fault in found])

    def test_exception_needs_a_reason(self):
        self.assertEqual({("words", "a/b.h"): 2},
                         tidy.read_exceptions("# Why.\nwords a/b.h: as the RFC says\n"))
        for bad in ("words a/b.h\n", "words a/b.h: \n", "words\n"):
            with self.assertRaises(ValueError):
                tidy.read_exceptions(bad)

    def test_function_length_counts_from_its_head_to_its_brace(self):
        text = HEADER + "namespace tlsrpt::policy {\nint f(\n    int a) {\n%s}\n}\n"
        at_most = rules_text.MAX_FUNCTION - 3
        for lines, faults in ((at_most, []), (at_most + 1, ["function_lengths"])):
            found = self.faults({**GOOD, "policy/x.h": text % ("  ++a;\n" * lines)})
            self.assertEqual(faults, [fault[0] for fault in found])


if __name__ == "__main__":
    unittest.main()
