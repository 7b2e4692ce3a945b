"""A cooperative scheduler: processes that take turns at their calls of ports, by every schedule up to a bound.

Only one process runs at a time. Before each call of a port it may be preempted. A schedule is the list of who runs
next at each such point; a run repeats a prefix of one and then lets whoever runs go on, and what it met on its way
gives the next prefixes. So each schedule is run once, and all that preempt no more often than the bound are run.

Source: Musuvathi and Qadeer, "Iterative context bounding for systematic testing of multithreaded programs" (2007).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Pause = "Callable[[], None]"


class Step(NamedTuple):
    """A point of a schedule: who ran (None: nobody, or somebody who has ended), who could run, who runs next."""

    running: int | None
    ready: tuple[int, ...]
    chosen: int

    @property
    def preempts(self) -> bool:
        return self.running is not None and self.chosen != self.running


class Turns:
    """Hands the one turn from process to process."""

    def __init__(self, count: int, prefix: Sequence[int]) -> None:
        self.steps: list[Step] = []
        self._prefix, self._ready = prefix, list(range(count))
        self._wakes = [threading.Semaphore(0) for _ in range(count)]
        self._ended = threading.Semaphore(0)

    def run(self, processes: Sequence[Callable[[Callable[[], None]], None]]) -> None:
        """Run all processes to their ends; each gets what it has to call before it calls a port."""
        raised: list[BaseException] = []

        def turn(number: int, process: Callable[[Callable[[], None]], None]) -> None:
            self._wakes[number].acquire()
            try:
                process(lambda: self._pause(number))
            except BaseException as error:  # noqa: BLE001  raised again by who started it
                raised.append(error)
            self._end(number)

        threads = [threading.Thread(target=turn, args=each, daemon=True) for each in enumerate(processes)]
        for thread in threads:
            thread.start()
        self._wakes[self._next(None)].release()
        self._ended.acquire()
        for thread in threads:
            thread.join()
        if raised:
            raise raised[0]

    def _pause(self, number: int) -> None:
        chosen = self._next(number)
        if chosen != number:
            self._wakes[chosen].release()
            self._wakes[number].acquire()

    def _end(self, number: int) -> None:
        self._ready.remove(number)
        (self._wakes[self._next(None)] if self._ready else self._ended).release()

    def _next(self, running: int | None) -> int:
        position, ready = len(self.steps), tuple(self._ready)
        chosen = ready[0] if running is None else running
        if position < len(self._prefix):
            chosen = self._prefix[position]
            assert chosen in ready, "the processes did something else than in the run before"
        self.steps.append(Step(running, ready, chosen))
        return chosen


class SwitchingPort:
    """Any port; before each call of a method, and before what it lists is read, another process may come."""

    def __init__(self, inner: Any, pause: Callable[[], None]) -> None:
        self._inner, self._pause = inner, pause

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if not callable(value):
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            self._pause()
            result = value(*args, **kwargs)
            return self._read(result) if hasattr(result, "__next__") else result

        return call

    def _read(self, listed: Iterator[Any]) -> Iterator[Any]:
        self._pause()
        yield from listed


def explore(run: Callable[[Sequence[int]], list[Step]], *, preemptions: int) -> int:
    """Run every schedule with at most so many preemptions; returns how many there were."""
    waiting: list[tuple[int, ...]] = [()]
    runs = 0
    while waiting:
        prefix = waiting.pop()
        steps = run(prefix)
        runs += 1
        spent = sum(step.preempts for step in steps[: len(prefix)])
        for position in range(len(prefix), len(steps)):
            step = steps[position]
            taken = tuple(each.chosen for each in steps[:position])
            others = [Step(step.running, step.ready, other) for other in step.ready if other != step.chosen]
            waiting += [(*taken, each.chosen) for each in others if spent + each.preempts <= preemptions]
            spent += step.preempts
    return runs
