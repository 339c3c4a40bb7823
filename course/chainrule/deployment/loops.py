"""Two ways to run a coroutine from a notebook, which has an event loop of its own already.

    run(main())            # in a thread, on the real clock
    run_virtual(main())    # in a thread, on a clock that jumps

The virtual clock stands still while anything has work to do, and when all wait, it jumps to the
moment at which the first of them wakes. An hour of waiting takes no time, and two runs of the same
program see the same times to the last digit, however busy the machine is.
"""

from __future__ import annotations

import asyncio
import ctypes
import selectors
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any

LONGEST = 3600.0  # virtual seconds; whoever waits longer waits for ever
MOST_ROUNDS = 200_000  # of the loop; a task that only ever yields would go on for ever


class Stuck(Exception):
    """Every task waits, and nothing is left that could wake one of them."""


class _Jumping(selectors.DefaultSelector):
    """A selector that waits by moving its loop's clock."""

    loop: VirtualTimeLoop

    def select(self, timeout: float | None = None) -> list[Any]:
        self.loop.rounds += 1
        if self.loop.rounds > MOST_ROUNDS:
            raise Stuck("a task goes round and round without ever waiting")
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise Stuck("all tasks wait for something that never comes")
        self.loop.now += timeout
        if self.loop.now > LONGEST:
            raise Stuck(f"after {LONGEST:g} seconds something is still waiting")
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose seconds pass when there is nothing else to do."""

    def __init__(self) -> None:
        self.now, self.rounds = 0.0, 0
        selector = _Jumping()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Call `func` here and now: a thread would run on another clock."""
        outcome: asyncio.Future[Any] = self.create_future()
        try:
            outcome.set_result(func(*args))
        except Exception as error:
            outcome.set_exception(error)
        return outcome


def run_virtual(main: Coroutine[Any, Any, Any]) -> Any:
    """What `main` returns, on a virtual clock that begins at 0.

    Raises what it raises, and Stuck when it would never end.
    """
    return _aside(lambda: _run_on(VirtualTimeLoop(), main))


def run(main: Coroutine[Any, Any, Any]) -> Any:
    """What `main` returns, on the real clock. Raises what it raises."""
    return _aside(lambda: _run_on(asyncio.new_event_loop(), main))


def _run_on(loop: asyncio.AbstractEventLoop, main: Coroutine[Any, Any, Any]) -> Any:
    """Run `main` to its end, then cancel whatever it left running and close the loop."""
    loop.set_exception_handler(lambda loop, context: None)  # nothing is printed behind our back
    try:
        return loop.run_until_complete(main)
    finally:
        try:
            if isinstance(loop, VirtualTimeLoop):
                loop.rounds = 0
            loop.run_until_complete(_end_others())
        except Stuck:
            pass  # a task that will not even be cancelled
        finally:
            loop.close()


async def _end_others() -> None:
    """Cancel every other task of this loop and wait for their ends."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def _aside(work: Callable[[], Any]) -> Any:
    """Do `work` in a thread of its own; an interruption here ends it there too."""
    outcome: Future[Any] = Future()

    def thread() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:
            outcome.set_exception(error)

    helper = threading.Thread(target=thread, daemon=True, name="event loop")
    helper.start()
    try:
        return outcome.result()
    except BaseException as error:
        if helper.is_alive() and not outcome.done():
            kind = ctypes.py_object(type(error))
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(helper.ident or 0), kind)
        raise
