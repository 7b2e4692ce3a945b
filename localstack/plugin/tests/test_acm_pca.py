"""acm-pca by the plugin alone: in every account and region, with LocalStack's buckets, buses and CloudFormation."""

from __future__ import annotations

import json
import os
import signal
import time
import unittest
import urllib.request
from typing import Any

import boto3
import cbor2
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from .localstack_run import PROJECT, LocalStack
from .test_services import processes_in

ACCOUNT, OTHER = "111122223333", "444455556666"
TEMPLATE = PROJECT / "tests/e2e/cdk/template.json"
CONFIGURATION = {
    "KeyAlgorithm": "EC_prime256v1",
    "SigningAlgorithm": "SHA256WITHECDSA",
    "Subject": {"CommonName": "Example"},
}
one: LocalStack


def setUpModule() -> None:
    """One LocalStack, whose Signet starts with the first request."""
    global one
    one = LocalStack()
    unittest.addModuleCleanup(_stop)
    one.start()
    one.ready()


def _stop() -> None:
    one.stop()
    assert not one.state.exists()
    assert not processes_in(one.state)


def control(method: str, path: str, body: Any = None, of: LocalStack | None = None) -> Any:
    """What LocalStack answers at a path that is no AWS API's."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request((of or one).url + path, data, method=method)
    with urllib.request.urlopen(request, timeout=90) as answer:
        return json.loads(answer.read() or b"{}")


def arns(client: Any) -> list[str]:
    """The CAs that are not deleted."""
    found = client.list_certificate_authorities()["CertificateAuthorities"]
    return sorted(ca["Arn"] for ca in found if ca["Status"] != "DELETED")


def created(client: Any, kind: str = "ROOT", **more: Any) -> str:
    """A CA that has no certificate yet."""
    return client.create_certificate_authority(
        CertificateAuthorityType=kind, CertificateAuthorityConfiguration=CONFIGURATION, **more
    )["CertificateAuthorityArn"]


def issued(client: Any, arn: str, csr: bytes, days: int, **more: Any) -> tuple[str, str]:
    """The ARN of a certificate, and the certificate."""
    certificate_arn = client.issue_certificate(
        CertificateAuthorityArn=arn,
        Csr=csr,
        SigningAlgorithm="SHA256WITHECDSA",
        Validity={"Type": "DAYS", "Value": days},
        **more,
    )["CertificateArn"]
    found = client.get_certificate(CertificateAuthorityArn=arn, CertificateArn=certificate_arn)
    return certificate_arn, found["Certificate"]


def active_root(client: Any, **more: Any) -> tuple[str, x509.Certificate]:
    """A root that issues."""
    arn = created(client, **more)
    csr = client.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"].encode()
    template = "arn:aws:acm-pca:::template/RootCACertificate/V1"
    _, certificate = issued(client, arn, csr, 3650, TemplateArn=template)
    client.import_certificate_authority_certificate(CertificateAuthorityArn=arn, Certificate=certificate.encode())
    return arn, x509.load_pem_x509_certificate(certificate.encode())


def leaf_csr() -> bytes:
    """A CSR of a server."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.DNSName("www.example.com")])
    builder = x509.CertificateSigningRequestBuilder(x509.Name([])).add_extension(names, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


class AcmPcaTest(unittest.TestCase):
    """The API on LocalStack's port."""

    def test_accounts_and_regions_are_apart(self) -> None:
        there = one.boto("acm-pca", "eu-west-1", ACCOUNT)
        arn = created(there)
        self.assertTrue(arn.startswith(f"arn:aws:acm-pca:eu-west-1:{ACCOUNT}:"))
        self.assertIn(arn, arns(there))
        for other in (one.boto("acm-pca", "us-east-1", ACCOUNT), one.boto("acm-pca", "eu-west-1", OTHER)):
            self.assertNotIn(arn, arns(other))
        self.assertIn(":000000000000:", created(one.boto("acm-pca")))

    def test_session_of_localstacks_own_sts_is_of_its_account(self) -> None:
        role = f"arn:aws:iam::{ACCOUNT}:role/any"
        session = one.boto("sts").assume_role(RoleArn=role, RoleSessionName="any")["Credentials"]
        client = boto3.client(
            "acm-pca",
            region_name="us-east-1",
            endpoint_url=one.url,
            aws_access_key_id=session["AccessKeyId"],
            aws_secret_access_key=session["SecretAccessKey"],
            aws_session_token=session["SessionToken"],
        )
        self.assertIn(f":{ACCOUNT}:", created(client))

    def test_errors_are_those_of_signet(self) -> None:
        with self.assertRaises(ClientError) as caught:
            one.boto("acm-pca").get_certificate_authority_csr(CertificateAuthorityArn="arn:aws:acm-pca:x")
        self.assertEqual(caught.exception.response["Error"]["Code"], "ValidationException")

    def test_cbor_answers_too(self) -> None:
        arn = created(one.boto("acm-pca", account=ACCOUNT))
        headers = {"Content-Type": "application/cbor", "Accept": "application/cbor", "Smithy-Protocol": "rpc-v2-cbor"}
        url = f"{one.url}/service/ACMPrivateCA/operation/ListCertificateAuthorities"
        request = AWSRequest("POST", url, headers, cbor2.dumps({}))
        SigV4Auth(Credentials(ACCOUNT, "any"), "acm-pca", "us-east-1").add_auth(request)
        sent = urllib.request.Request(url, request.data, dict(request.headers))
        with urllib.request.urlopen(sent, timeout=60) as answer:
            found = cbor2.loads(answer.read())
        self.assertIn(arn, [ca["Arn"] for ca in found["CertificateAuthorities"]])

    def test_health_knows_it(self) -> None:
        created(one.boto("acm-pca"))
        self.assertEqual(control("GET", "/_localstack/health")["services"]["acm-pca"], "running")


class BesideTest(unittest.TestCase):
    """What Signet writes and sends is where code on this LocalStack finds it."""

    def setUp(self) -> None:
        self.client = one.boto("acm-pca", "eu-west-1", ACCOUNT)
        self.s3 = one.boto("s3", "eu-west-1", ACCOUNT)
        self.bucket = f"ours-{time.monotonic_ns()}"
        self.s3.create_bucket(
            Bucket=self.bucket,
            CreateBucketConfiguration={"LocationConstraint": "eu-west-1"},
            ObjectOwnership="ObjectWriter",
        )

    def keys(self) -> list[str]:
        return [each["Key"] for each in self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])]

    def root(self) -> tuple[str, x509.Certificate]:
        crl = {"Enabled": True, "ExpirationInDays": 7, "S3BucketName": self.bucket}
        return active_root(
            self.client, RevocationConfiguration={"CrlConfiguration": crl, "OcspConfiguration": {"Enabled": True}}
        )

    def test_revocation_is_in_the_crl_in_the_bucket_and_in_ocsp(self) -> None:
        arn, root = self.root()
        certificate_arn, pem = issued(self.client, arn, leaf_csr(), 30)
        leaf = x509.load_pem_x509_certificate(pem.encode())
        serial = certificate_arn.rpartition("/")[2]
        self.client.revoke_certificate(
            CertificateAuthorityArn=arn, CertificateSerial=serial, RevocationReason="KEY_COMPROMISE"
        )
        control("POST", "/_signet/clock", {"advance": "1m"})
        points = leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
        url = points[0].full_name[0].value
        self.assertEqual(url, f"{one.url}/{self.bucket}/crl/{arn.rpartition('/')[2]}.crl")
        with urllib.request.urlopen(url, timeout=60) as answer:
            crl = x509.load_der_x509_crl(answer.read())
        self.assertIsNotNone(crl.get_revoked_certificate_by_serial_number(leaf.serial_number))

        access = leaf.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
        (responder,) = (each.access_location.value for each in access)
        question = ocsp.OCSPRequestBuilder().add_certificate(leaf, root, hashes.SHA1()).build()
        body, kind = question.public_bytes(Encoding.DER), {"Content-Type": "application/ocsp-request"}
        with urllib.request.urlopen(urllib.request.Request(responder, body, kind), timeout=60) as answer:
            status = ocsp.load_der_ocsp_response(answer.read()).certificate_status
        self.assertEqual(status, ocsp.OCSPCertStatus.REVOKED)

    def test_audit_report_is_in_the_bucket(self) -> None:
        arn, _ = self.root()
        key = self.client.create_certificate_authority_audit_report(
            CertificateAuthorityArn=arn, S3BucketName=self.bucket, AuditReportResponseFormat="JSON"
        )["S3Key"]
        control("POST", "/_signet/clock", {"advance": "1m"})
        self.assertIn(key, self.keys())

    def test_bucket_that_does_not_exist_is_refused(self) -> None:
        crl = {"Enabled": True, "ExpirationInDays": 7, "S3BucketName": "there-is-no-such-bucket"}
        with self.assertRaises(ClientError) as caught:
            created(self.client, RevocationConfiguration={"CrlConfiguration": crl})
        self.assertEqual(caught.exception.response["Error"]["Code"], "ValidationException")

    def test_events_reach_a_queue_of_the_account(self) -> None:
        sqs, events = one.boto("sqs", "eu-west-1", ACCOUNT), one.boto("events", "eu-west-1", ACCOUNT)
        queue = sqs.create_queue(QueueName=self.bucket)["QueueUrl"]
        queue_arn = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:{self.bucket}"
        events.put_rule(Name=self.bucket, EventPattern=json.dumps({"source": ["aws.acm-pca"]}))
        events.put_targets(Rule=self.bucket, Targets=[{"Id": "queue", "Arn": queue_arn}])
        arn = created(self.client)
        (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"]
        event = json.loads(message["Body"])
        self.assertEqual(event["source"], "aws.acm-pca")
        self.assertEqual(event["detail-type"], "ACM Private CA Creation")
        self.assertEqual((event["account"], event["region"], event["resources"]), (ACCOUNT, "eu-west-1", [arn]))


class CloudFormationTest(unittest.TestCase):
    """A stack that CDK's own constructs describe."""

    def setUp(self) -> None:
        self.account = f"{time.monotonic_ns():012}"[-12:]
        self.client = one.boto("acm-pca", "eu-west-1", self.account)
        self.formation = one.boto("cloudformation", "eu-west-1", self.account)
        self.template = json.loads(TEMPLATE.read_text())

    def deployed(self, change: str = "create_stack") -> dict[str, Any]:
        getattr(self.formation, change)(StackName="pki", TemplateBody=json.dumps(self.template))
        return self.settled()

    def settled(self, name: str = "pki") -> dict[str, Any]:
        deadline = time.monotonic() + 60
        while True:
            (stack,) = self.formation.describe_stacks(StackName=name)["Stacks"]
            if not stack["StackStatus"].endswith("_IN_PROGRESS"):
                return stack
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.2)

    def outputs(self, stack: dict[str, Any]) -> dict[str, str]:
        return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}

    def described(self, arn: str) -> dict[str, Any]:
        return self.client.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]

    def test_two_tier_pki_comes_changes_and_goes(self) -> None:
        stack = self.deployed()
        self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE")
        found = self.outputs(stack)
        root, issuing = found["RootArn"], found["IssuingArn"]
        self.assertEqual([self.described(arn)["Status"] for arn in (root, issuing)], ["ACTIVE", "ACTIVE"])
        self.assertEqual(found["ActivationRef"], issuing)
        self.assertEqual(found["PermissionRef"], f"{issuing}|acm.amazonaws.com")
        self.assertTrue(found["CertificateArn"].startswith(f"{root}/certificate/"))
        x509.load_pem_x509_csr(found["Csr"].encode())
        leaf, parent = x509.load_pem_x509_certificates(found["Chain"].encode())
        leaf.verify_directly_issued_by(parent)
        (permission,) = self.client.list_permissions(CertificateAuthorityArn=issuing)["Permissions"]
        self.assertEqual(permission["Principal"], "acm.amazonaws.com")
        issued(self.client, issuing, leaf_csr(), 30)
        self.change_in_place(root, issuing)
        self.change_by_replacement(issuing)
        self.formation.delete_stack(StackName="pki")
        self.assertEqual(self.settled(stack["StackId"])["StackStatus"], "DELETE_COMPLETE")
        self.assertEqual({self.described(arn)["Status"] for arn in (root, issuing)}, {"DELETED"})

    def change_in_place(self, root: str, issuing: str) -> None:
        resources = self.template["Resources"]
        resources["Issuing"]["Properties"]["Tags"] = [
            {"Key": "Owner", "Value": "security"},
            {"Key": "Name", "Value": "x"},
        ]
        resources["Issuing"]["Properties"]["RevocationConfiguration"] = {"OcspConfiguration": {"Enabled": True}}
        resources["RootActivation"]["Properties"]["Status"] = "DISABLED"
        stack = self.deployed("update_stack")
        self.assertEqual(stack["StackStatus"], "UPDATE_COMPLETE")
        self.assertEqual(self.outputs(stack)["IssuingArn"], issuing)
        self.assertEqual(self.described(root)["Status"], "DISABLED")
        self.assertTrue(self.described(issuing)["RevocationConfiguration"]["OcspConfiguration"]["Enabled"])
        tags = self.client.list_tags(CertificateAuthorityArn=issuing)["Tags"]
        self.assertEqual({tag["Key"]: tag["Value"] for tag in tags}, {"Owner": "security", "Name": "x"})
        resources["RootActivation"]["Properties"]["Status"] = "ACTIVE"
        resources["Issuing"]["Properties"]["Tags"] = [{"Key": "Name", "Value": "x"}]
        del resources["Issuing"]["Properties"]["RevocationConfiguration"]
        self.assertEqual(self.deployed("update_stack")["StackStatus"], "UPDATE_COMPLETE")
        self.assertEqual(self.described(root)["Status"], "ACTIVE")
        self.assertFalse(self.described(issuing)["RevocationConfiguration"]["OcspConfiguration"]["Enabled"])
        self.assertEqual(len(self.client.list_tags(CertificateAuthorityArn=issuing)["Tags"]), 1)

    def change_by_replacement(self, issuing: str) -> None:
        self.template["Resources"]["IssuingCertificate"]["Properties"]["Validity"]["Value"] = 900
        before = self.described(issuing)["NotAfter"]
        self.assertEqual(self.deployed("update_stack")["StackStatus"], "UPDATE_COMPLETE")
        self.assertLess(self.described(issuing)["NotAfter"], before)

    def test_stack_that_cannot_be_made_says_why_and_can_be_deleted(self) -> None:
        """LocalStack's engine does not roll back."""
        self.template["Resources"]["IssuingCertificate"]["Properties"]["SigningAlgorithm"] = "SHA256WITHRSA"
        stack = self.deployed()
        self.assertEqual(stack["StackStatus"], "CREATE_FAILED")
        events = self.formation.describe_stack_events(StackName="pki")["StackEvents"]
        reasons = [event.get("ResourceStatusReason", "") for event in events]
        self.assertTrue(any("cannot be used with key type" in reason for reason in reasons), reasons)
        self.formation.delete_stack(StackName="pki")
        self.assertEqual(self.settled(stack["StackId"])["StackStatus"], "DELETE_COMPLETE")
        self.assertEqual(arns(self.client), [])


class LifeTest(unittest.TestCase):
    """Reset, persistence and the end of LocalStack."""

    def test_reset_empties_every_service_or_one(self) -> None:
        client, s3 = one.boto("acm-pca"), one.boto("s3")
        created(client)
        s3.create_bucket(Bucket="reset-empties-it")
        control("POST", "/_localstack/state/acm-pca/reset", {})
        self.assertEqual(arns(client), [])
        self.assertIn("reset-empties-it", [each["Name"] for each in s3.list_buckets()["Buckets"]])
        created(client)
        control("POST", "/_localstack/state/reset", {})
        self.assertEqual((arns(client), s3.list_buckets()["Buckets"]), ([], []))

    def test_persistence_keeps_cas_beyond_a_restart_and_reset_does_not(self) -> None:
        kept = LocalStack()
        self.addCleanup(kept.stop)
        kept.start(PERSISTENCE="1")
        kept.ready()
        arn, _ = active_root(kept.boto("acm-pca", "eu-west-1"))
        kept.process.terminate()
        self.assertEqual(kept.process.wait(timeout=60), 0)

        kept.start(keeps=True, PERSISTENCE="1")
        kept.ready()
        client = kept.boto("acm-pca", "eu-west-1")
        self.assertEqual(arns(client), [arn])
        issued(client, arn, leaf_csr(), 30)
        control("POST", "/_localstack/state/reset", {}, kept)
        self.assertEqual(arns(client), [])

    def test_signet_ends_with_localstack_however_that_ends(self) -> None:
        killed = LocalStack()
        self.addCleanup(killed.stop)
        killed.start()
        killed.ready()
        created(killed.boto("acm-pca"))
        self.assertGreater(len(processes_in(killed.state)), 1)
        os.kill(killed.process.pid, signal.SIGKILL)
        killed.process.wait()
        deadline = time.monotonic() + 30
        while processes_in(killed.state):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.1)
