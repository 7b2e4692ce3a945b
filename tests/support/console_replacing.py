"""The forms of the console that replace a value, and a home with one of each value."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.access import principals
from chalicelib.acme import directories
from chalicelib.identities import IssuingPreset
from chalicelib.operations import issuing_presets
from tests.support.acme_calls import made_directory
from tests.support.authority_steps import active_root
from tests.support.builders import CRL_CONFIGURATION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.runtime import Runtime

ACCOUNT = "0" * 12
SERVER = "EndEntityServerAuthCertificate"


class World(NamedTuple):
    """A home with one of everything that a form replaces."""

    rt: Runtime
    client: Any
    ca: str
    others: tuple[str, ...]

    @property
    def path(self) -> str:
        return f"/console/cas/{self.ca.rsplit('/', 1)[1]}"

    def policy(self, account: str) -> str:
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": account},
            "Action": "acm-pca:GetCertificate",
            "Resource": self.ca,
        }
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=1)

    def document(self, action: str) -> str:
        return json.dumps({"Statement": {"Effect": "Allow", "Action": action, "Resource": "*"}}, indent=1)

    def tags(self) -> dict[str, str]:
        found = self.client.list_tags(CertificateAuthorityArn=self.ca)["Tags"]
        return {tag["Key"]: tag["Value"] for tag in found}

    def shared(self) -> str:
        policy = self.rt.store.get_policy(self.ca)
        return policy.text if policy else ""

    def preset(self, days: int, name: str = "web") -> None:
        made = IssuingPreset(
            account_id=ACCOUNT,
            name=name,
            template=SERVER,
            names=("*.example.com",),
            days=days,
            description="",
            created_at=self.rt.now(),
        )
        issuing_presets.save(self.rt, made)

    def presets(self) -> dict[str, tuple[int, str]]:
        return {each.name: (each.days, each.description) for each in issuing_presets.of_account(self.rt, ACCOUNT)}

    def documents(self) -> dict[str, str]:
        return dict(principals.find(self.rt, ACCOUNT, "ops").policies)

    def put_document(self, action: str) -> None:
        principals.put_policy(self.rt, ACCOUNT, "ops", "p", self.document(action))

    def directory(self) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
        found = directories.find(self.rt, ACCOUNT, "web")
        return found.terms, found.names, (found.ca_arn, *found.compromised)

    def change_directory(self, **parts: Any) -> None:
        directories.change(self.rt, ACCOUNT, "web", lambda old: replace(old, **parts))

    def revocation(self) -> Any:
        found = self.client.describe_certificate_authority(CertificateAuthorityArn=self.ca)
        return found["CertificateAuthority"]["RevocationConfiguration"]["CrlConfiguration"]

    def revoke_by(self, **crl: Any) -> None:
        crl = CRL_CONFIGURATION["CrlConfiguration"] | crl
        self.client.update_certificate_authority(
            CertificateAuthorityArn=self.ca, RevocationConfiguration={"CrlConfiguration": crl}
        )


class Case(NamedTuple):
    """A form that replaces a value.

    Attributes:
        page: its path.
        action: the end of its address.
        fields: what the visitor enters.
        others: what another visitor enters.
        by_api: changes the value in another way.
        now: a text of the changed value, as the page shows it.
        value: reads it.
    """

    page: Callable[[World], str]
    action: str
    fields: Callable[[World], Mapping[str, str]]
    others: Callable[[World], Mapping[str, str]]
    by_api: Callable[[World], object]
    now: Callable[[World], str]
    value: Callable[[World], Any]


CASES = {
    "ACME directory": Case(
        lambda _: "/console/acme/directory/update?name=web",
        "directory/update?name=web",
        lambda _: {"acme_terms": "https://mine.example/"},
        lambda _: {"acme_names": "other.example.com"},
        lambda world: world.change_directory(names=("api.example.com",)),
        lambda world: world.directory()[1][0],
        World.directory,
    ),
    "CA of a directory": Case(
        lambda _: "/console/acme/directory/replace?name=web",
        "directory/replace?name=web",
        lambda world: {"acme_ca": world.others[0], "acme_compromised": "yes"},
        lambda world: {"acme_ca": world.others[1]},
        lambda world: directories.replace_authority(world.rt, ACCOUNT, "web", world.others[1]),
        lambda world: world.others[1],
        World.directory,
    ),
    "revocation": Case(
        lambda world: f"{world.path}/revocation/edit",
        "/revocation/edit",
        lambda _: {"days": "30"},
        lambda _: {"path": "other"},
        lambda world: world.revoke_by(ExpirationInDays=5, CustomPath="other"),
        lambda _: "other",
        World.revocation,
    ),
    "resource policy": Case(
        lambda world: f"{world.path}/sharing",
        "/sharing/policy",
        lambda world: {"policy": world.policy("111122223333"), "confirmed": "yes"},
        lambda world: {"policy": world.policy("222233334444"), "confirmed": "yes"},
        lambda world: world.client.put_policy(ResourceArn=world.ca, Policy=world.policy("333344445555")),
        World.shared,
        World.shared,
    ),
    "tag": Case(
        lambda world: f"{world.path}/tags",
        "/tags",
        lambda _: {"value": "mine"},
        lambda _: {"value": "theirs"},
        lambda world: world.client.tag_certificate_authority(
            CertificateAuthorityArn=world.ca, Tags=[{"Key": "team", "Value": "by the API"}]
        ),
        lambda world: world.tags()["team"],
        World.tags,
    ),
    "identity policy": Case(
        lambda _: "/console/principal/policy?name=ops&policy=p",
        "principal/policy?name=ops&policy=p",
        lambda world: {"document": world.document("acm-pca:ListTags")},
        lambda world: {"document": world.document("acm-pca:GetPolicy")},
        lambda world: world.put_document("acm-pca:GetCertificate"),
        lambda world: world.documents()["p"],
        World.documents,
    ),
    "issuing preset": Case(
        lambda _: "/console/presets?name=web",
        "presets?name=web",
        lambda _: {"preset_days": "31"},
        lambda _: {"preset_days": "77"},
        lambda world: world.preset(99),
        lambda world: str(world.presets()["web"][0]),
        World.presets,
    ),
}


def furnished(rt: Runtime, acm_pca: Any) -> World:
    """One of everything."""
    ca, *others = (active_root(acm_pca) for _ in range(3))
    made = World(rt, acm_pca, ca, tuple(others))
    made_directory(rt, ACCOUNT, ca, "web")
    acm_pca.put_policy(ResourceArn=ca, Policy=made.policy("000011112222"))
    acm_pca.tag_certificate_authority(CertificateAuthorityArn=ca, Tags=[{"Key": "team", "Value": "x"}])
    principals.create(rt, ACCOUNT, "ops", policies=(("p", made.document("acm-pca:ListPermissions")),))
    made.preset(30)
    return made
