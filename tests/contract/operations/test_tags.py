"""Tags of a CA: added, replaced, removed, and listed by pages."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.authority_steps import create
from tests.support.refusals import refusal


def test_tags_are_added_replaced_removed_and_paged(acm_pca: Any) -> None:
    arn = create(acm_pca, Tags=[{"Key": "a", "Value": "1"}])
    acm_pca.tag_certificate_authority(
        CertificateAuthorityArn=arn, Tags=[{"Key": "a", "Value": "2"}, {"Key": "b"}, {"Key": "c", "Value": ""}]
    )
    wanted = [{"Key": "a", "Value": "2"}, {"Key": "b", "Value": ""}, {"Key": "c", "Value": ""}]
    assert acm_pca.list_tags(CertificateAuthorityArn=arn)["Tags"] == wanted
    paginator = acm_pca.get_paginator("list_tags")
    pages = paginator.paginate(CertificateAuthorityArn=arn, PaginationConfig={"PageSize": 2})
    assert [tag for page in pages for tag in page["Tags"]] == wanted
    acm_pca.untag_certificate_authority(
        CertificateAuthorityArn=arn, Tags=[{"Key": "a", "Value": "other"}, {"Key": "b"}, {"Key": "zzz"}]
    )
    assert acm_pca.list_tags(CertificateAuthorityArn=arn)["Tags"] == [wanted[0], wanted[2]]


def test_tags_that_change_between_pages_hide_no_other(acm_pca: Any) -> None:
    arn = create(acm_pca, Tags=[{"Key": key} for key in "fbdaec"])

    def page(**more: Any) -> tuple[str, str | None]:
        answer = acm_pca.list_tags(CertificateAuthorityArn=arn, MaxResults=2, **more)
        return "".join(tag["Key"] for tag in answer["Tags"]), answer.get("NextToken")

    seen, token = page()
    assert seen == "ab"
    acm_pca.untag_certificate_authority(CertificateAuthorityArn=arn, Tags=[{"Key": "a"}, {"Key": "b"}])
    seen, token = page(NextToken=token)
    assert seen == "cd"
    acm_pca.tag_certificate_authority(CertificateAuthorityArn=arn, Tags=[{"Key": "a"}, {"Key": "c", "Value": "2"}])
    assert page(NextToken=token) == ("ef", None)


def test_fifty_first_tag_is_refused(acm_pca: Any) -> None:
    tags = [{"Key": f"k{number}", "Value": ""} for number in range(50)]
    arn = create(acm_pca, Tags=tags)
    with pytest.raises(acm_pca.exceptions.TooManyTagsException):
        acm_pca.tag_certificate_authority(CertificateAuthorityArn=arn, Tags=[{"Key": "one more"}])
    assert len(acm_pca.list_tags(CertificateAuthorityArn=arn)["Tags"]) == 50


def test_list_tags_with_a_foreign_token_is_refused(acm_pca: Any) -> None:
    arn = create(acm_pca)
    assert refusal(acm_pca.list_tags, CertificateAuthorityArn=arn, NextToken="x")[0] == "ValidationException"
