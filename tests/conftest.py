"""Property tests try the same examples every time, so that a run says something about a change."""

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")
