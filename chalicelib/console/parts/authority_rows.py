"""Rows for CAs, as lists and their own pages show them: the description, the name, and the freshness of the CRLs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import arn as arns
from chalicelib.ca import state
from chalicelib.console import severity
from chalicelib.console.parts import reachability as looks
from chalicelib.crl import freshness, reachability
from chalicelib.operations import authorities
from chalicelib.pki.x509 import names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.api.client import Client
    from chalicelib.console.severity import Sign
    from chalicelib.console.web import Authority, Visit
    from chalicelib.crl.freshness import Freshness
    from chalicelib.crl.reachability import Verdict
    from chalicelib.records import CertificateAuthority, CrlState
    from chalicelib.runtime import Runtime
    from chalicelib.shapes import CertificateAuthority as Description


class Light(NamedTuple):
    """The freshness of a CA's CRLs: a tone for the colour, an icon, and a word that says the same.

    Attributes:
        state: of the worst CRL; None without one.
    """

    tone: str
    icon: str
    word: str
    state: CrlState | None = None


LIGHTS = {condition: Light(*shown) for condition, shown in severity.CRL.items()}
_NOT_TOLD = Light(*severity.sign("muted", "its owner's"))


class AuthorityRow(NamedTuple):
    """A CA in a list.

    Attributes:
        name: the CA's one name on all pages: its tag Name, its common name, or its subject. The tags of a CA of another
            account are not shown.
        light: of its CRLs.
        ocsp: what the monitor saw at its OCSP URLs; None without any.
    """

    ca_id: str
    name: str
    common_name: str
    ca: Description
    light: Light
    ocsp: Sign | None = None

    @property
    def region(self) -> str:
        """The region in its ARN."""
        return arns.parse_ca_arn(self.ca["Arn"]).region


def row(rt: Runtime, ca: Authority) -> AuthorityRow:
    """The row for the CA of a page."""
    if ca.granted is not None:
        return row_of_other_account(ca.described)
    crls, verdicts = freshness.of_authority(rt, ca.record), reachability.of_authority(rt, ca.record)
    return _row(ca.described, ca.record, crls, verdicts)


def row_of_other_account(description: Description) -> AuthorityRow:
    """A row for a CA of another account, from its description alone."""
    return AuthorityRow(_ca_id(description), common_name(description), common_name(description), description, _NOT_TOLD)


def rows(rt: Runtime, records: Sequence[CertificateAuthority]) -> list[AuthorityRow]:
    """A row for each of some CAs of the visitor's account."""
    crls, verdicts = freshness.of_authorities(rt, records), reachability.of_authorities(rt, records)
    return [
        _row(authorities.describe(rt, record), record, crls[record.arn], verdicts[record.arn]) for record in records
    ]


def _row(
    description: Description, record: CertificateAuthority, crls: Sequence[Freshness], verdicts: Sequence[Verdict]
) -> AuthorityRow:
    light, ocsp = _light(record, crls, verdicts), looks.sign_of(verdicts, "OCSP")
    return AuthorityRow(_ca_id(description), state.name_of(record), common_name(description), description, light, ocsp)


def list_of_other_accounts(client: Client, token: str | None, limit: int) -> tuple[list[AuthorityRow], str | None]:
    """A page of the CAs that other accounts share, and the token of the next page."""
    following = {"NextToken": token} if token else {}
    answer = client.call("ListCertificateAuthorities", ResourceOwner="OTHER_ACCOUNTS", MaxResults=limit, **following)
    return [row_of_other_account(ca) for ca in answer["CertificateAuthorities"]], answer.get("NextToken")


def _ca_id(description: Description) -> str:
    return description["Arn"].rsplit("/", 1)[1]


def common_name(description: Description) -> str:
    """The common name of a CA, or else its whole subject."""
    return description["CertificateAuthorityConfiguration"]["Subject"].get("CommonName") or subject(description)


def subject(description: Description) -> str:
    """The subject as RFC 2253 writes it."""
    return names.rfc2253(names.encode_subject(description["CertificateAuthorityConfiguration"]["Subject"]))


def name_of(visit: Visit, arn: str) -> str:
    """The name of a CA on another thing's page; the id where the visitor may not read the CA's description."""
    ca_id = arns.parse_ca_arn(arn).ca_id
    ca = visit.rt.store.get_certificate_authority(arn, cached=True)
    if ca is None or not visit.may(f"cas/{ca_id}", arn=arn):
        return ca_id
    is_own = arns.parse_ca_arn(arn).account_id == visit.signed_in.account_id
    return state.name_of(ca if is_own else replace(ca, tags=()))


def light(rt: Runtime, ca: CertificateAuthority) -> Light:
    """The freshness of a CA's CRLs: that of the worst one."""
    return _light(ca, freshness.of_authority(rt, ca), reachability.of_authority(rt, ca))


def _light(ca: CertificateAuthority, crls: Sequence[Freshness], verdicts: Sequence[Verdict]) -> Light:
    light = light_of(freshness.worst_condition(ca, crls), verdicts)
    return light._replace(state=crls[0].state) if crls else light


def light_of(condition: str, verdicts: Sequence[Verdict]) -> Light:
    """The light of CRLs: "fresh" only if the monitor saw at each distribution point what clients need.

    Args:
        condition: of the worst CRL, by what its publisher has recorded.
        verdicts: on the URLs of the CA.
    """
    sign = looks.sign_of(verdicts, "CRL") or looks.NOT_YET
    return LIGHTS[condition] if condition != "FRESH" or sign == looks.WORKS else Light(*sign)
