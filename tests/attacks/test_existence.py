"""Nobody learns which CAs another account has: a refusal does the same work whether there is such a CA."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib import errors
from chalicelib.access import authorization, resource_policy
from chalicelib.ca import find
from chalicelib.identities import ADMINISTRATOR
from chalicelib.runtime import Caller
from chalicelib.store.table_store import TableStore
from tests.support.authority_steps import active_root, create
from tests.support.policies import LEAF_TEMPLATE, OTHER, THIRD, documented, policy, statement
from tests.support.refusals import refusal

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime

pytestmark = pytest.mark.laptop


class Watched:
    """A table that notes each read, and whether anything was found."""

    def __init__(self, table: Any) -> None:
        self._table = table
        self.reads: list[tuple[str, bool]] = []

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._table, name)

        def noted(*arguments: Any, **named: Any) -> Any:
            found = method(*arguments, **named)
            listed = found if isinstance(found, list | dict) or found is None else list(found)
            self.reads.append((name, bool(listed and any(listed))))
            return listed

        return noted


def of_other_accounts(client: Any) -> dict[str, str]:
    """CAs that a caller of OTHER cannot tell from a missing one."""
    bare, small, large, disabled = create(client), create(client), create(client), active_root(client)
    client.put_policy(ResourceArn=small, Policy=documented(small, THIRD))
    statements = [statement(large, Sid=str(number), Principal={"AWS": THIRD}) for number in range(40)]
    client.put_policy(ResourceArn=large, Policy=policy(*statements))
    client.update_certificate_authority(CertificateAuthorityArn=disabled, Status="DISABLED")
    denying = statement(disabled, Effect="Deny", Principal={"AWS": OTHER})
    client.put_policy(ResourceArn=disabled, Policy=policy(denying))
    return {"bare": bare, "policy": small, "large policy": large, "disabled and denying": disabled}


@pytest.mark.parametrize("operation", [*sorted(resource_policy.GRANTABLE), "PutPolicy", "UpdateCertificateAuthority"])
def test_refusal_reads_the_same_whether_there_is_a_ca(rt: Any, acm_pca: Any, operation: str) -> None:
    cas = of_other_accounts(acm_pca)
    missing = cas["bare"][:-12] + "000000000000"
    caller = Caller(account_id=OTHER, access_key_id="x", principal=ADMINISTRATOR, operation=operation)
    read: dict[str, Any] = {}
    for kind, arn in {"missing": missing, **cas}.items():
        table = Watched(rt.store.table)
        watching = replace(rt, store=TableStore(table))
        with pytest.raises(errors.AccessDeniedException) as refused:
            find.find(watching, caller, arn, template_arn=LEAF_TEMPLATE)
        read[kind] = table.reads, str(refused.value).replace(arn, missing)
    assert all(seen == read["missing"] for seen in read.values()), read


def test_policies_for_everybody_and_for_accounts_are_found(rt: Runtime, acm_pca: Any) -> None:
    """Whoever a policy may allow something is judged by it, also after the policy was changed."""
    arn = create(acm_pca)
    caller = Caller(
        account_id=OTHER, access_key_id="x", principal=ADMINISTRATOR, operation="DescribeCertificateAuthority"
    )
    condition = {"Condition": {"StringEquals": {"aws:PrincipalAccount": OTHER}}}
    user = {"Principal": {"AWS": f"arn:aws:iam::{OTHER}:user/administrator"}}
    everybody = policy(statement(arn, Principal="*", **condition))
    for text, allowed in (
        (documented(arn), True),
        (everybody, True),
        (documented(arn, THIRD), False),
        (policy(statement(arn, **user)), True),
        (policy(statement(arn, Principal={"AWS": "*"}, **condition)), True),
        (policy(statement(arn, Principal="*", Condition={"StringEquals": {"aws:PrincipalAccount": THIRD}})), False),
    ):
        acm_pca.put_policy(ResourceArn=arn, Policy=text)
        assert authorization.is_shared(rt, caller, arn) == allowed, text
    acm_pca.put_policy(ResourceArn=arn, Policy=everybody)
    acm_pca.delete_policy(ResourceArn=arn)
    assert not rt.store.is_shared(arn, OTHER)
    assert refusal(acm_pca.get_policy, ResourceArn=arn)[0] == "ResourceNotFoundException"
