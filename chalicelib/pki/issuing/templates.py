"""Certificate templates: one table; a row wins over the request, and the request over the CSR.

Source: AWS Private CA User Guide, "Certificate template varieties" and "Certificate template definitions".
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib.frozen import dataclass
from chalicelib.pki.asn1 import oids
from chalicelib.pki.errors import ArgumentError
from chalicelib.pki.x509 import extensions

if TYPE_CHECKING:
    from chalicelib.pki.x509.extensions import Extension


@dataclass(frozen=True, kw_only=True)
class Template:
    """The common part of certificates.

    Attributes:
        is_ca: cA of BasicConstraints.
        path_length: pathLenConstraint of BasicConstraints; None: absent.
        is_root: for a root's own certificate: self-signed, and without AKI and CRL distribution point of its issuer.
        drops_crl_points: a CRL distribution point in ApiPassthrough is dropped.
        basic_constraints_critical: BasicConstraints are critical; those of CAs always are.
        key_usage: the API's names of the bits of a critical KeyUsage; empty: the request may choose.
        extended_key_usage: object identifiers of purposes; empty: the request may choose.
        extended_key_usage_critical: ExtendedKeyUsage is critical.
        from_api: the template accepts ApiPassthrough.
        from_csr: the template accepts every extension of the CSR, not the subject alternative names alone.
    """

    name: str
    is_ca: bool = False
    path_length: int | None = None
    is_root: bool = False
    drops_crl_points: bool = False
    basic_constraints_critical: bool = False
    key_usage: tuple[str, ...] = ()
    extended_key_usage: tuple[str, ...] = ()
    extended_key_usage_critical: bool = False
    from_api: bool = False
    from_csr: bool = False

    @cached_property
    def basic_constraints(self) -> Extension:
        """BasicConstraints, which every template fixes."""
        return extensions.basic_constraints(
            ca=self.is_ca, path_length=self.path_length, critical=self.is_ca or self.basic_constraints_critical
        )

    @cached_property
    def usages(self) -> tuple[Extension, ...]:
        """KeyUsage and ExtendedKeyUsage, as far as the template fixes them."""
        fixed = []
        if self.key_usage:
            fixed.append(extensions.key_usage(dict.fromkeys(self.key_usage, True)))
        if self.extended_key_usage:
            critical = self.extended_key_usage_critical
            fixed.append(extensions.extended_key_usage(self.extended_key_usage, critical=critical))
        return tuple(fixed)

    @cached_property
    def extensions(self) -> tuple[Extension, ...]:
        """The extensions that the template fixes."""
        return (self.basic_constraints, *self.usages)


_END_ENTITY = ("DigitalSignature", "KeyEncipherment")
_SIGNER = ("DigitalSignature",)
_CA = ("DigitalSignature", "KeyCertSign", "CRLSign")
_DEPTHS = range(4)

_BASES: tuple[Template, ...] = (
    Template(
        name="EndEntityCertificate", key_usage=_END_ENTITY, extended_key_usage=(oids.SERVER_AUTH, oids.CLIENT_AUTH)
    ),
    Template(name="EndEntityClientAuthCertificate", key_usage=_END_ENTITY, extended_key_usage=(oids.CLIENT_AUTH,)),
    Template(name="EndEntityServerAuthCertificate", key_usage=_END_ENTITY, extended_key_usage=(oids.SERVER_AUTH,)),
    Template(
        name="CodeSigningCertificate",
        key_usage=_SIGNER,
        extended_key_usage=(oids.CODE_SIGNING,),
        extended_key_usage_critical=True,
    ),
    Template(
        name="OCSPSigningCertificate",
        key_usage=_SIGNER,
        extended_key_usage=(oids.OCSP_SIGNING,),
        extended_key_usage_critical=True,
    ),
    *(
        Template(name=f"SubordinateCACertificate_PathLen{depth}", is_ca=True, path_length=depth, key_usage=_CA)
        for depth in _DEPTHS
    ),
    Template(name="RootCACertificate", is_ca=True, is_root=True, drops_crl_points=True, key_usage=_CA),
)
_BLANKS: tuple[Template, ...] = (
    Template(name="BlankEndEntityCertificate"),
    Template(name="BlankEndEntityCertificate_CriticalBasicConstraints", basic_constraints_critical=True),
    *(
        Template(name=f"BlankSubordinateCACertificate_PathLen{depth}", is_ca=True, path_length=depth)
        for depth in _DEPTHS
    ),
    Template(name="BlankRootCACertificate", is_ca=True, is_root=True),
    *(
        Template(name=f"BlankRootCACertificate_PathLen{depth}", is_ca=True, is_root=True, path_length=depth)
        for depth in _DEPTHS
    ),
)


def _varieties(template: Template) -> tuple[Template, ...]:
    """The passthrough templates of a base; a root's own certificate takes nothing from a CSR."""
    api = replace(template, name=f"{template.name}_APIPassthrough", from_api=True)
    if template.is_root:
        return (api,)
    return (
        api,
        replace(template, name=f"{template.name}_CSRPassthrough", from_csr=True),
        replace(template, name=f"{template.name}_APICSRPassthrough", from_api=True, from_csr=True),
    )


TEMPLATES: dict[str, Template] = {
    template.name: template
    for template in (
        *_BASES,
        *(variety for base in (*_BASES, *_BLANKS) for variety in _varieties(base)),
    )
}


def template_named(name: str) -> Template:
    """The template of this name, without version.

    Raises:
        ArgumentError: there is none.
    """
    template = TEMPLATES.get(name)
    if template is None:
        raise ArgumentError(f"There is no certificate template {name[:128]}.", member=("TemplateArn",))
    return template
