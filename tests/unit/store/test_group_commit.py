"""Group commit: nobody is answered before the commit, nobody pays for another's failure, and nobody is forgotten."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from chalicelib.store.group_commit import MOST, GroupCommit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future


class Disk:
    """Commits what it is given once it is let."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.committed: list[int] = []
        self.called, self.may_go_on = threading.Semaphore(0), threading.Semaphore(0)

    def commit(self, group: Sequence[int]) -> list[Exception | None]:
        self.groups.append(list(group))
        self.called.release()
        self.may_go_on.acquire()
        if any(number < 0 for number in group):
            raise OSError(f"{min(group)} cannot be written")
        self.committed += [number for number in group if number % 2 == 0]
        return [None if number % 2 == 0 else ValueError(f"{number} is odd") for number in group]


class Queue:
    """A queue whose first request is being committed while the others come."""

    def __init__(self, *requests: int) -> None:
        self.disk, self.commits = Disk(), GroupCommit[int]()
        self.threads = ThreadPoolExecutor(len(requests) + 1)
        self.answers = [self.ask(0)]
        self.disk.called.acquire()
        for number, request in enumerate(requests, 1):
            self.answers.append(self.ask(request))
            while len(self.commits._waiting) < number:  # the order in which they come is that of this list
                pass

    def ask(self, request: int) -> Future[None]:
        return self.threads.submit(self.commits.run, self.disk.commit, request)

    def go_on(self, commits: int) -> list[str]:
        self.disk.may_go_on.release(commits)
        self.threads.shutdown()
        return [str(answer.exception() or "done") for answer in self.answers]


def test_who_comes_during_a_commit_shares_the_next_one() -> None:
    queue = Queue(2, 4, 6)
    assert queue.go_on(2) == ["done"] * 4
    assert queue.disk.groups == [[0], [2, 4, 6]]


def test_no_answer_leaves_before_its_commit() -> None:
    queue = Queue(2, 4)
    assert not any(answer.done() for answer in queue.answers)
    queue.disk.may_go_on.release()
    queue.answers[0].result(10)
    queue.disk.called.acquire()  # of the two others
    assert not any(answer.done() for answer in queue.answers[1:])
    assert queue.go_on(1) == ["done"] * 3


def test_refusal_concerns_its_own_request_alone() -> None:
    queue = Queue(2, 3, 4)
    assert queue.go_on(2) == ["done", "done", "3 is odd", "done"]
    assert queue.disk.committed == [0, 2, 4]


def test_request_that_breaks_a_group_fails_alone() -> None:
    queue = Queue(2, -4, 3, 6)
    assert queue.go_on(2 + 4) == ["done", "done", "-4 cannot be written", "3 is odd", "done"]
    assert queue.disk.groups[1:] == [[2, -4, 3, 6], [2], [-4], [3], [6]]


def test_group_has_a_bound() -> None:
    queue = Queue(*range(2, 2 * MOST + 6, 2))
    assert set(queue.go_on(3)) == {"done"}
    assert [len(group) for group in queue.disk.groups] == [1, MOST, 2]


def test_others_go_on_where_the_leader_is_interrupted() -> None:
    class Interrupted(Disk):
        def commit(self, group: Sequence[int]) -> list[Exception | None]:
            if group[0] == 2:
                raise KeyboardInterrupt
            return super().commit(group)

    queue = Queue()
    queue.disk.__class__ = Interrupted
    queue.threads = ThreadPoolExecutor(4)
    for number in (2, 4, 6):
        queue.answers.append(queue.ask(number))
        while len(queue.commits._waiting) < number // 2:
            pass
    queue.disk.may_go_on.release(2)
    queue.threads.shutdown()
    assert isinstance(queue.answers[1].exception(), KeyboardInterrupt)
    assert [answer.exception() for answer in queue.answers[2:]] == [None, None]
    assert queue.disk.committed == [0, 4, 6]


def test_each_of_many_threads_is_answered_once() -> None:
    committed: list[int] = []

    def commit(group: Sequence[int]) -> list[Exception | None]:
        committed.extend(group)
        return [None] * len(group)

    commits = GroupCommit[int]()
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda number: commits.run(commit, number), range(5000)))
    assert sorted(committed) == list(range(5000))


@pytest.mark.parametrize("error", [OSError("the disk is full"), RuntimeError("a defect")])
def test_failure_of_a_single_request_is_its_own(error: Exception) -> None:
    def commit(group: Sequence[int]) -> list[Exception | None]:
        raise error

    with pytest.raises(type(error), match=str(error)):
        GroupCommit[int]().run(commit, 1)
