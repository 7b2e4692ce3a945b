"""What clients' hooks ask of the test, over HTTP: DNS records, as lego's provider `httpreq` does, and incidents.

POST `/present` or `/cleanup` with `{"fqdn": "_acme-challenge.www.example.test.", "value": "…"}` adds or removes a TXT
record; POST of `{"serial": "…"}` to the name of an incident makes it happen to the certificate.
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.support.challenge_responder import ChallengeResponder


@contextmanager
def opened(responder: ChallengeResponder, incidents: Mapping[str, Callable[[str], object]]) -> Iterator[str]:
    """Open the door; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if incident := incidents.get(self.path[1:]):
                incident(body["serial"])
            else:
                _change(
                    responder, body["fqdn"].rstrip(".").lower(), f'"{body["value"]}"', added=self.path == "/present"
                )
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as door:
        threading.Thread(target=door.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{door.server_port}"
        finally:
            door.shutdown()


def _change(responder: ChallengeResponder, name: str, value: str, *, added: bool) -> None:
    others = [each for each in responder.records.get((name, "TXT"), []) if each != value]
    responder.records[name, "TXT"] = [*others, value] if added else others
