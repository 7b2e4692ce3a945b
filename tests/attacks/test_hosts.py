"""Names that are addresses in disguise, and addresses that nobody is to be sent to."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography import x509

from chalicelib import hosts
from tests.support.authority_steps import active_root
from tests.support.builders import CRL_CONFIGURATION, csr

ADDRESSES = [
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "2130706433",
    "2130706433.",
    "0x7f.1",
    "0X7F.0.0.1",
    "0x7f000001",
    "0177.0.0.1",
    "017700000001",
    "127.0.0.0x1",
    "127.0.0.0x",
    "0x",
    "0",
    "169.254.169.254",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "example.0x7f",
    "example.com.1",
    "1.2.3.09",  # no address, and no name to a browser either
    "xn--7ug8i",  # punycode of fullwidth digits is put in below
    "[::1]",
    "[::ffff:169.254.169.254]",
    "::1",
    "::ffff:7f00:1",
    "\uff11\uff12\uff17.\uff10.\uff10.\uff11",
    "127\u30020\u30020\u30021",
    "\u2460.example.com",
]
ADDRESSES[ADDRESSES.index("xn--7ug8i")] = "xn--" + "\uff11\uff12\uff17".encode("punycode").decode()
MALFORMED = [
    "",
    ".",
    "a..b",
    "-a.com",
    "a-.com",
    "a b.com",
    "a.com/x",
    "user@a.com",
    "a.com#b",
    "a.com?b",
    "a\tb",
    "a" * 64,
]
NAMES = [
    "example.com",
    "example.com.",
    "localhost",
    "a.b-c.d",
    "_x.internal",
    "1.example",
    "0x7f.example",
    "7f",
    "x0x1",
]
NAMES += ["xn--bcher-kva.example", "127.0.0.1.nip.io", "example.xn--p1ai", "0xg"]


@pytest.mark.parametrize("text", [*ADDRESSES, *MALFORMED])
def test_address_in_any_spelling_is_no_host_name(text: str) -> None:
    assert not hosts.is_host_name(text)


@pytest.mark.parametrize("text", NAMES)
def test_host_name_is_one(text: str) -> None:
    assert hosts.is_host_name(text)


@pytest.mark.parametrize("text", [text for text in ADDRESSES if text])
@pytest.mark.parametrize("port", ["", ":80", ":6379"])
def test_custom_name_is_no_address(acm_pca: Any, text: str, port: str) -> None:
    arn = active_root(acm_pca)
    crl = CRL_CONFIGURATION["CrlConfiguration"] | {"CustomCname": text + port}
    responder = {"Enabled": True, "OcspCustomCname": text + port}
    for configuration in ({"CrlConfiguration": crl}, {"OcspConfiguration": responder}):
        with pytest.raises(ClientError) as caught:
            acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, RevocationConfiguration=configuration)
        assert caught.value.response["Error"]["Code"] in {"InvalidArgsException", "ValidationException"}


@pytest.mark.parametrize("port", [":0", ":65536", ":", ":x", ":080808", ":80:80", ":-1"])
def test_port_of_a_custom_name_is_one(acm_pca: Any, port: str) -> None:
    arn = active_root(acm_pca)
    responder = {"Enabled": True, "OcspCustomCname": f"ocsp.example.com{port}"}
    with pytest.raises(ClientError):
        acm_pca.update_certificate_authority(
            CertificateAuthorityArn=arn, RevocationConfiguration={"OcspConfiguration": responder}
        )


@pytest.mark.parametrize("text", ["0x7f000001", "127.0.0.0x1", "127.1", "a.0x1", "*.0x7f", "example.0X"])
def test_dns_name_that_browsers_read_as_an_address_is_not_certified(acm_pca: Any, text: str) -> None:
    arn = active_root(acm_pca)
    names = x509.SubjectAlternativeName([x509.DNSName(text)])
    with pytest.raises(ClientError):
        acm_pca.issue_certificate(
            CertificateAuthorityArn=arn,
            Csr=csr(extensions=[(names, False)]),
            SigningAlgorithm="SHA256WITHECDSA",
            Validity={"Type": "DAYS", "Value": 1},
        )


REACHES = {
    "never": [
        "169.254.169.254",
        "169.254.170.2",
        "0.0.0.0",
        "0.1.2.3",
        "224.0.0.1",
        "255.255.255.255",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "192.0.2.1",
        "::",
        "::ffff:169.254.169.254",
        "::169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "2001:0:a9fe:a9fe::1",
        "2001:0:808:808::5601:5601",  # Teredo's client is 169.254.169.254
        "2001:4860::5efe:a9fe:a9fe",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "2001:db8::1",
        "4000::1",
    ],
    "loopback": [
        "127.0.0.1",
        "127.255.255.254",
        "::1",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:4860::5efe:7f00:1",
    ],
    "private": [
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "198.18.0.1",
        "fc00::1",
        "fd12:3456::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
    ],
    "public": ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2001:4860:4860::8888", "64:ff9b::808:808", "2002:808:808::1"],
}


@pytest.mark.parametrize(
    ("reach", "address"), [(reach, address) for reach, addresses in REACHES.items() for address in addresses]
)
def test_reach_of_an_address(reach: str, address: str) -> None:
    assert hosts.reach_of(address) == reach
