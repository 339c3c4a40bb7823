"""Penalties for late submissions, by the plugin that nbgrader's configuration names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_config_path
from nbgrader.api import SubmittedAssignment
from nbgrader.preprocessors import AssignLatePenalties
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from chainrule.errors import UserError

FILE = "nbgrader_config.py"


def nbgrader_settings(class_folder: Path) -> Config:
    """nbgrader's configuration as its commands read it in the class folder."""
    settings = Config()
    for folder in [*map(Path, reversed(jupyter_config_path())), class_folder]:
        path = folder / FILE
        if path.is_file():
            settings.merge(PyFileConfigLoader(FILE, path=str(folder)).load_config())
    return settings


class LatePenalties:
    """`AssignLatePenalties.plugin_class` of nbgrader; without one, nothing is taken off."""

    def __init__(self, class_folder: Path) -> None:
        self._folder = class_folder
        self._plugin: Any = None

    def of(self, submission: SubmittedAssignment, score: float) -> float | None:
        """The points to take off, at most the score; None for a submission in time.

        Raises UserError when the plugin fails.
        """
        seconds = submission.total_seconds_late
        if not seconds:
            return None
        try:
            if self._plugin is None:
                settings = AssignLatePenalties(config=nbgrader_settings(self._folder))
                settings.init_plugin()
                self._plugin = settings.plugin_inst
            penalty = self._plugin.late_submission_penalty(submission.student_id, score, seconds)
            return None if penalty is None else min(max(float(penalty), 0.0), score)
        except Exception as error:
            raise UserError(
                f"nbgrader's plugin for late submissions fails on {submission.student_id}, "
                f"{seconds:g} s late ({type(error).__name__}: {error}). Mend it or take it out of "
                f"{FILE}; results are safe, and the same command goes on."
            ) from None
