"""Commands that make programs trust a root, by their stores of roots: one table for the console and the command.

Source: update-ca-certificates(8), trust(1), security(1) of macOS, Microsoft's certutil, keytool of OpenJDK, certutil of
NSS; Node.js CLI, NODE_EXTRA_CA_CERTS; OpenSSL, SSL_CERT_FILE.
"""

from __future__ import annotations

import hashlib
import shlex
from typing import NamedTuple

Words = tuple[str, ...]
_LOCAL = "/usr/local/share/ca-certificates/{label}.crt"


class Root(NamedTuple):
    """A root in DER, and the name of its files and entries."""

    der: bytes

    @property
    def label(self) -> str:
        """The name of files and entries, unique by its digest."""
        return f"signet-{hashlib.sha256(self.der).hexdigest()[:16]}"

    @property
    def thumbprint(self) -> str:
        """The SHA-1 by which Windows names certificates."""
        return hashlib.sha1(self.der, usedforsecurity=False).hexdigest()


class Store(NamedTuple):
    """A place where programs look for roots.

    Attributes:
        title: for whom it is.
        note: when to choose it, and what it needs.
        install, remove: commands; a word may hold `{file}`, `{label}`, `{thumbprint}` and `{database}`.
        find: a command that succeeds if the root is there; empty if there is none.
        as_root: the commands need the rights of the system's administrator.
    """

    title: str
    note: str
    install: tuple[Words, ...]
    remove: tuple[Words, ...] = ()
    find: Words = ()
    as_root: bool = False


_CACERTS = ("-cacerts", "-storepass", "changeit", "-alias", "{label}")
STORES: dict[str, Store] = {
    "ca-certificates": Store(
        "Linux: Debian, Ubuntu, Alpine, SUSE",
        "For curl, OpenSSL, Go, Python's ssl and most other programs.",
        (("install", "-D", "-m", "644", "{file}", _LOCAL), ("update-ca-certificates",)),
        (("rm", "-f", _LOCAL), ("update-ca-certificates", "--fresh")),
        ("test", "-e", _LOCAL),
        as_root=True,
    ),
    "p11-kit": Store(
        "Linux: Fedora, Red Hat, Arch",
        "For curl, OpenSSL, Go, Python's ssl and most other programs.",
        (("trust", "anchor", "--store", "{file}"),),
        (("trust", "anchor", "--remove", "{file}"),),
        as_root=True,
    ),
    "macos": Store(
        "macOS",
        "For Safari, Chrome, Edge, curl and other programs that use the keychain.",
        (
            (
                *("security", "add-trusted-cert", "-d", "-r", "trustRoot"),
                *("-k", "/Library/Keychains/System.keychain", "{file}"),
            ),
        ),
        (("security", "remove-trusted-cert", "-d", "{file}"),),
        as_root=True,
    ),
    "windows": Store(
        "Windows",
        "In an administrator's prompt; for Edge, Chrome, .NET, PowerShell and other programs.",
        (("certutil", "-addstore", "-f", "Root", "{file}"),),
        (("certutil", "-delstore", "Root", "{thumbprint}"),),
    ),
    "nss": Store(
        "Firefox, and Chromium on Linux",
        "For Chromium on Linux; for Firefox, with the directory of its profile (about:profiles) instead. Needs NSS's "
        "certutil (Debian: libnss3-tools). Restart the browser afterwards.",
        (("certutil", "-A", "-d", "sql:{database}", "-n", "{label}", "-t", "C,,", "-a", "-i", "{file}"),),
        (("certutil", "-D", "-d", "sql:{database}", "-n", "{label}"),),
        ("certutil", "-L", "-d", "sql:{database}", "-n", "{label}"),
    ),
    "java": Store(
        "Java",
        "For the Java installation of this keytool; the password of its store is changeit unless somebody changed it.",
        (("keytool", "-importcert", "-noprompt", *_CACERTS, "-file", "{file}"),),
        (("keytool", "-delete", *_CACERTS),),
        ("keytool", "-list", *_CACERTS),
        as_root=True,
    ),
    "node": Store(
        "Node.js",
        "Set it in the environment of the program; it adds to the roots that Node.js has.",
        (("export", "NODE_EXTRA_CA_CERTS=$PWD/{file}"),),
        (("unset", "NODE_EXTRA_CA_CERTS"),),
    ),
    "python": Store(
        "Python",
        "In the environment of the program, instead of all other roots: the first for ssl and httpx, the second for "
        "requests. On Linux, ssl uses the system's roots without it.",
        (("export", "SSL_CERT_FILE=$PWD/{file}"), ("export", "REQUESTS_CA_BUNDLE=$PWD/{file}")),
        (("unset", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"),),
    ),
    "curl": Store("curl", "For one call, without installing anything.", (("curl", "--cacert", "{file}", "https://…"),)),
}


def filled(words: Words, root: Root, *, file: str, database: str = "") -> Words:
    """A command with its values, none of which holds a placeholder."""
    values = {"file": file, "label": root.label, "thumbprint": root.thumbprint, "database": database}
    return tuple(word.format(**values) for word in words)


def line(store: Store, words: Words, root: Root, *, file: str) -> str:
    """A command for a person, with the database of Chromium where one is needed."""
    sudo = ("sudo",) if store.as_root else ()
    return " ".join(map(_word, sudo + filled(words, root, file=file, database="$HOME/.pki/nssdb")))


def _word(word: str) -> str:
    return f'"{word}"' if "$" in word else shlex.quote(word)  # file names hold neither "$" nor quotes
