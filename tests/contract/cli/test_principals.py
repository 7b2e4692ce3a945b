"""`signet principal` and `signet credentials --principal` (docs/access.md)."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from chalicelib.access import access_keys
from chalicelib.config import Settings
from chalicelib.runtime import Runtime, from_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Run = Callable[..., Result]

pytestmark = pytest.mark.laptop
CA = "arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/11111111-1111-4111-8111-111111111111"
ISSUER = ("--preset", "issuer", "--ca", CA, "--template", "EndEntityCertificate/V1")


@pytest.fixture
def home(tmp_path: Path) -> Runtime:
    return from_settings(Settings(data=str(tmp_path / "data")))


def test_issuer_is_made_listed_shown_and_deleted(run: Run, home: Runtime) -> None:
    made = run("principal", "create", "ci", *ISSUER, "--template", "CodeSigningCertificate", "--description", "builds")
    assert made.output == "arn:aws:iam::000000000000:user/ci\n"
    key = run("credentials", "create", "--principal", "ci", "--expires", "90d")
    key_id = re.findall("AWS_ACCESS_KEY_ID=(AKIA[A-Z2-7]{16})\nAWS_SECRET_ACCESS_KEY=", key.output)[0]
    kept = home.store.get_access_key(key_id)
    assert kept is not None
    assert kept.expires_at is not None
    assert kept.expires_at - kept.created_at <= timedelta(days=90)
    listed = run("principal", "list").output.splitlines()
    assert re.fullmatch(r"administrator +administrator +0 +of every account *", listed[-2])
    assert re.fullmatch(r"ci +issuer +1 +builds *", listed[-1])
    assert re.search(rf"{key_id} +000000000000 +ci +.*Z +{kept.expires_at:%Y-%m-%d}", run("credentials", "list").output)
    shown = run("principal", "show", "ci").output
    assert re.search(f"access key {key_id}, until {kept.expires_at:%Y-%m-%d %H:%M}Z, last used: never\n", shown)
    policy = json.loads(run("principal", "policy", "get", "ci", "issuer").output)
    assert [each["Action"] for each in policy["Statement"]] == [
        ["acm-pca:GetCertificate"],
        ["acm-pca:IssueCertificate"],
    ]
    assert policy["Statement"][1]["Condition"]["StringEquals"]["acm-pca:TemplateArn"] == [
        "arn:aws:acm-pca:::template/EndEntityCertificate/V1",
        "arn:aws:acm-pca:::template/CodeSigningCertificate/V1",
    ]
    assert run("principal", "delete", "ci").output == "deleted ci\n"
    assert home.store.get_access_key(key_id) is None


@pytest.mark.parametrize("preset", ["administrator", "auditor", "read-only", "revoker"])
def test_preset_without_ca(run: Run, preset: str) -> None:
    assert run("principal", "create", "p", "--preset", preset, "--account-id", "111111111111").exit_code == 0
    assert "policy " in run("principal", "show", "p", "--account-id", "111111111111").output
    assert run("principal", "show", "p").exit_code == 1


def test_policy_is_put_and_deleted(run: Run, tmp_path: Path) -> None:
    run("principal", "create", "p")
    text = '{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Bool": {"x:y": "true"}}}}'
    (tmp_path / "policy.json").write_text(text)
    put = run("principal", "policy", "put", "p", "mine", str(tmp_path / "policy.json"))
    assert "put mine; every process acts by it within 5 seconds" in put.stdout
    assert put.stderr == "warning: statement 1: the key x:y is unknown, so it denies whatever else it is about.\n"
    assert run("principal", "policy", "get", "p", "mine").output == f"{text}\n"
    assert run("principal", "policy", "put", "p", "mine", "-", input=text).exit_code == 0
    assert run("principal", "policy", "delete", "p", "mine").output == "deleted mine\n"
    assert run("principal", "policy", "get", "p", "mine").exit_code == 1


WRONG: dict[str, tuple[tuple[str, ...], int]] = {
    "administrator": (("principal", "create", "administrator"), 1),
    "issuer without CA": (("principal", "create", "p", "--preset", "issuer", "--template", "EndEntityCertificate"), 1),
    "template of no preset": (("principal", "create", "p", "--template", "EndEntityCertificate"), 2),
    "no template": (("principal", "create", "p", *ISSUER, "--template", "EndEntityCertificate/V2"), 2),
    "no CA": (("principal", "create", "p", *ISSUER, "--ca", "arn:x"), 2),
    "no account": (("principal", "create", "p", "--account-id", "1"), 2),
    "no principal": (("credentials", "create", "--principal", "nobody"), 1),
    "no time": (("credentials", "create", "--expires", "soon"), 2),
    "deleting nobody": (("principal", "delete", "nobody"), 1),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_call_is_refused(run: Run, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words, code = WRONG[case]
    monkeypatch.setattr("sys.argv", ["signet", *words])
    from chalicelib.cli import main

    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == code
    assert run("principal", "show", "p").exit_code != 0


def test_env_says_whose_its_access_key_is(run: Run) -> None:
    found = run("env")
    assert "; export AWS_ENDPOINT_URL_ACM_PCA=" in found.stdout
    assert found.stdout.count("\n") == 1
    assert "signet principal create NAME --preset issuer" in found.stderr


def test_access_key_is_deactivated_and_activated(run: Run, home: Runtime) -> None:
    made = access_keys.create_access_key(home, "000000000000").access_key_id
    assert run("credentials", "deactivate", made).output == f"Deactivated {made}.\n"
    assert re.search(rf"{made} +000000000000 +administrator +inactive +", run("credentials", "list").output)
    assert f"access key {made}, inactive, last used: never" in run("principal", "show", "administrator").output
    assert [key.active for key in home.store.list_access_keys()] == [False]
    assert run("credentials", "activate", made).exit_code == 0
    access_keys.note_use(home, made)
    assert re.search(rf"{made} .* active .* never +{home.now():%Y-%m-%d}", run("credentials", "list").output)
    assert run("credentials", "activate", "AKIAX").exit_code == 1
