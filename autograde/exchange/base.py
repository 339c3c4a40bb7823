"""What every part of the exchange shares: the service, the token, times and folders."""

from __future__ import annotations

import os
import re
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from dateutil.tz import gettz
from nbgrader.exchange.abc import Exchange
from traitlets import Bool, Unicode

from chainrule.post import TOKEN_VARIABLE, ServiceClient, ServiceError

_NAME = re.compile(r"\w[\w.@+-]{0,99}")  # of a unit, a learner or a file: no path


class ServiceExchange(Exchange):
    """nbgrader's exchange, kept by a submission service."""

    url = Unicode("", help="The address of the submission service.").tag(config=True)
    token_file = Unicode(
        "", help=f"A file with your token; default: the variable {TOKEN_VARIABLE}."
    ).tag(config=True)
    path_includes_course = Bool(
        False, help="Whether assignments lie in a folder named as the course."
    ).tag(config=True)

    def start(self) -> Any:
        """Raises ExchangeError with a sentence when the service refuses or can't be reached."""
        try:
            self.service = ServiceClient(self.url, self._token())
            self.me = self.service.get_json("me")
            return self.work()
        except ServiceError as error:
            self.fail(str(error))
        except (KeyError, TypeError):
            self.fail(f"{self.url} is not a Chainrule service.")

    def work(self) -> Any:
        raise NotImplementedError

    def fail(self, msg: str) -> NoReturn:
        super().fail(msg)
        raise AssertionError("nbgrader's fail raises")

    def _token(self) -> str:
        """Nobody can be asked here: the question would come up where JupyterLab was started."""
        token = os.environ.get(TOKEN_VARIABLE, "")
        if self.token_file:
            path = Path(self.token_file).expanduser()
            try:
                token = path.read_text("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                self.fail(f"Your token can't be read from {path} ({error}).")
        if not re.fullmatch(r"[!-~]+", token.strip()):
            self.fail(
                f"There is no token. Put yours into {TOKEN_VARIABLE} before you start JupyterLab, "
                "or into the file that ServiceExchange.token_file names."
            )
        return token.strip()

    # --- which assignment, and where it lies --------------------------------------------------

    def asked_for(self) -> str:
        """The assignment that was named. Raises ExchangeError for another course."""
        course = self.coursedir.course_id
        if course not in ("", "*", self.me["course"]):
            self.fail(f"There is no course {course!r} at {self.url}; it has {self.me['course']}.")
        assignment = Path(self.coursedir.assignment_id).name
        if not assignment:
            self.fail("Name an assignment, such as 01_neuron.")
        return self.checked(assignment)

    def checked(self, name: str) -> str:
        """A name that may be part of a path."""
        if not _NAME.fullmatch(name):
            self.fail(f"{name!r} can't be a name here.")
        return name

    def folder(self, assignment: str) -> Path:
        """Where a learner has the assignment."""
        place = Path(self.assignment_dir).absolute()
        if self.path_includes_course:
            place /= self.checked(self.me["course"])
        return place / self.checked(assignment)

    def stamp(self, time: str) -> str:
        """A time of the service as nbgrader writes times, such as names of feedback folders."""
        zone = gettz(self.timezone)
        if zone is None:
            self.fail(f"There is no time zone {self.timezone!r}.")
        return datetime.fromisoformat(time).astimezone(zone).strftime(self.timestamp_format)


def write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    beside.write_bytes(data)
    os.replace(beside, path)
