"""The API for code of this process: typed answers, and the same checks, rates and refusals as for requests by wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast, overload

from chalicelib import recording
from chalicelib.api import dispatch, throttling
from chalicelib.frozen import dataclass
from chalicelib.operations import creation, explain

if TYPE_CHECKING:
    from chalicelib import shapes
    from chalicelib.api.dispatch import Operation
    from chalicelib.operations.explain import Explanation
    from chalicelib.runtime import Caller, Runtime


# What stands in for an operation where a request is only checked.
_PLANNING: dict[str, Operation] = {
    "CreateCertificateAuthority": creation.planned,
    "IssueCertificate": explain.explained,
}


@dataclass(frozen=True, slots=True)
class Client:
    """The operations, as a caller may use them."""

    rt: Runtime
    caller: Caller

    # One line for each operation with an answer; the others share the last.
    @overload
    def call(
        self, name: Literal["CreateCertificateAuthority"], **request: object
    ) -> shapes.CreateCertificateAuthorityResponse: ...
    @overload
    def call(
        self, name: Literal["CreateCertificateAuthorityAuditReport"], **request: object
    ) -> shapes.CreateCertificateAuthorityAuditReportResponse: ...
    @overload
    def call(
        self, name: Literal["DescribeCertificateAuthority"], **request: object
    ) -> shapes.DescribeCertificateAuthorityResponse: ...
    @overload
    def call(
        self, name: Literal["DescribeCertificateAuthorityAuditReport"], **request: object
    ) -> shapes.DescribeCertificateAuthorityAuditReportResponse: ...
    @overload
    def call(self, name: Literal["GetCertificate"], **request: object) -> shapes.GetCertificateResponse: ...
    @overload
    def call(
        self, name: Literal["GetCertificateAuthorityCertificate"], **request: object
    ) -> shapes.GetCertificateAuthorityCertificateResponse: ...
    @overload
    def call(
        self, name: Literal["GetCertificateAuthorityCsr"], **request: object
    ) -> shapes.GetCertificateAuthorityCsrResponse: ...
    @overload
    def call(self, name: Literal["GetPolicy"], **request: object) -> shapes.GetPolicyResponse: ...
    @overload
    def call(self, name: Literal["IssueCertificate"], **request: object) -> shapes.IssueCertificateResponse: ...
    @overload
    def call(
        self, name: Literal["ListCertificateAuthorities"], **request: object
    ) -> shapes.ListCertificateAuthoritiesResponse: ...
    @overload
    def call(self, name: Literal["ListPermissions"], **request: object) -> shapes.ListPermissionsResponse: ...
    @overload
    def call(self, name: Literal["ListTags"], **request: object) -> shapes.ListTagsResponse: ...
    @overload
    def call(
        self,
        name: Literal[
            "CreatePermission",
            "DeleteCertificateAuthority",
            "DeletePermission",
            "DeletePolicy",
            "ImportCertificateAuthorityCertificate",
            "PutPolicy",
            "RestoreCertificateAuthority",
            "RevokeCertificate",
            "TagCertificateAuthority",
            "UntagCertificateAuthority",
            "UpdateCertificateAuthority",
        ],
        **request: object,
    ) -> None: ...
    def call(self, name: str, **request: object) -> Any:
        """The answer of an operation.

        Raises:
            ApiError: the operation, the model or the caller's rate refuses the request.
        """
        return dispatch.call(self.rt, self.caller, name, request)

    def explain(self, *, is_counted: bool = False, **request: object) -> Explanation:
        """The certificate that IssueCertificate would sign, at the cost of one such request.

        Args:
            is_counted: IssueCertificate itself has just been called for the same visit.
            **request: as for IssueCertificate.

        Raises:
            ApiError: IssueCertificate would refuse the request.
        """
        rt = dispatch.at_its_ca(self.rt, request)
        if not is_counted:
            throttling.take_token(rt, self.caller, "IssueCertificate")
        with recording.operation(rt, self.caller, "ExplainIssuance") as entry:
            explained = dispatch.perform(rt, self.caller, "IssueCertificate", request, _PLANNING, entry)
        return cast("Explanation", explained)

    def plan_authority(self, **request: object) -> None:
        """Check CreateCertificateAuthority without creating anything.

        Raises:
            ApiError: CreateCertificateAuthority would refuse the request.
        """
        dispatch.perform(self.rt, self.caller, "CreateCertificateAuthority", request, _PLANNING)
