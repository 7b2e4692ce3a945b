"""Any file of a home is deleted, cut off or changed: right answers or a refusal that names it, and no un-revocation."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

import app as signet_app
from chalicelib import runtime
from chalicelib.audit import AuditError
from chalicelib.buckets import BucketError
from chalicelib.cli import signet
from chalicelib.config import SettingsError
from chalicelib.crl import publication
from chalicelib.journal import JournalError
from chalicelib.keystore import KeyStoreError
from chalicelib.local.scheduler import Scheduler
from chalicelib.store import StoreError
from tests.faults.disk.load import Acknowledged
from tests.faults.disk.promises import broken
from tests.support.authority_steps import active_root, issue, serial_of
from tests.support.client import client_for
from tests.support.revocations import revoke

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

REFUSALS = (SettingsError, StoreError, KeyStoreError, AuditError, BucketError, JournalError)


DAMAGES: dict[str, Callable[[bytearray], bytearray | None]] = {
    "deleted": lambda _: None,
    "emptied": lambda _: bytearray(),
    "cut off": lambda content: content[: len(content) // 2],
    "changed": lambda content: flipped(content, len(content) // 2),
}
PAGE = 4096
# What these hold is only compared with: damage is found there, and changes no answer.
WITNESSES = {"audit/audit.jsonl": "The audit record is broken", "journal/log": "The journal is broken"}
NAMED = "The record of the certificate is damaged: its signature does not verify. Restore a backup of the database."


def flipped(content: bytearray, position: int) -> bytearray:
    content[position : position + 1] = bytes(octet ^ 0xFF for octet in content[position : position + 1])
    return content


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Path], Acknowledged]:
    """A home that was killed, and the same stopped, after it had revoked and published; and what its clients know."""
    home, seen = tmp_path_factory.mktemp("damaged") / "stopped", Acknowledged()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIGNET_DATA", str(home))
        rt = runtime.from_env(creates=True)
    client: Any = client_for(rt)
    arn = active_root(client)
    seen.authorities.append((0, arn))
    for number in range(6):
        made = issue(client, arn)
        pem = client.get_certificate(CertificateAuthorityArn=arn, CertificateArn=made)["Certificate"]
        seen.certificates.append((0, made, pem))
        if number % 2:
            revoke(client, arn, made)
            seen.revocations.append((0, arn, int(serial_of(made), 16)))
        publication.publish_due_crls(rt, seconds=60)
    Scheduler(signet_app.app, rt).tick()
    rt.audit.publish()
    shutil.copytree(home, home.with_name("killed"), ignore=shutil.ignore_patterns("*-shm"))
    rt.store.table.close()  # type: ignore[attr-defined]  # the SQLite driver
    return {"stopped": home, "killed": home.with_name("killed")}, seen


def cases(source: Path, *, whole: bool) -> Iterator[tuple[str, str, Callable[[bytearray], bytearray | None]]]:
    """Yield each file with every kind of damage, and each page of the database; else one kind for each file."""
    names = sorted(str(path.relative_to(source)) for path in source.rglob("*") if path.stat().st_size)
    for number, name in enumerate(name for name in names if (source / name).is_file()):
        for kind, damage in list(DAMAGES.items()) if whole else [list(DAMAGES.items())[number % len(DAMAGES)]]:
            yield name, kind, damage
    if whole:
        for at in range(0, (source / "signet.db").stat().st_size, PAGE):
            for within in (3, 1500, 4000):
                yield "signet.db", f"byte {at + within}", partial(flipped, position=at + within)


def outcome(home: Path, seen: Acknowledged) -> tuple[list[str], str]:
    """What is broken in a home that starts, or the refusal."""
    try:
        return broken(home, seen, 0), ""
    except REFUSALS as error:
        return [], str(error)


def findings(home: Path) -> list[dict[str, str]]:
    """What `signet doctor` says, each with its remedy."""
    found = CliRunner().invoke(signet, ["doctor", "--json"], env={"SIGNET_DATA": str(home)})
    assert isinstance(found.exception, SystemExit | None), repr(found.exception)
    return json.loads(found.stdout) if found.exit_code else []


def damaged(home: Path, name: str, damage: Callable[[bytearray], bytearray | None]) -> None:
    content = damage(bytearray((home / name).read_bytes()))
    (home / name).unlink() if content is None else (home / name).write_bytes(content)


def used(client: Any, seen: Acknowledged) -> Acknowledged:
    """Issue, fetch, and revoke a certificate of before and the new one; returns what clients know then."""
    ((_, arn),) = seen.authorities
    certificates, revocations, errors = list(seen.certificates), list(seen.revocations), list[str]()
    revoked = {serial for _, _, serial in revocations}
    try:
        left = next(made for _, made, _ in certificates if int(serial_of(made), 16) not in revoked)
        revoke(client, arn, left)
        revocations.append((0, arn, int(serial_of(left), 16)))
        made = issue(client, arn)
        pem = client.get_certificate(CertificateAuthorityArn=arn, CertificateArn=made)["Certificate"]
        certificates.append((0, made, pem))
        revoke(client, arn, made)
        revocations.append((0, arn, int(serial_of(made), 16)))
    except ClientError as error:
        errors.append(str(error))
    return replace(seen, certificates=certificates, revocations=revocations, errors=errors)


def is_of_witness(name: str, problem: str) -> bool:
    return any(name.startswith(prefix) and problem.startswith(text) for prefix, text in WITNESSES.items())


@pytest.mark.parametrize("state", ["stopped", "killed"])
def test_damaged_file_changes_no_answer_without_a_word(
    request: pytest.FixtureRequest,
    homes: tuple[dict[str, Path], Acknowledged],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    state: str,
) -> None:
    """Answers are right, or Signet does not start, or a check names the damage; nothing is un-revoked in any case."""
    sources, seen = homes
    shutil.copytree(sources[state], tmp_path / "healthy")
    assert findings(tmp_path / "healthy") == []
    wrong, refused, count = list[str](), 0, 0
    for name, kind, damage in cases(sources[state], whole=request.config.getoption("--whole")):
        home = tmp_path / str(count)
        shutil.copytree(sources[state], home)
        damaged(home, name, damage)
        shutil.copytree(home, home.with_name(f"{count}-doctor"))
        problems, refusal = outcome(home, seen)
        problems = [problem for problem in problems if NAMED not in problem]
        serious = [problem for problem in problems if not is_of_witness(name, problem)]
        said = findings(home.with_name(f"{count}-doctor")) if problems or refusal else []
        if serious:
            wrong.append(f"{name} {kind}: {serious}")
        if (problems or refusal) and not said:
            wrong.append(f"{name} {kind}: the doctor finds nothing; {refusal or problems}")
        count, refused = count + 1, refused + bool(refusal)
        shutil.rmtree(home, ignore_errors=True)
    assert wrong == [], "\n".join(wrong)
    record_property("damaged files", f"{count}, of which {refused} were refused")


def test_file_damaged_under_a_running_server_loses_nothing_without_a_word(
    request: pytest.FixtureRequest,
    homes: tuple[dict[str, Path], Acknowledged],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    """What is acknowledged after the damage holds in the next server, or that does not start and says why."""
    sources, before = homes
    wrong, refused, count = list[str](), 0, 0
    for name, kind, damage in cases(sources["stopped"], whole=request.config.getoption("--whole")):
        if kind.startswith("byte"):
            continue  # SQLite reads pages of its cache
        home = tmp_path / str(count)
        shutil.copytree(sources["stopped"], home)
        monkeypatch.setenv("SIGNET_DATA", str(home))
        rt = runtime.from_env()
        signet_app.use_runtime(rt)
        client = client_for(rt)
        seen = used(client, before)
        assert not seen.errors
        damaged(home, name, damage)
        with ThreadPoolExecutor() as threads:  # whose connections are new
            seen = threads.submit(used, client, seen).result()
        Scheduler(signet_app.app, rt).tick()
        shutil.copytree(home, home.with_name(f"{count}-doctor"))
        rt.store.table.close()  # type: ignore[attr-defined]  # the SQLite driver
        problems, refusal = outcome(home, seen)
        serious = [problem for problem in problems if NAMED not in problem and not is_of_witness(name, problem)]
        if serious:
            wrong.append(f"{name} {kind}: {serious} {seen.errors}")
        if (problems or refusal) and not findings(home.with_name(f"{count}-doctor")):
            wrong.append(f"{name} {kind}: the doctor finds nothing; {refusal or problems}")
        count, refused = count + 1, refused + bool(refusal)
        shutil.rmtree(home, ignore_errors=True)
    assert wrong == [], "\n".join(wrong)
    record_property("damaged files", f"{count} under a server, after which {refused} homes did not start")
