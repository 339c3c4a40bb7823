"""The command `chainrule`: errors that the user can mend become one sentence and an exit code.

This file must parse and run on Python 3.8, to tell its users what is needed instead.
"""

import sys

OLDEST_PYTHON = (3, 11)

# What a missing module says about the extra that is not installed.
EXTRAS = {
    "lab": ["jupyterlab", "notebook", "ipykernel"],
    "grade": ["nbgrader", "nbformat", "nbclient", "nbconvert", "sqlalchemy", "jinja2", "jupytext"],
    "serve": ["fastapi", "uvicorn", "starlette", "pydantic"],
    "author": ["libcst", "sklearn"],
}
EXTRAS["grade"] += ["distributed", "traitlets"]


def main():
    """Run the command line and exit: 0 done, 1 a check failed, 2 bad input, 3 unsafe sandbox."""
    if sys.version_info < OLDEST_PYTHON:
        version, oldest = (".".join(map(str, v[:2])) for v in (sys.version_info, OLDEST_PYTHON))
        fail(
            f"Chainrule needs Python {oldest} or newer; this is Python {version}. Install a newer "
            "Python and make the environment again with it."
        )
    try:
        from chainrule.commands import INSTRUCTOR_COMMANDS, app
        from chainrule.errors import UserError
    except ModuleNotFoundError as error:
        fail(missing_module(error))
    try:
        app()
    except UserError as error:
        fail(str(error), error.exit_code)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in ("chainrule", "autograde"):
            raise  # ours: a bug, not something that is not installed
        fail(missing_module(error, INSTRUCTOR_COMMANDS))


def missing_module(error, commands=None):
    """What to install for a module that is not there, as a sentence.

    commands: the extra of each command. One that builds on `grade` brings that along.
    """
    module = (error.name or "").split(".")[0]
    for extra, modules in EXTRAS.items():
        if module in modules:
            if extra == "grade" and commands:
                extra = commands.get("".join(sys.argv[1:2]), extra)
            return needs_extra("This command", extra, module)
    return f"The package {module} is not installed. Chainrule needs it: pip install {module}"


def needs_extra(what, extra, module):
    """Which `pip install` adds what is missing, as a sentence."""
    added = f'pip install "chainrule[{extra}]"'
    return f"{what} needs {module}, which is not installed. Add it: {added}"


def fail(message, exit_code=2):
    """End with a sentence on stderr, never a traceback."""
    sys.stderr.write(message + "\n")
    sys.exit(exit_code)
