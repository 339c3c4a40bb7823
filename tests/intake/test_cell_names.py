"""What a cell binds and needs is read from its text, however strange the text is."""

from __future__ import annotations

import time

import pytest

from autograde.intake.names import names_of, new_statements


@pytest.mark.parametrize(
    "source, bound",
    [
        ("x = 1", {"x"}),
        ("a, (b, *c) = 1, (2, 3)", {"a", "b", "c"}),
        ("def f(x):\n    y = x", {"f"}),
        ("class A:\n    b = 1", {"A"}),
        ("import numpy as np, os.path", {"np", "os"}),
        ("if True:\n    x = 1\nelse:\n    y = 2", {"x", "y"}),
        ("for i in range(3):\n    with open(i) as f: pass", {"i", "f"}),
        ("[z for z in 'ab']", set()),
        ("print(n := 3)", {"n"}),
        ("def f():\n    global g\n    g = 1", {"f", "g"}),
        ("x: int = 1", {"x"}),
        ("%matplotlib inline\nx = 1", {"x"}),
        ("%%time\nx = 1", {"x"}),
        ("%time x = 1", {"x"}),
        ("files = !ls\nx = %pwd", {"files", "x"}),
        ("x = 1\nx?", {"x"}),
        ("for i in 'ab':\n    !echo $i", {"i"}),
        ("%%bash\nx=1", set()),
        ("%%writefile a.py\nx = 1", set()),
        ("x = await f()", {"x"}),
    ],
)
def test_the_names_that_a_cell_binds(source, bound):
    names = names_of(source)
    assert names.bound == bound and names.readable


def test_names_used_inside_functions_count_and_their_own_do_not():
    names = names_of("def f(a, b=start):\n    c = a + helper(b)\n    return [d * c for d in other]")
    assert names.loaded == {"start", "helper", "other"}


def test_what_is_not_python_is_read_line_by_line():
    names = names_of("def f(x:\n    return\nclass A\ny = 1\n  z = 2")
    assert names.bound == {"f", "A", "y"} and not names.readable


def test_setting_an_attribute_or_calling_append_changes_a_name():
    assert names_of("A.b.c = 1\nd[0] = 2\ne.append(3)\nf.show()").changed == {"A", "d", "e"}


def test_of_an_edited_cell_only_new_definitions_are_kept():
    released = "import numpy as np"
    edited = "import numpy as np\nimport math\nprint(1)\n@dec\ndef f():\n    return 1"
    assert new_statements(edited, released) == ["import math", "@dec\ndef f():\n    return 1"]


NASTY = {
    "a null": "x = 1\0",
    "a surrogate": "x = '\ud800'",
    "parentheses": "x = " + "(" * 50_000,
    "minus signs": "x = " + "-" * 100_000 + "1",
    "a long sum": "x = " + "1+" * 90_000 + "1",
    "attributes": "x = a" + ".b" * 90_000,
    "lambdas": "x = " + "lambda: " * 20_000 + "1",
    "not": "x = " + "not " * 40_000 + "1",
    "calls": "f" + "()" * 90_000,
    "nested lists": "x = " + "[" * 150 + "]" * 150,
    "elifs": "if a: pass\n" + "elif a: pass\n" * 10_000,
    "shell lines": "!ls\n" * 40_000,
    "magics": "%time\n" * 30_000,
    "question marks": "?" * 150_000,
    "blanks": " " * 190_000 + "x ==",
    "blanks and an equals sign": "a" + " " * 190_000 + "!",
    "commas": "a," * 90_000 + "%",
    "indented": "\n".join(" " * n + "if x:" for n in range(500)),
    "one long word": "x" * 190_000 + " (",
    "a giant number": "x = " + "9" * 100_000,
    "f-strings": "x = " + 'f"{' * 1000,
    "a megabyte": "x = 1\n" * 200_000,
}


@pytest.mark.parametrize("source", NASTY.values(), ids=NASTY.keys())
def test_no_text_breaks_the_reader_or_keeps_it_busy(source):
    start = time.process_time()
    names_of(source)
    new_statements(source, "import numpy")
    assert time.process_time() - start < 5
