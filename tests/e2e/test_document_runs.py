"""Every command of every document runs as it is written, page by page, or is marked with the reason why it does not."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from chalicelib.config import Settings
from chalicelib.identities import IssuingPreset
from chalicelib.operations import issuing_presets
from chalicelib.runtime import from_settings
from tests.support import documents
from tests.support.authority_steps import active_root, issue, serial_of
from tests.support.builders import csr
from tests.support.document_runs import Run, run_page, run_python, write
from tests.support.home import ROOT, free_port, make_home
from tests.support.oidc_issuer import KEYS, public
from tools import package

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support.home import Home

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]
DATA = {"json": json.loads, "yaml": yaml.safe_load}
# Pictures, and tables of other tests: test_layers.py reads the layers.
NO_COMMANDS = {"mermaid", "text"}

FIRST_CERTIFICATES = """
openssl req -x509 -newkey rsa:2048 -nodes -keyout root.key -out root.pem -days 30 -subj /CN=Root \\
    -addext keyUsage=critical,keyCertSign,cRLSign
ca=$(aws acm-pca list-certificate-authorities --query 'CertificateAuthorities[0].Arn' --output text)
named="--certificate-authority-arn $ca"
aws acm-pca get-certificate-authority-csr $named --output text > ca.csr
printf 'basicConstraints=critical,CA:true\\nkeyUsage=critical,keyCertSign,cRLSign,digitalSignature\\n' > ca.ext
openssl x509 -req -in ca.csr -CA root.pem -CAkey root.key -CAcreateserial -days 20 -extfile ca.ext -out ca.pem
aws acm-pca import-certificate-authority-certificate $named --certificate fileb://ca.pem --certificate-chain fileb://root.pem
signet issue good.example.com --days 10
signet issue bad.example.com --days 10
mv good.example.com.pem good.pem; mv bad.example.com.pem bad.pem
serial=$(openssl x509 -noout -serial -in bad.pem | cut -d= -f2)
aws acm-pca revoke-certificate $named --certificate-serial $serial --revocation-reason KEY_COMPROMISE
crl="http://127.0.0.1:$SIGNET_PORT/amzn-s3-demo-bucket/crl/${ca##*/}.crl"
until curl -sf $crl | openssl crl -inform DER -out crl.pem && openssl crl -in crl.pem -noout -text | grep -q $serial
do sleep 0.2; done
cat ca.pem root.pem > chain.pem
"""


def readme(_: Home, work: Path) -> Mapping[str, str]:
    subject = {"Country": "US", "Organization": "Example Corp", "CommonName": "example.com"}
    write(
        work,
        ca_config={"KeyAlgorithm": "RSA_2048", "SigningAlgorithm": "SHA256WITHRSA", "Subject": subject},
        revoke_config={
            "CrlConfiguration": {"Enabled": True, "ExpirationInDays": 7, "S3BucketName": "amzn-s3-demo-bucket"}
        },
    )
    return {}


def with_root(home: Home, work: Path) -> Mapping[str, str]:
    return {"CA": active_root(home.client())}


def with_tls(home: Home, work: Path) -> Mapping[str, str]:
    home.stop()
    home.environment["SIGNET_TLS_PORT"] = str(free_port())
    home.start()
    return {"SIGNET_TLS_PORT": home.environment["SIGNET_TLS_PORT"], **with_root(home, work)}


def with_alice(home: Home, work: Path) -> Mapping[str, str]:
    (work / "jwks.json").write_text(public(KEYS["RS256"]))
    home.signet("principal", "create", "alice")
    printed = dict(
        line.split("=", 1) for line in home.signet("credentials", "create", "--principal", "alice").stdout.split()
    )
    return {**with_root(home, work), **{f"ALICE_{name}": value for name, value in printed.items()}}


def with_preset(home: Home, work: Path) -> Mapping[str, str]:
    rt = from_settings(Settings(data=str(home.data)))
    template = "EndEntityServerAuthCertificate"
    issuing_presets.save(
        rt,
        IssuingPreset(account_id=rt.settings.account_id, name="web", template=template, days=90, created_at=rt.now()),
    )
    (work / "www.csr").write_bytes(csr("www.example.com"))
    return {"ca": active_root(home.client())}


def audited(home: Home, work: Path) -> Mapping[str, str]:
    """What the page shows: a principal issues, may not revoke, and an operator makes an access key."""
    ca = active_root(home.client())
    home.signet("principal", "create", "ci", "--preset", "issuer", "--ca", ca, "--template", "EndEntityCertificate/V1")
    printed = home.signet("credentials", "create", "--principal", "ci").stdout
    keys = dict(line.split("=", 1) for line in printed.split())
    client = home.client(
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"], aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"]
    )
    arn = issue(client, ca)
    with pytest.raises(client.exceptions.ClientError, match="AccessDenied"):
        client.revoke_certificate(
            CertificateAuthorityArn=ca, CertificateSerial=serial_of(arn), RevocationReason="SUPERSEDED"
        )
    home.environment["LOGNAME"] = "ops"
    home.signet("credentials", "create", "--principal", "ci")
    return {}


def logged(home: Home, work: Path) -> Mapping[str, str]:
    ca = active_root(home.client())
    arn = issue(home.client(), ca)
    found = home.client().get_certificate(CertificateAuthorityArn=ca, CertificateArn=arn)
    (work / "certificate.pem").write_text(found["Certificate"] + "\n")
    key = home.signet("log", "key").stdout.strip()
    make_home(work / "witness")
    ready = f"until signet log prove {serial_of(arn)} --out /dev/null; do sleep 0.2; done"
    subprocess.run(
        ["bash", "-c", ready],
        env=home.environment | {"PATH": f"{home.program.parent}:/bin:/usr/bin"},
        check=True,
        timeout=30,
        capture_output=True,
    )
    return {"SERIAL": serial_of(arn), "KEY": key}


def deployable(home: Home, work: Path) -> Mapping[str, str]:
    """In the place of the package, one with the parameters of all templates and the state alone, for moto."""
    templates = {name: yaml.safe_load((ROOT / "infrastructure" / name).read_text()) for name in package.TEMPLATES}
    template = templates["state.yaml"] | {
        "Parameters": {name: each for one in templates.values() for name, each in one.get("Parameters", {}).items()}
    }
    template["Outputs"] = template["Outputs"] | {"EndpointURL": {"Value": home.url}}
    built = work / "build/package"
    built.mkdir(parents=True)
    (built / "sam.json").write_text(json.dumps(template))
    (built / "SHA256SUMS").write_text(f"{hashlib.sha256((built / 'sam.json').read_bytes()).hexdigest()}  sam.json\n")
    port = free_port()
    return {
        "MOTO_PORT": str(port),
        "AWS_ENDPOINT_URL": f"http://localhost:{port}",  # moto reads templates from its own S3 under this name
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }


RUNS: dict[str, Run] = {
    "docs/deploy-aws.md": Run(
        prepare=deployable,
        starts=False,
        replaced={
            "YOUR-DEPLOYMENT-BUCKET": "deployments",
            "AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…": "$(signet env --shell github 2>/dev/null | grep KEY)",
        },
        before={
            "export AWS_REGION=us-east-1": (
                "moto_server -H 127.0.0.1 -p $MOTO_PORT >moto.log 2>&1 &\n"
                "until curl -sf $AWS_ENDPOINT_URL/moto-api/ >/dev/null; do sleep 0.2; done\n"
                "aws s3 mb s3://deployments; make() { :; }"
            ),
            # moto knows the outputs of a stack only after an update without a change set. Its KMS signs digests as if
            # they were messages, so a laptop home answers; `make localstack-test` has the AWS home.
            "address=": (
                "aws cloudformation update-stack --stack-name signet --template-body file://build/package/deploy.yaml\n"
                "unset SIGNET_STATE SIGNET_BUCKETS SIGNET_KEYS; signet serve >>server.log & signet status --wait"
            ),
            "SIGNET_STATE=dynamodb": "export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test",
        },
    ),
    "README.md": Run(
        prepare=readme,
        starts=False,
        before={"# get the CSR": FIRST_CERTIFICATES},
    ),
    "docs/access.md": Run(
        prepare=with_alice,
        before={
            "aws sts assume-role": (
                "export AWS_ACCESS_KEY_ID=$ALICE_AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY=$ALICE_AWS_SECRET_ACCESS_KEY"
            ),
            "signet role create ci": "signet role delete releases >/dev/null",
            "kubectl get": "kubectl() { cat jwks.json; }",
        },
    ),
    "docs/acme-api.md": Run(prepare=lambda home, work: {"ca": with_root(home, work)["CA"]}),
    "docs/acme-clients.md": Run(prepare=with_tls),
    "docs/audit.md": Run(prepare=audited),
    "docs/journal.md": Run(
        prepare=logged,
        replaced={
            "9f:3c:…": "$SERIAL",
            "signet/3f5ed27d1dcb3c3e+84b7b5ab+AZ…": "$KEY",
            "signet/3f5ed27d1dcb3c3e+…": "$KEY",
            "signet/3f5e…": "$KEY",
            "signet/77aa…": "$WITNESS",
            "signet log witness": "SIGNET_DATA=witness signet log witness",
        },
        before={
            "signet log request": (
                "WITNESS=$(SIGNET_DATA=witness signet log key --witness)\n"
                "signet log request first\nSIGNET_DATA=witness signet log witness first cosigned --key $KEY"
            ),
        },
    ),
    "docs/presets.md": Run(prepare=with_preset),
    "docs/testing.md": Run(
        starts=False,
        before={"curl": "endpoint=$(jq -r .endpoint signet.json)"},
    ),
    "docs/issuance.md": Run(prepare=with_root, replaced={"/etc/nginx/tls": "tls"}),
    "docs/runbook.md": Run(
        prepare=with_root,
        replaced={"SIGNET_BACKUP_PASSPHRASE=…": "SIGNET_BACKUP_PASSPHRASE='correct horse'", "/mnt/backups": "."},
    ),
}


# What blocks of Python take for granted, and what is true after them.
PYTHON = {
    "docs/access.md": (
        """
import boto3
client = boto3.client("acm-pca", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
""",
        """
signed = []
client.meta.events.register("before-send.*", lambda request, **_: signed.append(request) or exit())
try:
    client.list_certificate_authorities()
finally:
    assert b"/execute-api/aws4_request" in signed[0].headers["Authorization"]
""",
    ),
    "docs/reminders.md": (
        """
import hashlib, hmac
from chalicelib.expiry import channels
time, time_now, body, secret = "1000", 1010, b"{}", b"swordfish"
received = channels.signature(secret.decode(), time, body)
""",
        "",
    ),
}
# Files of tests that run the other blocks of a page.
BY_OTHERS = {("docs/testing.md", "python"): "tests/e2e/test_wheel.py"}
KNOWN = {*DATA, *NO_COMMANDS, *documents.SHELLS, "python"}


@pytest.mark.parametrize("document", documents.NAMES)
def test_page_runs_as_it_is_written(document: str, tmp_path: Path) -> None:
    """Each block is data that parses, commands that run, or marked with the reason not to."""
    found = [block for block in documents.blocks(document) if not block.why]
    assert {block.language for block in found} <= KNOWN
    for block in found:
        if block.language in DATA:
            DATA[block.language](block.text)
        elif block.language == "python" and (document, "python") not in BY_OTHERS:
            before, after = PYTHON[document]
            run_python(f"{before}\n{block.text}\n{after}", tmp_path)
    if any(block.language in documents.SHELLS for block in found):
        assert document in RUNS, f"{document} has commands that nothing runs: add a run, or mark them as not run"
        run_page(document, RUNS[document], tmp_path / "work")


def test_runs_are_of_pages_and_blocks_that_exist() -> None:
    assert {*RUNS, *PYTHON} <= {*documents.NAMES}
    for (document, language), test in BY_OTHERS.items():
        assert document.removeprefix("docs/") in (ROOT / test).read_text()
        assert any(block.language == language for block in documents.blocks(document))


@pytest.mark.parametrize("document", documents.NAMES)
def test_reason_not_to_run_names_tests_that_exist(document: str) -> None:
    for block in documents.blocks(document):
        for named in re.findall(r"(?:localstack/plugin/)?tests/[\w/]+\.py", block.why):
            assert (ROOT / named).exists(), block.place
