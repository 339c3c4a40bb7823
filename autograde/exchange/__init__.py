"""nbgrader's exchange over the submission service, in place of a folder that all can write to.

With it JupyterLab's Assignment List and nbgrader's commands fetch, submit and show feedback over
the network. In an nbgrader_config.py:

    c = get_config()
    from autograde.exchange import use_service
    use_service(c, "https://course.example.org")

Who you are is said by the token in CHAINRULE_TOKEN, or in the file that `token_file` names.
"""

from __future__ import annotations

from typing import Any

PLACES = {
    "exchange": "base.ServiceExchange",
    "list": "learner.ServiceList",
    "fetch_assignment": "learner.ServiceFetchAssignment",
    "fetch_feedback": "learner.ServiceFetchFeedback",
    "submit": "learner.ServiceSubmit",
    "collect": "instructor.ServiceCollect",
    "release_assignment": "instructor.ServiceReleaseAssignment",
    "release_feedback": "instructor.ServiceReleaseFeedback",
}


def use_service(config: Any, url: str, token_file: str = "") -> None:
    """Set nbgrader's configuration: every part of its exchange goes through the service."""
    for trait, name in PLACES.items():
        setattr(config.ExchangeFactory, trait, f"autograde.exchange.{name}")
    config.ServiceExchange.url = url
    config.ServiceExchange.token_file = token_file
