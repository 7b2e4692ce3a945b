"""ACME clients that want more than their binding, and strangers: names, keys, templates, records, certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.acme import directories
from chalicelib.acme_records import Profile
from chalicelib.identities import IssuingPreset
from chalicelib.operations import issuing_presets
from tests.support.acme_calls import AcmeClient, made_binding, made_directory
from tests.support.authority_steps import active_root

if TYPE_CHECKING:
    from chalicelib.acme_records import AcmeDirectory
    from chalicelib.runtime import Runtime


@pytest.fixture
def ca_arn(acm_pca: Any) -> str:
    return active_root(acm_pca)


@pytest.fixture
def directory(rt: Runtime, ca_arn: str) -> AcmeDirectory:
    return made_directory(rt, rt.settings.account_id, ca_arn)


def registered(rt: Runtime, directory: AcmeDirectory, *names: str, **members: Any) -> AcmeClient:
    """A client with an account whose names need no challenge, unless the members say otherwise."""
    client = AcmeClient(rt, directory.name)
    got = client.register(made_binding(rt, directory, *names, **{"preauthorized": True, **members}))
    assert got.status == 201, got.body
    return client


@pytest.fixture
def client(rt: Runtime, directory: AcmeDirectory) -> AcmeClient:
    return registered(rt, directory)


# what an order may lead to


def preset(rt: Runtime, template: str, name: str = "web") -> IssuingPreset:
    return issuing_presets.save(
        rt,
        IssuingPreset(
            account_id=rt.settings.account_id,
            name=name,
            template=template,
            names=("*.example.test",),
            days=90,
            description="",
            created_at=rt.now(),
        ),
    )


BEYOND_NAMES = (
    "SubordinateCACertificate_PathLen0",
    "BlankSubordinateCACertificate_PathLen0_APIPassthrough",
    "EndEntityCertificate_CSRPassthrough",
    "EndEntityServerAuthCertificate_APICSRPassthrough",
    "OCSPSigningCertificate",
)


@pytest.mark.parametrize("template", BEYOND_NAMES)
@pytest.mark.parametrize("by_preset", [False, True])
def test_no_profile_gives_more_than_a_challenge_proves(
    rt: Runtime, ca_arn: str, template: str, *, by_preset: bool
) -> None:
    """A challenge proves a name: nobody gets the rights of a CA, of its OCSP responder, or extensions of a CSR."""
    named = preset(rt, template).name if by_preset else template
    with pytest.raises(directories.AcmeError) as refused:
        made_directory(rt, rt.settings.account_id, ca_arn, profiles=(Profile("p", named, 24),))
    assert refused.value.part == "profiles"


@pytest.mark.parametrize("template", BEYOND_NAMES)
def test_preset_that_is_changed_later_gives_no_more_either(rt: Runtime, ca_arn: str, template: str) -> None:
    preset(rt, "EndEntityServerAuthCertificate")
    directory = made_directory(rt, rt.settings.account_id, ca_arn, profiles=(Profile("p", "web", 24),))
    client = registered(rt, directory)
    assert client.finalize(client.order("a.example.test")).body["status"] == "valid"
    preset(rt, template)
    done = client.finalize(client.order("a.example.test"))
    assert (done.status, done.body["status"]) == (200, "invalid")
    assert "profile" in done.body["error"]["detail"]
