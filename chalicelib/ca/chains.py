"""The chains of an account's CAs: as installed, and as clients build them from the present certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.pki import paths

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from chalicelib.pki.paths import Identity, Path
    from chalicelib.records import CertificateAuthority

    Index = Mapping[Identity, Path]  # the installed path of each CA, by its subject and key


def installed(ca: CertificateAuthority) -> Path:
    """The certificate of a CA and its chain; empty if it has none."""
    if ca.certificate_der is None:
        return ()
    return tuple(paths.read(encoded) for encoded in (ca.certificate_der, *ca.chain_der))


def index(cas: Iterable[CertificateAuthority]) -> Index:
    """The installed paths of some CAs; those without a certificate are left out."""
    return {path[0].identity: path for path in map(installed, cas) if path}


def present(path: Path, index: Index) -> Path:
    """A path with the present certificate of each CA that is here; a loop ends it."""
    found, rest, seen = [path[0]], path[1:], {path[0].identity}
    while rest and rest[0].identity not in seen:
        above = index.get(rest[0].identity, rest)
        seen.add(above[0].identity)
        found.append(above[0])
        rest = above[1:]
    return tuple(found)


def problems(path: Path, index: Index, now: datetime) -> list[str]:
    """The reasons why clients refuse the installed chain of a CA, or else the chain of the present certificates."""
    current = present(path, index)
    return paths.problems(path, now) or (paths.problems(current, now) if current != path else [])
