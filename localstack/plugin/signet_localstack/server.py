"""LocalStack's own web server, but bound to the hosts of GATEWAY_LISTEN: whoever reaches it runs code as its owner.

Of LocalStack's servers, `twisted`, the default, leaves the host out and listens on every interface, and `hypercorn`
does not always end when it is told to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localstack.aws.serving.twisted import TLSMultiplexerFactory
from localstack.runtime.server.twisted import TwistedRuntimeServer
from rolo.serving.twisted import TwistedGateway
from twisted.internet import reactor, ssl

if TYPE_CHECKING:
    from localstack.config import HostAndPort
    from rolo.gateway import Gateway


class BoundServer(TwistedRuntimeServer):
    """Listens where it is told to, or does not start."""

    def register(self, gateway: Gateway, listen: list[HostAndPort], ssl_creds: tuple[str, str] | None = None) -> None:
        """Serve a gateway by HTTP, and with a certificate and its key by HTTPS, at each host and port."""
        factory: Any = TwistedGateway(gateway)
        if ssl_creds:
            certificate, key = ssl_creds
            context = ssl.DefaultOpenSSLContextFactory(key, certificate)
            context.getContext().use_certificate_chain_file(certificate)
            factory = TLSMultiplexerFactory(context, False, factory)  # noqa: FBT003  not in TLS only
        for place in listen:
            reactor.listenTCP(place.port, factory, interface=place.host)
