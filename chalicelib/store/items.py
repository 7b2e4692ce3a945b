"""The items of the table: keys and index attributes of every kind, as listed in docs/state.md."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from chalicelib import arn as arns
from chalicelib.acme_records import AcmeBinding, AcmeDirectory, AcmeMacKey
from chalicelib.identities import CalendarFeed, IssuingPreset, OidcProvider, Reminding, Role, ScheduledRun, TokenKey
from chalicelib.store.codecs import encode, from_item, micros, moment, to_item
from chalicelib.store.table import Item, Key

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.home_records import AuditHead
    from chalicelib.identities import ConsoleDraft, ConsoleSession
    from chalicelib.records import AuditReport, Certificate, CertificateAuthority, CrlState, OcspResponder, Revocation

__all__ = ["encode", "from_item", "micros", "moment", "to_item"]

GUARDS = 16
LIST_SHARDS = 16
AUDIT_SHARDS = 4
_ACME_DUE = ("ACME-PROCESSING", "ACME-ORDER", "ACME-AUTHORIZATION", "ACME-USED")
DUE_SHARDS = {"PENDING": 8} | dict.fromkeys(
    ("CRL", "CREATING", "PURGE", "REPORT", "RESPONDER", "SESSION", "DRAFT", *_ACME_DUE), 1
)
SESSION_REMAINS = timedelta(days=1)  # after its end, to tell why it ended and to whom late entries belong
_ENTITIES: dict[type[Any], str] = {
    Role: "ROLES",
    OidcProvider: "OIDC-PROVIDERS",
    TokenKey: "TOKEN-KEYS",
    ScheduledRun: "SCHEDULED-RUNS",
    Reminding: "REMINDERS",
    CalendarFeed: "FEEDS",
    IssuingPreset: "ISSUING-PRESETS",
    AcmeDirectory: "ACME-DIRECTORIES",
    AcmeBinding: "ACME-BINDINGS",
    AcmeMacKey: "ACME-MAC-KEYS",
}

# keys


def key_of(item: Item) -> Key:
    """Key of an item that has been read."""
    return Key(str(item["pk"]), str(item["sk"]))


def authority_key(ca_arn: str) -> Key:
    """Key of a CA, in its account's partition."""
    parsed = arns.parse_ca_arn(ca_arn)
    return Key(f"ACCOUNT#{parsed.account_id}", f"CA#{parsed.ca_id}")


@lru_cache(maxsize=1024)  # folding calls it many times for each revocation
def ca_id_of(ca_arn: str) -> str:
    """The UUID of a CA."""
    return arns.parse_ca_arn(ca_arn).ca_id


def guard_key(ca_arn: str, number: int) -> Key:
    """Key of one of a CA's guards: copies of its issuing epoch that spread issuances over several items."""
    return Key(f"GUARD#{ca_id_of(ca_arn)}#{number % GUARDS:x}", "GUARD")


def certificate_key(ca_arn: str, serial_number: int) -> Key:
    """Key of a certificate, in a partition of its own."""
    return Key(f"CERT#{ca_id_of(ca_arn)}#{arns.serial_hex(serial_number)}", "CERT")


def revocation_partition(ca_arn: str, shard: int) -> str:
    """One of 16 partitions of a CA's revocations, by the first hex digit of the serial number."""
    return f"REV#{ca_id_of(ca_arn)}#{shard:x}"


def new_revocation_partitions(crl_arn: str) -> list[str]:
    """All partitions of revocations not yet in a segment of a CRL: 16 for a complete CRL, by the first hex digit."""
    ca_arn, partition = arns.split_crl_arn(crl_arn)
    shards = [f"P{partition}"] if partition else [f"{shard:x}" for shard in range(16)]
    return [f"NEW#{ca_id_of(ca_arn)}#{shard}" for shard in shards]


def new_revocation_key(crl_arn: str, serial: str) -> Key:
    """Key of a revocation until it is in a segment of the CRL; `serial` is hex text."""
    partitions = new_revocation_partitions(crl_arn)
    return Key(partitions[int(serial[0], 16) % len(partitions)], serial)


def crl_key(crl_arn: str) -> Key:
    """Key of a CRL's state."""
    ca_arn, partition = arns.split_crl_arn(crl_arn)
    return Key(f"CRL#{ca_id_of(ca_arn)}", f"CRL#{partition}" if partition else "CRL")


def segments_partition(crl_arn: str) -> str:
    """The partition of a CRL's segments."""
    ca_arn, partition = arns.split_crl_arn(crl_arn)
    return f"SEGMENTS#{ca_id_of(ca_arn)}" + (f"#P{partition}" if partition else "")


def segment_key(crl_arn: str, segment_id: str) -> Key:
    """Key of a segment of a CRL."""
    return Key(segments_partition(crl_arn), f"SEGMENT#{segment_id}")


def segment_list_key(crl_arn: str) -> Key:
    """Key of the list of a CRL's segments."""
    return Key(segments_partition(crl_arn), "LIST")


def slots_key(ca_arn: str) -> Key:
    """Key of the record that says to which CRL partition a CA's new certificates are assigned."""
    return Key(f"CRL#{ca_id_of(ca_arn)}", "SLOTS")


def issuer_key(key_hash: str, ca_arn: str) -> Key:
    """Key of the entry that leads from the key hash in an OCSP request to a CA."""
    return Key(f"ISSUER#{key_hash}", ca_arn)


def ca_key(key_sha256: str) -> Key:
    """Return the key of the item that says which CA a key belongs to."""
    return Key(f"CAKEY#{key_sha256}", "KEY")


def bucket_key(bucket: str) -> Key:
    """Return the key of the item that says which account a bucket belongs to."""
    return Key(f"BUCKET#{bucket}", "OWNER")


def subject_key(account_id: str, name_sha256: str) -> Key:
    """Return the key of the item that says whether a subject is that of CAs or of subscribers."""
    return Key(f"SUBJECT#{account_id}#{name_sha256}", "HOLDER")


def probe_key() -> Key:
    """Return the key of the item that shows that the table can be written."""
    return Key("PROBE", "PROBE")


def clock_key() -> Key:
    """Return the key of the item that says what is known about the clock."""
    return Key("CLOCK", "CLOCK")


def window_key(name: str) -> Key:
    """Return the key of a count within a minute; `name` is a hash."""
    return Key(f"WINDOW#{name}", "WINDOW")


def compromised_key(account_id: str, key_sha256: str) -> Key:
    """Return the key of the item that says that an account knows a subject's key to be compromised."""
    return Key(f"COMPROMISED#{account_id}#{key_sha256}", "KEY")


def former_partition(ca_arn: str) -> str:
    """The partition of a CA's former certificates."""
    return f"FORMER#{ca_id_of(ca_arn)}"


def former_key(ca_arn: str, version: int) -> Key:
    """Key of the certificate that a CA had until a version; keys sort by version."""
    return Key(former_partition(ca_arn), f"{version:012d}")


def responder_key(ca_arn: str) -> Key:
    """Key of a CA's OCSP responder."""
    return Key(f"RESPONDER#{ca_id_of(ca_arn)}", "RESPONDER")


def policy_key(ca_arn: str) -> Key:
    """Key of a CA's resource policy, which is an item of its own because both may be large."""
    return Key(f"POLICY#{ca_id_of(ca_arn)}", "POLICY")


def share_key(account_id: str, ca_arn: str) -> Key:
    """Key of the entry that says that a CA's policy names an account, or "*" for all of them."""
    return Key(f"SHARED#{account_id}", f"CA#{ca_id_of(ca_arn)}")


def accepted_key(account_id: str, owner: str = "") -> Key:
    """Key of the entry that says that an account accepts the CAs that another one shares with it."""
    return Key(f"ACCEPTED#{account_id}", f"OWNER#{owner}")


def sharing_key(owner: str) -> Key:
    """Key of the entry that serializes the changes of what an account shares: its version grows with each."""
    return Key(f"SHARING#{owner}", "SHARING")


def reachability_key(ca_arn: str) -> Key:
    """Key of the monitor's last looks at a CA."""
    return Key(f"REACHABILITY#{ca_id_of(ca_arn)}", "LOOKS")


def report_key(ca_arn: str, report_id: str) -> Key:
    """Key of an audit report's record."""
    return Key(f"REPORTS#{ca_id_of(ca_arn)}", f"REPORT#{report_id}")


def last_report_key(ca_arn: str) -> Key:
    """Key of the entry for the audit report of a CA that was requested last."""
    return Key(f"REPORTS#{ca_id_of(ca_arn)}", "LAST")


def session_key(id_sha256: str) -> Key:
    """Key of a console session."""
    return Key(f"SESSION#{id_sha256}", "SESSION")


def draft_key(account_id: str, principal: str, draft_id: str = "") -> Key:
    """Key of a console draft, in the partition of its principal."""
    return Key(f"DRAFTS#{account_id}#{principal}", draft_id)


def principals_partition(account_id: str) -> str:
    """The partition of an account's principals; a principal lies there under its name."""
    return f"PRINCIPALS#{account_id}"


def entities_partition(kind: type[Any], account_id: str) -> str:
    """The partition of an account's roles, or OIDC providers; each lies there under its name."""
    return f"{_ENTITIES[kind]}#{account_id}"


AUDIT_HEADS = "AUDITHEADS"


def signing_key(purpose: str) -> Key:
    """Key of the key that signs heads of chains, or the journal."""
    return Key(f"{purpose.upper()}KEY", "KEY")


def audit_record_key(chain: str, sequence: int) -> Key:
    """Key of an audit record, in its chain's partition."""
    return Key(f"AUDITCHAIN#{chain}", f"{sequence:012d}")


def audit_partitions(account_id: str, month: str) -> list[str]:
    """The index partitions that list an account's audit records of a month, such as "203001"."""
    return [f"AUDIT#{account_id}#{month}#{shard}" for shard in range(AUDIT_SHARDS)]


def audit_list_key(account_id: str, at: datetime, chain: str, sequence: int) -> Key:
    """Key under which the index `list` has an audit record of an account."""
    partitions = audit_partitions(account_id, f"{at:%Y%m}")
    return Key(partitions[int(chain[:1], 16) % AUDIT_SHARDS], f"{micros(at):020d}#{chain}#{sequence:012d}")


def audit_head_item(head: AuditHead) -> Item:
    """Item of the head of a chain of audit records."""
    item = to_item(head, Key(AUDIT_HEADS, head.chain))
    return item if head.expires_at is None else item | {"ttl": int(head.expires_at.timestamp())}


def list_partition(ca_arn: str, shard: int) -> str:
    """One of the index partitions that list a CA's certificates."""
    return f"LIST#{ca_id_of(ca_arn)}#{shard % LIST_SHARDS:x}"


def revoked_partition(ca_arn: str, shard: int) -> str:
    """One of the index partitions that list a CA's revocations by time."""
    return f"REVOKED#{ca_id_of(ca_arn)}#{shard:x}"


# index attributes


def account_reports_partition(account_id: str) -> str:
    """The index partition that lists the audit reports of an account by the time of their request."""
    return f"REPORTS-OF#{account_id}"


def due(kind: str, at: datetime | None, arn: str, shard: int = 0) -> dict[str, str]:
    """Attributes that put an item into the index `due`; none without a time."""
    if at is None:
        return {}
    return {"due_pk": due_partition(kind, shard), "due_sk": f"{micros(at):020d}#{arn}"}


def failed_partition(ca_arn: str) -> str:
    """The index partition that counts a CA's FAILED certificates; nobody waits for them."""
    return f"FAILED#{ca_id_of(ca_arn)}"


def due_partition(kind: str, shard: int) -> str:
    """One of the partitions of the index `due`."""
    return f"{kind}#{shard % DUE_SHARDS[kind]}"


def authority_item(ca: CertificateAuthority) -> Item:
    """Item of a CA: due while it is being created, and when its restoration period ends."""
    if ca.status == "CREATING":
        index = due("CREATING", ca.created_at, ca.arn)
    else:
        index = due("PURGE", ca.restorable_until, ca.arn)
    return to_item(ca, authority_key(ca.arn), **index)


def certificate_item(certificate: Certificate) -> Item:
    """Item of a certificate that has just been reserved."""
    shard = certificate.serial_number
    index = due("PENDING", certificate.reserved_at, certificate.arn, shard) | {
        "list_pk": list_partition(certificate.ca_arn, shard),
        "list_sk": f"{micros(certificate.reserved_at):020d}#{arns.serial_hex(certificate.serial_number)}",
    }
    return to_item(certificate, certificate_key(certificate.ca_arn, certificate.serial_number), **index)


def revocation_key(ca_arn: str, serial: str) -> Key:
    """Key of the base record of a revocation, in the partition of the first digit of its serial number, in hex."""
    return Key(revocation_partition(ca_arn, int(serial[0], 16)), serial)


def revocation_item(revocation: Revocation) -> Item:
    """Item of a revocation; listed by time."""
    serial = arns.serial_hex(revocation.serial_number)
    index = {
        "list_pk": revoked_partition(revocation.ca_arn, int(serial[0], 16)),
        "list_sk": f"{micros(revocation.revoked_at):020d}#{serial}",
    }
    return to_item(revocation, revocation_key(revocation.ca_arn, serial), **index)


def new_revocation_item(revocation: Revocation, crl_arn: str) -> Item:
    """Item of a revocation's copy, which exists until the revocation is in a segment of the CRL."""
    return to_item(revocation, new_revocation_key(crl_arn, arns.serial_hex(revocation.serial_number)))


def crl_item(state: CrlState) -> Item:
    """Item of a CRL state: due at `next_crl_at`."""
    return to_item(state, crl_key(state.crl_arn), **due("CRL", state.next_crl_at, state.crl_arn))


def responder_item(responder: OcspResponder) -> Item:
    """Item of an OCSP responder: due when its key has to be replaced."""
    index = due("RESPONDER", responder.due_at, responder.ca_arn)
    return to_item(responder, responder_key(responder.ca_arn), **index)


def report_item(report: AuditReport) -> Item:
    """Item of an audit report: due until it is finished; listed by time."""
    arn = f"{report.ca_arn}/audit-report/{report.report_id}"
    index = due("REPORT", report.due_at, arn) | {
        "list_pk": account_reports_partition(arns.parse_ca_arn(report.ca_arn).account_id),
        "list_sk": f"{micros(report.created_at):020d}#{report.report_id}",
    }
    return to_item(report, report_key(report.ca_arn, report.report_id), **index)


def session_item(session: ConsoleSession) -> Item:
    """Item of a console session: due a while after it expires."""
    index = due("SESSION", session.expires_at + SESSION_REMAINS, session.id_sha256)
    return to_item(session, session_key(session.id_sha256), **index)


def draft_item(draft: ConsoleDraft) -> Item:
    """Item of a console draft: due when it expires."""
    key = draft_key(draft.account_id, draft.principal, draft.draft_id)
    return to_item(draft, key, **due("DRAFT", draft.expires_at, f"{key.pk}#{key.sk}"))
