"""The instructor's and the author's commands; `chainrule.commands` adds them to `chainrule`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

Command = TypeVar("Command", bound=Callable[..., Any])

RootOption = Annotated[
    Path | None, typer.Option(help="The clone; default: the one around the current folder.")
]
ClassOption = Annotated[Path, typer.Option("--class", help="The class folder.")]
DatabaseOption = Annotated[
    str, typer.Option(help="The gradebook's SQLAlchemy URL; default: SQLite in the class folder.")
]
SANDBOX_HELP = (
    "bwrap: namespaces; Linux with bubblewrap. docker: containers; Docker or Podman. landlock: "
    "weaker, without namespaces; Linux 6.12 or newer. none: no walls, for code you trust."
)
SchedulerOption = Annotated[
    str, typer.Option(help="A running Dask scheduler, tls://HOST:8786; default: this machine.")
]
KeysOption = Annotated[
    Path | None, typer.Option(help="The folder of the cluster's keys, from `chainrule keys`.")
]
UnitArgument = Annotated[str, typer.Argument(metavar="UNIT", help="01, neuron or 01_neuron.")]


def example(text: str) -> Callable[[Command], Command]:
    """The example that --help ends with."""

    def mark(command: Command) -> Command:
        command.example = text  # type: ignore[attr-defined]
        return command

    return mark


@example("chainrule build 01 --check")
def build(
    units: Annotated[
        list[str] | None, typer.Argument(metavar="[UNIT ...]", help="Default: all units.")
    ] = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Change nothing; fail when a build would, or a proof fails."),
    ] = False,
    measure: Annotated[
        bool, typer.Option("--measure", help="Also record time, memory and milestones.")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Prove everything, also what has not changed.")
    ] = False,
    root: RootOption = None,
) -> None:
    """Make course/ from solutions/, and prove that the checks really grade."""
    from autograde.build.command import build_units
    from autograde.unit import find_root

    if check and measure:
        raise typer.BadParameter(
            "--check changes nothing and --measure writes a record: choose one."
        )
    raise typer.Exit(build_units(root or find_root(), units or [], check, measure, fresh))


@example("chainrule cohort 01 --learners 30 --out grading/sample")
def cohort(
    unit: UnitArgument,
    out: Annotated[Path, typer.Option(help="Where to write submitted/ and truth.csv.")],
    learners: Annotated[int, typer.Option(help="How many learners.")] = 30,
    seed: Annotated[int, typer.Option(help="The same seed makes the same class.")] = 0,
    root: RootOption = None,
) -> None:
    """Make a sample class with planted mistakes and damage, and its true scores."""
    from autograde.cohort.sample import make_class
    from autograde.unit import find_root, load_unit

    subject = load_unit(root or find_root(), unit)
    rows = make_class(subject, subject.released, learners, out, seed)
    planted = sum(1 for row in rows if row.mistake)
    typer.echo(
        f"{learners} learners with {planted} planted mistakes: {out}/submitted, {out}/truth.csv"
    )


@example("chainrule grade 01 --submissions grading/submitted --jobs 2")
def grade(
    unit: UnitArgument,
    submissions: Annotated[
        Path, typer.Option(help="submitted/<learner>/<unit>/..., a flat folder, or an LMS zip.")
    ],
    class_folder: ClassOption = Path("grading"),
    jobs: Annotated[
        int | None, typer.Option(min=1, help="How many at once; default: cores.")
    ] = None,
    sandbox: Annotated[str, typer.Option(help=SANDBOX_HELP)] = "bwrap",
    cell_seconds: Annotated[
        float | None, typer.Option(min=0.1, help="CPU seconds that one cell may take; usually 10.")
    ] = None,
    submission_seconds: Annotated[
        float | None, typer.Option(min=1, help="Seconds for all of a submission; usually 60.")
    ] = None,
    memory: Annotated[
        int | None, typer.Option(min=256, help="MB of memory for a submission; usually 2048.")
    ] = None,
    scheduler: SchedulerOption = "",
    keys: KeysOption = None,
    db: DatabaseOption = "",
    json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
    root: RootOption = None,
) -> None:
    """Grade a class: what is new or changed; results, gradebook and feedback."""
    from autograde.cohort.class_folder import ClassFolder
    from autograde.cohort.grade import grade_class
    from autograde.cohort.prepare import limits_of, prepare
    from autograde.cohort.progress_bar import progress_bar
    from autograde.sandbox import GAPS, known_mode
    from autograde.unit import find_root, load_unit
    from chainrule.errors import UserError

    known_mode(sandbox)
    subject = load_unit(root or find_root(), unit)
    if not submissions.exists():
        raise UserError(f"There is no {submissions}. Name the folder or zip of submissions.")
    folder = ClassFolder(class_folder, db)
    limits = limits_of(
        subject,
        cell_seconds=cell_seconds,
        submission_seconds=submission_seconds,
        memory_mb=memory,
    )
    with progress_bar(f"Grading {subject.name.folder}") as show:
        grading = prepare(subject, folder, sandbox, limits)
        summary = grade_class(
            grading,
            submissions,
            folder,
            jobs or os.cpu_count() or 1,
            show,
            scheduler=scheduler,
            keys=keys,
        )
    if json:
        typer.echo(summary.json())
    else:
        typer.echo(
            f"{summary.graded} graded, {summary.repaired} repaired, {summary.quarantined} "
            f"quarantined, {summary.ungraded} ungraded, {summary.skipped} already graded "
            f"in {summary.seconds} s, sandbox {sandbox}. Results, gradebook and feedback are in "
            f"{class_folder}."
        )
    if sandbox in GAPS:
        typer.echo(f"Sandbox {sandbox}: {GAPS[sandbox]}", err=True)
    if summary.outdated:
        typer.echo(
            f"{subject.name.folder} has changed since {summary.outdated} of them were graded. "
            f"What that would change: chainrule regrade {subject.name.number} --class "
            f"{class_folder}",
            err=True,
        )
    if summary.interrupted:
        typer.echo(
            "Stopped early; what was graded is kept. Run the same command to go on.", err=True
        )
        raise typer.Exit(130)


@example("chainrule regrade 01 sigmoid --apply")
def regrade(
    unit: UnitArgument,
    exercises: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[EXERCISE ...]", help="These and what uses them; default: the whole unit."
        ),
    ] = None,
    class_folder: ClassOption = Path("grading"),
    apply: Annotated[bool, typer.Option("--apply", help="Write it; otherwise only show.")] = False,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="How many at once; default: cores.")
    ] = None,
    sandbox: Annotated[str, typer.Option(help=SANDBOX_HELP)] = "bwrap",
    scheduler: SchedulerOption = "",
    keys: KeysOption = None,
    db: DatabaseOption = "",
    root: RootOption = None,
) -> None:
    """After a fix to a unit: who gains and who loses; with --apply, write it."""
    from autograde.cohort.class_folder import ClassFolder
    from autograde.cohort.prepare import limits_of, prepare
    from autograde.cohort.progress_bar import counting_bar
    from autograde.cohort.regrade import change_rows, regrade_class, totals
    from autograde.sandbox import known_mode
    from autograde.unit import find_root, load_unit
    from chainrule.errors import UserError

    known_mode(sandbox)
    subject = load_unit(root or find_root(), unit)
    for name in exercises or []:
        if name not in subject.declaration.exercises:
            known = ", ".join(subject.declaration.exercises)
            raise UserError(f"{subject.name.folder} has no exercise {name!r}; it has {known}.")
    folder = ClassFolder(class_folder, db)
    graded_records(folder, subject)
    with counting_bar(f"Judging {subject.name.folder} again") as show:
        grading = prepare(subject, folder, sandbox, limits_of(subject), draft=not apply)
        found = regrade_class(
            grading, folder, exercises or [], apply, jobs, show, scheduler=scheduler, keys=keys
        )
    for row in change_rows(found.changes):
        note = f"  ({row['note']})" if row["note"] else ""
        typer.echo(f"{row['learner']}  {row['exercise']}: {row['before']} -> {row['after']}{note}")
    count = totals(found)
    typer.echo(
        f"{found.looked_at} looked at again, {found.run} of them run, in {found.seconds} s: "
        f"{count['gain']} gain, {count['lose']} lose, {count['stay']} stay as they are."
    )
    for learners, why in (
        (found.not_kept, "what they handed in is not kept"),
        (found.waiting, "they are ungraded"),
    ):
        if learners:
            some = ", ".join(learners[:5]) + (", ..." if len(learners) > 5 else "")
            typer.echo(
                f"Not looked at, because {why}: {some} ({len(learners)} in all). "
                f"`chainrule grade {subject.name.number}` grades them.",
                err=True,
            )
    if found.interrupted:
        typer.echo("Stopped early; run the same command to go on.", err=True)
        raise typer.Exit(130)
    if not apply and found.changes:
        typer.echo("Nothing was written. To write it, add --apply.")


@example("chainrule keys ~/cluster-keys")
def keys(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write them.")],
) -> None:
    """Make the keys with which a Dask cluster and this grader trust one another."""
    from autograde.cohort.keys import make_keys

    make_keys(folder)
    words = " ".join(
        f"--tls-{option} {folder}/{name}.pem"
        for option, name in (("ca-file", "ca"), ("cert", "cert"), ("key", "key"))
    )
    typer.echo(f"Keys for two years are in {folder}. Whoever holds key.pem can run code on it all.")
    typer.echo(f"On one machine:  dask scheduler --protocol tls {words}")
    typer.echo(f"On the workers:  dask worker tls://SCHEDULER:8786 --nthreads 1 {words}")
    typer.echo(
        f"Then here:       chainrule grade 01 ... --scheduler tls://SCHEDULER:8786 --keys {folder}"
    )


@example("chainrule report 01 --out report.html")
def report(
    unit: UnitArgument,
    class_folder: ClassOption = Path("grading"),
    out: Annotated[Path | None, typer.Option(help="Default: <class>/report-<unit>.html.")] = None,
    db: DatabaseOption = "",
    root: RootOption = None,
) -> None:
    """The class at a glance, as one HTML file."""
    from autograde.cohort.class_folder import ClassFolder, write_atomically
    from autograde.cohort.marks import with_manual_marks
    from autograde.report.class_report import class_report_html
    from autograde.unit import find_root, load_unit
    from chainrule.answers import read_answers

    subject = load_unit(root or find_root(), unit)
    folder = ClassFolder(class_folder, db)
    records = with_manual_marks(folder, subject, graded_records(folder, subject))
    answers = read_answers(subject.answers)
    modes = {record.key["sandbox"] for record in records}
    path = out or class_folder / f"report-{subject.name.folder}.html"
    mode = "none" if "none" in modes else ", ".join(sorted(modes))
    write_atomically(path, class_report_html(answers, records, sandbox=mode))
    typer.echo(f"The report on {len(records)} learners is in {path}.")


@example("chainrule export 01 --format csv --out scores.csv")
def export(
    unit: UnitArgument,
    class_folder: ClassOption = Path("grading"),
    format: Annotated[str, typer.Option(help="csv, canvas or moodle.")] = "csv",
    out: Annotated[Path | None, typer.Option(help="Default: standard output.")] = None,
    db: DatabaseOption = "",
    root: RootOption = None,
) -> None:
    """The scores as a table: csv, or what Canvas or Moodle imports."""
    from autograde.cohort.class_folder import ClassFolder, write_atomically
    from autograde.cohort.gradebook import GradebookProjection
    from autograde.cohort.marks import with_manual_marks
    from autograde.report.export import FORMATS, export_text, held_back
    from autograde.unit import find_root, load_unit
    from chainrule.answers import read_answers
    from chainrule.errors import UserError

    if format not in FORMATS:
        raise UserError(f"There is no format {format!r}; choose one of {', '.join(FORMATS)}.")
    subject = load_unit(root or find_root(), unit)
    folder = ClassFolder(class_folder, db)
    records = with_manual_marks(folder, subject, graded_records(folder, subject))
    answers = read_answers(subject.answers)
    with GradebookProjection(folder, subject) as gradebook:
        late = gradebook.charge_late()
    text = export_text(records, answers, format, late)
    if late and format == "csv":
        some = f"{len(late)} late submission{'s' * (len(late) > 1)}"
        typer.echo(f"Penalties of {some} are not in this table.", err=True)
    for sentence in held_back(records, answers) if format != "csv" else ():
        typer.echo(sentence, err=True)
    if out is None:
        sys.stdout.write(text)
    else:
        write_atomically(out, text)
        typer.echo(f"The scores of {len(records)} learners are in {out}.")


@example("chainrule serve --class grading --port 8000")
def serve(
    class_folder: ClassOption = Path("grading"),
    host: Annotated[str, typer.Option(help="Where to listen; default: this machine only.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    tls_cert: Annotated[Path | None, typer.Option(help="The certificate, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its key, PEM.")] = None,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="A server in front of this one does TLS.")
    ] = False,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="How many to grade at once; default: cores.")
    ] = None,
    sandbox: Annotated[str, typer.Option(help="bwrap, docker or landlock.")] = "bwrap",
    scheduler: SchedulerOption = "",
    keys: KeysOption = None,
    db: Annotated[
        str, typer.Option(help="An SQLAlchemy URL; default: SQLite in the class folder.")
    ] = "",
    root: RootOption = None,
) -> None:
    """Run the submission service: learners hand in over the network, and are graded at once."""
    from autograde.sandbox import known_mode
    from autograde.service.grader import Workers
    from autograde.service.run import Address
    from autograde.service.run import serve as run
    from autograde.unit import find_root

    workers = Workers(jobs or os.cpu_count() or 1, known_mode(sandbox), scheduler, keys)
    address = Address(host, port, tls_cert, tls_key, behind_proxy)
    run(root or find_root(), class_folder, address, workers, db)


@example("chainrule token add ada ben")
def token(
    action: Annotated[str, typer.Argument(metavar="ACTION", help="add, list or revoke.")],
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME ...]", help="Whose; not for list.")
    ] = None,
    instructor: Annotated[
        bool, typer.Option("--instructor", help="With add: for an instructor.")
    ] = False,
    class_folder: ClassOption = Path("grading"),
    db: Annotated[str, typer.Option(help="As of `chainrule serve`.")] = "",
    root: RootOption = None,
) -> None:
    """Tokens of the submission service. A new one is shown once; only its hash is kept."""
    from autograde.service.run import listed, open_tokens
    from autograde.unit import find_root
    from chainrule.errors import UserError

    if action not in ("add", "list", "revoke"):
        raise UserError(f"`chainrule token` can add, list and revoke, but not {action!r}.")
    if bool(names) == (action == "list"):
        raise UserError(f"`chainrule token {action}` needs {'no' if names else 'a'} name.")
    tokens = open_tokens(root or find_root(), class_folder, db)
    if action == "list":
        for line in listed(tokens.all()):
            typer.echo(line)
    for name in names or []:
        if action == "add":
            typer.echo(f"{name}  {tokens.add(name, instructor)}")
        else:
            tokens.revoke(name)
            typer.echo(f"{name} has no token any more.")


@example("chainrule handout ../deep-learning-2026")
def handout(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder that does not exist yet.")
    ],
    root: RootOption = None,
) -> None:
    """A learners' copy of the repository: course/, binder/, README; no solutions."""
    from autograde.build.handout import make_handout
    from autograde.unit import find_root

    count = make_handout(root or find_root(), folder)
    typer.echo(f"{count} files for learners are in {folder}; no solution is among them.")


def graded_records(class_folder: Any, unit: Any) -> list[Any]:
    """The newest record of each learner. Raises UserError when nobody is graded yet."""
    from chainrule.errors import UserError

    results = class_folder.results(unit)
    records = list(results.newest().values())
    if not records:
        raise UserError(
            f"Nobody is graded on {unit.name.folder} in {class_folder.path} yet. First run: "
            f"chainrule grade {unit.name.number} --submissions FOLDER --class {class_folder.path}"
        )
    return records
