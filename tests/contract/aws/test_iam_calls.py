"""Each Lambda function's role allows every call that the function makes of AWS, and no other action.

The functions run here as on AWS, with moto for AWS. Each call is written down as what IAM would be asked for it, and
the policies judge that. A call that is new needs a permission, and a permission that no call needs is refused. So is a
call that an adapter can make and that is not met here.

Source: Service Authorization Reference, "Actions, resources, and condition keys" for DynamoDB, KMS, S3 and EventBridge.
"""

from __future__ import annotations

import base64
import re
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import boto3
import pytest
from botocore import xform_name
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as theirs
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.kms.models import kms_backends
from moto.server import ThreadedMotoServer

import app as signet_app
from chalicelib.acme import directories
from chalicelib.config import Settings
from chalicelib.events import topic
from chalicelib.local.scheduler import scheduled_event
from chalicelib.runtime import from_settings
from chalicelib.store import StoreError, items
from chalicelib.store.table import PRESENT, Update
from tests.support import acme_steps
from tests.support.acme_calls import AcmeClient, made_binding, made_directory
from tests.support.authority_steps import (
    activate_root,
    active_root,
    active_subordinate,
    create,
    fetch,
    issue,
    serial_of,
)
from tests.support.client import client_for, sts_for
from tests.support.clock_steps import later
from tests.support.console_authority_steps import page_of, path_of
from tests.support.console_browser import Browser
from tests.support.home import ROOT
from tests.support.iam_judge import (
    ACCOUNT,
    ALIAS,
    BUS,
    FUNCTIONS,
    KEY,
    SCHEDULED,
    TABLE,
    Call,
    Context,
    allows,
    granted,
)
from tests.support.kms_home import KEY_TAG, owners_key, signed
from tests.support.localstack_home import make_bucket, make_state
from tests.support.roles import assume, keys_in, make_role
from tests.support.s3_refusals import refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from chalicelib.runtime import Runtime
    from tests.faults.world import Clock

pytestmark = pytest.mark.laptop

REGION = "us-east-1"
CRL_BUCKET, REPORT_BUCKET = f"signet-crl-{ACCOUNT}-{REGION}", f"signet-reports-{ACCOUNT}-{REGION}"
JOURNAL_BUCKET = f"signet-journal-{ACCOUNT}-{REGION}"
STATUS_SERVICES = {
    "CrlConfiguration": {"Enabled": True, "ExpirationInDays": 7, "S3BucketName": CRL_BUCKET},
    "OcspConfiguration": {"Enabled": True, "OcspCustomCname": "ocsp.example.com"},
}
# What no call of ours asks for: Lambda's own, and what turns S3's 403 for a missing CRL into 404.
BESIDES = {function: {"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"} for function in FUNCTIONS}
for _function in SCHEDULED:
    BESIDES[_function] |= {"sqs:SendMessage"}
for _function in set(FUNCTIONS) - {"api_handler", "write_audit_reports", "remind"}:
    BESIDES[_function] |= {"s3:ListBucket"}

NOWHERE = "*"  # AWS does not say what resource an alias is that leads to no key yet: only all of them are safe
_TRANSACTED = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
# Operations of S3 whose actions have other names.
_S3 = {
    "ListBuckets": ("ListAllMyBuckets",),
    "ListObjectsV2": ("ListBucket",),
    "CreateBucket": ("CreateBucket", "PutBucketOwnershipControls"),
    "PutPublicAccessBlock": ("PutBucketPublicAccessBlock",),
    "PutBucketLifecycleConfiguration": ("PutLifecycleConfiguration",),
    "CreateMultipartUpload": ("PutObject",),
    "UploadPart": ("PutObject",),
    "CompleteMultipartUpload": ("PutObject",),
}


def of_dynamodb(operation: str, given: dict[str, Any]) -> list[Call]:
    if operation == "TransactWriteItems":
        keys: dict[str, set[str]] = defaultdict(set)
        for kind, write in (pair for each in given["TransactItems"] for pair in each.items()):
            keys[kind].add(write.get("Item", write.get("Key"))["pk"]["S"])
        return [
            (f"dynamodb:{_TRANSACTED[kind]}", TABLE, {"dynamodb:LeadingKeys": sorted(keys[kind])})
            for kind in sorted(keys)
        ]
    index = f"/index/{given['IndexName']}" if "IndexName" in given else ""
    return [(f"dynamodb:{operation}", TABLE + index, {})]


def of_s3(operation: str, given: dict[str, Any]) -> list[Call]:
    path = "/".join(given[name] for name in ("Bucket", "Key") if name in given)
    actions = (*_S3.get(operation, (operation,)), *(("PutObjectAcl",) if "ACL" in given else ()))
    return [(f"s3:{action}", f"arn:aws:s3:::{path}" if path else "*", {}) for action in actions]


def of_kms(operation: str, given: dict[str, Any]) -> list[Call]:
    if operation == "CreateKey":
        asked: Context = {f"aws:RequestTag/{each['TagKey']}": each["TagValue"] for each in given["Tags"]}
        asked["aws:TagKeys"] = [each["TagKey"] for each in given["Tags"]]
        return [("kms:CreateKey", "*", asked | {"kms:KeyUsage": given["KeyUsage"]}), ("kms:TagResource", KEY, asked)]
    if operation == "ListAliases":
        return [("kms:ListAliases", "*", {})]
    named = given.get("TargetKeyId") or given.get("KeyId") or given["AliasName"]
    tags = tags_of(named)
    context: Context = {f"aws:ResourceTag/{name}": value for name, value in (tags or {}).items()}
    context |= {f"kms:EncryptionContext:{name}": value for name, value in given.get("EncryptionContext", {}).items()}
    context |= {"kms:ResourceAliases": [named]} if named.startswith("alias/") else {}
    calls: list[Call] = [(f"kms:{operation}", NOWHERE if tags is None else KEY, context)]
    return calls + ([(f"kms:{operation}", ALIAS + given["AliasName"][6:], {})] if "AliasName" in given else [])


def tags_of(named: str) -> dict[str, str] | None:
    """The tags of a key; None where an alias leads nowhere yet."""
    backend = kms_backends[DEFAULT_ACCOUNT_ID][REGION]
    key_id = backend.get_key_id_from_alias(named) if named.startswith("alias/") else backend.get_key_id(named)
    if key_id is None:
        return None
    return {each["TagKey"]: each["TagValue"] for each in backend.list_resource_tags(key_id)["Tags"]}


ASKED: dict[str, Callable[[str, dict[str, Any]], list[Call]]] = {
    "dynamodb": of_dynamodb,
    "s3": of_s3,
    "kms": of_kms,
    "events": lambda operation, given: [(f"events:{operation}", BUS + "default", given and {})],
    "sns": lambda operation, given: [(f"sns:{operation}", given["TopicArn"], {})],
    "sts": lambda _operation, _given: [],  # GetCallerIdentity needs no permission
}


class Account:
    """An account with the stack's state, in which functions run and are listened to; `url` is where S3 is."""

    def __init__(self, data: Path, clock: Clock, url: str) -> None:
        self._data, self._clock, self._url = data, clock, url
        self.calls: dict[str, list[Call]] = defaultdict(list)
        self.operations: dict[str, set[str]] = defaultdict(set)
        make_state("signet", JOURNAL_BUCKET)
        s3 = boto3.session.Session().client("s3", region_name=REGION)
        for bucket in (CRL_BUCKET, REPORT_BUCKET):
            make_bucket(s3, bucket)

    def process(self, function: str, **settings: str) -> Runtime:
        """A new process of a function: its runtime, whose calls are written down."""
        ports = {"state": "dynamodb", "buckets": "s3", "keys": "kms", "events": "eventbridge"}
        given = Settings(data=str(self._data), public_url=self._url, journal=JOURNAL_BUCKET, **ports | settings)
        made: Any = from_settings(given, opens_keys=function != "ocsp")

        def note(model: Any, params: dict[str, Any], **_: Any) -> None:
            service = model.service_model.service_name
            self.operations[service].add(model.name)
            self.calls[function] += ASKED[service](model.name, params)

        topic.client_in.cache_clear()
        of_audit = made.audit._signer._keys._client  # the journal's key is sealed by the same
        for client in (
            made.store.table._client,
            made.buckets._client,
            made.events._client,
            made.keys._client,
            of_audit,
            topic.client_in(REGION),
        ):
            client.meta.events.register("before-parameter-build", note)
        made.keys._creation_client.meta.events.register("before-parameter-build", note)
        made.keys._client.meta.events.register("before-send.kms.Sign", signed)
        rt: Runtime = replace(made, now=self._clock)
        signet_app.use_runtime(rt)
        return rt


@pytest.fixture
def account(aws: None, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    import botocore.auth

    monkeypatch.setattr(
        botocore.auth,
        "get_current_datetime",
        lambda *, remove_tzinfo=True: clock().replace(tzinfo=None) if remove_tzinfo else clock(),
    )
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield Account(tmp_path, clock, "http://{}:{}".format(*server.get_host_and_port()))
    server.stop()


ADAPTERS = {
    "dynamodb": "store/dynamodb.py",
    "s3": "buckets/s3.py",
    "kms": "keystore/kms.py",
    "events": "events/eventbridge.py",
    "sns": "events/topic.py",
}
BY_HAND = {"CreateTable", "UpdateTimeToLive"}  # where no template makes the table
NOT_ALLOWED = {"DeleteObjects"}  # no role may remove anything of the journal, whose partial tiles therefore stay


def written_in(service: str) -> set[str]:
    """The operations that an adapter's source calls: by method, or by a method's name."""
    text = (ROOT / "chalicelib" / ADAPTERS[service]).read_text() + (
        ROOT / "chalicelib/buckets/crl_bucket.py"
    ).read_text()
    named = set(re.findall(r"""(?:client\.|")([a-z][a-z0-9_]+)[("]""", text))
    session: Any = boto3.session.Session()
    operations = session.client(service, region_name=REGION).meta.service_model.operation_names
    return {each for each in operations if xform_name(each) in named} - BY_HAND - NOT_ALLOWED


@pytest.mark.slow
def test_roles_allow_the_calls_of_their_functions_and_no_other_action(account: Account, clock: Clock) -> None:
    arn = by_the_api(account, clock)
    by_acme(account, arn)
    by_ocsp(account, arn)
    by_schedules(account, clock)
    for service in ADAPTERS:
        assert written_in(service) == account.operations[service]
    refused = [(each, call) for each in FUNCTIONS for call in account.calls[each] if not allows(each, call)]
    assert refused == []
    asked = {each: {action for action, _, _ in account.calls[each]} | BESIDES[each] for each in FUNCTIONS}
    assert {each: granted(each) - asked[each] for each in FUNCTIONS if granted(each) != asked[each]} == {}


def test_session_that_one_process_began_is_verified_by_others(account: Account) -> None:
    """With secrets in KMS and state in DynamoDB; the role of the function allows what that takes."""
    make_role(account.process("operator"))
    keys = keys_in(assume(sts_for(account.process("api_handler"))))
    for _ in range(2):
        assert client_for(account.process("api_handler"), **keys).list_certificate_authorities()
    asked = account.calls["api_handler"]
    assert [call for call in asked if not allows("api_handler", call)] == []
    assert {action for action, _, _ in asked if action.startswith("kms:")} == {"kms:Decrypt", "kms:GenerateDataKey"}


def by_the_api(account: Account, clock: Clock) -> str:
    """Everything that requests and pages do; returns a CA with CRLs and OCSP."""
    client_for(account.process("who makes access keys"))
    sequence(account)  # the first run makes the journal's key
    rt = account.process("api_handler")
    client = client_for(rt)
    arn = active_root(client, RevocationConfiguration=STATUS_SERVICES)
    named: Any = {"CertificateAuthorityArn": arn}
    issue(client, arn)
    serial = serial_of(issue(client, arn, IdempotencyToken="token"))
    client.revoke_certificate(**named, CertificateSerial=serial, RevocationReason="SUPERSEDED")
    client.create_permission(
        **named, Principal="acm.amazonaws.com", Actions=["IssueCertificate", "GetCertificate", "ListPermissions"]
    )
    client.delete_permission(**named, Principal="acm.amazonaws.com")

    other = create(client)
    client.list_certificate_authorities(NextToken=client.list_certificate_authorities(MaxResults=1)["NextToken"])
    own = owners_key(rt.settings.account_id)
    create(client, Tags=[{"Key": KEY_TAG, "Value": own["KeyId"]}])
    failed = rt.store.get_certificate_authority(other)
    assert failed is not None
    rt.store.update_certificate_authority(failed, replace(failed, status="FAILED"))
    client.delete_certificate_authority(CertificateAuthorityArn=other)

    for status in ("FAILED", "SUCCESS"):
        ask_report = account.process("api_handler")
        client_for(ask_report).create_certificate_authority_audit_report(
            **named, S3BucketName=REPORT_BUCKET, AuditReportResponseFormat="JSON"
        )
        written: Any = account.process("write_audit_reports")
        if status == "FAILED":
            written.buckets._client.meta.events.register("before-send.s3.UploadPart", refusal("AccessDenied", 403))
        run = signet_app.write_audit_reports(scheduled_event(written, "write_audit_reports"), None)
        assert run == {"results": [status]}
    browser = Browser(account.process("api_handler"))
    browser.sign_in()
    assert browser.get("/console").status == 200
    report = next(each for each in written.store.list_audit_reports(arn, limit=9) if each.status == "SUCCESS")
    assert browser.get(path_of(arn, f"/reports/{report.report_id}")).status == 200
    page = page_of(browser, arn, "/revocation/edit")
    form = page.form("/revocation/edit")
    fields = form["fields"] | {"choice": "new", "new_bucket": "signet-crl-own-x"}
    assert browser.post(urljoin(page.url, form["action"]), fields).status == 200
    make_bucket(boto3.session.Session().client("s3", region_name=REGION), "signet-crl-own-y")
    browser.rt.buckets.create("signet-crl-own-y")  # as a second form does that comes while the first makes the bucket
    return arn


def sequence(account: Account) -> dict[str, Any]:
    rt = account.process("sequence_journal")
    answer: dict[str, Any] = signet_app.sequence_journal(scheduled_event(rt, "sequence_journal"), None)
    return answer


def restore(account: Account, arn: str) -> None:
    """Let the table know less than the journal: an older number of a CRL, and nothing of how far the journal is."""
    store: Any = account.process("who restores").store
    store.adopt_journal(store.journal_head(), size=0, root="")
    store.table.inner.write(Update(items.crl_key(arn), PRESENT, {"crl_number": 1}))


def by_ocsp(account: Account, arn: str) -> None:
    client = client_for(account.process("who looks"))
    leaf = fetch(client, arn, issue(client, arn))
    issuer = client.get_certificate_authority_certificate(CertificateAuthorityArn=arn)["Certificate"]
    root = x509.load_pem_x509_certificate(issuer.encode())
    asked = theirs.OCSPRequestBuilder().add_certificate(leaf, root, hashes.SHA256()).build()
    rotating = account.process("reconcile", ocsp_signer="delegated")
    assert signet_app.reconcile(scheduled_event(rotating, "reconcile"), None)["responders_rotated"] == 1
    account.process("ocsp", ocsp_signer="delegated")
    event = {"requestContext": {"http": {"method": "POST"}}, "rawPath": "/", "isBase64Encoded": True}
    body = base64.b64encode(asked.public_bytes(Encoding.DER)).decode()
    answer = signet_app.ocsp(event | {"body": body}, None)
    answered = theirs.load_der_ocsp_response(base64.b64decode(answer["body"]))
    assert answered.certificate_status == theirs.OCSPCertStatus.GOOD


def by_acme(account: Account, arn: str) -> None:
    """What ACME clients do, and an interrupted order that replaces a certificate of a compromised CA."""
    owner = account.process("operator")
    directory = made_directory(owner, owner.settings.account_id, arn)
    made = made_binding(owner, directory, preauthorized=True)
    client = AcmeClient(account.process("api_handler"), directory.name)
    assert client.register(made).status == 201
    old = acme_steps.issued(client, "a.example.test")
    assert acme_steps.revoke(client, acme_steps.issued(client, "a.example.test")).status == 200
    assert acme_steps.window(client, old)
    crl = {"CrlConfiguration": STATUS_SERVICES["CrlConfiguration"]}
    replacing = active_root(client_for(owner), RevocationConfiguration=crl)
    directories.replace_authority(owner, directory.owner, directory.name, replacing, is_compromised=True)
    client.rt = account.process("api_handler")
    assert client.order("b.example.test").status == 201  # and nobody finalizes it
    order = client.order("a.example.test", replaces=acme_steps.certificate_id(old))
    store: Any = client.rt.store
    client.rt = replace(client.rt, store=InterruptedStore(store))
    assert client.finalize(order).status >= 500


class InterruptedStore:
    """A store that does not record that an order is valid."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def update_acme_order(self, old: Any, new: Any) -> Any:
        if new.status == "valid":
            raise StoreError("planned outage")
        return self._inner.update_acme_order(old, new)


def by_schedules(account: Account, clock: Clock) -> None:
    client = client_for(account.process("who prepares"))
    fresh = create(client, "ROOT", RevocationConfiguration=STATUS_SERVICES)
    activate_root(client, fresh)
    serial = serial_of(issue(client, fresh))
    client.revoke_certificate(CertificateAuthorityArn=fresh, CertificateSerial=serial, RevocationReason="SUPERSEDED")
    active_subordinate(client, now=clock(), RevocationConfiguration=STATUS_SERVICES)  # whose first CRL waits
    doomed = create(client)
    client.delete_certificate_authority(CertificateAuthorityArn=doomed, PermanentDeletionTimeInDays=7)
    later(account.process("who prepares"), clock, days=8)
    sns = boto3.session.Session().client("sns", region_name=REGION)
    reminding = {"reminder_topic": sns.create_topic(Name="signet-alarms")["TopicArn"]}
    for name in ("publish_crls", "reconcile", "sequence_journal", "remind", "monitor"):
        rt = account.process(name, ocsp_signer="delegated", **(reminding if name == "remind" else {}))
        if name == "monitor":
            boto3.client("s3", region_name=REGION).delete_object(Bucket=CRL_BUCKET, Key=f"crl/{fresh[-36:]}.crl")
        answer = getattr(signet_app, name)(scheduled_event(rt, name), None)
        assert "failed" not in answer.get("results", ())
        assert not answer.get("errors")
        assert name != "reconcile" or (answer["acme_orders_ended"], answer["acme_errors"]) == (1, 0)
        assert name != "remind" or answer == {"sent": 2, "failed": 0}
    restore(account, fresh)
    assert sequence(account)["lacked"] > 0
