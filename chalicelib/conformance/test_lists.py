"""Lists and their pages, tags, and permissions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.conformance.authorities import TAG
from chalicelib.conformance.requests import ACTIONS, PRINCIPAL
from chalicelib.conformance.sources import ALCHEMY, TERRAFORM, about, guide, inferred, model, observed, reference

if TYPE_CHECKING:
    from chalicelib.conformance.authorities import Target
    from chalicelib.conformance.wire import Answer

LIST, PERMIT = reference("ListCertificateAuthorities"), reference("CreatePermission")
TAGGING, UNTAGGING = reference("TagCertificateAuthority"), reference("UntagCertificateAuthority")


@about("ListCertificateAuthorities", LIST)
def test_list_describes_each_ca(target: Target, waiting: str) -> None:
    found = {each["Arn"]: each for each in pages(target)}
    assert found[waiting] == target.describe(waiting)


@about("ListCertificateAuthorities", LIST)
@pytest.mark.usefixtures("waiting", "waiting_root")
def test_page_has_no_more_than_was_asked_for(target: Target) -> None:
    first = target.wire.call("ListCertificateAuthorities", MaxResults=1).accepted()
    second = target.wire.call("ListCertificateAuthorities", MaxResults=1, NextToken=first["NextToken"]).accepted()
    arns = {each["Arn"] for answer in (first, second) for each in answer["CertificateAuthorities"]}
    assert len(arns) == 2


@about("ListCertificateAuthorities", LIST)
def test_pages_have_each_ca_once(target: Target, waiting: str, waiting_root: Any, issuer: Any) -> None:
    arns = [each["Arn"] for each in pages(target, MaxResults=2)]
    assert len(arns) == len(set(arns))
    assert {waiting, waiting_root.arn, issuer.arn} <= set(arns)


@about("ListCertificateAuthorities", LIST)
def test_deleted_ca_is_listed(target: Target, deleted: str) -> None:
    found = {each["Arn"]: each["Status"] for each in pages(target)}
    assert found[deleted] == "DELETED"


def pages(target: Target, **asked: Any) -> list[dict[str, Any]]:
    """Every CA of the caller's, page by page; the last page has no token."""
    found, more = [], dict[str, Any]()
    while True:
        answer = target.wire.call("ListCertificateAuthorities", **asked, **more).accepted()
        found += answer["CertificateAuthorities"]
        if not answer.get("NextToken"):
            return found
        more = {"NextToken": answer["NextToken"]}


@about("ListCertificateAuthorities", model("errors of the operation have InvalidNextTokenException"))
def test_token_of_nobody_is_refused(target: Target) -> None:
    target.wire.call("ListCertificateAuthorities", NextToken="nonsense").refused("InvalidNextTokenException")


@about("ListCertificateAuthorities", LIST)
@pytest.mark.parametrize("owner", ["SELF", "OTHER_ACCOUNTS"])
@pytest.mark.usefixtures("waiting")
def test_list_of_an_owner(target: Target, owner: str) -> None:
    found = [each["OwnerAccount"] for each in pages(target, ResourceOwner=owner)]
    assert [account for account in found if (account == target.account) != (owner == "SELF")] == []


@about("ListCertificateAuthorities", LIST)
def test_thousand_results_may_be_asked_for(target: Target) -> None:
    answer = target.wire.call("ListCertificateAuthorities", MaxResults=1000).accepted()
    assert len(answer["CertificateAuthorities"]) <= 100


@pytest.fixture(scope="module")
def tagged(target: Target) -> str:
    """A CA whose tags the probes change."""
    return target.create("SUBORDINATE")


def tags(target: Target, arn: str) -> dict[str, Any]:
    """The tags of a CA but the suite's own."""
    found = target.wire.call("ListTags", CertificateAuthorityArn=arn).accepted()["Tags"]
    return {each["Key"]: each.get("Value") for each in found if each["Key"] != TAG["Key"]}


def tag(target: Target, arn: str, *more: dict[str, str]) -> Answer:
    return target.wire.call("TagCertificateAuthority", CertificateAuthorityArn=arn, Tags=list(more))


def untag(target: Target, arn: str, *more: dict[str, str]) -> Answer:
    return target.wire.call("UntagCertificateAuthority", CertificateAuthorityArn=arn, Tags=list(more))


@about("TagCertificateAuthority", TAGGING)
def test_tag_of_the_same_key_is_replaced(target: Target, tagged: str) -> None:
    for value in ("first", "second"):
        tag(target, tagged, {"Key": "replaced", "Value": value}).accepted()
    assert tags(target, tagged)["replaced"] == "second"


@about("TagCertificateAuthority", model("Tag: key and value have no case of their own"))
def test_keys_differ_by_case(target: Target, tagged: str) -> None:
    tag(target, tagged, {"Key": "case", "Value": "1"}, {"Key": "CASE", "Value": "2"}).accepted()
    found = tags(target, tagged)
    assert (found["case"], found["CASE"]) == ("1", "2")


@about("TagCertificateAuthority", model(r"TagKey, TagValue: pattern ([\p{L}\p{Z}\p{N}_.:/=+\-@]*)"))
@pytest.mark.parametrize(
    "text", ["ä ö", "北京", "a_.:/=+-@b", "x" * 128], ids=["letters", "Chinese", "signs", "longest"]
)
def test_tag_comes_back_as_it_was(target: Target, tagged: str, text: str) -> None:
    tag(target, tagged, {"Key": text, "Value": text}).accepted()
    assert tags(target, tagged)[text] == text
    untag(target, tagged, {"Key": text}).accepted()


@about("TagCertificateAuthority", model(r"TagKey, TagValue: pattern ([\p{L}\p{Z}\p{N}_.:/=+\-@]*)"))
@pytest.mark.parametrize("text", ["a*b", "a!", "<b>"])
def test_sign_that_no_tag_may_have_is_refused(target: Target, tagged: str, text: str) -> None:
    tag(target, tagged, {"Key": text, "Value": "x"}).refused("ValidationException", "InvalidTagException")


@about("TagCertificateAuthority", guide("PcaCaTagging"))
def test_prefix_of_aws_is_refused(target: Target, tagged: str) -> None:
    tag(target, tagged, {"Key": "aws:mine", "Value": "x"}).refused("InvalidTagException", "ValidationException")


@about("TagCertificateAuthority", reference("TagCertificateAuthority"))
def test_more_than_fifty_tags_are_too_many(target: Target, tagged: str) -> None:
    many = [{"Key": f"number-{number}", "Value": "x"} for number in range(50)]
    tag(target, tagged, *many).refused("TooManyTagsException")
    assert not [key for key in tags(target, tagged) if key.startswith("number-")]


@about("UntagCertificateAuthority", UNTAGGING)
def test_tag_is_removed_whatever_its_value_if_none_is_given(target: Target, tagged: str) -> None:
    tag(target, tagged, {"Key": "removed", "Value": "x"}).accepted()
    untag(target, tagged, {"Key": "removed"}).accepted()
    assert "removed" not in tags(target, tagged)


@about("UntagCertificateAuthority", UNTAGGING)
@pytest.mark.parametrize(("value", "left"), [("mine", False), ("another", True)])
def test_tag_is_removed_only_if_the_value_is_its_own(target: Target, tagged: str, value: str, *, left: bool) -> None:
    tag(target, tagged, {"Key": "valued", "Value": "mine"}).accepted()
    untag(target, tagged, {"Key": "valued", "Value": value}).accepted()
    assert ("valued" in tags(target, tagged)) == left


@about("UntagCertificateAuthority", inferred("what is to be removed is not there in the end"))
def test_absent_tag_is_no_error(target: Target, tagged: str) -> None:
    untag(target, tagged, {"Key": "never"}).accepted()


@about("ListTags", reference("ListTags"))
def test_tags_come_in_pages(target: Target, tagged: str) -> None:
    tag(target, tagged, {"Key": "page-1", "Value": "x"}, {"Key": "page-2", "Value": "x"}).accepted()
    named = {"CertificateAuthorityArn": tagged, "MaxResults": 1}
    first = target.wire.call("ListTags", **named).accepted()
    second = target.wire.call("ListTags", **named, NextToken=first["NextToken"]).accepted()
    assert [len(answer["Tags"]) for answer in (first, second)] == [1, 1]
    assert first["Tags"] != second["Tags"]


@about("ListTags", TERRAFORM, cas=1)
def test_ca_without_tags_has_an_empty_list(target: Target) -> None:
    arn = target.create()
    untag(target, arn, {"Key": TAG["Key"]}).accepted()
    found = target.wire.call("ListTags", CertificateAuthorityArn=arn).accepted()
    tag(target, arn, TAG).accepted()
    assert found["Tags"] == []


def permit(target: Target, arn: str, **more: Any) -> Answer:
    asked = {"CertificateAuthorityArn": arn, "Principal": PRINCIPAL, "Actions": ACTIONS} | more
    return target.wire.call("CreatePermission", **asked)


def permissions(target: Target, arn: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = target.wire.call("ListPermissions", CertificateAuthorityArn=arn).accepted()[
        "Permissions"
    ]
    return found


@pytest.fixture(scope="module")
def permitted(target: Target) -> str:
    """A CA with a permission for ACM."""
    arn = target.create("SUBORDINATE")
    permit(target, arn).accepted()
    return arn


@about("CreatePermission", reference("Permission"))
def test_permission_is_listed_with_its_account(target: Target, permitted: str) -> None:
    (found,) = permissions(target, permitted)
    assert (found["CertificateAuthorityArn"], found["Principal"]) == (permitted, PRINCIPAL)
    assert sorted(found["Actions"]) == sorted(ACTIONS)
    assert found["SourceAccount"] == target.account
    assert isinstance(found["CreatedAt"], int | float)


@about("ListPermissions", TERRAFORM)
def test_permission_has_a_policy(target: Target, permitted: str) -> None:
    assert permissions(target, permitted)[0]["Policy"]


@about("CreatePermission", reference("CreatePermission"))
def test_same_permission_again_is_refused(target: Target, permitted: str) -> None:
    permit(target, permitted).refused("PermissionAlreadyExistsException")


@about("CreatePermission", ALCHEMY)
def test_permission_of_fewer_actions_is_refused_in_aws_s_words(target: Target, tagged: str) -> None:
    text = (
        "Permissions must contain all three actions [IssueCertificate, GetCertificate, ListPermissions] "
        "for ACM to perform renewals."
    )
    permit(target, tagged, Actions=["IssueCertificate"]).refused("ValidationException", text=text)


@about("CreatePermission", PERMIT)
def test_permission_of_another_principal_is_refused(target: Target, tagged: str) -> None:
    assert permit(target, tagged, Principal="s3.amazonaws.com").status == 400


@about("DeletePermission", reference("DeletePermission"), cas=1)
def test_deleted_permission_is_gone(target: Target) -> None:
    arn = target.create("SUBORDINATE")
    permit(target, arn).accepted()
    named = {"CertificateAuthorityArn": arn, "Principal": PRINCIPAL}
    target.wire.call("DeletePermission", **named).accepted()
    assert permissions(target, arn) == []


@about("DeletePermission", observed("tests of aws-controllers-k8s and terraform-provider-aws"))
def test_permission_that_is_not_there_is_not_found(target: Target, waiting: str) -> None:
    named = {"CertificateAuthorityArn": waiting, "Principal": PRINCIPAL}
    target.wire.call("DeletePermission", **named).refused("ResourceNotFoundException")


@about("ListPermissions", reference("ListPermissions"))
def test_ca_without_permissions_has_an_empty_list(target: Target, waiting: str) -> None:
    assert permissions(target, waiting) == []


@about("ListPermissions", reference("ListPermissions"), cas=1)
def test_permissions_come_in_pages(target: Target) -> None:
    arn = target.create("SUBORDINATE")
    for account in ("111122223333", "111122223334"):
        permit(target, arn, SourceAccount=account).accepted()
    named = {"CertificateAuthorityArn": arn, "MaxResults": 1}
    first = target.wire.call("ListPermissions", **named).accepted()
    second = target.wire.call("ListPermissions", **named, NextToken=first["NextToken"]).accepted()
    found = {each["SourceAccount"] for answer in (first, second) for each in answer["Permissions"]}
    assert found == {"111122223333", "111122223334"}


@about("ListPermissions", model("errors of the operation have InvalidNextTokenException"))
def test_token_of_no_list_of_permissions_is_refused(target: Target, waiting: str) -> None:
    answer = target.wire.call("ListPermissions", CertificateAuthorityArn=waiting, NextToken="nonsense")
    answer.refused("InvalidNextTokenException")
