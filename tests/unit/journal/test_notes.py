"""Signed notes, verifier keys, cosignatures and checkpoints, against the examples of C2SP and of Go."""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chalicelib.journal import JournalError, checkpoints, notes
from chalicelib.journal.notes import COSIGNATURE, SIGNATURE, VerifierKey

# C2SP signed-note, "Example"
EXAMPLE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE = """This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
"""
# golang.org/x/mod/sumdb/note, note_test.go
PETER_SEED = b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
PETER_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
LOG, WITNESS = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
LOG_KEY = VerifierKey("log.example", SIGNATURE, LOG.public_key().public_bytes_raw())
WITNESS_KEY = VerifierKey("witness.example", COSIGNATURE, WITNESS.public_key().public_bytes_raw())
ROOT = bytes(range(32))
CHECKPOINT = checkpoints.sign("log.example", 20, ROOT, key=LOG, now=NOW)


def test_example_of_the_specification_is_verified() -> None:
    key = notes.parse_verifier_key(EXAMPLE_KEY)
    assert str(key) == EXAMPLE_KEY
    assert notes.is_signed(notes.parse(EXAMPLE.encode()), key)


def test_note_is_signed_as_go_signs_it() -> None:
    key = Ed25519PrivateKey.from_private_bytes(PETER_SEED)
    assert notes.sign(PETER_TEXT, "PeterNeumann", key) == PETER_LINE
    assert str(VerifierKey("PeterNeumann", SIGNATURE, key.public_key().public_bytes_raw())) == PETER_KEY


def test_id_of_a_witness_s_key_is_computed_as_specified() -> None:
    """C2SP tlog-cosignature, "Format": the type is 4."""
    expected = sha256(b"witness.example\n\x04" + WITNESS_KEY.public_key).digest()[:4]
    assert WITNESS_KEY.key_id == expected


def test_verifier_key_may_have_a_plus_sign_in_its_base64() -> None:
    keys = (VerifierKey("log.example", SIGNATURE, bytes([number]) * 32) for number in range(256))
    texts = [(key, str(key)) for key in keys if str(key).count("+") > 2]
    assert texts
    assert [notes.parse_verifier_key(text) for _, text in texts] == [key for key, _ in texts]


def test_changed_text_is_refused() -> None:
    key = notes.parse_verifier_key(EXAMPLE_KEY)
    with pytest.raises(JournalError, match="wrong"):
        notes.is_signed(notes.parse(EXAMPLE.replace("example message", "example massage").encode()), key)


def test_signatures_of_others_say_nothing() -> None:
    key = notes.parse_verifier_key(PETER_KEY)
    assert not notes.is_signed(notes.parse(EXAMPLE.encode()), key)
    both = notes.parse((PETER_TEXT + "\n" + notes.sign(PETER_TEXT, "another", LOG) + PETER_LINE).encode())
    assert notes.is_signed(both, key)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "PeterNeumann",
        *(PETER_KEY[:end] for end in range(30, len(PETER_KEY))),
        *(PETER_KEY[start:] for start in range(1, 30)),
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",  # of Go's tests: too long
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",  # of Go's tests: unknown type
        PETER_KEY.replace("c74f20a3", "C74F20A3"),
        str(VerifierKey("two words", SIGNATURE, bytes(32))),
        str(VerifierKey("", SIGNATURE, bytes(32))),
        str(VerifierKey("bell\a", SIGNATURE, bytes(32))),
    ],
)
def test_malformed_verifier_key_is_refused(key: str) -> None:
    with pytest.raises(JournalError, match="verifier key"):
        notes.parse_verifier_key(key)


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"text\n\nnot a signature\n",
        EXAMPLE.encode()[:-1],
        EXAMPLE.encode() + b"\n",
        EXAMPLE.replace("\u2014", "-").encode(),
        EXAMPLE.replace("Uw2Q", "Uw2").encode(),
        EXAMPLE.replace("aQM=", "aQN=").encode(),  # another spelling of the same octets
        EXAMPLE.replace("\n\n", "\r\n\r\n").encode(),
        EXAMPLE.replace("message", "mess\tage").encode(),
        EXAMPLE.encode() + b"\xff\n",
        "text\n\n— key AAAAAA==\n".encode(),  # an id alone
        (EXAMPLE + EXAMPLE.splitlines(keepends=True)[-1] * 100).encode(),
        b"t" * notes.MOST_BYTES + EXAMPLE.encode(),
    ],
)
def test_malformed_note_is_refused(note: bytes) -> None:
    with pytest.raises(JournalError, match=r"signed note|malformed"):
        notes.parse(note)


def test_checkpoint_is_read_as_it_was_signed() -> None:
    assert checkpoints.parse(CHECKPOINT.content, LOG_KEY) == CHECKPOINT
    assert CHECKPOINT.at == NOW
    assert CHECKPOINT.content.decode().split("\n\n")[0] == f"log.example\n20\n{b64encode(ROOT).decode()}"


def test_every_changed_octet_of_a_checkpoint_is_found() -> None:
    for at, octet in enumerate(CHECKPOINT.content):
        changed = CHECKPOINT.content[:at] + bytes([octet ^ 1]) + CHECKPOINT.content[at + 1 :]
        try:
            read = checkpoints.parse(changed, LOG_KEY)
        except JournalError:
            continue
        # Only the name or the id of the cosignature may change, and then nobody knows when it was signed.
        assert (read.size, read.root, read.at) == (20, ROOT, None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("another.example\n20\n{root}\n", "another log"),
        ("log.example\n020\n{root}\n", "not a checkpoint"),
        ("log.example\n-1\n{root}\n", "not a checkpoint"),
        ("log.example\n20\n{root}=\n", "not a checkpoint"),
        ("log.example\n20\n{root}\nextension\n", "not a checkpoint"),
        ("log.example\n20\n", "not a checkpoint"),
        ("log.example\n20\nAAAA\n", "not a checkpoint"),
    ],
)
def test_other_text_is_no_checkpoint(text: str, reason: str) -> None:
    whole = text.format(root=b64encode(ROOT).decode())
    with pytest.raises(JournalError, match=reason):
        checkpoints.parse(f"{whole}\n{notes.sign(whole, 'log.example', LOG)}".encode(), LOG_KEY)


def test_checkpoint_that_only_others_signed_is_refused() -> None:
    text = CHECKPOINT.note.text
    forged = f"{text}\n{notes.sign(text, 'log.example', WITNESS)}".encode()
    with pytest.raises(JournalError, match="not signed"):
        checkpoints.parse(forged, LOG_KEY)


def test_witness_cosigns_with_the_time() -> None:
    line = notes.cosign(CHECKPOINT.note.text, "witness.example", WITNESS, NOW)
    cosigned = CHECKPOINT.content + line.encode()
    assert notes.cosigned_at(notes.parse(cosigned), WITNESS_KEY) == NOW
    assert checkpoints.parse(cosigned, LOG_KEY).at == NOW
    assert notes.cosigned_at(CHECKPOINT.note, WITNESS_KEY) is None


def test_cosignature_is_bound_to_text_and_time() -> None:
    line = notes.cosign(CHECKPOINT.note.text, "witness.example", WITNESS, NOW)
    other = checkpoints.sign("log.example", 21, ROOT, key=LOG, now=NOW)
    with pytest.raises(JournalError, match=r"cosignature of witness\.example"):
        notes.cosigned_at(notes.parse(other.content + line.encode()), WITNESS_KEY)
    value = b64decode(line.split()[2])
    later = value[:11] + bytes([value[11] ^ 1]) + value[12:]
    changed = f"— witness.example {b64encode(later).decode()}\n"
    with pytest.raises(JournalError, match=r"cosignature of witness\.example"):
        notes.cosigned_at(notes.parse(CHECKPOINT.content + changed.encode()), WITNESS_KEY)


def test_example_of_a_cosignature_is_computed_as_specified() -> None:
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    line = notes.cosign(text, "witness.example.com/w1", WITNESS, datetime.fromtimestamp(1679315147, UTC))
    value = b64decode(line.split()[2])
    assert value[4:12] == b64decode("jWbPPwAAAABkGFDL")[4:12]
    WITNESS.public_key().verify(value[12:], b"cosignature/v1\ntime 1679315147\n" + text.encode())
