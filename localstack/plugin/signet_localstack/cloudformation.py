"""AWS::ACMPCA::* in LocalStack's CloudFormation: each resource by calls of acm-pca, whoever answers them.

Source: AWS CloudFormation, Template Reference, "AWS Private Certificate Authority"; a stack keeps what a resource is
made of in its model, from which Ref and Fn::GetAtt read.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError
from localstack.services.cloudformation.engine.quirks import PHYSICAL_RESOURCE_ID_SPECIAL_CASES
from localstack.services.cloudformation.resource_provider import OperationStatus, ProgressEvent, ResourceProvider

_GONE = {"ResourceNotFoundException", "InvalidStateException", "AccessDeniedException"}  # the last: to an unknown CA
_CA_ARN = "CertificateAuthorityArn"


class _Resource(ResourceProvider[dict[str, Any]]):
    """A resource; a subclass says what it has to do, and what of it cannot be changed.

    Attributes:
        READ_ONLY: what Fn::GetAtt returns beside the properties.
    """

    READ_ONLY: tuple[str, ...] = ()

    def create(self, request: Any) -> ProgressEvent[Any]:
        """Make the resource."""
        model = dict(request.desired_state)
        return _done(model | self._created(request.aws_client_factory.acm_pca, model))

    def update(self, request: Any) -> ProgressEvent[Any]:
        """Change what can be changed; CloudFormation replaces the resource for everything else."""
        before = request.previous_state or {}
        model = _given(before, *self.READ_ONLY) | request.desired_state
        return _done(model | self._updated(request.aws_client_factory.acm_pca, before, model))

    def delete(self, request: Any) -> ProgressEvent[Any]:
        """Remove the resource."""
        self._deleted(request.aws_client_factory.acm_pca, request.desired_state)
        return _done(request.desired_state)

    def read(self, request: Any) -> ProgressEvent[Any]:
        """Return what the stack knows."""
        return _done(request.desired_state)

    def _created(self, client: Any, model: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError

    def _updated(self, client: Any, before: dict[str, Any], model: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        return {}

    def _deleted(self, client: Any, model: dict[str, Any]) -> None:
        raise NotImplementedError


def _done(model: dict[str, Any]) -> ProgressEvent[Any]:
    return ProgressEvent(status=OperationStatus.SUCCESS, resource_model=model)


def _schema(identifier: str, *create_only: str) -> dict[str, Any]:
    names = [f"/properties/{name}" for name in create_only]
    return {"primaryIdentifier": [f"/properties/{identifier}"], "createOnlyProperties": names}


def _given(model: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: model[name] for name in names if model.get(name) is not None}


class CertificateAuthority(_Resource):
    """AWS::ACMPCA::CertificateAuthority; an ACTIVE one cannot be deleted, as on AWS."""

    READ_ONLY = ("Arn", "CertificateSigningRequest")
    _CONFIGURATION = ("KeyAlgorithm", "SigningAlgorithm", "Subject", "CsrExtensions")
    SCHEMA = _schema("Arn", *_CONFIGURATION, "Type", "KeyStorageSecurityStandard", "UsageMode")

    def _created(self, client: Any, model: dict[str, Any]) -> dict[str, Any]:
        arn = client.create_certificate_authority(
            CertificateAuthorityConfiguration=_given(model, *self._CONFIGURATION),
            CertificateAuthorityType=model["Type"],
            **_given(model, "RevocationConfiguration", "Tags", "KeyStorageSecurityStandard", "UsageMode"),
        )[_CA_ARN]
        client.get_waiter("certificate_authority_csr_created").wait(CertificateAuthorityArn=arn)
        csr = client.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"]
        return {"Arn": arn, "CertificateSigningRequest": csr}

    def _updated(self, client: Any, before: dict[str, Any], model: dict[str, Any]) -> dict[str, Any]:
        arn, none = model["Arn"], {"CrlConfiguration": {"Enabled": False}, "OcspConfiguration": {"Enabled": False}}
        if before.get("RevocationConfiguration") != model.get("RevocationConfiguration"):
            wanted = none | model.get("RevocationConfiguration", {})
            client.update_certificate_authority(CertificateAuthorityArn=arn, RevocationConfiguration=wanted)
        former, tags = before.get("Tags") or [], model.get("Tags") or []
        if removed := [{"Key": tag["Key"]} for tag in former if tag["Key"] not in {each["Key"] for each in tags}]:
            client.untag_certificate_authority(CertificateAuthorityArn=arn, Tags=removed)
        if added := [tag for tag in tags if tag not in former]:
            client.tag_certificate_authority(CertificateAuthorityArn=arn, Tags=added)
        return {}

    def _deleted(self, client: Any, model: dict[str, Any]) -> None:
        arn = model["Arn"]
        try:
            status = client.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"][
                "Status"
            ]
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise
            return
        if status != "DELETED":
            client.delete_certificate_authority(CertificateAuthorityArn=arn)


class Certificate(_Resource):
    """AWS::ACMPCA::Certificate; its removal from a stack revokes nothing, as on AWS."""

    READ_ONLY = ("Arn", "Certificate")
    _ISSUED = (_CA_ARN, "SigningAlgorithm", "TemplateArn", "ApiPassthrough")
    SCHEMA = _schema("Arn", *_ISSUED, "CertificateSigningRequest", "Validity", "ValidityNotBefore")

    def _created(self, client: Any, model: dict[str, Any]) -> dict[str, Any]:
        times = _given(model, "Validity", "ValidityNotBefore")
        arn = client.issue_certificate(
            Csr=model["CertificateSigningRequest"].encode(),
            **_given(model, *self._ISSUED),
            **{name: {"Type": time["Type"], "Value": int(time["Value"])} for name, time in times.items()},
        )["CertificateArn"]
        names = {_CA_ARN: model[_CA_ARN], "CertificateArn": arn}
        client.get_waiter("certificate_issued").wait(**names)
        return {"Arn": arn, "Certificate": client.get_certificate(**names)["Certificate"]}

    def _deleted(self, client: Any, model: dict[str, Any]) -> None:
        """Do nothing."""


class CertificateAuthorityActivation(_Resource):
    """AWS::ACMPCA::CertificateAuthorityActivation; its removal disables the CA."""

    READ_ONLY = ("CompleteCertificateChain",)
    SCHEMA = _schema(_CA_ARN, _CA_ARN)

    def _created(self, client: Any, model: dict[str, Any]) -> dict[str, Any]:
        chain = _given(model, "CertificateChain")
        client.import_certificate_authority_certificate(
            CertificateAuthorityArn=model[_CA_ARN],
            Certificate=model["Certificate"].encode(),
            **{name: text.encode() for name, text in chain.items()},
        )
        if model.get("Status", "ACTIVE") != "ACTIVE":
            self._set_status(client, model)
        return {"CompleteCertificateChain": "\n".join((model["Certificate"].strip(), *chain.values()))}

    def _updated(self, client: Any, before: dict[str, Any], model: dict[str, Any]) -> dict[str, Any]:
        changed = [name for name in ("Certificate", "CertificateChain") if before.get(name) != model.get(name)]
        if changed:
            return self._created(client, model)
        self._set_status(client, model)
        return {}

    def _deleted(self, client: Any, model: dict[str, Any]) -> None:
        try:
            self._set_status(client, {_CA_ARN: model[_CA_ARN], "Status": "DISABLED"})
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise

    def _set_status(self, client: Any, model: dict[str, Any]) -> None:
        client.update_certificate_authority(
            CertificateAuthorityArn=model[_CA_ARN], Status=model.get("Status") or "ACTIVE"
        )


class Permission(_Resource):
    """AWS::ACMPCA::Permission."""

    _MADE_OF = (_CA_ARN, "Principal", "SourceAccount", "Actions")
    SCHEMA = _schema(_CA_ARN, *_MADE_OF)

    def _created(self, client: Any, model: dict[str, Any]) -> dict[str, Any]:
        client.create_permission(**_given(model, *self._MADE_OF))
        return {}

    def _deleted(self, client: Any, model: dict[str, Any]) -> None:
        try:
            client.delete_permission(**_given(model, _CA_ARN, "Principal", "SourceAccount"))
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise


# A primary identifier of two properties is a physical id with a bar between them.
PHYSICAL_RESOURCE_ID_SPECIAL_CASES["AWS::ACMPCA::Certificate"] = f"</properties/Arn>|</properties/{_CA_ARN}>"
PHYSICAL_RESOURCE_ID_SPECIAL_CASES["AWS::ACMPCA::Permission"] = f"</properties/{_CA_ARN}>|</properties/Principal>"
