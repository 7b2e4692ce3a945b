"""The entry points by which LocalStack finds this package; their implementations are imported at the first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localstack.aws.spec import load_service
from localstack.runtime import hooks
from localstack.runtime.server.core import RuntimeServer, RuntimeServerPlugin
from localstack.services.cloudformation.resource_provider import CloudFormationResourceProviderPlugin
from localstack.services.edge import ROUTER
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.plugins import Service, aws_provider

if TYPE_CHECKING:
    from collections.abc import Callable


class ProcessExecutorPlugin(RuntimeExecutorPlugin):
    """LAMBDA_RUNTIME_EXECUTOR=process: each execution environment of a Python function is a local process."""

    name = "process"

    def load(self, *_: Any, **__: Any) -> type:
        """Return the executor's class."""
        from signet_localstack.lambda_executor import ProcessExecutor

        return ProcessExecutor


class BoundServerPlugin(RuntimeServerPlugin):
    """GATEWAY_SERVER=signet: LocalStack's server, bound to the hosts of GATEWAY_LISTEN."""

    name = "signet"

    def load(self, *_: Any, **__: Any) -> RuntimeServer:
        """Make the server."""
        from signet_localstack.server import BoundServer

        return BoundServer()


class _OfAcmPca(CloudFormationResourceProviderPlugin):
    """A resource type of AWS::ACMPCA."""

    def load(self) -> None:
        """Find the class that has the type's name."""
        from signet_localstack import cloudformation

        self.factory = getattr(cloudformation, self.name.rpartition("::")[2])


class CertificateAuthorityPlugin(_OfAcmPca):
    """A CA."""

    name = "AWS::ACMPCA::CertificateAuthority"


class CertificatePlugin(_OfAcmPca):
    """A certificate."""

    name = "AWS::ACMPCA::Certificate"


class CertificateAuthorityActivationPlugin(_OfAcmPca):
    """The certificate of a CA, installed."""

    name = "AWS::ACMPCA::CertificateAuthorityActivation"


class PermissionPlugin(_OfAcmPca):
    """A permission of ACM."""

    name = "AWS::ACMPCA::Permission"


@aws_provider(api="dynamodb", name="signet")
def dynamodb() -> Service:
    """PROVIDER_OVERRIDE_DYNAMODB=signet: moto's tables, made atomic."""
    from signet_localstack.dynamodb import DynamoDb

    return _service("dynamodb", DynamoDb().handle)


@aws_provider(api="acm-pca", name="default")
def acm_pca() -> Service:
    """Every account and region, by a Signet that starts with the first request."""
    from signet_localstack.hosted import Hosted

    return _acm_pca(Hosted())


@aws_provider(api="acm-pca", name="deployed")
def acm_pca_deployed() -> Service:
    """PROVIDER_OVERRIDE_ACM_PCA=deployed: the Signet that is deployed in the region."""
    from signet_localstack.deployed import Deployed

    return _acm_pca(Deployed())


@hooks.on_infra_start()
def routes() -> None:
    """Add what LocalStack's parser does not know: acm-pca by CBOR, what tests may ask of Signet, and reset."""
    from localstack.services.internal import get_internal_apis

    from signet_localstack import acm_pca, reset

    ROUTER.add(f"/service/{acm_pca.SHAPE}/operation/<operation>", acm_pca.by_cbor, methods=["POST"])
    ROUTER.add("/_signet/<path:path>", acm_pca.control)
    get_internal_apis().add("/_localstack/state/reset", reset.reset, methods=["POST"])
    get_internal_apis().add("/_localstack/state/<service>/reset", reset.reset, methods=["POST"])


class _Provider:
    """An object with a service's name, as LocalStack requires."""

    def __init__(self, service: str) -> None:
        self.service = service


def _service(name: str, handler: Callable[[Any, Any], Any]) -> Service:
    return _served(_Provider(name), handler)


def _acm_pca(provider: Any) -> Service:
    from signet_localstack.acm_pca import by_json

    return _served(provider, by_json)


def _served(provider: Any, handler: Callable[[Any, Any], Any]) -> Service:
    table = dict.fromkeys(load_service(provider.service).operation_names, handler)
    return Service.for_provider(provider, dispatch_table_factory=lambda _: table)
