"""The software keystore: keys that open for their CA alone, and never lie in clear anywhere."""

from __future__ import annotations

import base64
import io
import logging
import stat
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chalicelib.keystore import CaPrivateKey, KeyNotFoundError, KeyStoreError
from chalicelib.keystore.software import SoftwareKeyStore
from chalicelib.pki.x509 import signed

ROOT = Path(__file__).resolve().parents[3]
ARN = "arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/00000000-0000-0000-0000-00000000000{}"
KEYS = [
    ("RSA_2048", "SHA256WITHRSA"),
    ("RSA_3072", "SHA384WITHRSA"),
    ("RSA_4096", "SHA512WITHRSA"),
    ("EC_prime256v1", "SHA256WITHECDSA"),
    ("EC_secp384r1", "SHA384WITHECDSA"),
    ("EC_secp521r1", "SHA512WITHECDSA"),
    ("ML_DSA_44", "ML_DSA_44"),
    ("ML_DSA_65", "ML_DSA_65"),
    ("ML_DSA_87", "ML_DSA_87"),
]


@pytest.fixture(params=[None, "correct horse"], ids=["key-file", "passphrase"])
def keys(request: pytest.FixtureRequest, tmp_path: Path) -> SoftwareKeyStore:
    return SoftwareKeyStore(tmp_path / "keys", passphrase=request.param)


def reopened(keys: SoftwareKeyStore) -> SoftwareKeyStore:
    return SoftwareKeyStore(keys._path, passphrase=keys._passphrase)


@pytest.mark.wide
@pytest.mark.parametrize(("key_algorithm", "signing_algorithm"), KEYS, ids=[key for key, _ in KEYS])
def test_key_signs_also_after_a_restart(tmp_path: Path, key_algorithm: str, signing_algorithm: str) -> None:
    keys = SoftwareKeyStore(tmp_path / "keys", passphrase=None)
    key_id = keys.create_key(ARN.format(1), key_algorithm)
    assert key_id == keys.key_id_of(ARN.format(1))
    key = reopened(keys).private_key(key_id, ARN.format(1))
    assert isinstance(key, CaPrivateKey)
    assert signed.sign(b"\x30\x00", key, signing_algorithm)
    assert key.public_key() == keys.private_key(key_id, ARN.format(1)).public_key()


def test_unknown_algorithm_makes_no_key(keys: SoftwareKeyStore) -> None:
    with pytest.raises(KeyStoreError):
        keys.create_key(ARN.format(1), "SM2")
    with pytest.raises(KeyNotFoundError):
        keys.private_key(keys.key_id_of(ARN.format(1)), ARN.format(1))


def test_creation_that_is_repeated_keeps_the_first_key(keys: SoftwareKeyStore) -> None:
    key_id = keys.create_key(ARN.format(1), "EC_prime256v1")
    first = keys.private_key(key_id, ARN.format(1)).public_key()
    assert keys.create_key(ARN.format(1), "EC_prime256v1") == key_id
    assert reopened(keys).private_key(key_id, ARN.format(1)).public_key() == first


def test_key_opens_for_no_other_ca(keys: SoftwareKeyStore) -> None:
    ids = [keys.create_key(ARN.format(number), "EC_prime256v1") for number in (1, 2)]
    with pytest.raises(KeyNotFoundError):
        keys.private_key(ids[0], ARN.format(2))
    files = [keys._file(each) for each in ids]
    first, second = (each.read_bytes() for each in files)
    files[0].write_bytes(second)
    files[1].write_bytes(first)
    for number, key_id in enumerate(ids, start=1):
        with pytest.raises(KeyStoreError):
            reopened(keys).private_key(key_id, ARN.format(number))


def test_every_altered_bit_is_noticed(keys: SoftwareKeyStore) -> None:
    sealed = keys.seal(b"secret", "context")
    for position in range(8 * len(sealed)):
        altered = bytearray(sealed)
        altered[position // 8] ^= 1 << position % 8
        with pytest.raises(KeyStoreError):
            keys.unseal(bytes(altered), "context")
    assert keys.unseal(sealed, "context") == b"secret"


def test_sealed_secret_opens_only_in_its_context(keys: SoftwareKeyStore) -> None:
    sealed = keys.seal(b"secret", "one")
    assert sealed != keys.seal(b"secret", "one")
    for text in ("two", "", "one/"):
        with pytest.raises(KeyStoreError):
            keys.unseal(sealed, text)
    for broken in (b"", sealed[:5], sealed[:-1]):
        with pytest.raises(KeyStoreError):
            keys.unseal(broken, "one")


def test_deleted_key_is_gone(keys: SoftwareKeyStore) -> None:
    key_id = keys.create_key(ARN.format(1), "EC_prime256v1")
    for _ in range(2):
        keys.delete_key(key_id, ARN.format(1))
    with pytest.raises(KeyNotFoundError):
        keys.private_key(key_id, ARN.format(1))


def test_key_id_that_is_a_path_finds_nothing(keys: SoftwareKeyStore) -> None:
    with pytest.raises(KeyNotFoundError):
        keys.private_key("../keys/wrapping", ARN.format(1))


def test_files_are_private(keys: SoftwareKeyStore) -> None:
    keys.create_key(ARN.format(1), "EC_prime256v1")
    assert stat.S_IMODE(keys._path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys._path.iterdir()} == {0o600}


def test_wrapping_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    keys = SoftwareKeyStore(tmp_path, passphrase=None)
    keys.seal(b"x", "x")
    (tmp_path / "wrapping.key").chmod(0o644)
    with pytest.raises(KeyStoreError, match="0600"):
        reopened(keys).seal(b"x", "x")


def test_other_passphrase_is_refused_in_one_sentence(tmp_path: Path) -> None:
    SoftwareKeyStore(tmp_path, passphrase="right").seal(b"x", "x")
    for passphrase, text in (("wrong", "is not the passphrase"), (None, "set SIGNET_KEY_PASSPHRASE")):
        with pytest.raises(KeyStoreError, match=text):
            SoftwareKeyStore(tmp_path, passphrase=passphrase).seal(b"x", "x")


def test_passphrase_over_a_key_file_is_refused(tmp_path: Path) -> None:
    SoftwareKeyStore(tmp_path, passphrase=None).seal(b"x", "x")
    with pytest.raises(KeyStoreError, match="unset SIGNET_KEY_PASSPHRASE"):
        SoftwareKeyStore(tmp_path, passphrase="x").seal(b"x", "x")


def test_directory_that_cannot_be_made_is_a_keystore_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(KeyStoreError, match="cannot be used"):
        SoftwareKeyStore(tmp_path / "file" / "keys", passphrase=None).seal(b"x", "x")


def test_no_secret_is_in_files_representations_tracebacks_or_logs(keys: SoftwareKeyStore) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logging.getLogger().addHandler(handler)
    key_id = keys.create_key(ARN.format(1), "EC_prime256v1")
    key = keys.private_key(key_id, ARN.format(1))
    try:
        keys.unseal(b"\x01" + bytes(40), "context")
    except KeyStoreError:
        stream.write(traceback.format_exc())
    logging.getLogger().removeHandler(handler)
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    scalar = key.private_numbers().private_value.to_bytes(32)
    text = (stream.getvalue() + repr(keys) + repr(key)).encode()
    places = [text, *(path.read_bytes() for path in keys._path.iterdir())]
    passphrase = (keys._passphrase or "no passphrase").encode()
    for secret in (der, scalar, scalar.hex().encode(), base64.b64encode(der)[:40], passphrase):
        assert not any(secret in place for place in places)


CHILD = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
from chalicelib.keystore.software import SoftwareKeyStore
print(SoftwareKeyStore(Path({path!r}), passphrase=None).seal(b"secret", "x").hex())
"""


def test_processes_that_start_together_agree_on_one_wrapping_key(tmp_path: Path) -> None:
    code = CHILD.format(root=str(ROOT), path=str(tmp_path / "keys"))
    children = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(6)]
    sealed = [bytes.fromhex(child.communicate()[0].strip()) for child in children]
    keys = SoftwareKeyStore(tmp_path / "keys", passphrase=None)
    assert {keys.unseal(each, "x") for each in sealed} == {b"secret"}
