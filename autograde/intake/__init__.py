"""Intake: find what was handed in, read it without trusting it, rebuild it from the release."""

from autograde.intake.find import Submission, find_submissions
from autograde.intake.read import Quarantined, read_submission
from autograde.intake.rebuild import Intake, take_in

__all__ = [
    "Intake",
    "Quarantined",
    "Submission",
    "find_submissions",
    "read_submission",
    "take_in",
]
