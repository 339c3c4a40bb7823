"""What happens to the cells of a submission: output, errors, shell lines, check points."""

from __future__ import annotations

from textwrap import dedent

import numpy as np
import pytest

from autograde.sandbox import Cell
from chainrule.observe import Raised


def text(outputs, name="stdout"):
    return "".join(o["text"] for o in outputs if o["output_type"] == "stream" and o["name"] == name)


def check(exercise, *symbols):
    return Cell(f"check-{exercise}", "", exercise, symbols or (exercise,))


def printed(sandbox, *sources):
    """What the last of some cells prints to stdout."""
    *before, last = sources
    cells = [Cell(f"before-{number}", source) for number, source in enumerate(before)]
    return text(sandbox.run([*cells, Cell("cell", last)], {}).outputs["cell"])


def test_honest_cells_give_an_observation_for_each_case(sandbox):
    cells = [
        Cell("imports", "import numpy as np"),
        Cell("double", "def double(x, times=2):\n    return times * np.asarray(x)"),
        check("double"),
    ]
    cases = {"double": [([np.array([1.0, 2.0])], {}), ([3], {"times": 5})]}
    run = sandbox.run(cells, cases)
    assert run.failure is None and run.limits_hit == []
    assert run.outputs == {"imports": [], "double": []}
    first, second = run.replies["double"]
    assert first.problem is None and first.observation.tolist() == [2.0, 4.0]
    assert second.observation == 15
    assert 0 < run.seconds < 10


def test_prints_are_kept_in_order_and_by_stream(sandbox):
    source = "import sys\nprint('one')\nprint('two', file=sys.stderr)\nprint('three')"
    outputs = sandbox.run([Cell("cell", source)], {}).outputs["cell"]
    assert [(o["name"], o["text"]) for o in outputs] == [
        ("stdout", "one\n"),
        ("stderr", "two\n"),
        ("stdout", "three\n"),
    ]


def test_a_cell_that_raises_does_not_stop_the_next(sandbox):
    cells = [Cell("bad", "def f():\n    return 1 / 0\n\nf()"), Cell("good", "print('here')")]
    run = sandbox.run(cells, {})
    (error,) = run.outputs["bad"]
    assert error["output_type"] == "error" and error["ename"] == "ZeroDivisionError"
    assert error["evalue"] == "division by zero"
    assert error["traceback"] == [
        "this cell, line 4, in <module>",
        "    f()",
        "this cell, line 2, in f",
        "    return 1 / 0",
        "ZeroDivisionError: division by zero",
    ]
    assert text(run.outputs["good"]) == "here\n"


def test_a_traceback_names_the_other_cell(sandbox):
    run = sandbox.run([Cell("first", "def f():\n    raise KeyError('k')"), Cell("next", "f()")], {})
    assert "cell first, line 2, in f" in run.outputs["next"][0]["traceback"]


@pytest.mark.parametrize("source", ["raise SystemExit", "raise KeyboardInterrupt", "exit()"])
def test_nothing_a_cell_raises_ends_the_notebook(sandbox, source):
    run = sandbox.run([Cell("bad", source), Cell("good", "print('here')")], {})
    assert text(run.outputs["good"]) == "here\n"


def test_a_syntax_error_shows_the_line(sandbox):
    (error,) = sandbox.run([Cell("cell", "x = (1,")], {}).outputs["cell"]
    assert error["ename"] == "SyntaxError" and any("x = (1," in t for t in error["traceback"])


def test_a_runaway_recursion_is_reported_in_few_lines(sandbox):
    (error,) = sandbox.run([Cell("cell", "def f():\n    f()\nf()")], {}).outputs["cell"]
    assert error["ename"] == "RecursionError" and len(error["traceback"]) < 30


def test_an_exception_that_cannot_be_printed_is_reported(sandbox):
    source = "class E(Exception):\n    def __str__(self):\n        raise ValueError\nraise E"
    (error,) = sandbox.run([Cell("cell", source)], {}).outputs["cell"]
    assert (error["ename"], error["evalue"]) == ("E", "(its message could not be printed)")


@pytest.mark.parametrize(
    "source", ["!echo shell", "%%bash\necho shell", "x = !echo shell\nprint(x)", "%sx echo shell"]
)
def test_shell_lines_do_nothing(sandbox, source):
    run = sandbox.run([Cell("cell", source), Cell("next", "print('next')")], {})
    assert "shell" not in text(run.outputs["cell"])
    assert all(o["output_type"] == "stream" for o in run.outputs["cell"])
    assert text(run.outputs["next"]) == "next\n"


def test_other_magics_work(sandbox):
    assert "Wall time" in printed(sandbox, "%%time\nx = 1")
    source = "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1]); plt.show()\n1"
    assert sandbox.run([Cell("cell", source)], {}).outputs["cell"] == []


def test_every_cell_has_get_ipython(sandbox):
    assert printed(sandbox, "print(callable(get_ipython))") == "True\n"


def test_an_import_from_the_future_stays_in_force(sandbox):
    later = "def f(x: NoSuchName): pass\nprint('fine')"
    assert printed(sandbox, "from __future__ import annotations", later) == "fine\n"


def test_what_the_notebook_adds_to_ipython_is_used(sandbox):
    add = """
        import ast
        class Louder(ast.NodeTransformer):
            def visit_Constant(self, node):
                return ast.copy_location(ast.Constant(str(node.value).upper()), node)
        get_ipython().ast_transformers.append(Louder())
        get_ipython().events.register("pre_run_cell", lambda info: print("before"))
    """
    assert printed(sandbox, dedent(add), "print('quiet')") == "before\nQUIET\n"


def test_top_level_await_works(sandbox):
    assert printed(sandbox, "import asyncio\nawait asyncio.sleep(0)\nprint('done')") == "done\n"


def test_a_cell_can_write_a_file_and_import_it(sandbox):
    write = Cell("write", "%%writefile mine.py\nx = 7")
    read = Cell("read", "import mine\nprint(mine.x)")
    assert text(sandbox.run([write, read], {}).outputs["read"]) == "7\n"


def test_output_is_cut(sandbox):
    cells = [
        Cell("flood", "while True:\n    print('x' * 1000)"),
        Cell("next", "print('next')"),
    ]
    run = sandbox.run(cells, {})
    assert "output cut at 4 kB" in text(run.outputs["flood"], "stderr")
    assert len(text(run.outputs["flood"])) == 4 * 1024
    assert text(run.outputs["next"]) == "next\n"


def test_a_snapshot_keeps_the_state_of_its_check_cell(sandbox):
    cells = [
        Cell("a", "scale = 2\ndef f(x):\n    return scale * x"),
        check("f"),
        Cell("b", "scale = 3\ndef f(x):\n    return 'redefined'"),
    ]
    (reply,) = sandbox.run(cells, {"f": [([10], {})]}).replies["f"]
    assert reply.observation == 20


def test_public_cases_come_before_every_secret_one(sandbox):
    """A snapshot that tells another one what it was asked could have it shown to the learner."""
    source = "open('/tmp/asked', 'a').write(f'{x} ')\n    return open('/tmp/asked').read()"
    cells = [Cell("f", f"def f(x):\n    {source}\ng = f"), check("f"), check("g")]
    cases = {"f": [([1], {}), ([-1], {})], "g": [([2], {}), ([-2], {})]}
    replies = sandbox.run(cells, cases, public={"f": 1, "g": 1}).replies
    assert [reply.observation for reply in replies["f"]] == ["1 ", "1 2 -1 "]
    assert [reply.observation for reply in replies["g"]] == ["1 2 ", "1 2 -1 -2 "]


def test_a_name_that_is_missing_is_a_name_error(sandbox):
    (reply,) = sandbox.run([check("f")], {"f": [([1], {})]}).replies["f"]
    assert reply.observation == Raised("NameError", "name 'f' is not defined")


def test_what_the_function_raises_is_the_observation(sandbox):
    cells = [Cell("f", "def f(x):\n    raise ValueError(f'not {x}')"), check("f")]
    (reply,) = sandbox.run(cells, {"f": [([1], {})]}).replies["f"]
    assert (reply.observation.type, reply.observation.message) == ("ValueError", "not 1")
    assert reply.observation.line == "raise ValueError(f'not {x}')"


def test_an_exercise_without_a_check_cell_has_a_reply_for_each_case(sandbox):
    replies = sandbox.run([], {"f": [([1], {}), ([2], {})]}).replies["f"]
    assert [r.problem for r in replies] == ["The check cell of this exercise was not found."] * 2


def test_random_numbers_are_the_same_every_time(sandbox):
    source = "import random\nimport numpy as np\nprint(random.random(), np.random.rand())"
    assert printed(sandbox, source) == printed(sandbox, source)
    cells = [Cell("f", "import numpy as np\ndef f():\n    return np.random.rand()"), check("f")]
    first, again = (sandbox.run(cells, {"f": [([], {})]}).replies["f"][0] for _ in range(2))
    assert first.observation == again.observation


def test_an_exercise_is_checked_once(sandbox):
    with pytest.raises(ValueError, match="two check cells"):
        sandbox.run([check("f"), check("f")], {"f": []})


def test_cases_outside_the_closed_format_are_refused(sandbox):
    with pytest.raises(ValueError):
        sandbox.run([check("f")], {"f": [([object()], {})]})
