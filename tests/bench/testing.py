"""Signet as others test with it, beside moto: starts, a reset, and the tests of a project that has the wheel."""

from __future__ import annotations

import re
import resource
import statistics
import time
import urllib.request
from typing import TYPE_CHECKING

from tests.bench import peers
from tests.bench.report import Row
from tests.support.home import BIN, free_port
from tests.support.wheel_project import build, make_project, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.bench.sizes import Sizes

WORKERS = 4
_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
# The clock of one process: boto3 is imported already, as in the tests of whoever uses AWS.
_IN_PROCESS = """
import time
import boto3
import botocore.session
def call():
    client = boto3.client("acm-pca", region_name="us-east-1")
    client.list_certificate_authorities()
    return client
def print_time(): print(1000 * (time.process_time() - begun))
begun = time.process_time()
{}
"""
_SIGNET = """
from signet_ca.testing import mock_acm_pca
with mock_acm_pca() as signet:
    client = call()
    print_time()
    begun = time.process_time()
    signet.reset()
    client.list_certificate_authorities()
    print_time()
"""
_MOTO = """
from moto import mock_aws
with mock_aws():
    client = call()
    print_time()
    begun = time.process_time()
    from moto.acmpca import acmpca_backends
    acmpca_backends.reset()
    client.list_certificate_authorities()
    print_time()
"""
_FILES = {
    "chalicelib/certificates.py": """
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

CONFIGURATION = {
    "KeyAlgorithm": "EC_prime256v1",
    "SigningAlgorithm": "SHA256WITHECDSA",
    "Subject": {"CommonName": "Example"},
}


def root(client, days=365):
    arn = client.create_certificate_authority(
        CertificateAuthorityType="ROOT", CertificateAuthorityConfiguration=CONFIGURATION
    )["CertificateAuthorityArn"]
    csr = client.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"]
    template = "arn:aws:acm-pca:::template/RootCACertificate/V1"
    certificate = issue(client, arn, csr.encode(), days=days, TemplateArn=template)
    client.import_certificate_authority_certificate(CertificateAuthorityArn=arn, Certificate=certificate.encode())
    return arn


def csr_of(name):
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    signed = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)


def issue(client, ca, csr, *, days=30, **more):
    request = {"SigningAlgorithm": "SHA256WITHECDSA", "Validity": {"Type": "DAYS", "Value": days}, **more}
    arn = client.issue_certificate(CertificateAuthorityArn=ca, Csr=csr, **request)["CertificateArn"]
    return client.get_certificate(CertificateAuthorityArn=ca, CertificateArn=arn)["Certificate"]
""",
    "tests/conftest.py": """
import os

import pytest

if os.environ["ANSWERED_BY"] == "moto":
    from moto import mock_aws

    @pytest.fixture
    def answered():
        with mock_aws():
            yield

else:

    @pytest.fixture
    def answered(signet):
        return signet
""",
    "tests/test_certificates.py": """
import app
import boto3
import pytest
from chalicelib import OWNER, certificates

assert (app.app.app_name, OWNER) == ("theirs", "the project")


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
@pytest.mark.parametrize("number", range(20))
def test_five_certificates(answered, region, number):
    client = boto3.client("acm-pca", region_name=region)
    ca = certificates.root(client)
    issued = [certificates.issue(client, ca, certificates.csr_of(f"www{each}.example.com")) for each in range(5)]
    assert len(set(issued)) == 5
    listed = client.list_certificate_authorities()["CertificateAuthorities"]
    assert [each["Arn"] for each in listed] == [ca]
    assert listed[0]["Status"] == "ACTIVE"
""",
    "tests_of_time/test_clock.py": """
import boto3
import pytest
from chalicelib import certificates


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_root_expires(signet, region):
    client = boto3.client("acm-pca", region_name=region)
    ca = certificates.root(client, days=20)
    signet.clock.advance("21d")
    described = client.describe_certificate_authority(CertificateAuthorityArn=ca)
    assert described["CertificateAuthority"]["Status"] == "EXPIRED"
""",
}


def testing(work: Path, sizes: Sizes) -> list[Row]:
    """Measure starts, resets, and the tests of a project with four workers."""
    (wheel,) = build(work / "dist", "--wheel").glob("*.whl")
    project = make_project(work / "project", wheel)
    for name, text in _FILES.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(text)
    return [
        _servers(project, work, sizes.rounds),
        *_in_process(project, sizes.rounds),
        *_tests(project, sizes.rounds),
    ]


def _in_turn(rounds: int, *measures: Callable[[], tuple[float, ...]]) -> list[tuple[float, ...]]:
    """The medians of each measure's figures; the measures take turns."""
    found = [[measure() for measure in measures] for _ in range(rounds)]
    each = [[turn[number] for turn in found] for number in range(len(measures))]
    return [tuple(map(statistics.median, zip(*turns, strict=True))) for turns in each]


def _servers(project: Path, work: Path, rounds: int) -> Row:
    def started(path: str, *words: str | Path, port: int) -> tuple[float]:
        begun = time.perf_counter()
        with (
            peers.running([str(word) for word in words], port, work),
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}"),
        ):
            return (time.perf_counter() - begun,)

    def signet() -> tuple[float]:
        port = free_port()
        command: list[str | Path] = ["env", f"SIGNET_PORT={port}", project / ".venv/bin/signet", "serve", "--test"]
        return started("/_signet/health", *command, port=port)

    def moto() -> tuple[float]:
        port = free_port()
        return started("/moto-api/data.json", BIN / "moto_server", "-p", str(port), port=port)

    (ours,), (theirs,) = _in_turn(rounds, signet, moto)
    name = "start of a server for tests, to its first answer"
    return Row(name, ours, "s", peers={"moto": theirs}, more_is_better=False)


def _in_process(project: Path, rounds: int) -> list[Row]:
    def times(code: str) -> tuple[float, ...]:
        printed = run(project / ".venv/bin/python", "-c", _IN_PROCESS.format(code), cwd=project, **_CREDENTIALS)
        return tuple(map(float, printed.split()))

    (first, reset), (moto_first, moto_reset), (alone,) = _in_turn(
        rounds,
        lambda: times(_SIGNET),
        lambda: times(_MOTO),
        lambda: times('boto3.client("acm-pca", region_name="us-east-1")\nprint_time()\n'),
    )
    return [
        Row(
            "tests in process, to the first client's first answer: processor time",
            first,
            "ms",
            peers={"moto": moto_first, "a client of boto3 alone": alone},
            more_is_better=False,
        ),
        Row(
            "tests in process, reset and the next answer: processor time",
            reset,
            "ms",
            peers={"moto": moto_reset},
            more_is_better=False,
        ),
    ]


def _tests(project: Path, rounds: int) -> list[Row]:
    def ran(answered_by: str, folder: str, count: int) -> tuple[float, float]:
        command = (
            project / ".venv/bin/python",
            "-m",
            "pytest",
            "-q",
            "-n",
            str(WORKERS),
            "-p",
            "no:cacheprovider",
            folder,
        )
        begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        printed = run(*command, cwd=project, ANSWERED_BY=answered_by, **_CREDENTIALS)
        took, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
        assert re.search(rf"^{count} passed", printed, re.MULTILINE), printed
        return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    ours, theirs, clock = _in_turn(
        rounds,
        lambda: ran("signet", "tests", 40),
        lambda: ran("moto", "tests", 40),
        lambda: ran("signet", "tests_of_time", 2),
    )
    what = f"40 tests of a project, each a root with five certificates, in two regions, {WORKERS} workers"
    return [
        Row(what, ours[0], "s", peers={"moto": theirs[0]}, more_is_better=False),
        Row(f"{what}: processor time", ours[1], "s", peers={"moto": theirs[1]}, more_is_better=False),
        Row(f"two tests in which three weeks pass, {WORKERS} workers", clock[0], "s"),
    ]
