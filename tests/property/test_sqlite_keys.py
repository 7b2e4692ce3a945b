"""Keys come back from rows of SQLite as they were, and any text is found at its place among them."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.store import SEPARATOR, sqlite_keys
from chalicelib.store.table import Key

UUIDS = st.integers(0, 2**128 - 1).map(lambda number: str(UUID(int=number)))
SERIALS = st.integers(0, 2**128 - 1).map(lambda number: f"{number:032x}")
HASHES = st.integers(0, 2**256 - 1).map(lambda number: f"{number:064x}")
TIMES = st.integers(0, 10**20 - 1).map(lambda number: f"{number:020d}")
ACCOUNTS = st.integers(0, 10**12 - 1).map(lambda number: f"{number:012d}")
SHARDS = st.sampled_from("0123456789abcdef")
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=SEPARATOR), max_size=5)
CHARACTERS = st.text("019af#-~\x1f\U0010ffff\x00", max_size=6)


def joined(separator: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(separator.join)


def keys(name: str, partition: st.SearchStrategy[str], sort: st.SearchStrategy[str]) -> st.SearchStrategy[Key]:
    return st.builds(Key, joined("#", st.just(name), partition), sort)


SEARCHED = joined(SEPARATOR, st.sampled_from(["san", "expires"]), TEXTS, TIMES, SERIALS)
SORTED = {  # partitions with many keys
    "FIND": (joined("#", UUIDS, SHARDS), SEARCHED),
    "LIST": (joined("#", UUIDS, SHARDS), joined("#", TIMES, SERIALS)),
    "REVOKED": (joined("#", UUIDS, SHARDS), joined("#", TIMES, SERIALS)),
    "COUNT#issued": (joined("#", ACCOUNTS, SHARDS), joined("#", TIMES, UUIDS, SERIALS)),
    "COUNT#expires": (joined("#", ACCOUNTS, SHARDS), joined("#", TIMES, UUIDS, SERIALS)),
    "COUNT#revoked": (joined("#", ACCOUNTS, SHARDS), joined("#", TIMES, UUIDS, SERIALS)),
    "REV": (joined("#", UUIDS, SHARDS), SERIALS),
    "NEW": (joined("#", UUIDS, SHARDS | st.just("P12")), SERIALS),
}
FORMED = st.one_of(
    keys("CERT", joined("#", UUIDS, SERIALS), st.just("CERT")),
    keys("TOKEN", HASHES, st.just("TOKEN")),
    *(keys(name, *parts) for name, parts in SORTED.items()),
)
ANY = st.builds(Key, TEXTS | st.sampled_from(["CERT#1", "FIND#", "COUNT#issued", "LIST#A#B"]), TEXTS)


@given(FORMED)
def test_key_is_shorter_and_comes_back(key: Key) -> None:
    pk, sk = sqlite_keys.pack(*key)
    assert isinstance(pk, bytes)
    assert len(pk) + len(sk) < 0.7 * len("".join(key).encode())
    assert sqlite_keys.unpack(pk, sk) == key


@given(ANY)
def test_key_of_another_form_comes_back(key: Key) -> None:
    assert sqlite_keys.unpack(*sqlite_keys.pack(*key)) == key


@given(FORMED, st.data())
def test_sort_key_of_another_form_comes_back(key: Key, data: st.DataObject) -> None:
    other = Key(key.pk, data.draw(TEXTS))
    assert sqlite_keys.unpack(*sqlite_keys.pack(*other)) == other


@given(st.sampled_from(sorted(SORTED)), st.data())
def test_any_text_has_its_place_among_the_keys(name: str, data: st.DataObject) -> None:
    partition, sort = SORTED[name]
    pk, sk, other = data.draw(keys(name, partition, sort)).pk, data.draw(sort), data.draw(sort)
    cut = data.draw(st.integers(0, len(other)))
    text = data.draw(st.sampled_from([other, other[:cut], other[:cut] + data.draw(CHARACTERS), data.draw(CHARACTERS)]))
    if data.draw(st.booleans()):  # as near as can be
        text = sk[:cut] + text[cut:]
    packed, key = sqlite_keys.pack(pk, sk)
    (bound,) = sqlite_keys.bounds(packed, [text])
    if isinstance(bound, bytes) or not text:
        place = bound if isinstance(bound, bytes) else b""
        assert isinstance(key, bytes)
        assert (key < place, key > place) == (sk < text, sk > text)
