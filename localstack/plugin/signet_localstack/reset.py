"""`POST /_localstack/state/reset`, which the community edition leaves out: every service begins anew.

What the resources of services have put outside LocalStack's stores, such as processes of functions, ends later.
"""

from __future__ import annotations

import shutil
from functools import singledispatchmethod
from typing import TYPE_CHECKING, Any

from localstack.http import Response
from localstack.services.plugins import SERVICE_PLUGINS
from localstack.services.stores import AccountRegionBundle
from localstack.state import AssetDirectory, StateVisitor
from moto.core.base_backend import BackendDict

if TYPE_CHECKING:
    from localstack.services.plugins import Service


class _Reset(StateVisitor):
    """Empties what it visits."""

    @singledispatchmethod
    def visit(self, state_container: Any) -> None:
        raise NotImplementedError(f"There is no way to empty {type(state_container).__name__}.")

    @visit.register(AccountRegionBundle | BackendDict)
    def _(self, state_container: Any) -> None:
        state_container.reset()

    @visit.register(AssetDirectory)
    def _(self, state_container: AssetDirectory) -> None:
        shutil.rmtree(state_container.path, ignore_errors=True)


def reset(_: Any, service: str = "") -> Response:
    """Empty one service, or every one that runs."""
    running = [name for name in SERVICE_PLUGINS.list_available() if SERVICE_PLUGINS.is_running(name)]
    if service and not SERVICE_PLUGINS.exists(service):
        return Response(f"There is no service {service}.", status=404)
    for name in running:
        if service in {"", name}:
            _reset(SERVICE_PLUGINS.get_service(name))
    return Response("", status=200)


def _reset(service: Service) -> None:
    service.lifecycle_hook.on_before_state_reset()
    service.accept_state_visitor(_Reset())
    service.lifecycle_hook.on_after_state_reset()
