"""`signet log`: the journal as a log that nobody can rewrite unnoticed."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from chalicelib import arn as arns
from chalicelib import files, runtime
from chalicelib.cli.recorded import recording_it
from chalicelib.config import Settings
from chalicelib.home_records import JournalVerification
from chalicelib.journal import JournalError, checkpoints, comparison, issuances, notes, proofs, verification
from chalicelib.journal import witness as witnesses
from chalicelib.journal.log import CHECKPOINT, tree_of
from chalicelib.journal.notes import VerifierKey
from chalicelib.journal.tiles import MOST_ENTRY_BYTES, WIDTH
from chalicelib.pki.asn1 import pem
from chalicelib.pki.errors import DerError
from chalicelib.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from chalicelib.journal.checkpoints import Checkpoint
    from chalicelib.journal.tile_tree import TileTree
    from chalicelib.runtime import Runtime

_FILE = click.Path(dir_okay=False, path_type=Path)
_EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)
_DIRECTORY = click.Path(exists=True, file_okay=False, path_type=Path)
_MOST_BYTES = WIDTH * (MOST_ENTRY_BYTES + 2)  # of a full bundle
_SEEN = "journal-seen"  # in the data directory: the checkpoint that was verified last


class _Serial(click.ParamType[str]):
    """A serial number in hex."""

    name = "serial"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read the argument."""
        try:
            return arns.serial_hex(arns.parse_serial(value.lower()))
        except ValueError as error:
            self.fail(f"{error}", param, ctx)


class _Ca(click.ParamType[str]):
    """The ARN of a CA."""

    name = "ARN"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read the option's value."""
        try:
            arns.parse_ca_arn(value)
        except arns.ArnError as error:
            self.fail(f"{error}", param, ctx)
        return value


class _Key(click.ParamType[VerifierKey]):
    """A verifier key, or the name of a file that has it."""

    name = "key"

    def convert(
        self, value: str | VerifierKey, param: click.Parameter | None, ctx: click.Context | None
    ) -> VerifierKey:
        """Read the option's value."""
        if isinstance(value, VerifierKey):
            return value
        try:
            return notes.parse_verifier_key(value if "+" in value else Path(value).read_text())
        except (JournalError, OSError, UnicodeDecodeError) as error:
            self.fail(f"{error}", param, ctx)


class _Published(NamedTuple):
    """A log as it is published: its key, its checkpoint, and the tree that this signs."""

    key: VerifierKey
    checkpoint: Checkpoint
    tree: TileTree


@click.group()
def log() -> None:
    """The journal as a log: verify it, prove what is in it, witness another one."""


@log.command("key")
@click.option("--witness", "of_witness", is_flag=True, help="The key with which this home cosigns other journals.")
def key_(*, of_witness: bool) -> None:
    """Print the verifier key of this home's journal: whoever verifies it, or a proof from it, needs the key."""
    key = runtime.from_env().journal.log.verifier_key
    click.echo(witnesses.witness_key(key.public_key) if of_witness else key)


@log.command()
@click.argument("path", required=False, type=_DIRECTORY)
@click.option("--key", type=_Key(), help="Verifier key of the journal in PATH, or a file that has it.")
@click.option(
    "--since",
    type=_FILE,
    help=f"The checkpoint that was seen last; the present one replaces it. Default: {_SEEN} in SIGNET_DATA.",
)
def verify(path: Path | None, key: VerifierKey | None, since: Path | None) -> None:
    """Verify every entry and every hash of the journal, and that it continues what was seen before.

    By default this home's journal is verified; PATH is a copy of another one. The exit code is 1 if anything is not as
    it was signed. Keep the file of --since where nobody can write who can write to the journal: it shows that the owner
    of the key has not signed another history.
    """
    own: Runtime | None = None
    if path and key:
        published = _copy(path, key)
    elif path or key:
        raise click.UsageError("PATH and --key go together.")
    else:
        own = runtime.from_env()
        published = _own(own)
        since = since or _default_since(own)
    problems = [*_contradictions(published, since), *_problems(published.tree), *_differences(own)]
    if own:
        done = JournalVerification(verified_at=own.now(), size=published.tree.size, problems=len(problems))
        own.store.put_journal_verification(done)
    for problem in problems:
        click.echo(printable(problem), err=True)
    if problems:
        sys.exit(1)
    if since:
        files.write_atomically(since, published.checkpoint.content)
    click.echo(f"{published.tree.size} entries are as they were signed.")


@log.command()
@click.argument("serial", type=_Serial())
@click.option("--ca", "ca_arn", type=_Ca(), help="ARN of the CA: finds the entry faster in a large journal.")
@click.option(
    "--checkpoint", "at", type=_EXISTING, help="The checkpoint that witnesses have cosigned; default: the last."
)
@click.option("--out", type=_FILE, help="File of the proof; default: SERIAL.tlog-proof.")
def prove(serial: str, ca_arn: str | None, at: Path | None, out: Path | None) -> None:
    """Write a proof that the journal has a certificate, by its SERIAL number in hex, to give to anybody."""
    rt = runtime.from_env()
    key, checkpoint, tree = _own(rt)
    record = rt.store.get_certificate(ca_arn, int(serial, 16)) if ca_arn else None
    ca_id = arns.parse_ca_arn(ca_arn).ca_id if ca_arn else None
    issuance = issuances.find(tree, serial, ca_id=ca_id, at=record.issued_at if record else None)
    if issuance is None:
        raise JournalError(
            f"The journal has no certificate with the serial number {serial}. New ones follow in seconds."
        )
    if at is not None:
        checkpoint = checkpoints.parse(_content(at), key)
    file = out or Path(f"{serial}.tlog-proof")
    file.write_bytes(issuances.prove(tree, issuance, checkpoint, key).encode())
    click.echo(f"Wrote {file}: entry {issuance.position} of {checkpoint.size}.")


@log.command()
@click.argument("proof", type=_EXISTING)
@click.argument("certificate", type=_EXISTING)
@click.option("--key", type=_Key(), help="Verifier key of the journal, or a file that has it; default: this home's.")
@click.option("--witness", "by", type=_Key(), multiple=True, help="Key of a witness that must have cosigned.")
def check(proof: Path, certificate: Path, key: VerifierKey | None, by: tuple[VerifierKey, ...]) -> None:
    """Check a PROOF that a CERTIFICATE is in a journal; with --key this needs no home and no network."""
    claim = proofs.parse(_content(proof))
    key = key or _key_of_home()
    if key is None:
        claimed = printable(claim.claimed_key)
        raise JournalError(
            f"The proof says that the key of its log is {claimed}. If its owner confirms it, give it as --key."
        )
    checkpoint, times = proofs.verify(claim, key, by)
    if not issuances.is_of(claim.entry, _der(_content(certificate))):
        raise JournalError("The proof is of another certificate.")
    click.echo(f"The certificate is entry {claim.index} of {checkpoint.size} in the journal {checkpoint.origin}.")
    for each, time in zip(by, times, strict=True):
        click.echo(f"{each.name} cosigned it at {time:%Y-%m-%dT%H:%M:%SZ}.")


@log.command()
@click.argument("file", type=_FILE)
@click.option(
    "--since", type=_EXISTING, help="The checkpoint that the witness cosigned last; default: it cosigned none."
)
def request(file: Path, since: Path | None) -> None:
    """Write a request to cosign this home's journal into FILE, for a witness that has no copy of it."""
    key, checkpoint, tree = _own(runtime.from_env())
    last = checkpoints.parse(_content(since), key) if since else None
    file.write_bytes(witnesses.request(checkpoint, tree, last).encode())
    click.echo(f"Wrote {file}: the checkpoint of {checkpoint.size} entries.")


@log.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.argument("file", type=_FILE)
@click.option("--key", type=_Key(), required=True, help="Verifier key of the journal in PATH.")
@click.option("--key-file", type=_EXISTING, help="Ed25519 key in PEM that cosigns; default: the key of this home.")
def witness(path: Path, file: Path, key: VerifierKey, key_file: Path | None) -> None:
    """Cosign the checkpoint of another home's journal into FILE; PATH is a copy of it, or its `signet log request`.

    FILE has the checkpoint that was cosigned last, unless this is the first one. If the journal does not continue it,
    nothing is cosigned, and the exit code is 1.
    """
    rt = runtime.from_env() if key_file is None else None
    checkpoint, contradiction = _evidence(path, key)
    last = _content(file) if file.exists() else None

    def cosign(private_key: Ed25519PrivateKey, now: datetime) -> None:
        cosigned = witnesses.cosign(checkpoint, last, contradiction, log=key, key=private_key, now=now)
        files.write_atomically(file, cosigned)

    if rt is not None:
        values = {"log": key.name, "size": str(checkpoint.size)}
        with recording_it(rt, "CosignJournal", rt.settings.account_id, values):
            cosign(rt.journal.log.private_key, rt.now())
    elif key_file is not None:
        cosign(_private_key(key_file), runtime.system_clock())
    continued = "which continues the last one" if last else "the first one of this witness"
    click.echo(f"Cosigned a checkpoint of {checkpoint.size} entries, {continued}.")


def _evidence(path: Path, key: VerifierKey) -> tuple[Checkpoint, Callable[[Checkpoint], str | None]]:
    """Return a checkpoint to cosign, and a function that tells why it does not continue another one."""
    if not path.is_dir():
        wanted = witnesses.parse_request(_content(path), key)
        return wanted.checkpoint, wanted.contradiction
    published = _copy(path, key)
    return published.checkpoint, partial(verification.contradiction, published.tree)


def _own(rt: Runtime) -> _Published:
    checkpoint, tree = rt.journal.log.published()
    if checkpoint is None:
        raise JournalError("There is no journal yet: `signet serve` begins it.")
    return _Published(rt.journal.log.verifier_key, checkpoint, tree)


def _copy(path: Path, key: VerifierKey) -> _Published:
    """Read the log in a directory."""

    def read(name: str) -> bytes | None:
        file = path / name
        return _content(file) if file.is_file() else None

    content = read(CHECKPOINT)
    if content is None:
        raise JournalError(f"{path} has no file '{CHECKPOINT}': it is no copy of a journal.")
    checkpoint = checkpoints.parse(content, key)
    return _Published(key, checkpoint, tree_of(checkpoint, read))


def _key_of_home() -> VerifierKey | None:
    """Return the key of this home's journal; None if there is no home."""
    return None if runtime.without_home(Settings.from_env()) else runtime.from_env().journal.log.verifier_key


def _default_since(rt: Runtime) -> Path | None:
    return rt.settings.data_path / _SEEN if rt.settings.state == "sqlite" else None


def _content(file: Path) -> bytes:
    """Read a file that somebody else may have made."""
    with file.open("rb") as opened:
        content = opened.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise JournalError(f"{file} has more than {_MOST_BYTES:,} bytes, which nothing in a journal has.")
    return content


def _contradictions(published: _Published, since: Path | None) -> list[str]:
    if since is None or not since.exists():
        return []
    found = verification.contradiction(published.tree, checkpoints.parse(_content(since), published.key))
    return [found] if found else []


def _problems(tree: TileTree) -> list[str]:
    with click.progressbar(length=tree.size, label="Verifying", file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        return verification.problems_of(tree, bar.update)


def _differences(own: Runtime | None) -> list[str]:
    found = comparison.difference(own.store, own.journal.log) if own else None
    return [found.reason] if found else []


def _private_key(file: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(_content(file), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise JournalError(
            f"{file} is no unencrypted Ed25519 key in PEM, as `openssl genpkey -algorithm ed25519` makes it."
        )
    return key


def _der(content: bytes) -> bytes:
    """Return the first certificate of a file, which is PEM or DER."""
    try:
        blocks = pem.blocks(content)
    except DerError as error:
        raise JournalError(f"The certificate cannot be read: {error}") from error
    return next((der for label, der in blocks if label == "CERTIFICATE"), content)
