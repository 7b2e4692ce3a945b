"""Certificate templates: one table; what a row fixes wins over what a request or a CSR asks for.

Source: AWS Private CA User Guide, "Certificate template definitions".
"""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.pki import extensions
from chalicelib.pki.errors import ArgumentError
from chalicelib.pki.extensions import Extension

_SERVER_AUTH, _CLIENT_AUTH = "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"
_CODE_SIGNING, _OCSP_SIGNING = "1.3.6.1.5.5.7.3.3", "1.3.6.1.5.5.7.3.9"


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """What certificates of a template have in common.

    Attributes:
        is_ca: cA of BasicConstraints.
        path_length: of BasicConstraints; None: absent.
        is_root: for a root's own certificate: self-signed, without AKI and CRL distribution point.
        key_usage: the API's names of the bits that are set; the extension is critical.
        extended_key_usage: purposes; none: no such extension.
        extended_key_usage_critical: whether that extension is critical.
    """

    name: str
    is_ca: bool = False
    path_length: int | None = None
    is_root: bool = False
    key_usage: tuple[str, ...] = ()
    extended_key_usage: tuple[str, ...] = ()
    extended_key_usage_critical: bool = False

    @property
    def basic_constraints(self) -> Extension:
        """Critical in CA certificates alone."""
        return extensions.basic_constraints(ca=self.is_ca, path_length=self.path_length, critical=self.is_ca)

    @property
    def usages(self) -> tuple[Extension, ...]:
        """KeyUsage and ExtendedKeyUsage, as far as the template has them."""
        usage = extensions.key_usage(dict.fromkeys(self.key_usage, True))
        if not self.extended_key_usage:
            return (usage,)
        purposes = extensions.extended_key_usage(self.extended_key_usage, critical=self.extended_key_usage_critical)
        return (usage, purposes)


_END_ENTITY = ("DigitalSignature", "KeyEncipherment")
_CA = ("DigitalSignature", "KeyCertSign", "CRLSign")

TEMPLATES: dict[str, Template] = {
    template.name: template
    for template in (
        Template(name="EndEntityCertificate", key_usage=_END_ENTITY, extended_key_usage=(_SERVER_AUTH, _CLIENT_AUTH)),
        Template(name="EndEntityClientAuthCertificate", key_usage=_END_ENTITY, extended_key_usage=(_CLIENT_AUTH,)),
        Template(name="EndEntityServerAuthCertificate", key_usage=_END_ENTITY, extended_key_usage=(_SERVER_AUTH,)),
        Template(
            name="CodeSigningCertificate",
            key_usage=("DigitalSignature",),
            extended_key_usage=(_CODE_SIGNING,),
            extended_key_usage_critical=True,
        ),
        Template(
            name="OCSPSigningCertificate",
            key_usage=("DigitalSignature",),
            extended_key_usage=(_OCSP_SIGNING,),
            extended_key_usage_critical=True,
        ),
        Template(name="RootCACertificate", is_ca=True, is_root=True, key_usage=_CA),
        *(
            Template(name=f"SubordinateCACertificate_PathLen{depth}", is_ca=True, path_length=depth, key_usage=_CA)
            for depth in range(4)
        ),
    )
}


def template_named(name: str) -> Template:
    """The template of this name, without version.

    Raises:
        ArgumentError: there is none.
    """
    template = TEMPLATES.get(name)
    if template is None:
        raise ArgumentError(f"There is no certificate template {name}. Templates are: {', '.join(TEMPLATES)}.")
    return template
