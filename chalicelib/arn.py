"""ARNs and serial numbers as typed values: parsed once, by strict grammars, and built from their parts only.

An ARN has one spelling: what a parser here accepts is printed as it was. So what a policy judges is what is used.

Source: AWS Private CA User Guide; the ``Arn`` shape of the model.
"""

from __future__ import annotations

import re
from functools import lru_cache

from chalicelib.frozen import dataclass

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_CA = re.compile(rf"arn:(aws[a-z-]*):acm-pca:([a-z0-9-]+):([0-9]{{12}}):certificate-authority/({UUID})", re.ASCII)
_CERTIFICATE = re.compile(rf"({_CA.pattern})/certificate/([0-9a-f]{{32}})", re.ASCII)
_TEMPLATE = re.compile(r"arn:(aws[a-z-]*):acm-pca:::template/([A-Za-z0-9_]+)/V([1-9][0-9]{0,3})", re.ASCII)
_PRESET = re.compile(
    r"arn:(aws[a-z-]*):acm-pca:([a-z0-9-]+):([0-9]{12}):preset/([A-Za-z0-9][A-Za-z0-9_.-]{0,63})", re.ASCII
)
_ROLE = re.compile(r"arn:(aws[a-z-]*):iam::([0-9]{12}):role/([\w+=,.@-]{1,64})", re.ASCII)
_CRL = "/crl/"
# Some clients drop a leading zero before they set the colons: then the first or the last group has one digit.
_SERIAL = re.compile(r"[0-9A-Fa-f]+|[0-9A-Fa-f]{1,2}(:[0-9A-Fa-f]{2})+|([0-9A-Fa-f]{2}:)+[0-9A-Fa-f]", re.ASCII)


class ArnError(ValueError):
    """The text is not an ARN of the requested kind."""


@dataclass(frozen=True, slots=True)
class CertificateAuthorityArn:
    """``arn:{partition}:acm-pca:{region}:{account}:certificate-authority/{uuid}``."""

    partition: str
    region: str
    account_id: str
    ca_id: str

    def __str__(self) -> str:
        return f"arn:{self.partition}:acm-pca:{self.region}:{self.account_id}:certificate-authority/{self.ca_id}"


@dataclass(frozen=True, slots=True)
class CertificateArn:
    """``{ca-arn}/certificate/{serial}``; the serial is 32 lower-case hex digits."""

    ca: CertificateAuthorityArn
    serial_number: int

    def __str__(self) -> str:
        return certificate_arn(str(self.ca), self.serial_number)


@dataclass(frozen=True, slots=True)
class TemplateArn:
    """``arn:{partition}:acm-pca:::template/{name}/V{version}``: region and account are empty."""

    partition: str
    name: str
    version: int = 1

    def __str__(self) -> str:
        return f"arn:{self.partition}:acm-pca:::template/{self.name}/V{self.version}"


@dataclass(frozen=True, slots=True)
class PresetArn:
    """``arn:{partition}:acm-pca:{region}:{account}:preset/{name}``: an issuing preset of Signet."""

    partition: str
    region: str
    account_id: str
    name: str

    def __str__(self) -> str:
        return f"arn:{self.partition}:acm-pca:{self.region}:{self.account_id}:preset/{self.name}"


@dataclass(frozen=True, slots=True)
class RoleArn:
    """``arn:{partition}:iam::{account}:role/{name}``."""

    partition: str
    account_id: str
    name: str

    def __str__(self) -> str:
        return f"arn:{self.partition}:iam::{self.account_id}:role/{self.name}"


def serial_hex(serial_number: int) -> str:
    """A serial number as certificate ARNs and records name it: 32 hex digits, without separators."""
    return f"{serial_number:032x}"


def serial_pairs(serial_number: int, *, octets: int = 1) -> str:
    """A serial number as AWS prints it: pairs of lower-case hex digits joined by colons, at least so many."""
    return serial_number.to_bytes(max(octets, (serial_number.bit_length() + 7) // 8)).hex(":")


def parse_serial(text: str) -> int:
    """Parse a serial number of hex digits, in pairs with colons or without separators, or raise `ValueError`."""
    if _SERIAL.fullmatch(text) is None:
        raise ValueError(f"'{text}' is not a serial number")
    return int(text.replace(":", ""), 16)


@lru_cache(maxsize=1024)
def parse_ca_arn(text: str) -> CertificateAuthorityArn:
    """Parse the ARN of a CA, or raise `ArnError`."""
    match = _CA.fullmatch(text)
    if match is None:
        raise ArnError(f"'{text}' is not the ARN of a certificate authority")
    return CertificateAuthorityArn(*match.groups())


def certificate_arn(ca_arn: str, serial_number: int) -> str:
    """The ARN of a certificate of a CA."""
    return f"{ca_arn}/certificate/{serial_hex(serial_number)}"


def crl_arn(ca_arn: str, partition: str = "") -> str:
    """Signet's name of a CRL: the ARN of its CA, followed by the partition unless the CRL is complete."""
    return f"{ca_arn}{_CRL}{partition}" if partition else ca_arn


def split_crl_arn(text: str) -> tuple[str, str]:
    """The CA's ARN and the partition of a CRL; the partition of a complete CRL is empty."""
    ca_arn, _, partition = text.partition(_CRL)
    return ca_arn, partition


def parse_certificate_arn(text: str) -> CertificateArn:
    """Parse the ARN of a certificate, or raise `ArnError`."""
    match = _CERTIFICATE.fullmatch(text)
    if match is None:
        raise ArnError(f"'{text}' is not the ARN of a certificate")
    _, partition, region, account_id, ca_id, serial = match.groups()
    return CertificateArn(CertificateAuthorityArn(partition, region, account_id, ca_id), int(serial, 16))


def parse_template_arn(text: str) -> TemplateArn:
    """Parse the ARN of a certificate template, or raise `ArnError`."""
    match = _TEMPLATE.fullmatch(text)
    if match is None:
        raise ArnError(f"'{text}' is not the ARN of a certificate template")
    return TemplateArn(match[1], match[2], int(match[3]))


def is_preset_arn(text: str) -> bool:
    """Tell whether a text looks like the ARN of an issuing preset."""
    return ":preset/" in text


def parse_preset_arn(text: str) -> PresetArn:
    """Parse the ARN of an issuing preset, or raise `ArnError`."""
    match = _PRESET.fullmatch(text)
    if match is None:
        raise ArnError(f"'{text}' is not the ARN of an issuing preset")
    return PresetArn(*match.groups())


def parse_role_arn(text: str) -> RoleArn:
    """Parse the ARN of a role, or raise `ArnError`."""
    match = _ROLE.fullmatch(text)
    if match is None:
        raise ArnError(f"'{text}' is not the ARN of a role")
    return RoleArn(*match.groups())


# By the beginning of a region's name: the partition, and the domain of its services.
_PARTITIONS = {
    "cn-": ("aws-cn", "amazonaws.com.cn"),
    "us-gov-": ("aws-us-gov", "amazonaws.com"),
    "us-iso-": ("aws-iso", "c2s.ic.gov"),
    "us-isob-": ("aws-iso-b", "sc2s.sgov.gov"),
    "eu-isoe-": ("aws-iso-e", "cloud.adc-e.uk"),
    "us-isof-": ("aws-iso-f", "csp.hci.ic.gov"),
    "eusc-": ("aws-eusc", "amazonaws.eu"),
    "": ("aws", "amazonaws.com"),
}


@lru_cache(maxsize=64)
def _partition(region: str) -> tuple[str, str]:
    return next(partition for prefix, partition in _PARTITIONS.items() if region.startswith(prefix))


def partition_of(region: str) -> str:
    """The partition that a region belongs to."""
    return _partition(region)[0]


def domain_of(region: str) -> str:
    """The domain of AWS's services in a region."""
    return _partition(region)[1]
