"""The checker of what must never happen, run on a home at rest: after recovery and one publishing run.

It reads the records, the buckets and the history of a `World`, and returns one sentence for each breach.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cryptography import x509

from chalicelib import arn as arns
from chalicelib.ca import find, state
from chalicelib.errors import ApiError
from chalicelib.identities import ADMINISTRATOR
from chalicelib.operations import certificates, revocation
from chalicelib.runtime import Caller

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.records import Certificate, CertificateAuthority
    from tests.faults.world import World

STRANGER = Caller(account_id="999999999999", access_key_id="AKIASTRANGER", principal=ADMINISTRATOR)


def breaches(world: World) -> list[str]:
    """Every breach of the invariants, as sentences that begin with the invariant's name."""
    found = [*_signatures(world), *_tokens(world), *_published(world), *_secrets(world)]
    for ca in world.authorities():
        found += [*_records(world, ca), *_crl(world, ca), *_strangers(world, ca)]
    return found


def _signatures(world: World) -> Iterator[str]:
    for digest in world.history.signed_without_intent:
        yield f"I1: {digest} was signed without an intent on record"
    for digest in set(world.history.signed):
        if world.history.signed.count(digest) > 1:
            yield f"I2: {digest} was signed {world.history.signed.count(digest)} times"


def _records(world: World, ca: CertificateAuthority) -> Iterator[str]:
    listed = {record.serial_number: record for record in world.rt.store.list_certificates(ca.arn)}
    for arn in world.acknowledged_certificates.get(ca.arn, ()):
        serial_number = arns.parse_certificate_arn(arn).serial_number
        if serial_number not in listed:
            yield f"I4: {arn} was given out but is not listed"
        yield from _ends(world, ca, arn)
    for serial_number in world.acknowledged_revocations.get(ca.arn, ()):
        record = world.rt.store.get_certificate(ca.arn, serial_number)
        if record is None or record.revoked_at is None:
            yield f"I7: the acknowledged revocation of {serial_number:x} is lost"
    for record in listed.values():
        yield from _record(ca, record)


def _ends(world: World, ca: CertificateAuthority, arn: str) -> Iterator[str]:
    try:
        answer = certificates.get_certificate(
            world.rt, world.caller, {"CertificateAuthorityArn": ca.arn, "CertificateArn": arn}
        )
    except ApiError as error:
        if error.code != "RequestFailedException":
            yield f"I3: {arn} ended in {error.code}"
        return
    found = x509.load_pem_x509_certificate(answer["Certificate"].encode())
    if found.serial_number != arns.parse_certificate_arn(arn).serial_number:
        yield f"I2: {arn} gives a certificate with another serial"


def _record(ca: CertificateAuthority, record: Certificate) -> Iterator[str]:
    if record.status == "PENDING":
        yield f"I3: {record.arn} is still PENDING at rest"
    if record.certificate_der is not None:
        import hashlib

        tbs = x509.load_der_x509_certificate(record.certificate_der).tbs_certificate_bytes
        if hashlib.sha256(tbs).hexdigest() != record.tbs_sha256:
            yield f"I2: {record.arn} is not what was intended"


def _crl(world: World, ca: CertificateAuthority) -> Iterator[str]:
    records = list(world.rt.store.list_certificates(ca.arn))
    for location in ca.distribution_points:
        mine = [each for each in records if location.partition in {"", each.crl_partition}]
        revoked = {each.serial_number for each in mine if each.revoked_at and each.not_after >= world.clock.now}
        stored = world.rt.buckets.get(location.bucket, location.key)
        if stored is None:
            yield f"I8: there is no CRL at {location.bucket}/{location.key}"
            continue
        crl = x509.load_der_x509_crl(stored.body)
        if not crl.is_signature_valid(state.issuer_of(ca).public_key):  # type: ignore[arg-type]  # RSA or EC
            yield f"I8: the CRL {location.key} does not verify"
        if crl.next_update_utc is None or crl.next_update_utc <= world.clock.now:
            yield f"I8: the CRL {location.key} has expired"
        entries = [entry.serial_number for entry in crl]
        if not revoked <= set(entries):
            yield f"I6: the CRL lacks {sorted(revoked - set(entries))}"
        known = {each.serial_number for each in mine if each.revoked_at}
        if len(entries) != len(set(entries)) or not set(entries) <= known:
            yield "I6: the CRL lists what was not revoked, or lists it twice"


def _published(world: World) -> Iterator[str]:
    newest: dict[tuple[str, str], x509.CertificateRevocationList] = {}
    for bucket, key, body in world.history.puts:
        if not key.startswith("crl/"):
            continue
        crl, before = x509.load_der_x509_crl(body), newest.get((bucket, key))
        if before is not None and _number(crl) <= _number(before):
            yield f"I5: CRL number {_number(crl)} was put over {_number(before)}"
        if before is not None and crl.last_update_utc < before.last_update_utc:
            yield "I5: thisUpdate went back"
        newest[bucket, key] = crl


def _number(crl: x509.CertificateRevocationList) -> int:
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def _tokens(world: World) -> Iterator[str]:
    for token, arn_list in world.token_answers.items():
        good = {arn for arn in arn_list if _issued(world, arn)}
        if len(good) > 1:
            yield f"I9: token {token} gave {len(good)} certificates"


def _issued(world: World, arn: str) -> bool:
    parsed = arns.parse_certificate_arn(arn)
    record = world.rt.store.get_certificate(str(parsed.ca), parsed.serial_number)
    return record is not None and record.status == "ISSUED"


def _secrets(world: World) -> Iterator[str]:
    for path in world.files():
        content = path.read_bytes()
        if b"PRIVATE KEY" in content:
            yield f"I11: {path.name} holds a private key in PEM"
        for name, secret in world.secrets.items():
            if secret in content:
                yield f"I11: {path.name} holds the {name} in clear"


def _strangers(world: World, ca: CertificateAuthority) -> Iterator[str]:
    request: Any = {"CertificateAuthorityArn": ca.arn, "CertificateSerial": "01", "RevocationReason": "SUPERSEDED"}
    attempts: tuple[tuple[str, Any, Any], ...] = (
        ("find", find.find, ca.arn),
        ("revoke", revocation.revoke_certificate, request),
    )
    for name, operation, argument in attempts:
        try:
            operation(world.rt, STRANGER, argument)
        except ApiError as error:
            if error.code == "AccessDeniedException":
                continue
        yield f"I12: another account can {name} {ca.arn}"
