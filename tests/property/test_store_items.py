"""Every record comes back from its item as it was, through the encoding of either driver."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.identities import AccessKey, Principal
from chalicelib.records import (
    AuditReport,
    Certificate,
    CertificateAuthority,
    CrlState,
    DistributionPoint,
    OcspUrl,
    Permission,
    ResourcePolicy,
    Revocation,
)
from chalicelib.store import dynamodb_items, items, sqlite_rows
from chalicelib.store.table import Key

MOMENTS = st.datetimes(datetime(1950, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001  made aware
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
BYTES = st.binary(max_size=40)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
# By the annotation of a member; one that is not here fails the test, so that a new kind of member is thought of.
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "str": TEXTS,
    "int": st.integers(0, 10**37),
    "bool": st.booleans(),
    "bytes": BYTES,
    "datetime": MOMENTS,
    "dict[str, Any]": st.dictionaries(TEXTS, JSON, max_size=3),
    "tuple[bytes, ...]": st.lists(BYTES, max_size=3).map(tuple),
    "tuple[tuple[str, str | None], ...]": st.lists(st.tuples(TEXTS, st.none() | TEXTS), max_size=3).map(tuple),
    "tuple[tuple[str, str], ...]": st.lists(st.tuples(TEXTS, TEXTS), max_size=3).map(tuple),
    "tuple[DistributionPoint, ...]": st.lists(
        st.builds(
            DistributionPoint, bucket=TEXTS, key=TEXTS, acl=TEXTS, partition=TEXTS, url=TEXTS, until=st.none() | MOMENTS
        ),
        max_size=2,
    ).map(tuple),
    "tuple[OcspUrl, ...]": st.lists(st.builds(OcspUrl, url=TEXTS, until=st.none() | MOMENTS), max_size=2).map(tuple),
    "tuple[str, ...]": st.lists(TEXTS, max_size=3).map(tuple),
    "tuple[Permission, ...]": st.lists(
        st.builds(
            Permission,
            principal=TEXTS,
            source_account=TEXTS,
            actions=st.lists(TEXTS, max_size=3).map(tuple),
            created_at=MOMENTS,
        ),
        max_size=2,
    ).map(tuple),
}


def values(name: str, annotation: str) -> st.SearchStrategy[Any]:
    if name == "serial_number":
        return st.integers(1, 2**128 - 1)
    plain = annotation.removesuffix(" | None")
    found = TEXTS if plain.startswith("Literal[") or plain.endswith("Status") else VALUES[plain]
    return found if plain == annotation else st.none() | found


def records(kind: type[Any]) -> st.SearchStrategy[Any]:
    return st.builds(kind, **{each.name: values(each.name, str(each.type)) for each in fields(kind)})


KINDS = (AccessKey, AuditReport, CertificateAuthority, Certificate, CrlState, Principal, ResourcePolicy, Revocation)
RECORDS = st.one_of(*(records(kind) for kind in KINDS))


LISTED = {
    "list_pk": "LIST#1a316f2f-5b71-43b3-b810-76884f575e28#4",
    "list_sk": "00001795959001028665#17caa82e3eb7ce304682f3f031a0deee",
}
PARTITIONS = ["p", "CERT#1", "CERT#1a316f2f-5b71-43b3-b810-76884f575e28#17caa82e3eb7ce304682f3f031a0deee", "FIND#"]
INDEXES: list[dict[str, str]] = [{"due_pk": "CRL#0", "due_sk": "1"}, LISTED, {}]


@given(record=RECORDS, pk=st.sampled_from(PARTITIONS), index=st.sampled_from(INDEXES))
def test_record_comes_back_from_its_item(record: Any, pk: str, index: dict[str, str]) -> None:
    item = items.to_item(record, Key(pk, "s"), **index)
    assert items.from_item(type(record), item) == record
    assert sqlite_rows.item_of(sqlite_rows.row_of(item)) == item
    assert dynamodb_items.decode(dynamodb_items.encode(item)) == item


@given(moments=st.lists(MOMENTS, min_size=2, max_size=5))
def test_times_are_exact_and_keep_their_order(moments: list[datetime]) -> None:
    assert [items.moment(items.micros(each)) for each in moments] == moments
    assert sorted(moments, key=items.micros) == sorted(moments)


@given(record=RECORDS, name=st.text(st.characters(min_codepoint=97, max_codepoint=122), min_size=30))
def test_item_of_a_later_release_is_read_without_what_is_unknown(record: Any, name: str) -> None:
    item = items.to_item(record, Key("p", "s"))
    assert items.from_item(type(record), item | {name: "later"}) == record
