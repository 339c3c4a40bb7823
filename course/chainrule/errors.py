"""The one exception that the command line turns into a sentence and an exit code."""


class UserError(Exception):
    """Something the user can mend: bad input, a missing file, a missing extra.

    message: what happened, why, and what to do next.
    exit_code: 1 a check or proof failed, 2 bad usage or input, 3 the sandbox is not safe here.
    """

    def __init__(self, message, exit_code=2):
        super().__init__(message)
        self.exit_code = exit_code

    def _render_traceback_(self):  # IPython shows this instead of a traceback
        return [str(self)]
