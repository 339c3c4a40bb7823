"""The submission service: learners hand in over HTTP, and this grader grades what arrives.

`app.create_app` makes the FastAPI application, `run.serve` is what `chainrule serve` does.
"""
