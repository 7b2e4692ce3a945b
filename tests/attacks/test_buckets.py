"""A bucket belongs to one account: others neither see its name nor write into it."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import pytest
from botocore.exceptions import ClientError

from chalicelib.access import access_keys
from tests.support.authority_steps import active_root, create
from tests.support.client import client_for
from tests.support.console_authority_steps import page_of
from tests.support.console_browser import Browser
from tests.support.policies import OTHER
from tests.support.ports import Port
from tests.support.refusals import refusal

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime

pytestmark = pytest.mark.laptop
BUCKET, REPORTS = "crl-bucket", "reports-of-the-victim"
TAKEN = "belongs to another account"


def crl(bucket: str, **more: Any) -> dict[str, Any]:
    return {"RevocationConfiguration": {"CrlConfiguration": {"Enabled": True, "S3BucketName": bucket} | more}}


@pytest.fixture
def victim_arn(acm_pca: Any) -> str:
    """A CA with CRLs in one bucket, and an audit report in another one."""
    arn = active_root(acm_pca, **crl(BUCKET))
    report(acm_pca, arn, REPORTS)
    return arn


@pytest.fixture
def attacker_key(rt: Runtime) -> Any:
    return access_keys.create_access_key(rt, OTHER)


@pytest.fixture
def attacker(rt: Runtime, acm_pca: Any, attacker_key: Any) -> Any:
    return client_for(rt, access_key_id=attacker_key.access_key_id, secret=attacker_key.secret)


def report(client: Any, arn: str, bucket: str) -> None:
    client.create_certificate_authority_audit_report(
        CertificateAuthorityArn=arn, S3BucketName=bucket, AuditReportResponseFormat="CSV"
    )


def objects(rt: Any) -> dict[str, float]:
    """Every file of every bucket, and when it was written."""
    return {str(path): path.stat().st_mtime_ns for path in rt.buckets._path.rglob("*") if path.is_file()}


@pytest.mark.parametrize("bucket", [BUCKET, REPORTS])
@pytest.mark.usefixtures("victim_arn")
def test_bucket_of_another_account_is_refused_and_untouched(rt: Runtime, attacker: Any, bucket: str) -> None:
    own = active_root(attacker, **crl("bucket-of-the-attacker"))
    before = objects(rt)
    for acl in ("PUBLIC_READ", "BUCKET_OWNER_FULL_CONTROL"):
        more = crl(bucket, S3ObjectAcl=acl)
        code, text = refusal(lambda **more: create(attacker, **more), **more)
        assert (code, TAKEN in text) == ("ValidationException", True)
        code, text = refusal(attacker.update_certificate_authority, CertificateAuthorityArn=own, **more)
        assert (code, TAKEN in text) == ("ValidationException", True)
    code, text = refusal(lambda **more: report(attacker, own, **more), bucket=bucket)
    assert (code, TAKEN in text) == ("InvalidArgsException", True)
    assert objects(rt) == before


@pytest.mark.usefixtures("victim_arn")
def test_owner_uses_its_bucket_for_everything(acm_pca: Any) -> None:
    for bucket in (BUCKET, REPORTS):
        create(acm_pca, **crl(bucket))


def test_two_accounts_at_once_do_not_share_a_bucket(rt: Runtime, acm_pca: Any, attacker_key: Any) -> None:
    barrier = threading.Barrier(2, timeout=30)

    def check(*arguments: Any) -> None:
        rt.buckets.check(*arguments)
        barrier.wait()

    racing = replace(rt, buckets=Port(rt.buckets, check=check))
    clients = [
        client_for(racing),
        client_for(racing, access_key_id=attacker_key.access_key_id, secret=attacker_key.secret),
    ]
    texts: list[str] = []

    def attempt(client: Any) -> None:
        try:
            create(client, **crl("bucket-of-the-first"))
        except ClientError as error:
            texts.append(str(error))

    threads = [threading.Thread(target=attempt, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(texts) == 1
    assert TAKEN in texts[0]


def test_bucket_that_an_earlier_release_used_is_its_account_s(rt: Any, acm_pca: Any, attacker: Any) -> None:
    create(acm_pca, **crl(BUCKET))
    rt.store.table.write(*[_forgotten(BUCKET)])
    assert TAKEN in refusal(lambda **more: create(attacker, **more), **crl(BUCKET))[1]
    create(acm_pca, **crl(BUCKET))


def _forgotten(bucket: str) -> Any:
    from chalicelib.store import items
    from chalicelib.store.table import Delete

    return Delete(items.bucket_key(bucket))


# the console


@pytest.fixture
def browser(rt: Runtime, attacker: Any, attacker_key: Any) -> Browser:
    made = Browser(rt)
    made.sign_in(attacker_key)
    return made


@pytest.mark.usefixtures("victim_arn")
def test_console_shows_no_name_of_another_account_s_bucket(rt: Runtime, attacker: Any, browser: Browser) -> None:
    arn = active_root(attacker, **crl("bucket-of-the-attacker"))
    for page in ("/revocation/edit", "/reports"):
        text = page_of(browser, arn, page).text
        assert "bucket-of-the-attacker" in text
        assert not [name for name in (BUCKET, REPORTS) if name in text]
    owner = Browser(rt)
    owner.sign_in()
    own = create(client_for(rt))
    assert BUCKET in page_of(owner, own, "/revocation/edit").text


@pytest.mark.usefixtures("victim_arn")
@pytest.mark.parametrize(
    "fields", [{"choice": "existing", "bucket": BUCKET}, {"choice": "new", "new_bucket": BUCKET}, {"bucket": REPORTS}]
)
def test_console_takes_no_bucket_of_another_account(
    rt: Runtime, attacker: Any, browser: Browser, fields: dict[str, str]
) -> None:
    arn = active_root(attacker, **crl("bucket-of-the-attacker"))
    before = objects(rt)
    page = page_of(browser, arn, "/revocation/edit")
    form = page.form("/revocation/edit")
    sent = browser.post(urljoin(page.url, form["action"]), form["fields"] | fields)
    assert sent.status == 422
    assert objects(rt) == before


# one account: paths that would keep the CRL of another CA from being written


@pytest.mark.parametrize("path", ["crl/{id}.crl", "{id}.crl", "crl/{id}.crl/x", "a/b.CRL"])
def test_path_is_no_crl_of_another_ca(acm_pca: Any, victim_arn: str, path: str) -> None:
    named = path.format(id=victim_arn.rsplit("/", 1)[1])
    code, text = refusal(lambda **more: create(acm_pca, **more), **crl(BUCKET, CustomPath=named))
    assert (code, "CustomPath" in text) == ("InvalidArgsException", True)
