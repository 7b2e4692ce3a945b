"""The entry points by which LocalStack finds this package; their implementations are imported at the first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localstack.aws.spec import load_service
from localstack.runtime import hooks
from localstack.runtime.server.core import RuntimeServer, RuntimeServerPlugin
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


@aws_provider(api="dynamodb", name="signet")
def dynamodb() -> Service:
    """PROVIDER_OVERRIDE_DYNAMODB=signet: moto's tables, made atomic."""
    from signet_localstack.dynamodb import DynamoDb

    return _service("dynamodb", DynamoDb().handle)


@aws_provider(api="acm-pca", name="default")
def acm_pca() -> Service:
    """Forward every operation of acm-pca to the Signet that is deployed in the region."""
    from signet_localstack.acm_pca import forward

    return _service("acm-pca", forward)


@hooks.on_infra_start()
def acm_pca_by_cbor() -> None:
    """Route CBOR requests past LocalStack's parser, which reads acm-pca only as AWS JSON."""
    from signet_localstack.acm_pca import SHAPE, forward_by_cbor

    ROUTER.add(f"/service/{SHAPE}/operation/<operation>", forward_by_cbor, methods=["POST"])


class _Provider:
    """An object with a service's name, as LocalStack requires."""

    def __init__(self, service: str) -> None:
        self.service = service


def _service(name: str, handler: Callable[[Any, Any], Any]) -> Service:
    table = dict.fromkeys(load_service(name).operation_names, handler)
    return Service.for_provider(_Provider(name), dispatch_table_factory=lambda _: table)
