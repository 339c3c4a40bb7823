"""The trusted side of a submission: sends cells, reads outputs, then asks each snapshot its cases.

Everything read here comes from a process that runs a learner's code: every frame has a size limit,
every read a deadline, and whatever is missing, late, malformed or oversized becomes a sentence.
"""

from __future__ import annotations

import signal
import socket
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from autograde.sandbox.inside.frames import (
    Channel,
    FrameError,
    Malformed,
    Oversized,
    TooLate,
)
from autograde.sandbox.inside.protocol import ALL, ANSWERED, NOTEBOOK, TOO_LARGE, WALL_FACTOR
from autograde.sandbox.model import Cell, Limits, Reply, Run
from autograde.sandbox.outputs import nbformat_outputs
from autograde.sandbox.parent import Parent, ParentLost
from chainrule.observe import pack, unpack

Cases = Mapping[str, Sequence[tuple[list, dict]]]

CELLS_SHARE = 0.75  # of submission_seconds; the rest is for the cases
ENDING = 4  # submissions that may still be taken down while the next ones run
END_SECONDS = 10.0  # for the kernel to take down what is left
REPORT_SECONDS = 2.0  # for the supervisor to say how a process ended
MAX_ERROR_BYTES = 200_000  # of the error in a cell's report

TOO_LARGE_SENTENCE = "What it returned is too large to be compared."
UNREADABLE = "What it returned can't be read."


class SandboxLost(Exception):
    """The sandbox itself broke off: not the submission's fault."""


class Sandbox:
    """A place to run submissions in. Use it as a context manager; `run` is thread-safe."""

    def __init__(self, mode: str, parent: Parent, limits: Limits) -> None:
        self.mode = mode
        self.limits = limits
        self._parent = parent
        self._ending: deque[Channel] = deque()  # the lives of submissions that were hung up on

    @property
    def walls(self) -> list[str]:
        """The layers in force: "namespaces" or "container", "landlock", "seccomp"."""
        return self._parent.walls

    def run(
        self, cells: Sequence[Cell], cases: Cases, public: Mapping[str, int] | None = None
    ) -> Run:
        """Run the cells in order, then send each exercise's cases to its check cell's snapshot.

        cases: exercise -> (args, kwargs) of each case, plain data in the closed format.
        public: exercise -> how many of its cases, the first ones, are no secret. Every exercise
        meets those before any meets a secret one: snapshots can pass on what they see, and what
        is returned for a public case is shown to the learner.
        Raises ValueError for cases outside that format, or an exercise with two check cells.
        """
        began = time.monotonic()
        run = Run()
        packed = {
            exercise: [pack({"args": args, "kwargs": kwargs}) for args, kwargs in its_cases]
            for exercise, its_cases in cases.items()
        }
        wanted = [cell for cell in cells if cell.exercise is None or cell.exercise in cases]
        checks = [cell.exercise for cell in wanted if cell.exercise is not None]
        if len(set(checks)) < len(checks):
            raise ValueError(f"an exercise has two check cells: {checks}")
        try:
            with self._submission(checks, run) as submission:
                submission.run_cells(wanted)
                first = public or {}
                for exercise in checks:
                    submission.ask(exercise, packed[exercise][: first.get(exercise, 0)])
                for exercise in checks:
                    submission.ask(exercise, packed[exercise][first.get(exercise, 0) :])
                run.replies = submission.replies
        except (SandboxLost, ParentLost) as error:
            run.failure = f"The sandbox stopped while this submission was in it: {error}."
        # Without namespaces, what is left of one submission could meet the next.
        self._wait_for_ends(but=ENDING if self.mode == "bwrap" else 0)
        for exercise, its_cases in cases.items():
            missing = "The check cell of this exercise was not found."
            run.replies.setdefault(
                exercise, [Reply(None, run.failure or missing) for _ in its_cases]
            )
        run.seconds = time.monotonic() - began
        return run

    @contextmanager
    def _submission(self, checks: Sequence[str], run: Run) -> Iterator[Submission]:
        """A submission's processes; on the way out they are being ended, which takes a moment."""
        submission = Submission(self._parent, self.limits, checks, run)
        try:
            with submission:
                yield submission
        finally:
            self._ending.append(submission.life)

    def _wait_for_ends(self, but: int = 0) -> None:
        """Wait until no more than `but` submissions are still being taken down."""
        while len(self._ending) > but:
            try:
                life = self._ending.popleft()
            except IndexError:  # another thread waits for it
                return
            deadline = time.monotonic() + END_SECONDS
            try:
                while True:
                    life.receive(deadline)
            except (OSError, FrameError):
                life.close()

    def close(self) -> None:
        """End the warm parent and, with it, everything that still runs."""
        self._wait_for_ends()
        self._parent.close()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Submission:
    """The conversation with the processes of one submission.

    A number stands for a process: NOTEBOOK, or the index of a snapshot's check cell.
    """

    def __init__(self, parent: Parent, limits: Limits, checks: Sequence[str], run: Run) -> None:
        self.limits, self.run = limits, run
        self.numbers = {exercise: number for number, exercise in enumerate(checks)}
        self.ends: dict[int, dict[str, Any]] = {}  # how each process ended, as far as it is known
        self.replies: dict[str, list[Reply]] = {exercise: [] for exercise in checks}
        self.silent: dict[str, str] = {}  # exercise -> why its snapshot answers no more
        self.running: str | None = None  # the id of the cell that runs now
        self.ready = False  # whether the notebook has said anything
        self.finished = False  # whether the notebook says that all cells are done
        self.life, self.control, self.checks = parent.submit(len(checks))
        began = time.monotonic()
        self.cells_deadline = began + limits.submission_seconds * CELLS_SHARE
        self.deadline = began + limits.submission_seconds

    def __enter__(self) -> Submission:
        return self

    def __exit__(self, *error: object) -> None:
        """Hang up: the guard ends everything, and hangs up too when nothing is left."""
        for channel in (self.control, *self.checks):
            channel.close()
        try:
            self.life.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has hung up already

    # --- the cells ---------------------------------------------------------------------------

    def run_cells(self, cells: Sequence[Cell]) -> None:
        """Run every cell; return when the notebook's process is gone and its output closed."""
        fields = [
            {
                "id": cell.id,
                "source": cell.source,
                "exercise": cell.exercise,
                "symbols": list(cell.symbols or [cell.exercise]),
            }
            for cell in cells
        ]
        expected = {cell.id for cell in cells if cell.exercise is None}
        try:
            self.control.send(fields, self.cells_deadline)
            while not self.finished:
                self.read_report(expected)
        except TooLate:
            self.stop(NOTEBOOK)
            seconds = self.limits.submission_seconds * CELLS_SHARE
            self.limit(f"The notebook ran for more than {seconds:g} s and was stopped there.")
        except FrameError:
            pass  # closed or broken: how its process ended says the rest
        self.end_notebook()

    def read_report(self, expected: set[str]) -> None:
        """Read one report of the notebook: a cell has started, a cell has ended, all are done."""
        limit = self.limits.output_kb * 1024
        report = self.control.receive(self.cells_deadline, limit * 3 + MAX_ERROR_BYTES)
        if not isinstance(report, dict):
            raise Malformed
        self.ready = True
        self.finished = "done" in report
        started, cell = report.get("started"), report.get("ended")
        if isinstance(started, str) and started in expected:
            self.running = started
        if isinstance(cell, str) and cell in expected and cell not in self.run.outputs:
            self.running = None
            self.run.outputs[cell] = nbformat_outputs(report, limit)
            if report.get("late") is True:
                seconds = self.limits.cell_seconds
                self.limit(f"Cell {cell} ran for more than {seconds:g} s and was dropped.")

    def end_notebook(self) -> None:
        """Make sure that the notebook's process is gone, and say so if it went too early."""
        self.control.close()
        if not self.ended(NOTEBOOK, REPORT_SECONDS):
            self.stop(NOTEBOOK)
            if not self.ended(NOTEBOOK, END_SECONDS):
                raise SandboxLost("a process of it could not be ended")
        if not self.ready:
            raise SandboxLost("the process for its notebook could not be set up")
        why = self.ends[NOTEBOOK]["why"]
        if self.finished or why == "asked":
            return
        place = f"in cell {self.running}" if self.running else "between two cells"
        what = f"The notebook's process ended {place}"
        if why == "time":
            what = f"Cell {self.running} did not stop after {self.limits.cell_seconds:g} s"
        elif why == "memory":
            what += f", where it used more than {self.limits.memory_mb} MB in all"
        self.limit(f"{what}; the cells after it were not run.")

    # --- the cases ---------------------------------------------------------------------------

    def ask(self, exercise: str, cases: Sequence[bytes]) -> None:
        """Send cases of one exercise to its snapshot, one at a time."""
        for case in cases:
            if exercise in self.silent:
                said = f"Not tried. An earlier case: {self.silent[exercise]}"
                self.replies[exercise].append(Reply(None, said))
                continue
            reply, problem = self.ask_one(exercise, case)
            self.replies[exercise].append(reply)
            if problem is not None:
                self.silent[exercise] = problem

    def ask_one(self, exercise: str, case: bytes) -> tuple[Reply, str | None]:
        """The reply to one case, and why the snapshot can answer no further ones (else None)."""
        number = self.numbers[exercise]
        channel = self.checks[number]
        wait = self.limits.case_seconds * WALL_FACTOR
        deadline = min(time.monotonic() + wait, self.deadline)
        try:
            channel.send_bytes(case, deadline)
            answer = channel.receive_bytes(deadline)
        except FrameError as error:
            problem = self.why_silent(exercise, error)
            self.stop(number)
            return Reply(None, problem), problem
        if answer == TOO_LARGE:
            return Reply(None, TOO_LARGE_SENTENCE), None
        if not answer.startswith(ANSWERED):
            return Reply(None, UNREADABLE), None
        try:
            return Reply(unpack(answer.removeprefix(ANSWERED)), None), None
        except Exception:  # whatever hostile bytes can do to a parser
            return Reply(None, UNREADABLE), None

    def why_silent(self, exercise: str, error: FrameError) -> str:
        """Why no answer came from a snapshot. Records a limit that was hit."""
        if isinstance(error, TooLate):
            return self.overran(exercise)
        if isinstance(error, Oversized):
            return TOO_LARGE_SENTENCE
        number = self.numbers[exercise]
        if number not in self.ends[NOTEBOOK]["forked"]:
            if self.finished:
                return "There was no room for one more process at this check cell."
            return "The notebook's process ended before this check cell."
        if self.ended(number, REPORT_SECONDS):
            if self.ends[number]["signal"] in (signal.SIGPROF, signal.SIGXCPU):
                return self.overran(exercise)
            if self.ends[number]["why"] == "memory":
                sentence = f"The submission used more than {self.limits.memory_mb} MB in all."
                self.limit(sentence)
                return sentence
        return "Its process ended without an answer."

    def overran(self, exercise: str) -> str:
        if time.monotonic() >= self.deadline:
            sentence = f"The submission ran for more than {self.limits.submission_seconds:g} s."
            self.limit(sentence)
        else:
            sentence = f"No answer within {self.limits.case_seconds:g} s."
            self.limit(f"{exercise}: {sentence}")
        return sentence

    # --- the supervisor ----------------------------------------------------------------------

    def stop(self, number: int) -> None:
        try:
            self.life.send({"stop": number}, time.monotonic() + REPORT_SECONDS)
        except FrameError:
            pass  # it has ended by itself

    def ended(self, number: int, seconds: float) -> bool:
        """Wait for the supervisor's report that a process has ended.

        Raises SandboxLost when the supervisor goes without having reported it.
        """
        deadline = time.monotonic() + seconds
        while number not in self.ends:
            try:
                report = self.life.receive(deadline)
            except TooLate:
                return False
            except FrameError:
                if ALL in self.ends:
                    return False  # the learner's code misled the supervisor about a process
                raise SandboxLost("its supervisor is gone") from None
            self.ends[report["ended"]] = report
        return True

    def limit(self, sentence: str) -> None:
        if sentence not in self.run.limits_hit:
            self.run.limits_hit.append(sentence)
