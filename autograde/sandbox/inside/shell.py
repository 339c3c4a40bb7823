"""IPython as the graded notebook sees it: no shell commands, no displays, no history."""

from __future__ import annotations

import linecache
from types import CodeType
from typing import Any

from IPython.core.compilerop import CachingCompiler, PyCF_MASK
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config


class SilentPublisher(DisplayPublisher):
    """Figures and widgets are not kept when grading, so they are not rendered either."""

    def publish(self, *args: Any, **kwargs: Any) -> None:
        pass


class NamingCompiler(CachingCompiler):
    """Compiles each cell under its own name, which is what tracebacks show."""

    def get_code_name(self, raw_code: str, transformed_code: str, number: int) -> str:
        return GradingShell.instance().code_name


class GradingShell(InteractiveShell):
    """An InteractiveShell whose `!` lines do nothing and whose errors are reported by us."""

    display_pub_class = SilentPublisher
    compiler_class = NamingCompiler
    cell_name = ""  # of the cell that runs now
    usual_ways: list[Any]

    def run(self, name: str, source: str) -> BaseException | None:
        """Run a cell; the error that ended it.

        Plain Python is executed as it is. IPython's own way through a cell uses far more memory,
        and all of it has to be copied after a fork, so IPython gets only what it alone can run:
        magics, `await` outside a function, and every cell of a notebook that has changed how cells
        are run.
        """
        self.cell_name = name
        self.user_ns.pop("__warningregistry__", None)  # each cell warns anew
        code = self.plain_python(source) if self.ways() == self.usual_ways else None
        if code is None:
            result = self.run_cell(source, store_history=False)
            return result.error_before_exec or result.error_in_exec
        try:
            exec(code, self.user_ns)
        except BaseException as error:
            return error
        return None

    @property
    def code_name(self) -> str:
        return f"<cell {self.cell_name}>"

    def ways(self) -> list[Any]:
        """What a notebook can add to how its cells are run."""
        return [*self.ast_transformers, *map(list, self.events.callbacks.values())]

    def plain_python(self, source: str) -> CodeType | None:
        """The compiled cell. None when Python can't read it."""
        name = self.code_name
        try:
            code = compile(source, name, "exec", self.compile.flags & PyCF_MASK, True)
        except Exception:
            return None
        self.compile.flags |= code.co_flags & PyCF_MASK  # an import from __future__ stays in force
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        return code

    def system(self, command: str) -> None:
        self.user_ns["_exit_code"] = 0

    system_piped = system_raw = system

    def getoutput(self, command: str, split: bool = True, depth: int = 0) -> Any:
        return [] if split else ""

    def showtraceback(self, *args: Any, **kwargs: Any) -> None:
        pass

    def showsyntaxerror(self, *args: Any, **kwargs: Any) -> None:
        pass

    def enable_gui(self, gui: Any = None) -> None:
        pass

    def enable_matplotlib(self, gui: Any = None) -> tuple[str, str]:
        return "agg", "agg"  # `%matplotlib inline` would render every figure after every cell


def make_shell() -> GradingShell:
    """The one shell of this process. Starts no thread, so that it can be made before a fork."""
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.ast_node_interactivity = "none"  # a last expression is not shown
    shell = GradingShell.instance(config=config)
    shell.builtin_trap.activate()  # get_ipython, in every cell
    shell.usual_ways = shell.ways()
    magics = shell.magics_manager
    for name in magics.registry["ScriptMagics"].magics["cell"]:  # %%bash and its like
        magics.magics["cell"][name] = lambda line, cell: None
    return shell
