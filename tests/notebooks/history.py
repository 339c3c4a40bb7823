"""A pytest plugin: nbval's kernels remember the cells they ran, as every notebook's kernel does.

Unit 25 writes its service from the cells that were run. nbval asks for no history.
"""

from nbval.kernel import RunningKernel


def execute_cell_input(self, cell_input, allow_stdin=None):
    return self.kc.execute(
        cell_input, store_history=True, allow_stdin=allow_stdin, stop_on_error=False
    )


RunningKernel.execute_cell_input = execute_cell_input
