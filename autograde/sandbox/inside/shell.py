"""IPython as the graded notebook sees it: no shell commands, no displays, no history."""

from __future__ import annotations

from ast import PyCF_ONLY_AST
from typing import Any

from IPython.core.compilerop import CachingCompiler
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
        return f"<cell {GradingShell.instance().cell_name}>"


class GradingShell(InteractiveShell):
    """An InteractiveShell whose `!` lines do nothing and whose errors are reported by us."""

    display_pub_class = SilentPublisher
    compiler_class = NamingCompiler
    cell_name = ""  # of the cell that runs now

    def transform_cell(self, raw_cell: str) -> str:
        """Plain Python stays as it is; only what Python can't read may be IPython's own syntax."""
        try:
            compile(raw_cell, "", "exec", PyCF_ONLY_AST)
        except Exception:
            return super().transform_cell(raw_cell)
        return raw_cell if raw_cell.endswith("\n") else raw_cell + "\n"

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
    magics = shell.magics_manager
    for name in magics.registry["ScriptMagics"].magics["cell"]:  # %%bash and its like
        magics.magics["cell"][name] = lambda line, cell: None
    return shell
