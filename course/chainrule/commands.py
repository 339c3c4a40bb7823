"""The commands of a learner; the instructor's and the author's are added from autograde."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Annotated, Any

import typer
from rich.console import Console

from chainrule.cli import EXTRAS, needs_extra
from chainrule.errors import UserError
from chainrule.folders import course_folder, shown
from chainrule.lab import lab_command, run_lab

app = typer.Typer(
    help="Chainrule: a deep-learning course whose checks say which mistake you made.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# The commands that autograde/cli.py brings, and the extra that each needs.
INSTRUCTOR_COMMANDS = {
    "build": "author",
    "handout": "grade",
    "cohort": "grade",
    "grade": "grade",
    "regrade": "grade",
    "keys": "grade",
    "report": "grade",
    "export": "grade",
    "serve": "serve",
    "token": "serve",
}


def show_version(wanted: bool) -> None:
    if wanted:
        from chainrule import __version__

        typer.echo(f"chainrule {__version__}")
        raise typer.Exit()


@app.callback()
def chainrule(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=show_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Chainrule: a deep-learning course whose checks say which mistake you made."""


@app.command(epilog="Example: chainrule lab --port 8890 -- --no-browser")
def lab(
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[-- ARGS]", help="Passed on to JupyterLab.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Where JupyterLab listens.")] = None,
) -> None:
    """Open the course in JupyterLab."""
    course = course_folder()
    if course is None:
        raise UserError(
            "There is no course around this folder. Go to the folder that holds the unit folders "
            "(00_welcome and so on) and try again."
        )
    if importlib.util.find_spec("jupyterlab") is None:
        raise UserError(needs_extra("`chainrule lab`", "lab", "JupyterLab"))
    typer.echo(f"Opening {shown(course)} in JupyterLab. Stop it with Ctrl-C.")
    raise typer.Exit(run_lab(lab_command(course, port, arguments or [])))


@app.command(epilog="Example: chainrule doctor --quick")
def doctor(
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave out the GPU and the network; takes no time.")
    ] = False,
) -> None:
    """What is installed, which device, which data; what to do about each problem.

    Exits with 1 when there is a problem.
    """
    from chainrule.doctor import doctor as examine

    report = examine(quick)
    Console().print(report)
    if report.problems:
        raise typer.Exit(1)


@app.command(epilog="Example: chainrule progress")
def progress() -> None:
    """What you have passed, unit by unit."""
    from chainrule.progress import progress as passed

    Console().print(passed())


@app.command(epilog="Example: chainrule submit 03 --to /class/inbox --learner ada")
def submit(
    unit: Annotated[str, typer.Argument(metavar="UNIT", help="03, backprop or 03_backprop.")],
    to: Annotated[
        str,
        typer.Option(
            help="The folder or the https:// address that your instructor named; or a new file, "
            "ada.ipynb, to upload somewhere."
        ),
    ],
    learner: Annotated[
        str | None,
        typer.Option(help="Who you are; default: the name of your account. Not for an address."),
    ] = None,
    incomplete: Annotated[
        bool, typer.Option("--incomplete", help="Hand in although an exercise's cell is missing.")
    ] = False,
) -> None:
    """Hand in a unit's notebook and get a receipt. Save the notebook first.

    At an address your token says who you are: put it into CHAINRULE_TOKEN, or type it when asked.
    """
    from chainrule.submit import submit as hand_in

    typer.echo(str(hand_in(unit, to, learner, incomplete)))


def add_instructor_commands() -> None:
    """Add autograde's commands, or, where what they need is missing, say how to install it."""
    try:
        commands: Any = importlib.import_module("autograde.cli")
    except ModuleNotFoundError as error:
        if not expected_missing(error):
            raise
        commands = None
    for name, extra in INSTRUCTOR_COMMANDS.items():
        function = getattr(commands, name, None)
        if function is None:
            add_missing(name, extra)
        else:
            example = getattr(function, "example", f"chainrule {name} --help")
            app.command(name, epilog=f"Example: {example}")(function)


def expected_missing(error: ModuleNotFoundError) -> bool:
    """Whether it is autograde itself, or a module of an extra, that is not installed."""
    module = (error.name or "").split(".")[0]
    installed = any(module in modules for modules in EXTRAS.values())
    return installed or error.name in ("autograde", "autograde.cli")


def add_missing(name: str, extra: str) -> None:
    """Stand in for a command that can't run here: it says which extra brings it."""

    def command(arguments: Annotated[list[str] | None, typer.Argument(hidden=True)] = None) -> None:
        raise UserError(needs_extra(f"`chainrule {name}`", extra, f"the {extra!r} extra"))

    app.command(
        name,
        help=f'Needs: pip install "chainrule[{extra}]"',
        context_settings={"ignore_unknown_options": True},
    )(command)


add_instructor_commands()
