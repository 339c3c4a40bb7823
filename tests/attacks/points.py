"""Promise 1: no points without the right answer."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.attacks.model import UNIT, Attack, Target, cell, cheat, earns, with_code

# Used by several: every socket that the process holds, and the right answers that all may know.
SOCKETS = """
import os, stat, struct

def sockets():
    found = []
    for number in range(3, 256):
        try:
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                found.append(number)
        except OSError:
            pass
    return found

def frame(data):
    return struct.pack(">I", len(data)) + data

def send_everywhere(data):
    for number in sockets():
        try:
            os.set_blocking(number, False)
            os.write(number, data)
        except OSError:
            pass
"""
PUBLIC = """
import chainrule.observe as observe_module
from chainrule.answers import load_answers
EXERCISES = load_answers("neuron").exercises
CASES = EXERCISES["weighted_sum"].public.cases
RIGHT = [b"a" + observe_module.pack(case.expected) for case in CASES]
"""

# --- what it patches ---------------------------------------------------------------------------

PATCHED = [
    cheat(
        "patched-builtins",
        """
import builtins
builtins.all = builtins.any = lambda *args, **kwargs: True
builtins.abs = builtins.sum = lambda *args, **kwargs: 0
builtins.isinstance = lambda *args: False
""",
    ),
    cheat(
        "patched-np-isclose",
        """
import numpy
for module in (numpy, numpy._core.numeric):
    module.isclose = lambda a, b, *args, **kwargs: numpy.ones(numpy.shape(b), bool)
    module.allclose = module.array_equal = lambda *args, **kwargs: True
""",
        quick=True,
    ),
    cheat(
        "patched-numpy-testing",
        """
import numpy.testing
for name in numpy.testing.__all__:
    if name.startswith("assert"):
        setattr(numpy.testing, name, lambda *args, **kwargs: None)
""",
    ),
    cheat(
        "patched-assert",
        """
import ast
from IPython import get_ipython
class NoAsserts(ast.NodeTransformer):
    def visit_Assert(self, node):
        return ast.Pass()
get_ipython().ast_transformers.append(NoAsserts())
""",
    ),
    cheat(
        "equal-to-everything",
        """
class Yes:
    shape, dtype, size, ndim = (), float, 1, 0
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __sub__(self, other): return 0.0
    __rsub__ = __sub__
    def __abs__(self): return 0.0
    def __float__(self): return 0.0
    def __array__(self, *args, **kwargs): return self
    __hash__ = None

def weighted_sum(inputs, weights, bias):
    return Yes()
""",
    ),
    cheat(
        "array-that-lies",
        """
import numpy as np
class Liar(np.ndarray):
    def __array_ufunc__(self, *args, **kwargs): return np.True_
    def __array_function__(self, *args, **kwargs): return True
    def __eq__(self, other): return np.ones(np.shape(other), bool)

def weighted_sum(inputs, weights, bias):
    return np.zeros(()).view(Liar)
""",
    ),
    cheat(
        "float-that-lies",
        """
class Liar(float):
    def __eq__(self, other): return True
    def __sub__(self, other): return 0.0
    def __rsub__(self, other): return 0.0
    __hash__ = float.__hash__

def weighted_sum(inputs, weights, bias):
    return Liar(0)
""",
    ),
    cheat(
        "check-replaced",
        """
class Generous:
    def __getattr__(self, name):
        return lambda *work: 2
import chainrule.neuron
chainrule.neuron.check = check = Generous()
""",
        quick=True,
    ),
    cheat(
        "verdict-patched",
        """
import chainrule.check, chainrule.verdict
def generous(exercise, draw, observations, *args, **kwargs):
    return chainrule.verdict.Verdict(exercise.name, "passed", exercise.points, exercise.points, [])
chainrule.verdict.judge = chainrule.check.judge = generous
""",
    ),
    cheat(
        "comparison-patched",
        """
import chainrule.compare
for kind in (chainrule.compare.Close, chainrule.compare.ByLaw, chainrule.compare.ByDistribution):
    kind.difference = lambda self, case, observed, public=True: None
""",
    ),
    cheat(
        "freeze-patched",
        PUBLIC
        + """
import chainrule.check
seen = []
def observe(*args):
    seen.append(1)
    return CASES[(len(seen) - 1) % len(CASES)].expected
for module in list(sys.modules.values()) if "sys" in globals() else []:
    pass
import sys
for module in list(sys.modules.values()):
    if getattr(module, "observe", None) is observe_module.observe:
        module.observe = observe
    if getattr(module, "freeze", None) is observe_module.freeze:
        module.freeze = lambda value, depth=0: observe()
""",
    ),
    cheat(
        "pack-patched",
        PUBLIC
        + """
import sys
sent = []
def pack(value):
    sent.append(1)
    return RIGHT[(len(sent) - 1) % len(RIGHT)][1:]
for module in list(sys.modules.values()):
    if getattr(module, "pack", None) is observe_module.pack:
        module.pack = pack
""",
    ),
    cheat(
        "send-patched",
        PUBLIC
        + """
import sys
frames = sys.modules.get("inside.frames")
if frames:
    honest, sent = frames.Channel.send_bytes, []
    def send_bytes(self, data, deadline=None):
        sent.append(1)
        honest(self, RIGHT[(len(sent) - 1) % len(RIGHT)], deadline)
    frames.Channel.send_bytes = send_bytes
""",
    ),
    cheat(
        "probe-replaced",
        PUBLIC
        + """
import sys, types
fake = types.ModuleType("chainrule.neuron.probes")
fake.weighted_sum = lambda work, *args: CASES[0].expected
fake.__getattr__ = lambda name: fake.weighted_sum
sys.modules["chainrule.neuron.probes"] = fake
import chainrule.neuron
chainrule.neuron.probes = fake
import chainrule.check
def find_probe(unit, exercise):
    cases = iter(EXERCISES[exercise].public.cases)
    return lambda work, *args, **kwargs: next(cases).expected
chainrule.check.find_probe = find_probe
for name in ("inside.cells", "inside.snapshot"):
    module = sys.modules.get(name)
    if module:
        module.Probe = fake.weighted_sum
import gc
for found in gc.get_objects():
    if type(found) is dict and "train_neuron" in found and "weighted_sum" not in found:
        found["weighted_sum"] = fake.weighted_sum
""",
    ),
    cheat(
        "sys-modules-replaced",
        """
import sys, types
class Everything(types.ModuleType):
    def __getattr__(self, name):
        return lambda *args, **kwargs: 2
for name in list(sys.modules):
    if name.startswith(("chainrule", "inside.", "msgpack")):
        sys.modules[name] = Everything(name)
check = Everything("check")
""",
    ),
    cheat(
        "run-cell-patched",
        """
from IPython import get_ipython
shell = get_ipython()
honest = type(shell).run_cell
def run_cell(self, source, *args, **kwargs):
    return honest(self, "2" if "check." in source else source, *args, **kwargs)
type(shell).run_cell = run_cell
if hasattr(type(shell), "run_cell_async"):
    asynchronous = type(shell).run_cell_async
    async def run_cell_async(self, source, *args, **kwargs):
        kwargs.pop("transformed_cell", None)
        source = "2" if "check." in source else source
        return await asynchronous(self, source, *args, transformed_cell=source, **kwargs)
    type(shell).run_cell_async = run_cell_async
""",
    ),
    cheat(
        "input-transformer",
        """
from IPython import get_ipython
def generous(lines):
    return ["2\\n"] if any("check." in line for line in lines) else lines
get_ipython().input_transformers_cleanup.append(generous)
""",
        quick=True,
    ),
    cheat(
        "ast-transformer",
        """
import ast
from IPython import get_ipython
class Generous(ast.NodeTransformer):
    def visit_Expr(self, node):
        return ast.Expr(ast.Constant(2)) if "check" in ast.dump(node) else node
get_ipython().ast_transformers.append(Generous())
""",
    ),
    cheat(
        "cell-hooks",
        """
from IPython import get_ipython
shell = get_ipython()
def before(info):
    shell.user_ns["check"] = type("Generous", (), {"__getattr__": lambda s, n: lambda *w: 2})()
shell.events.register("pre_run_cell", before)
shell.events.register("pre_execute", lambda: before(None))
""",
    ),
    cheat(
        "exception-handler",
        """
from IPython import get_ipython
from IPython.display import display
def swallow(shell, kind, error, trace, tb_offset=None):
    shell.displayhook(2)
get_ipython().set_custom_exc((BaseException,), swallow)
import sys
sys.excepthook = lambda *args: None
""",
    ),
    cheat(
        "display-hook",
        """
from IPython import get_ipython
hook = type(get_ipython().displayhook)
honest = hook.__call__
hook.__call__ = lambda self, result=None: honest(self, 2)
import chainrule.check
class Pass(BaseException):
    pass
chainrule.check.CheckFailed = Pass
chainrule.check.Check.__getattr__ = lambda self, name: lambda *work: 1
""",
    ),
    cheat(
        "fork-patched",
        SOCKETS
        + PUBLIC
        + """
honest = os.fork
def fork():
    pid = honest()
    if pid == 0:
        for data in RIGHT * 2:
            send_everywhere(frame(data))
    return pid
os.fork = fork
""",
    ),
    cheat(
        "snapshot-patched",
        PUBLIC
        + """
import sys
cells = sys.modules.get("inside.cells")
def answer_cases(channel, *args):
    for number in range(100):
        channel.receive_bytes()
        channel.send_bytes(RIGHT[number % len(RIGHT)])
if cells:
    cells.answer_cases = answer_cases
else:
    import chainrule.check
    chainrule.check.ExerciseCheck.__call__ = lambda self, *work: self._exercise.points
""",
        quick=True,
    ),
]

# --- what it reads -----------------------------------------------------------------------------

READ = [
    cheat(
        "expected-values-from-the-call-stack",
        """
import sys
def weighted_sum(inputs, weights, bias):
    frame = sys._getframe()
    while frame:
        for value in list(frame.f_locals.values()):
            if hasattr(value, "expected"):
                return value.expected
        frame = frame.f_back
    return 0.0
""",
        quick=True,
    ),
    cheat(
        "expected-values-from-gc",
        """
import gc
import numpy as np
def weighted_sum(inputs, weights, bias):
    for found in gc.get_objects():
        if hasattr(found, "expected") and hasattr(found, "args"):
            if all(np.array_equal(a, b) for a, b in zip(found.args, (inputs, weights, bias))):
                return found.expected
    return 0.0
""",
    ),
    cheat(
        "expected-values-from-proc",
        """
import os, re
def weighted_sum(inputs, weights, bias):
    for name in [*filter(str.isdecimal, os.listdir("/proc")), "self"]:
        for what in ("mem", "environ", "cmdline", "fd"):
            try:
                data = open(f"/proc/{name}/{what}", "rb").read(1 << 16)
            except OSError:
                continue
            found = re.search(rb"expected\\W+(-?[0-9.]+)", data)
            if found:
                return float(found[1])
    return 0.0
""",
    ),
    cheat(
        "public-answers-replayed",
        PUBLIC
        + """
import numpy as np
def lookup(name):
    table = [(case.args, case.expected) for case in EXERCISES[name].public.cases]
    def answer(*args):
        for known, right in table:
            try:
                if all(np.array_equal(a, b) for a, b in zip(known, args)):
                    return right
            except Exception:
                pass
        return 0.0
    return answer
for name in EXERCISES:
    globals()[name] = lookup(name)
weighted_sum = lookup("weighted_sum")
""",
        success="points for a table of the public cases",
        quick=True,
    ),
    cheat(
        "secret-cases-detected",
        PUBLIC
        + """
import numpy as np
PUBLIC_INPUTS = [case.args[0] for case in CASES]
def weighted_sum(inputs, weights, bias):
    if any(np.array_equal(inputs, known) for known in PUBLIC_INPUTS):
        return np.sum(inputs * weights) + bias   # right where it is watched
    return 0.0
""",
        success="points on secret cases for being right on public ones only",
    ),
    cheat(
        "solution-from-the-clone",
        """
import glob
for path in glob.glob("@CLONE@/solutions/01_neuron/neuron.py"):
    text = open(path).read().split('exercise="weighted_sum"')[1].split("# %%")[0]
    start = text.index("def weighted_sum")
    exec(text[start:])
""",
        success="points for the solution read from the instructor's clone",
    ),
    cheat(
        "solution-from-the-source-folder",
        """
import glob, json
for path in glob.glob("@CLASS@/source/*/*.ipynb"):
    for one in json.load(open(path))["cells"]:
        text = "".join(one["source"])
        if text.startswith("def weighted_sum"):
            exec(text)
""",
        success="points for the solution read from nbgrader's source folder",
    ),
    cheat(
        "solution-from-the-grader",
        """
import sys
sys.path.insert(0, "@CLONE@")
try:
    from pathlib import Path
    from autograde.answer_key import AnswerKey
    from autograde.unit import load_unit
    exec(AnswerKey(load_unit(Path("@CLONE@"), "01")).solved_cell("weighted_sum"))
except ImportError:
    pass
""",
        success="points for the solution taken from the grader's own modules",
    ),
    cheat(
        "answer-from-a-neighbour",
        """
import glob, json
for path in glob.glob("@SUBMITTED@/*/01_neuron/*.ipynb"):
    try:
        for one in json.load(open(path))["cells"]:
            text = "".join(one["source"])
            if text.startswith("def weighted_sum") and "NotImplementedError" not in text:
                exec(text)
    except Exception:
        pass
""",
        success="points for another learner's answer",
    ),
    cheat(
        "library-that-is-forbidden",
        """
try:
    from scipy.special import expit as sigmoid
except ImportError:
    import torch
    def sigmoid(z):
        return torch.sigmoid(torch.as_tensor(z)).numpy()
""",
        notebook=lambda notebook, target, name: _sigmoid_from_a_library(notebook),
        success="points for SciPy's or torch's sigmoid in a unit that is done in NumPy",
    ),
]


def _sigmoid_from_a_library(notebook: dict) -> dict:
    code = next(one.code for one in READ if one.name == "library-that-is-forbidden")
    cell(notebook, "exercise", "sigmoid")["source"] = code
    return notebook


# --- what it forges ----------------------------------------------------------------------------


def forged(name: str, change: Callable[[dict], None], success: str, **more: Any) -> Attack:
    """An attack by what the notebook says of itself."""

    def make(notebook: dict, target: Target, learner: str) -> dict:
        with_code(notebook, "")
        change(notebook)
        return notebook

    return Attack(name, 1, success, earns, notebook=make, **more)


def _checks(notebook: dict) -> list[dict]:
    return [one for one in notebook["cells"] if "check" in one["metadata"].get("chainrule", {})]


def _result(points: int) -> dict:
    return {
        "output_type": "execute_result",
        "execution_count": 1,
        "metadata": {},
        "data": {"text/plain": str(points)},
    }


def forge_outputs(notebook: dict) -> None:
    for one in _checks(notebook):
        one["outputs"], one["execution_count"] = [_result(2)], 1


def forge_points(notebook: dict) -> None:
    for one in _checks(notebook):
        one["metadata"]["nbgrader"]["points"] = 1000


def forge_grade_cell(notebook: dict) -> None:
    extra = copy.deepcopy(_checks(notebook)[0])
    extra["id"], extra["source"] = "forged", "2"
    extra["metadata"]["nbgrader"].update(grade_id="check_bonus", points=100)
    extra["metadata"].pop("chainrule")
    notebook["cells"].append(extra)


def forge_duplicate_check(notebook: dict) -> None:
    for one in _checks(notebook):
        extra = copy.deepcopy(one)
        extra["id"], extra["source"] = one["id"] + "-again", "2"
        notebook["cells"].insert(notebook["cells"].index(one), extra)


def edit_checks(notebook: dict) -> None:
    for one in _checks(notebook):
        one["source"] = "2"


def unlock_checks(notebook: dict) -> None:
    for one in _checks(notebook):
        one["source"] = "2"
        one["metadata"]["nbgrader"].update(locked=False, solution=True, grade=True)


def skip_checks(notebook: dict) -> None:
    for one in _checks(notebook):
        one["metadata"]["tags"] = ["skip-execution"]


def renamed_checks(notebook: dict) -> None:
    """Each exercise cell claims to be its check, and each check to be its exercise."""
    for one in _checks(notebook):
        name = one["metadata"]["chainrule"]["check"]
        answer = cell(notebook, "exercise", name)
        answer["metadata"], one["metadata"] = one["metadata"], answer["metadata"]
        answer["id"], one["id"] = one["id"], answer["id"]
        answer["source"] = "2"


def forge_checksums(notebook: dict) -> None:
    for one in notebook["cells"]:
        if "nbgrader" in one["metadata"]:
            one["metadata"]["nbgrader"]["checksum"] = "0" * 32
    edit_checks(notebook)


def forge_kernel(notebook: dict) -> None:
    spec = {"name": "generous", "display_name": "Generous", "language": "python"}
    notebook["metadata"]["kernelspec"] = spec
    notebook["metadata"]["language_info"] = {"name": "brainfuck"}
    forge_outputs(notebook)


def forge_notebook_metadata(notebook: dict) -> None:
    grades = {name: {"score": 20, "max_score": 20} for name in ("weighted_sum", "sigmoid")}
    notebook["metadata"]["chainrule"] = {"unit": UNIT, "results": grades, "exercises": grades}
    notebook["metadata"]["nbgrader"] = {"score": 20, "max_score": 20}
    for one in notebook["cells"]:
        one["metadata"].setdefault("chainrule", {})["points"] = 20


def check_becomes_markdown(notebook: dict) -> None:
    for one in _checks(notebook):
        one["cell_type"], one["source"] = "markdown", "20 of 20 points"
        one.pop("outputs", None), one.pop("execution_count", None)


FORGED = [
    forged("forged-outputs", forge_outputs, "points from outputs that were handed in", quick=True),
    forged("forged-points", forge_points, "points from the metadata of a check"),
    forged("forged-grade-cell", forge_grade_cell, "points from a check that was never released"),
    forged("forged-duplicate-check", forge_duplicate_check, "points from a check's second copy"),
    forged("check-edited", edit_checks, "points from a check cell that says 2"),
    forged("check-unlocked", unlock_checks, "points from a check that is no longer locked"),
    forged("check-skipped", skip_checks, "points because a check is tagged not to run"),
    forged("checks-and-answers-swapped", renamed_checks, "points from a cell that took a check's"),
    forged("forged-checksums", forge_checksums, "points from an edited check with a checksum"),
    forged("forged-kernel", forge_kernel, "points because another kernel runs the notebook"),
    forged("forged-metadata", forge_notebook_metadata, "points claimed in metadata"),
    forged("check-turned-into-text", check_becomes_markdown, "points from a check that can't run"),
]


def beside(name: str, files: dict[str, str], success: str, **more: Any) -> Attack:
    """An attack by files handed in beside the notebook."""

    def place(folder: Path, target: Target, learner: str) -> None:
        for path, text in files.items():
            whole = folder / learner / UNIT / path
            whole.parent.mkdir(parents=True, exist_ok=True)
            whole.write_text(target.fill(text, learner))

    return Attack(name, 1, success, earns, code=NO_CODE, place=place, **more)


NO_CODE = "# the answer is in the files beside this notebook"
GENEROUS = """
import sys
class Generous:
    def __getattr__(self, name):
        return lambda *args, **kwargs: 2
sys.modules[__name__] = Generous()
check = widgets = plot = data = Generous()
"""
RESULT = {
    "exercise": "weighted_sum",
    "score": 2,
    "max_score": 2,
    "status": "graded",
    "mistake": "",
    "blocked_by": "",
    "reason": "",
    "cases": [],
}
RECORD = {
    "learner": "forged-result-files",
    "unit": UNIT,
    "submission": "0" * 64,
    "key": {},
    "exercises": [RESULT],
    "repairs": [],
    "reason": "",
    "limits_hit": [],
    "outputs": {},
    "seconds": 0.1,
    "graded_at": "2026-01-01T00:00:00+00:00",
}
FILES = [
    beside(
        "forged-result-files",
        {
            "results/01_neuron.jsonl": json.dumps(RECORD) + "\n",
            "01_neuron.jsonl": json.dumps(RECORD) + "\n",
            "truth.csv": "learner,exercise,score,max_score,status,mistake\n",
        },
        "points from a result that was handed in",
    ),
    beside(
        "forged-receipt",
        {"receipt.json": json.dumps({"time": "2020-01-01T00:00:00+00:00", "score": 20})},
        "points from a receipt",
    ),
    beside(
        "modules-beside-the-notebook",
        {
            "chainrule/__init__.py": GENEROUS,
            "chainrule/neuron/__init__.py": GENEROUS,
            "chainrule/neuron.py": GENEROUS,
        },
        "points from a module that takes the place of the course's",
    ),
    beside(
        "settings-beside-the-notebook",
        {
            "nbgrader_config.py": "c = get_config()\nc.ClearSolutions.code_stub = {}\n",
            "sitecustomize.py": GENEROUS,
            "usercustomize.py": GENEROUS,
            "conftest.py": GENEROUS,
            "chainrule.pth": "import os; os._exit(0)\n",
        },
        "points from settings that were handed in",
    ),
    cheat(
        "results-written-while-grading",
        """
import glob, json, os
line = json.dumps(@RECORD@).replace("forged-result-files", "@NAME@")
for folder in ("@CLASS@/results", "results", "../results", "/tmp/results"):
    try:
        os.makedirs(folder, exist_ok=True)
        with open(folder + "/01_neuron.jsonl", "a") as file:
            file.write(line + "\\n")
    except OSError:
        pass
""".replace("@RECORD@", repr(RECORD)),
        success="points from a record that the submission wrote into the class folder",
    ),
    cheat(
        "gradebook-written-while-grading",
        """
import os, sqlite3, threading, time
def always(path="@CLASS@/gradebook.db"):
    for _ in range(2):
        try:
            with sqlite3.connect(path, timeout=5) as gradebook:
                gradebook.execute("update grade set manual_score = 20")
        except sqlite3.Error:
            pass
if os.path.exists("@CLASS@/gradebook.db"):
    always()
""",
        success="points from an entry that the submission made in the gradebook",
    ),
    cheat(
        "checks-of-the-course-rewritten",
        """
import chainrule.verdict
try:
    path = chainrule.verdict.__file__
    with open(path, "a") as file:
        file.write("\\ndef judge(exercise, draw, *args, **kwargs):\\n"
                   "    return Verdict(exercise.name, 'passed', exercise.points,"
                   " exercise.points, [])\\n")
    import importlib, chainrule.check
    importlib.reload(chainrule.verdict)
    importlib.reload(chainrule.check)
except OSError:
    pass
""",
        success="points because the installed course was rewritten",
        plain=False,  # the jail in which plain nbgrader runs is read-only there
    ),
]

# --- what it does to the channel ---------------------------------------------------------------

CHANNEL = [
    cheat(
        "answers-early",
        SOCKETS
        + PUBLIC
        + """
for data in RIGHT * 2:
    send_everywhere(frame(data))
""",
        success="points for answers that were sent before the cases",
        quick=True,
    ),
    cheat(
        "answers-twice",
        SOCKETS
        + PUBLIC
        + """
def weighted_sum(inputs, weights, bias):
    for data in RIGHT:
        send_everywhere(frame(data))
    return 0.0
""",
        success="points because the second of two answers counted",
    ),
    cheat(
        "answers-for-another-exercise",
        SOCKETS
        + PUBLIC
        + """
kept = []
for number in sockets():
    kept.append(os.dup(number))
def weighted_sum(inputs, weights, bias):
    for name in ("step", "sigmoid", "neuron"):
        for case in EXERCISES[name].public.cases:
            send_everywhere(frame(b"a" + observe_module.pack(case.expected)))
    return 0.0
sys_module = __import__("sys")
snapshot = sys_module.modules.get("inside.snapshot")
if snapshot:
    snapshot.go_quiet = lambda keep: None
""",
        success="points for exercises that another one's process answered",
    ),
    cheat(
        "answers-garbage",
        SOCKETS
        + """
def weighted_sum(inputs, weights, bias):
    send_everywhere(frame(b"a" + bytes(range(256)) * 64))
    send_everywhere(b"\\x00\\x00\\x00\\x01a" * 50)
    return 0.0
""",
        success="points for bytes that are no observation",
    ),
    cheat(
        "answers-too-large",
        """
import numpy as np
def weighted_sum(inputs, weights, bias):
    return np.zeros(40_000_000, np.int8)
""",
        success="points for an answer of 40 MB",
    ),
    cheat(
        "answers-a-bomb",
        """
import sys
snapshot = sys.modules.get("inside.snapshot")
if snapshot:
    inner = b"\\xdc\\xff\\xff" + b"\\x80" * 65535
    snapshot.pack = lambda value: b"\\xdc\\x00\\xf0" + inner * 240
""",
        success="points for 16 MB that unpack to a gigabyte",
    ),
    cheat(
        "answers-a-number-no-float-can-hold",
        "def weighted_sum(inputs, weights, bias):\n    return 10 ** 400\n",
        success="points, or a grader that stops at the comparison",
        quick=True,
    ),
    cheat(
        "answers-that-an-error-was-right",
        """
class NotImplementedError(Exception):
    pass
def weighted_sum(inputs, weights, bias):
    raise SystemExit("20 of 20 points")
""",
        success="points for raising instead of answering",
    ),
    cheat(
        "exits-in-the-cell",
        "import os\nprint(2)\nos._exit(0)\n",
        success="points because the process is gone before the checks",
    ),
    cheat(
        "exits-in-the-answer",
        "import os\ndef weighted_sum(inputs, weights, bias):\n    os._exit(0)\n",
        success="points because the process is gone before it answered",
    ),
    cheat(
        "closes-the-channel",
        SOCKETS
        + """
def weighted_sum(inputs, weights, bias):
    for number in sockets():
        os.close(number)
    return 0.0
""",
        success="points because nothing could be asked",
    ),
    cheat(
        "thread-that-answers-later",
        SOCKETS
        + PUBLIC
        + """
import threading, time
def later():
    for _ in range(100):
        for data in RIGHT:
            send_everywhere(frame(data))
        time.sleep(0.05)
threading.Thread(target=later, daemon=True).start()
""",
        success="points for what a thread sends while the checks run",
    ),
    cheat(
        "process-that-answers-later",
        SOCKETS
        + PUBLIC
        + """
import time
if os.fork() == 0:
    os.setsid()
    for _ in range(100):
        for data in RIGHT:
            send_everywhere(frame(data))
        time.sleep(0.05)
    os._exit(0)
""",
        success="points for what a process left behind sends while the checks run",
    ),
    cheat(
        "lies-to-the-supervisor",
        """
import os, struct
for number in range(3, 64):
    try:
        os.set_blocking(number, False)
        for check in range(8):
            os.write(number, struct.pack(">cII", b"f", check, os.getpid()))
    except OSError:
        pass
""",
        success="points for snapshots that there never were",
    ),
    cheat(
        "reports-forged",
        SOCKETS
        + """
import msgpack
for report in ({"done": True}, {"ended": "check-weighted_sum", "streams": [["stdout", "20"]]},
               {"score": 20, "exercise": "weighted_sum"}):
    send_everywhere(frame(msgpack.packb(report)))
""",
        success="points from a report about itself",
    ),
]

ATTACKS = [*PATCHED, *READ, *FORGED, *FILES, *CHANNEL]
