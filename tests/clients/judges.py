"""Seven clients as their users run them; each says of a certificate what its own words mean."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.clients.pki import Case

_JAVA = Path(__file__).with_name("Judge.java")
# The clients' own words for what is wrong; the first row that is found counts.
_WORDS = {
    "expired": (
        "certificate has expired",  # OpenSSL, nginx, curl, NSS
        "expired certificate",  # GnuTLS
        "EXPIRED",  # Java
        r"certificate invalid \(valid",  # strongSwan
    ),
    "revoked": ("certificate revoked", "certificate was revoked", "has been revoked", "is revoked", ": revoked"),
    "wrong issuer": (
        "unable to get (local )?issuer certificate",
        "unable to verify the first certificate",
        "issuer is unknown",
        "no issuer certificate found",
        "NO_TRUST_ANCHOR",
        r"CERT 1\. .*\s+ERROR -8157",  # NSS: no CA is left that the authority key identifier names
    ),
}


def run(*words: str | Path, cwd: Path | None = None) -> tuple[int, str]:
    """Run a command; its exit code and all that it said."""
    found = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False, timeout=60)
    return found.returncode, found.stdout + found.stderr


def meaning(text: str) -> str:
    """The verdict in a refusal's words; the words themselves where none is known."""
    for verdict, patterns in _WORDS.items():
        if re.search("|".join(patterns), text, re.IGNORECASE):
            return verdict
    return " ".join(text.split())[:200]


def openssl(case: Case) -> str:
    """`openssl verify` with the CRL; `openssl ocsp` for what it passes."""
    by_crl = () if case.way == "ocsp" else ("-crl_check", "-CRLfile", case.crl)
    code, said = run("openssl", "verify", "-CAfile", case.anchors, *by_crl, case.leaf)
    if code or case.way != "ocsp":
        return meaning(said) if code else "good"
    ask = ("-issuer", case.ca, "-cert", case.leaf, "-url", case.ocsp_url, "-CAfile", case.anchors)
    code, said = run("openssl", "ocsp", *ask)
    passed = code == 0 and "Response verify OK" in said and f"{case.leaf}: good" in said
    return "good" if passed else meaning(said)


def gnutls(case: Case) -> str:
    """`certtool --verify` with the CRL; `ocsptool --ask` for what it passes."""
    by_crl = () if case.way == "ocsp" else ("--load-crl", case.crl)
    verify = ("--verify", "--load-ca-certificate", case.anchors, *by_crl, "--infile", case.leaf)
    code, said = run("certtool", *verify)
    if code or case.way != "ocsp":
        return meaning(said) if code else "good"
    ask = (f"--ask={case.ocsp_url}", "--load-issuer", case.ca, "--load-cert", case.leaf, "--load-signer", case.ca)
    code, said = run("ocsptool", *ask)
    verified = code == 0 and "Verifying OCSP Response: Success" in said
    if not verified:
        return meaning(said.replace("Certificate Status", ""))  # a status that is not signed says nothing
    return "good" if "Certificate Status: good" in said else meaning(said)


def nss(case: Case) -> str:
    """`vfychain`, which fetches CRL or OCSP from the addresses in the certificate and fails where it finds none."""
    database = case.leaf.with_suffix(".nss")
    database.mkdir()
    run("certutil", "-N", "-d", f"sql:{database}", "--empty-password")
    run("certutil", "-A", "-d", f"sql:{database}", "-n", "root", "-t", "CT,C,C", "-a", "-i", case.root)
    source = "ocsp" if case.way == "ocsp" else "crl"
    check = ("-g", "leaf", "-m", source, "-s", "requireFreshInfo,failIfNoInfo")
    code, said = run("vfychain", "-d", f"sql:{database}", "-pp", "-u", "1", *check, "-a", case.leaf, case.ca)
    return "good" if code == 0 and "Chain is good!" in said else meaning(said)


def java(case: Case) -> str:
    """`PKIXRevocationChecker`, which fetches CRL or OCSP from the addresses in the certificate."""
    source = "ocsp" if case.way == "ocsp" else "crl"
    _, said = run("java", "-Dcom.sun.security.enableCRLDP=true", _JAVA, source, case.ca, case.leaf)
    return "good" if said.strip() == "good" else meaning(said)


def strongswan(case: Case) -> str:
    """`pki --verify` with the CRL; with OCSP it asks the address in the certificate."""
    how = ("--online",) if case.way == "ocsp" else ("--crl", str(case.crl))
    code, said = run("pki", "--verify", "--in", case.leaf, "--cacert", case.ca, "--cacert", case.root, *how)
    passed = code == 0 and "certificate trusted" in said and "certificate status is good" in said
    return "good" if passed else meaning(said)


COMMANDS: dict[str, Callable[[Case], str]] = {
    "OpenSSL": openssl,
    "GnuTLS": gnutls,
    "NSS": nss,
    "Java": java,
    "strongSwan": strongswan,
}
