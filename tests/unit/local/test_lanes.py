"""Lanes: threads that start as they are needed, and answers and errors that reach whoever waits."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from chalicelib.local.gateway import HttpRequest, HttpResponse
from chalicelib.local.lanes import Lane, Width

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

T = TypeVar("T")
REQUEST = HttpRequest("GET", "/", "", (), b"")
ANSWER = HttpResponse(200, (), b"")


@pytest.fixture
def lane() -> Iterator[Lane]:
    made = Lane("tested", Width(threads=2, waiting=1))
    yield made
    made.close()


def run(act: Coroutine[Any, Any, T]) -> T:
    """Run in a thread of its own: a test of the browser may have left a loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, act).result()


def threads() -> int:
    return sum(thread.name.startswith("tested") for thread in threading.enumerate())


def test_one_request_after_another_needs_one_thread(lane: Lane) -> None:
    idle = lane._pool._idle_semaphore

    async def answers() -> list[HttpResponse | None]:
        found = []
        for _ in range(5):
            found.append(await lane.run(lambda _: ANSWER, REQUEST))
            assert await asyncio.to_thread(idle.acquire, timeout=10)  # the thread becomes idle after its answer
            idle.release()
        return found

    assert run(answers()) == [ANSWER] * 5
    assert threads() == 1


def test_requests_at_once_are_answered_by_so_many_threads_and_the_last_is_refused(lane: Lane) -> None:
    go = threading.Event()

    def answer(_: HttpRequest) -> HttpResponse:
        go.wait(10)
        return ANSWER

    async def answers() -> list[HttpResponse | None]:
        waiting = [asyncio.create_task(lane.run(answer, REQUEST)) for _ in range(4)]
        await asyncio.sleep(0.01)
        assert threads() == 2
        go.set()
        return await asyncio.gather(*waiting)

    assert run(answers()) == [ANSWER, ANSWER, ANSWER, None]
    assert threads() == 2


def test_error_reaches_whoever_waits_and_the_thread_goes_on(lane: Lane) -> None:
    def fail(_: HttpRequest) -> HttpResponse:
        raise ValueError("it fails")

    async def answers() -> HttpResponse | None:
        with pytest.raises(ValueError, match="it fails"):
            await lane.run(fail, REQUEST)
        return await lane.run(lambda _: ANSWER, REQUEST)

    assert run(answers()) == ANSWER


def test_request_whose_client_has_gone_is_answered_for_nobody(lane: Lane) -> None:
    begun, go = threading.Event(), threading.Event()

    def answer(_: HttpRequest) -> HttpResponse:
        begun.set()
        go.wait(10)
        return ANSWER

    async def answers() -> HttpResponse | None:
        waiting = asyncio.create_task(lane.run(answer, REQUEST))
        assert await asyncio.to_thread(begun.wait, 10)
        waiting.cancel()
        await asyncio.sleep(0)
        go.set()
        return await lane.run(lambda _: ANSWER, REQUEST)

    assert run(answers()) == ANSWER


def test_closing_waits_for_the_answer_and_begins_none_that_nobody_waits_for() -> None:
    lane, answered = Lane("tested", Width(threads=1, waiting=5)), list[str]()
    begun, go = threading.Event(), threading.Event()

    def answer(request: HttpRequest) -> HttpResponse:
        begun.set()
        go.wait(10)
        answered.append(request.path)
        return ANSWER

    async def begin() -> None:
        waiting = [asyncio.create_task(lane.run(answer, REQUEST._replace(path=f"/{number}"))) for number in range(3)]
        assert await asyncio.to_thread(begun.wait, 10)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    run(begin())
    go.set()
    lane.close()
    assert answered == ["/0"]
    assert threads() == 0
