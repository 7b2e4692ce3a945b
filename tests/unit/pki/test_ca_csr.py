"""The CSR that a CA makes for itself, and the extensions that its request may name."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509

from chalicelib.pki.errors import ArgumentError
from chalicelib.pki.x509 import csr as csrs
from tests.support.pki_forge import common, csr, key

CSR_EXTENSIONS: dict[str, Any] = {
    "KeyUsage": {"KeyCertSign": True, "CRLSign": True},
    "SubjectInformationAccess": [
        {
            "AccessMethod": {"AccessMethodType": "CA_REPOSITORY"},
            "AccessLocation": {"UniformResourceIdentifier": "http://repository.example/"},
        },
        {"AccessMethod": {"CustomObjectIdentifier": "1.2.3.4"}, "AccessLocation": {"DnsName": "a.example"}},
    ],
}


def test_build_ca_csr_asks_for_a_ca_without_path_length() -> None:
    """AWS Private CA User Guide, the CSR of the sample: one request, BasicConstraints critical, CA:TRUE, no pathLen."""
    tbs = csrs.build_ca_csr_tbs({"Subject": {"CommonName": "CA"}}, key().public_key())
    request = x509.load_der_x509_csr(csr(tbs=tbs))
    (constraints,) = request.extensions
    assert constraints.critical
    assert constraints.value == x509.BasicConstraints(ca=True, path_length=None)
    assert csrs.parse_csr_der(csr(tbs=tbs)).subject_der == common("CA")


def test_build_ca_csr_carries_csr_extensions() -> None:
    configuration = {"Subject": {"CommonName": "CA"}, "CsrExtensions": CSR_EXTENSIONS}
    request = x509.load_der_x509_csr(csr(tbs=csrs.build_ca_csr_tbs(configuration, key().public_key())))
    usage = request.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert (usage.value.key_cert_sign, usage.value.crl_sign, usage.value.digital_signature) == (True, True, False)
    access = list(request.extensions.get_extension_for_class(x509.SubjectInformationAccess).value)
    assert [each.access_method.dotted_string for each in access] == ["1.3.6.1.5.5.7.48.5", "1.2.3.4"]
    assert access[0].access_location == x509.UniformResourceIdentifier("http://repository.example/")


@pytest.mark.parametrize(
    "csr_extensions",
    [
        pytest.param(
            {
                "SubjectInformationAccess": [
                    {
                        "AccessMethod": {"AccessMethodType": "CA_REPOSITORY", "CustomObjectIdentifier": "1.2.3"},
                        "AccessLocation": {"DnsName": "a.example"},
                    }
                ]
            },
            id="two-access-methods",
        ),
        pytest.param(
            {
                "SubjectInformationAccess": [
                    {
                        "AccessMethod": {"AccessMethodType": "CA_REPOSITORY"},
                        "AccessLocation": {"DnsName": "a.example", "Rfc822Name": "a@b.example"},
                    }
                ]
            },
            id="two-locations",
        ),
    ],
)
def test_check_csr_extensions_contradictory_is_refused(csr_extensions: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError):
        csrs.check_csr_extensions(csr_extensions)


def test_check_csr_extensions_absent_is_accepted() -> None:
    csrs.check_csr_extensions(None)
