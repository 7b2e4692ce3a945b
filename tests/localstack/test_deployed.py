"""Signet as Chalice deploys it, behind LocalStack's API Gateway, Lambda and EventBridge."""

from __future__ import annotations

import base64
import http.client
import io
import json
import os
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from tests.support.authority_steps import active_root, create, fetch, issue, serial_of
from tests.support.home import BIN, Home
from tests.support.localstack_home import CRL_BUCKET, CRLS

if TYPE_CHECKING:
    from tests.support.localstack_home import LocalStack

PUBLISHED_WITHIN_SECONDS = 100


def command(localstack: LocalStack, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """A command with LocalStack's usual credentials and nothing else."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SIGNET_"))}
    usual = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    found = subprocess.run(
        words,
        env=kept | usual | {"LOCALSTACK_HOST": f"127.0.0.1:{localstack.port}", "AWS_PAGER": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert found.returncode == 0 or not check, found.stderr
    return found


def test_function_is_active_once_it_is_created(localstack: LocalStack) -> None:
    """Otherwise a deployment waits five seconds or more for each function."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as file:
        file.writestr("app.py", "def handler(event, context): return event")
    usual: Any = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    client: Any = boto3.session.Session(**usual).client("lambda", endpoint_url=localstack.url)
    named = {"FunctionName": "new", "Runtime": "python3.13", "Handler": "app.handler"}
    role = "arn:aws:iam::000000000000:role/new"
    client.create_function(**named, Role=role, Code={"ZipFile": code.getvalue()})
    assert client.get_function(FunctionName="new")["Configuration"]["State"] == "Active"
    client.delete_function(FunctionName="new")


# how clients reach it


@pytest.mark.parametrize("how", ["aws --endpoint-url", "awslocal"])
def test_acm_pca_is_a_service_of_localstack(localstack: LocalStack, how: str) -> None:
    endpoint = ("--endpoint-url", localstack.url) if how.startswith("aws ") else ()
    aws = (str(BIN / how.split(maxsplit=1)[0]), *endpoint, "acm-pca")
    subject = "KeyAlgorithm=EC_prime256v1,SigningAlgorithm=SHA256WITHECDSA,Subject={CommonName=local}"
    kind = ("--certificate-authority-type", "ROOT", "--certificate-authority-configuration", subject)
    made = json.loads(command(localstack, *aws, "create-certificate-authority", *kind).stdout)
    arn = made["CertificateAuthorityArn"]
    assert arn.startswith("arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/")
    named = ("--certificate-authority-arn", arn, "--output", "text")
    text = command(localstack, *aws, "get-certificate-authority-csr", *named).stdout
    request = x509.load_pem_x509_csr(text.encode())
    assert request.is_signature_valid
    assert request.subject.rfc4514_string() == "CN=local"
    refused = command(localstack, *aws, "describe-certificate-authority", *named[:1], arn[:-1] + "!", check=False)
    assert "ValidationException" in refused.stderr


def test_session_of_localstack_client_and_boto3_reach_it(localstack: LocalStack) -> None:
    arn = create(localstack.boto("acm-pca"))
    options = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    for host in ("127.0.0.1", "localhost"):  # the host is part of what is signed
        session: Any = boto3.session.Session()
        client = session.client("acm-pca", endpoint_url=f"http://{host}:{localstack.port}", **options)
        found = client.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]
        assert found["Status"] == "PENDING_CERTIFICATE"


def test_wrong_secret_is_refused_on_both_ways(localstack: LocalStack, home: Home) -> None:
    for endpoint in (localstack.url, home.exports()["AWS_ENDPOINT_URL_ACM_PCA"]):
        stranger = home.client(endpoint_url=endpoint, aws_secret_access_key="wrong")
        with pytest.raises(ClientError) as refusal:
            stranger.list_certificate_authorities()
        assert refusal.value.response["Error"]["Code"] == "UnrecognizedClientException"


def test_region_without_signet_says_so(localstack: LocalStack, home: Home) -> None:
    elsewhere = {"endpoint_url": localstack.url, "region_name": "eu-west-1"}
    for stranger in (home.client(**elsewhere), cbor_client(home, **elsewhere)):
        with pytest.raises(ClientError, match="No Signet is deployed in eu-west-1"):
            stranger.list_certificate_authorities()


def test_extensions_and_paths_behind_the_stage(home: Home, client: Any) -> None:
    arn = active_root(client, RevocationConfiguration=CRLS)
    certificate = issue(client, arn)
    assert certificate in {each["CertificateArn"] for each in home.certificates(arn)}
    base = home.exports()["AWS_ENDPOINT_URL_ACM_PCA"]
    with urllib.request.urlopen(f"{base}/healthz", timeout=30) as answer:
        health = json.load(answer)
    assert health["adapters"] == {"state": "dynamodb", "buckets": "s3", "keys": "kms"}
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{base}/nothing/here/at/all", timeout=30)
    with refused.value as answer:
        assert answer.code in {403, 404}


@pytest.mark.parametrize("way", ["API Gateway", "LocalStack's own port"])
def test_cbor_passes_as_bytes(localstack: LocalStack, home: Home, way: str) -> None:
    client = home.client()
    arn = create(client)
    by_cbor = cbor_client(home, **({"endpoint_url": localstack.url} if way.startswith("Local") else {}))
    found = by_cbor.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]
    assert found["Arn"] == arn
    with pytest.raises(ClientError) as refusal:
        by_cbor.describe_certificate_authority(CertificateAuthorityArn=arn[:-12] + "000000000000")
    assert refusal.value.response["Error"]["Code"] == "ResourceNotFoundException"


def cbor_client(home: Home, **more: Any) -> Any:
    from botocore.serialize import create_serializer

    config = Config(retries={"max_attempts": 0}, parameter_validation=False, read_timeout=30)
    client = home.client(config=config, **more)
    client.meta.service_model.__dict__["resolved_protocol"] = "smithy-rpc-v2-cbor"
    client._serializer = create_serializer("smithy-rpc-v2-cbor", include_validation=False)
    return client


# EventBridge's rules


def test_rules_alone_publish_a_revocation(localstack: LocalStack, client: Any) -> None:
    events = localstack.boto("events")
    rules = {each["Name"]: each["ScheduleExpression"] for each in events.list_rules()["Rules"]}
    assert Counter(rules.values()) == {"rate(1 minute)": 5, "rate(10 minutes)": 1}
    arn = active_root(client, RevocationConfiguration=CRLS)
    serial = serial_of(issue(client, arn))
    client.revoke_certificate(CertificateAuthorityArn=arn, CertificateSerial=serial, RevocationReason="SUPERSEDED")
    address = f"{localstack.url}/{CRL_BUCKET}/crl/{arn.rsplit('/', 1)[1]}.crl"
    deadline = time.monotonic() + PUBLISHED_WITHIN_SECONDS
    while (crl := fetch_crl(address)).get_revoked_certificate_by_serial_number(int(serial, 16)) is None:
        assert time.monotonic() < deadline, "no CRL shows the revocation"
        time.sleep(1)
    certificate = client.get_certificate_authority_certificate(CertificateAuthorityArn=arn)["Certificate"]
    assert crl.is_signature_valid(x509.load_pem_x509_certificate(certificate.encode()).public_key())  # type: ignore[arg-type]  # EC


def test_rule_on_the_bus_sees_issuance_revocation_and_crl(localstack: LocalStack, client: Any) -> None:
    """Functions send with their own role; the schedule publishes the CRL of the revocation."""
    queues, bus = localstack.boto("sqs"), localstack.boto("events")
    url = queues.create_queue(QueueName="private-ca-events")["QueueUrl"]
    queue_arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.acm-pca", "signet.acm-pca"], "detail-type": [{"prefix": "ACM Private CA "}]}
    bus.put_rule(Name="private-ca-events", EventPattern=json.dumps(pattern))
    bus.put_targets(Rule="private-ca-events", Targets=[{"Id": "queue", "Arn": queue_arn}])
    try:
        arn = active_root(client, RevocationConfiguration=CRLS)
        leaf = issue(client, arn)
        client.revoke_certificate(
            CertificateAuthorityArn=arn, CertificateSerial=serial_of(leaf), RevocationReason="SUPERSEDED"
        )
        wanted = Counter({("Certificate Issuance", leaf): 1, ("Certificate Revocation", leaf): 1})
        wanted |= {("Creation", arn): 1, ("CRL Generation", arn): 2}  # the first CRL, and that of the revocation
        seen = Counter[tuple[str, str]]()
        deadline = time.monotonic() + PUBLISHED_WITHIN_SECONDS
        while not wanted <= seen:
            assert time.monotonic() < deadline, seen
            answer = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=2)
            for message in answer.get("Messages", []):
                event = json.loads(message["Body"])
                queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                if event["resources"][0] == arn:  # other tests' CAs send too
                    assert (event["source"], event["detail"]) == ("signet.acm-pca", {"result": "success"})
                    seen[event["detail-type"].removeprefix("ACM Private CA "), event["resources"][-1]] += 1
    finally:
        bus.remove_targets(Rule="private-ca-events", Ids=["queue"])
        bus.delete_rule(Name="private-ca-events")
        queues.delete_queue(QueueUrl=url)


def test_monitor_sees_the_crls_as_strangers_do(localstack: LocalStack, client: Any) -> None:
    functions = localstack.boto("lambda")
    arn = active_root(client, RevocationConfiguration=CRLS)
    issue(client, arn)
    names = [each["FunctionName"] for each in functions.list_functions()["Functions"]]
    (name,) = [each for each in names if each.endswith("-monitor")]
    event = {"source": "aws.events", "detail": {}} | dict.fromkeys(("detail-type", "account", "time", "region"), "")
    event |= {"id": "", "version": "0", "resources": []}
    answer = functions.invoke(FunctionName=name, Payload=json.dumps(event), LogType="Tail")
    found = json.loads(answer["Payload"].read())
    log = base64.b64decode(answer["LogResult"]).decode()
    assert arn not in [json.loads(line).get("ca") for line in log.splitlines() if line.startswith("{")]
    assert found["crls"] >= 1
    assert '"CloudWatchMetrics": [{"Namespace": "Signet"' in log


def fetch_crl(address: str) -> x509.CertificateRevocationList:
    """As everybody fetches it: without credentials."""
    with urllib.request.urlopen(address, timeout=10) as answer:
        assert answer.headers["Content-Type"] == "application/pkix-crl"
        return x509.load_der_x509_crl(answer.read())


def test_ocsp_has_an_address_of_its_own(localstack: LocalStack, client: Any) -> None:
    """Behind a function URL a binary answer needs no Accept; its host name need not resolve."""
    arn = active_root(client, RevocationConfiguration={"OcspConfiguration": {"Enabled": True}})
    certificate_arn = issue(client, arn)
    leaf, issuer = fetch(client, arn, certificate_arn), authority(client, arn)
    (access,) = leaf.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    address = urllib.parse.urlsplit(access.access_location.value)
    request = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer, hashes.SHA1())
    request_der = request.build().public_bytes(Encoding.DER)

    def asked(method: str) -> ocsp.OCSPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", localstack.port, timeout=30)
        path = "/" if method == "POST" else "/" + quote(base64.b64encode(request_der), safe="")
        headers = {"Host": address.netloc}
        if method == "POST":
            headers["Content-Type"] = "application/ocsp-request"
        connection.request(method, path, request_der if method == "POST" else None, headers)
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("Content-Type")) == (200, "application/ocsp-response")
        body = answer.read()
        connection.close()
        return ocsp.load_der_ocsp_response(body)

    for method in ("POST", "GET"):
        answer = asked(method)
        assert answer.certificate_status is ocsp.OCSPCertStatus.GOOD
        key: Any = issuer.public_key()
        key.verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(hashes.SHA256()))
    client.revoke_certificate(
        CertificateAuthorityArn=arn, CertificateSerial=serial_of(certificate_arn), RevocationReason="SUPERSEDED"
    )
    deadline = time.monotonic() + 5
    while asked("GET").certificate_status is not ocsp.OCSPCertStatus.REVOKED:
        assert time.monotonic() < deadline


def authority(client: Any, arn: str) -> x509.Certificate:
    pem = client.get_certificate_authority_certificate(CertificateAuthorityArn=arn)["Certificate"]
    return x509.load_pem_x509_certificate(pem.encode())
