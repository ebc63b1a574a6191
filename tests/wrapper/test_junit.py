"""The closing line comes from real counts: a suite that died or vanished is a failure."""

import pytest
from conftest import CHECKOUT, Shell

PYTEST = (
    '<?xml version="1.0"?><testsuites><testsuite name="pytest" errors="1" failures="1">'
    '<testcase classname="a" name="good" time="0.1" /><testcase classname="a" name="bad">'
    '<failure message="x">&lt;testcase&gt;</failure></testcase><testcase name="broken"><error '
    'message="y"/></testcase><testcase name="later"><skipped type="s"/></testcase></testsuite>'
    "</testsuites>"
)
CTEST = """<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="(empty)" tests="3" failures="1" disabled="1" skipped="0">
\t<testcase name="A.One" classname="A.One" time="0" status="run">
\t\t<system-out>&lt;failure</system-out>
\t</testcase>
\t<testcase name="A.Two" status="fail"><failure message=""/></testcase>
\t<testcase name="A.Three" status="disabled"></testcase>
</testsuite>
"""
NODE = """<?xml version="1.0" encoding="utf-8"?>
<testsuites>
\t<testcase name="one" time="0.1" classname="test"/>
\t<testcase name="two" classname="test" failure="x">
\t\t<failure type="testCodeFailure" message="x"></failure>
\t</testcase>
</testsuites>
"""
SOURCE = f"source {CHECKOUT}/lib/verb_test.sh\n"


def test_counts(shell: Shell) -> None:
    one, two = shell.write("a.xml", PYTEST), shell.write("b.xml", CTEST)
    assert shell.call("junit_count", one).out == "1 2 1\n"
    assert shell.call("junit_count", two).out == "1 1 1\n"
    assert shell.call("junit_count", shell.write("c.xml", NODE)).out == "1 1 0\n"
    assert shell.call("junit_count", one, two).out == "2 3 2\n"
    assert shell.call("junit_failures", one, two).lines == [
        "bad: x",
        "broken: y",
        "A.Two",
    ]


def test_a_failure_says_why(shell: Shell) -> None:
    message = "AssertionError: {&apos;a&apos;: 1} &lt;&#10;  2 &amp;lt; &quot;3&quot;"
    text = PYTEST.replace('message="x"', f'message="{message}"')
    said = shell.call("junit_failures", shell.write("a.xml", text)).lines
    assert said[0] == "bad: AssertionError: {'a': 1} < 2 &lt; \"3\""
    long = PYTEST.replace('message="x"', f'message="{"é" * 700}"')
    said = shell.call("junit_failures", shell.write("a.xml", long)).lines
    assert said[0].startswith("bad: éé")
    assert said[0].endswith("é …")
    assert len(said) == 2


def test_a_cut_file_is_a_failure(shell: Shell) -> None:
    cut = shell.write("a.xml", CTEST[: CTEST.index("\t<testcase name=\"A.Two\"")])
    assert shell.call("junit_count", cut).out == "1 1 0\n"
    assert shell.call("junit_count", shell.write("b.xml", "")).out == "0 1 0\n"


def suite(shell: Shell, script: str | None) -> list[str]:
    if script is not None:
        shell.write("suite/run", f"#!/bin/bash\n{script}\n").chmod(0o755)
    return shell.run(
        SOURCE + "image_ensure() { :; }\nsuite_run mine suite/run 'x y'\n"
        "echo $SUITE_PASSED $SUITE_FAILED $SUITE_SKIPPED"
    ).lines


GOOD = "<testsuite><testcase name='a'/></testsuite>"


@pytest.mark.parametrize(
    ("script", "counts"),
    [
        (f'echo "{GOOD}" > "$1/x.xml"', "1 0 0"),
        (f'echo "{GOOD}" > "$1/x.xml"; exit 3', "1 1 0"),
        ("true", "0 1 0"),
        ("exit 1", "0 1 0"),
        ('echo "<testsuite></testsuite>" > "$1/x.xml"', "0 1 0"),
        (None, "0 1 0"),
    ],
    ids=["good", "died after", "no file", "failed early", "no tests", "no program"],
)
def test_suites(shell: Shell, script: str | None, counts: str) -> None:
    assert suite(shell, script)[-1] == counts


def test_an_image_that_cannot_be_built_fails_its_suite_only(shell: Shell) -> None:
    said = shell.run(
        SOURCE + "image_ensure() { fail broken mend; }\nsuite_run mine suite/run x\n"
        "echo $SUITE_PASSED $SUITE_FAILED $SUITE_SKIPPED"
    )
    assert said.lines[-1] == "0 1 0"


def test_old_results_do_not_count(shell: Shell) -> None:
    shell.write(".gpuhub/test/mine/old.xml", GOOD)
    assert suite(shell, "exit 0")[-1] == "0 1 0"
