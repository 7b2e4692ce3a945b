"""`signet role` and `signet oidc-provider` (docs/access.md)."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.home import ROOT
from tests.support.oidc_issuer import ALL_KEYS
from tests.support.roles import ANYTHING, OWNER, trust

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    Run = Callable[..., Result]

pytestmark = pytest.mark.laptop
CA = "arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/11111111-1111-4111-8111-111111111111"
ISSUER = ("--preset", "issuer", "--ca", CA, "--template", "EndEntityCertificate/V1")
TRUST = trust({"AWS": OWNER})


def test_role_is_made_listed_shown_and_deleted(run: Run) -> None:
    made = run("role", "create", "ci", "--trust", "-", "--max-session", "10m", *ISSUER, input=TRUST)
    assert made.output == "arn:aws:iam::000000000000:role/ci\n"
    assert run("role", "list").output.splitlines()[-1].split() == ["ci", "issuer", "0:10:00"]
    shown = run("role", "show", "ci").output
    assert shown.startswith("arn:aws:iam::000000000000:role/ci\n")
    assert f"trust policy:\n{TRUST}\n" in shown
    assert "acm-pca:GetCertificate" in shown
    assert run("role", "delete", "ci").output == "deleted ci; its sessions end within 5 seconds\n"
    assert len(run("role", "list").output.splitlines()) == 1


def test_policies_of_a_role_are_put_printed_and_deleted(run: Run) -> None:
    run("role", "create", "ci", "--trust", "-", input=TRUST)
    other = trust({"AWS": "arn:aws:iam::000000000000:user/p"})
    assert run("role", "trust", "put", "ci", "-", input=other).exit_code == 0
    assert run("role", "trust", "get", "ci").output == f"{other}\n"
    assert run("role", "policy", "put", "ci", "all", "-", input=ANYTHING).exit_code == 0
    assert json.loads(run("role", "policy", "get", "ci", "all").output) == json.loads(ANYTHING)
    assert run("role", "policy", "delete", "ci", "all").output == "deleted all\n"
    assert "has no policy all" in run("role", "policy", "get", "ci", "all").output


def test_what_can_never_be_judged_is_told(run: Run) -> None:
    provider = "arn:aws:iam::000000000000:oidc-provider/issuer.example"
    known = {"StringEquals": {"issuer.example:sub": "a", "Issuer.example:aud": "b", "sts:RoleSessionName": "s"}}
    tokens = trust({"Federated": provider}, "sts:AssumeRoleWithWebIdentity", Condition=known)
    assert run("role", "create", "ci", "--trust", "-", input=tokens).stderr == ""
    odd = trust({"AWS": OWNER}, Condition={"StringEquals": {"issuer.example:sub": "a"}})
    warned = run("role", "trust", "put", "ci", "-", input=odd).stderr
    assert warned == (
        "warning: statement 1 of the trust policy: the key issuer.example:sub is unknown, so it allows nothing.\n"
    )


REFUSED: dict[str, tuple[tuple[str, ...], str, str]] = {
    "no JSON": (("create", "ci", "--trust", "-"), "x", "not JSON"),
    "everybody": (("create", "ci", "--trust", "-"), trust("*"), "cannot let everybody in"),
    "everybody by AWS": (("create", "ci", "--trust", "-"), trust({"AWS": "*"}), "cannot let everybody in"),
    "another account": (("create", "ci", "--trust", "-"), trust({"AWS": "111111111111"}), "not of the role's account"),
    "another account's principal": (
        ("create", "ci", "--trust", "-"),
        trust({"AWS": "arn:aws:iam::111111111111:user/p"}),
        "not of the role's account",
    ),
    "another account's provider": (
        ("create", "ci", "--trust", "-"),
        trust({"Federated": "arn:aws:iam::111111111111:oidc-provider/issuer.example"}),
        "not of the role's account",
    ),
    "provider without a condition": (
        ("create", "ci", "--trust", "-"),
        trust({"Federated": "arn:aws:iam::000000000000:oidc-provider/issuer.example"}),
        "needs a condition on issuer.example:sub",
    ),
    "provider by its URL": (("create", "ci", "--trust", "-"), trust({"Federated": "issuer.example"}), "not the ARN"),
    "action": (("create", "ci", "--trust", "-"), trust({"AWS": OWNER}, "acm-pca:*"), "must begin with 'sts:'"),
    "resource": (("create", "ci", "--trust", "-"), trust({"AWS": OWNER}, Resource="*"), "has the member 'Resource'"),
    "long": (("create", "ci", "--trust", "-"), TRUST + " " * 4096, "at most 4096 characters"),
    "short session": (("create", "ci", "--trust", "-", "--max-session", "9m"), TRUST, "from 10 minutes to 12 hours"),
    "long session": (("create", "ci", "--trust", "-", "--max-session", "13h"), TRUST, "from 10 minutes to 12 hours"),
    "name": (("create", "c/i", "--trust", "-"), TRUST, "The name of a role"),
    "missing": (("show", "nobody"), "", "There is no role nobody."),
}


@pytest.mark.parametrize(("words", "given", "text"), REFUSED.values(), ids=REFUSED)
def test_refusals_say_why(
    run: Run, words: tuple[str, ...], given: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = run("role", *words, input=given)
    assert found.exit_code != 0
    assert text in found.output + str(found.exception)


def test_name_is_taken_once(run: Run) -> None:
    run("role", "create", "ci", "--trust", "-", input=TRUST)
    assert "There is a role ci already." in str(run("role", "create", "ci", "--trust", "-", input=TRUST).exception)


GITHUB = "https://token.actions.githubusercontent.com"


def test_issuer_is_believed_listed_shown_and_deleted(run: Run, tmp_path: Path) -> None:
    made = run("oidc-provider", "create", GITHUB, "--audience", "sts.amazonaws.com", "--audience", "b")
    assert made.output == "arn:aws:iam::000000000000:oidc-provider/token.actions.githubusercontent.com\n"
    keys = tmp_path / "keys.json"
    keys.write_text(ALL_KEYS)
    run("oidc-provider", "create", "https://cluster.example/x", "--audience", "a", "--jwks-file", str(keys))
    listed = [line.split() for line in run("oidc-provider", "list").output.splitlines()]
    assert listed[1:] == [
        ["https://cluster.example/x", "a", "from", "a", "file"],
        [GITHUB, "sts.amazonaws.com,", "b", "fetched"],
    ]
    shown = run("oidc-provider", "show", GITHUB).output.splitlines()
    assert shown[1:] == [
        f"issuer {GITHUB}",
        "audience sts.amazonaws.com",
        "audience b",
        "keys: fetched from the issuer",
    ]
    assert ALL_KEYS in run("oidc-provider", "show", "cluster.example/x").output
    assert "its sessions end" in run("oidc-provider", "delete", GITHUB).output
    assert len(run("oidc-provider", "list").output.splitlines()) == 2
    assert "no OIDC provider" in str(run("oidc-provider", "show", GITHUB).exception)


def blocks(document: str) -> list[str]:
    """The console sessions of a guide's sections about roles."""
    sections = document[document.index("## Roles\n") : document.index("## IAM's own identities")]
    return re.findall(r"```console\n(.*?)```", sections, re.DOTALL)


def test_commands_of_the_guide_work_as_it_shows(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("keys.json").write_text(ALL_KEYS)  # what kubectl would have printed
    ran = []
    for block in blocks((ROOT / "docs/access.md").read_text()):
        for text in re.findall(r"<<'END'\n(.*?)\nEND\n", block, re.DOTALL):
            Path("trust.json").write_text(text)
        for command, shown in re.findall(
            r"^\$ signet (.*)\n((?:(?!\$).*\n)*)", block.replace("\\\n", ""), re.MULTILINE
        ):
            found = run(*shlex.split(command.replace("$CA", CA)))
            assert found.exit_code == 0, found.exception
            assert found.stderr == ""
            assert found.output.startswith(shown), command
            ran.append(command.split()[0])
    assert ran == ["role", "oidc-provider", "role", "oidc-provider"]
