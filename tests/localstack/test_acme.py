"""certbot by the deployed functions: account with a binding, http-01, renewal and revocation, behind API Gateway."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from tests.support.authority_steps import active_root
from tests.support.challenge_responder import ChallengeResponder
from tests.support.home import BIN, free_port
from tests.support.localstack_home import CRLS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.home import Home
    from tests.support.localstack_home import LocalStack

FUNCTION = "signet-localstack"
NAME = "www.example.test"


@pytest.fixture
def challenge_port(localstack: LocalStack) -> Iterator[int]:
    """Where certbot answers http-01; the functions look there, for every name."""
    functions, port = localstack.boto("lambda"), free_port()
    before = functions.get_function_configuration(FunctionName=FUNCTION)["Environment"]["Variables"]
    with ChallengeResponder() as responder:
        told = {
            "SIGNET_ACME_HTTP_PORT": str(port),
            "SIGNET_ACME_RESOLVER": responder.resolver,
            "SIGNET_ACME_PRIVATE_NETWORKS": "allow",
        }
        configure(functions, before | told)
        yield port
    configure(functions, before)


def configure(functions: Any, variables: dict[str, str]) -> None:
    functions.update_function_configuration(FunctionName=FUNCTION, Environment={"Variables": variables})
    functions.get_waiter("function_updated").wait(FunctionName=FUNCTION, WaiterConfig={"Delay": 1})


@pytest.fixture
def certbot(tmp_path: Path, challenge_port: int) -> Callable[..., str]:
    def run(*words: str) -> str:
        folders = [f"--{name}-dir={tmp_path / name}" for name in ("config", "work", "logs")]
        standalone = ["--http-01-address=127.0.0.1", f"--http-01-port={challenge_port}"]
        done = subprocess.run(
            [BIN / "certbot", *words, "--non-interactive", *folders, *(standalone if words[0] != "revoke" else ())],
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_certbot_gets_renews_and_revokes_a_certificate(
    home: Home, client: Any, certbot: Callable[..., str], tmp_path: Path
) -> None:
    ca_arn = active_root(client, RevocationConfiguration=CRLS)
    home.signet("acme", "directory", "create", "web", "--ca", ca_arn)
    made = json.loads(home.signet("acme", "eab", "create", "--directory", "web", "--names", NAME, "--json").stdout)
    url = f"{home.api_url}/acme/web/directory"  # type: ignore[attr-defined]  # of LocalStack's
    bound = ["--eab-kid", made["kid"], "--eab-hmac-key", made["hmac_key"]]
    agreed = ["--agree-tos", "--register-unsafely-without-email"]
    certbot("certonly", "--standalone", "--server", url, *agreed, *bound, "--domain", NAME, "--cert-name", "www")
    live = tmp_path / "config" / "live" / "www"
    first, root = x509.load_pem_x509_certificates((live / "fullchain.pem").read_bytes())
    first.verify_directly_issued_by(root)
    alternative = first.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert alternative.get_values_for_type(x509.DNSName) == [NAME]

    certbot("renew", "--force-renewal", "--cert-name", "www", "--no-random-sleep-on-renew")
    second = x509.load_pem_x509_certificates((live / "fullchain.pem").read_bytes())[0]
    assert second.serial_number != first.serial_number

    certbot("revoke", "--server", url, "--cert-name", "www", "--no-delete-after-revoke")
    listed = home.signet("acme", "order", "list", "--directory", "web").stdout
    assert listed.count(f"  valid  {NAME}") == 2
    assert "127.0.0.1" in listed  # what the validation saw
    with pytest.raises(client.exceptions.RequestAlreadyProcessedException, match="is revoked already"):
        client.revoke_certificate(
            CertificateAuthorityArn=ca_arn,
            CertificateSerial=f"{second.serial_number:032x}",
            RevocationReason="SUPERSEDED",
        )
