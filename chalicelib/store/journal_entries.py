"""Entries of the journal, derived from the writes of a transaction by the kind of item that each of them changes.

An entry is one JSON object that names its version and its kind. It holds what must never be forgotten, and no secret:
of certificates, revocations, tokens, CRLs, access keys and heads of the audit record a few members, of other items all
attributes. A kind of item is in one of the two tables below, or a write to it fails.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from chalicelib import json_text
from chalicelib.identities import ADMINISTRATOR
from chalicelib.store.table import SCHEMA, Delete, Put, Update

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from chalicelib.store.table import Item, Value, Write

    Entry = dict[str, Any]

VERSION = 1
MOST_BYTES = 65_535  # of an entry (C2SP tlog-tiles)
HEADS_EVERY = 64  # records of a chain: the head of every so many is in the journal, and the first one's
_SECOND = 1_000_000
_json = json_text.writer(ensure_ascii=False)


def encoded(writes: Iterable[Write]) -> list[bytes]:
    """Return the entries for the writes of a transaction."""
    found: list[bytes] = []
    for write in writes:
        kind = write.key.pk.partition("#")[0]
        if kind not in _WITHOUT_ENTRY:
            found += map(_encode, _KINDS[kind](write))
    return found


def _encode(entry: Entry) -> bytes:
    return _json({"v": VERSION, **entry}).encode()


def packed(content: bytes) -> str:
    """Encode a hash as 43 characters."""
    return urlsafe_b64encode(content).decode().rstrip("=")


def unpacked(text: str) -> bytes:
    """The inverse of `packed`."""
    return urlsafe_b64decode(text + "=")


def _packed_hex(text: Any) -> str:
    return packed(bytes.fromhex(str(text)))


# certificates and CRLs


def _certificate(write: Write) -> list[Entry]:
    """A certificate is reserved, and issued; its failure needs no entry, and its revocation is an item of its own."""
    _, ca, serial = write.key.pk.split("#")
    entries = [_reserved(write.item, ca, serial)] if isinstance(write, Put) else []
    changed = write.item if isinstance(write, Put) else write.values if isinstance(write, Update) else {}
    if "certificate_der" in changed:
        digest = packed(sha256(changed["certificate_der"]).digest())  # type: ignore[arg-type]  # bytes, as stored
        entries.append({"kind": "issued", "ca": ca, "serial": serial, "sha256": digest, "at": changed["issued_at"]})
    return entries


def _reserved(item: Item, ca: str, serial: str) -> Entry:
    entry = {
        "kind": "reserved",
        "ca": ca,
        "serial": serial,
        "tbs": _packed_hex(item["tbs_sha256"]),
        "from": int(item["not_before"]) // _SECOND,
        "to": int(item["not_after"]) // _SECOND,
        "at": item["reserved_at"],
        "by": item["requested_by"],
        "template": str(item["template_arn"]).rpartition("template/")[2],
    }
    account = item.get("requester_account")
    if account and account != str(item["ca_arn"]).split(":")[4]:
        entry["account"] = account
    if partition := item.get("crl_partition"):
        entry["partition"] = partition
    return entry


def _revocation(write: Write) -> Iterator[Entry]:
    if isinstance(write, Put):
        item, ca = write.item, write.key.pk.split("#")[1]
        yield {
            "kind": "revoked",
            "ca": ca,
            "serial": write.key.sk,
            "at": item["revoked_at"],
            "reason": item["reason"],
            "to": int(item["not_after"]) // _SECOND,
            **_partition(item.get("crl_partition")),
        }


def _crl(write: Write) -> Iterator[Entry]:
    """The number and the hash of what is to be signed, before it is signed; other writes of the state have no hash."""
    state: Item = write.item if isinstance(write, Put) else {}
    if isinstance(write, Update):
        state = {clause.attribute: clause.value for clause in write.condition[0]} | dict(write.values)
    if "tbs_sha256" in state:
        yield {
            "kind": "crl",
            "ca": write.key.pk.split("#")[1],
            "number": state["crl_number"],
            "tbs": _packed_hex(state["tbs_sha256"]),
            **_partition(write.key.sk.partition("#")[2]),
        }


def _partition(partition: Value | None) -> Entry:
    return {"partition": partition} if partition else {}


def _token(write: Write) -> Iterator[Entry]:
    if isinstance(write, Put):
        item = write.item
        ca, _, serial = str(item["arn"]).partition("certificate-authority/")[2].partition("/certificate/")
        yield {
            "kind": "token",
            "token": _packed_hex(write.key.pk.partition("#")[2]),
            "fingerprint": item["fingerprint"],
            "ca": ca,
            **({"serial": serial} if serial else {}),
            "to": item["expires_at"],
        }


# who may do what, and who did


def _access_key(write: Write) -> Iterator[Entry]:
    """An access key without its secret; that it was used needs no entry."""
    if isinstance(write, Put):
        item = write.item
        entry = {
            "kind": "access-key",
            "id": item["access_key_id"],
            "account": item["account_id"],
            "principal": item.get("principal", ADMINISTRATOR),
            "active": item.get("active", 1),
            "at": item["created_at"],
        }
        yield entry | ({"to": item["expires_at"]} if "expires_at" in item else {})
    elif isinstance(write, Delete):
        yield {"kind": "access-key-gone", "id": write.key.sk}


def _audit_head(write: Write) -> Iterator[Entry]:
    """The head of a chain of files, written every few seconds; some heads of a table, where each record writes one."""
    if isinstance(write, Put):
        item = write.item
        if "ttl" not in item or int(item["sequence"]) % HEADS_EVERY in {0, 1}:
            named = {name: item[name] for name in ("chain", "sequence", "sha256")}
            yield {"kind": "audit-head", **named}


def _whole(write: Write) -> Iterator[Entry]:
    """All attributes of an item, or only their hash if there are too many for an entry."""
    pk, sk = write.key
    if isinstance(write, Delete):
        yield {"kind": "gone", "pk": pk, "sk": sk}
    elif isinstance(write, Put):
        attributes = {name: _text(value) for name, value in write.item.items() if name not in {"pk", "sk"}}
        entry = {"kind": "item", "schema": SCHEMA, "pk": pk, "sk": sk, "item": attributes}
        content = _encode(entry)
        if len(content) > MOST_BYTES:
            entry = {"kind": "large-item", "pk": pk, "sk": sk, "sha256": packed(sha256(content).digest())}
        yield entry


def _text(value: Value) -> Any:
    return {"b": b64encode(value).decode()} if isinstance(value, bytes) else value


def item_of(entry: Entry) -> Item:
    """Return the item of an entry of kind "item"."""
    item: Item = {"pk": entry["pk"], "sk": entry["sk"]}
    for name, value in entry["item"].items():
        item[name] = b64decode(value["b"]) if isinstance(value, dict) else value
    return item


def decode(content: bytes) -> Entry:
    """Read an entry.

    Raises:
        ValueError: it is not an entry, or a later release wrote it.
    """
    entry: Entry = json.loads(content)
    is_known = isinstance(entry, dict) and entry.get("v") == VERSION and isinstance(entry.get("kind"), str)
    if not is_known or entry.get("schema", 0) > SCHEMA:
        raise ValueError("This entry of the journal is not one that this release can read.")
    return entry


def is_whole(item: Item) -> bool:
    """Tell whether the entry for an item has all its attributes, so that an older one must not follow it."""
    return _KINDS.get(str(item["pk"]).partition("#")[0]) is _whole


def accepted(size: int, root: str) -> bytes:
    """Return the entry that says that somebody accepted a journal that did not go on from this size and root."""
    return _encode({"kind": "accepted", "size": size, "root": root})


# By the beginning of the partition key.
_KINDS: dict[str, Callable[[Write], Iterable[Entry]]] = {
    "CERT": _certificate,
    "REV": _revocation,
    "CRL": _crl,
    "TOKEN": _token,
    "KEYS": _access_key,
    "AUDITHEADS": _audit_head,
    **dict.fromkeys(
        (
            "ACCEPTED",
            "ACCOUNT",
            "ACME-ACCOUNT",
            "ACME-BINDINGS",
            "ACME-DIRECTORIES",
            "ACME-KEY",
            "BUCKET",
            "CAKEY",
            "COMPROMISED",
            "FEEDS",
            "FORMER",
            "ISSUER",
            "ISSUING-PRESETS",
            "OIDC-PROVIDERS",
            "POLICY",
            "PRINCIPALS",
            "ROLES",
            "SHARED",
            "SUBJECT",
        ),
        _whole,
    ),
}
# Made again from others, expiring, secret, or the journal's own.
_WITHOUT_ENTRY = frozenset(
    {
        "ACCOUNTS",
        "ACME-AUTHORIZATION",
        "ACME-MAC-KEYS",
        "ACME-NAME",
        "ACME-ORDER",
        "ACME-PENDING",
        "ACME-USED",
        "AUDITCHAIN",
        "AUDITKEY",
        "CLOCK",
        "COUNT",
        "DRAFTS",
        "FIND",
        "GUARD",
        "JOURNAL",
        "JOURNALKEY",
        "NEW",
        "OUTBOX",
        "PROBE",
        "REACHABILITY",
        "REMINDERS",
        "REPORTS",
        "RESPONDER",
        "SCHEDULED-RUNS",
        "SCHEMA",
        "SEGMENTS",
        "SESSION",
        "SHARING",
        "TOKEN-KEYS",
        "WINDOW",
    }
)
