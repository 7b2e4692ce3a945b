"""Every route and schedule of Signet, each a single call. The import builds no client and reads no environment."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from chalice.app import Chalice, Rate, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalice.app import CloudWatchEvent

    from chalicelib.api.dispatch import WireResponse
    from chalicelib.runtime import Runtime

app = Chalice(app_name="signet")
# The types that are not text: API Gateway decodes the base64 of a binary answer only if the request accepts its type.
# The last one is for uploads only.
app.api.binary_types[:] = ["application/cbor", "application/pkix-crl", "multipart/form-data"]
SCHEDULE_SECONDS = 50.0  # a run ends before the next one begins

_state: dict[str, Runtime] = {}


def runtime(*, opens_keys: bool = True) -> Runtime:
    """Return the runtime of this process; the first request builds it."""
    if "runtime" not in _state:
        from chalicelib import logs
        from chalicelib.runtime import from_env

        built = from_env(creates=True, opens_keys=opens_keys)
        logs.configure(built.settings.log_level)
        _state["runtime"] = built
    return _state["runtime"]


def use_runtime(rt: Runtime) -> None:
    """Make this process answer from a given runtime."""
    _state["runtime"] = rt


@app.middleware("http")
def accept_anything(event: Request, get_response: Callable[[Request], Response]) -> Response:
    """Accept every type: CRL and AWS clients send no Accept header, and Chalice then refuses binary answers."""
    event.headers._dict["accept"] = "*/*"  # noqa: SLF001  the mapping offers no other way
    return get_response(event)


@app.route("/", methods=["POST"], content_types=[])
def acm_pca() -> Response:
    """AWS's API over JSON; dispatch checks the content type, so that a refusal has AWS's form."""
    return _acm_pca()


@app.route("/", methods=["GET"])
def root() -> Response:
    """Redirect browsers to the console; tell API clients to use POST."""
    from chalicelib.api import chalice_requests
    from chalicelib.api import root as api_root

    return _response(api_root.answer(chalice_requests.wire_request(_request())))


@app.route("/service/{service}/operation/{operation}", methods=["POST"], content_types=[])
def acm_pca_by_cbor(service: str, operation: str) -> Response:  # noqa: ARG001  dispatch reads the path, which is signed
    """AWS's API over CBOR, with the same table of operations."""
    return _acm_pca()


@app.route("/certificate-authorities/{ca_id}/certificates", methods=["GET"])
def search_certificates(ca_id: str) -> Response:
    """Search the certificates of a CA."""
    from chalicelib.api import chalice_requests, signet_endpoints

    return _response(signet_endpoints.search_certificates(runtime(), chalice_requests.wire_request(_request()), ca_id))


@app.route("/certificate-authorities/{ca_id}/explain", methods=["POST"], content_types=[])
def explain_issuance(ca_id: str) -> Response:
    """Explain what IssueCertificate would sign for a request, or why it would refuse."""
    from chalicelib.api import chalice_requests, signet_endpoints

    return _response(signet_endpoints.explain_issuance(runtime(), chalice_requests.wire_request(_request()), ca_id))


@app.route("/healthz", methods=["GET"])
def healthz() -> Response:
    """Health check, with version and adapters."""
    from chalicelib.api import health
    from chalicelib.monitor import health as parts

    return _response(health.health(runtime(), parts.recent(runtime())))


def _console(**segments: str) -> Response:
    """A page of the console; only requests for it pay for its imports."""
    from chalicelib.api import chalice_requests
    from chalicelib.console import pages

    request = chalice_requests.wire_request(_request())
    return _response(pages.answer(runtime(), request, tuple(segments.values())))


# A page's path has up to five segments; `chalicelib/console/table.py` lists the pages.
for _depth in range(6):
    _path = "/console" + "".join(f"/{{segment_{number}}}" for number in range(_depth))
    app.route(_path, methods=["GET", "HEAD", "POST"], content_types=[], name=f"console_{_depth}")(_console)


def _acme(**segments: str) -> Response:
    """A resource of an ACME directory; only requests for it pay for its imports."""
    from chalicelib.acme import protocol
    from chalicelib.api import chalice_requests

    request = chalice_requests.wire_request(_request())
    return _response(protocol.answer(runtime(), request, tuple(segments.values())))


# A resource's path has two to four segments below /acme; `chalicelib/acme/protocol.py` lists the resources.
for _depth in range(2, 5):
    _path = "/acme" + "".join(f"/{{segment_{number}}}" for number in range(_depth))
    app.route(_path, methods=["GET", "HEAD", "POST"], content_types=[], name=f"acme_{_depth}")(_acme)


@app.route("/{bucket}/crl/{name}", methods=["GET", "HEAD"])
def crl_in_bucket(bucket: str, name: str) -> Response:
    """A CRL at its default distribution point."""
    return _crl(bucket, name)


@app.route("/crl/{name}", methods=["GET", "HEAD"])
def crl_by_custom_name(name: str) -> Response:
    """A CRL under a custom host name that points here."""
    return _crl(None, name)


def _acm_pca() -> Response:
    from chalicelib import endpoint
    from chalicelib.api import chalice_requests

    return _response(endpoint.handle(runtime(), chalice_requests.wire_request(_request())))


def _request() -> Request:
    """Return the request being answered."""
    request = app.current_request
    if request is None:
        raise RuntimeError("No request is being answered.")
    return request


def _crl(bucket: str | None, name: str) -> Response:
    from chalicelib.api import crl_http

    if_none_match = _request().headers.get("if-none-match")
    return _response(crl_http.crl_response(runtime(), bucket, f"crl/{name}", if_none_match))


def _response(answer: WireResponse) -> Response:
    binary = answer.headers.get("Content-Type") in app.api.binary_types
    body = answer.body if binary else answer.body.decode()
    return Response(body=body, status_code=answer.status, headers=dict(answer.headers))


@app.lambda_function(name="ocsp")
def ocsp(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001  Lambda's signature
    """OCSP, behind its own function URL."""
    from chalicelib.api import ocsp_http

    return ocsp_http.function_url(runtime(opens_keys=False), event)


def _noted(run: Callable[[CloudWatchEvent], dict[str, Any]]) -> Callable[[CloudWatchEvent], dict[str, Any]]:
    """A schedule whose last run is on record."""

    @wraps(run)
    def noted(event: CloudWatchEvent) -> dict[str, Any]:
        from chalicelib import schedules

        return schedules.noted(runtime(), run.__name__, lambda: run(event))

    return noted


@app.schedule(Rate(1, unit=Rate.MINUTES), name="publish_crls")
@_noted
def publish_crls(event: CloudWatchEvent) -> dict[str, Any]:  # noqa: ARG001  each run looks up what is due
    """Publish the CRLs that are due."""
    from chalicelib.crl import publication

    outcomes = publication.publish_due_crls(runtime(), seconds=SCHEDULE_SECONDS)
    return {"results": [outcome.result for outcome in outcomes]}


@app.schedule(Rate(1, unit=Rate.MINUTES), name="reconcile")
@_noted
def reconcile(event: CloudWatchEvent) -> dict[str, Any]:  # noqa: ARG001  each run looks up what is due
    """Finish or undo what a crash left unfinished."""
    from dataclasses import asdict

    from chalicelib import reconcile as reconciliation
    from chalicelib.acme import reconcile as acme

    return asdict(reconciliation.reconcile(runtime())) | acme.reconcile(runtime())


@app.schedule(Rate(1, unit=Rate.MINUTES), name="sequence_journal")
@_noted
def sequence_journal(event: CloudWatchEvent) -> dict[str, Any]:  # noqa: ARG001  each run looks up what is pending
    """Bring a restored database forward, and make what is pending part of the journal."""
    from chalicelib import reconcile as reconciliation

    return dict(reconciliation.run_journal(runtime(), seconds=SCHEDULE_SECONDS))


@app.schedule(Rate(1, unit=Rate.MINUTES), name="write_audit_reports")
@_noted
def write_audit_reports(event: CloudWatchEvent) -> dict[str, Any]:  # noqa: ARG001  each run looks up what is due
    """Write the audit reports that are due."""
    from chalicelib.reports import audit_report_writer

    return {"results": [report.status for report in audit_report_writer.write_due_reports(runtime())]}


@app.schedule(Rate(10, unit=Rate.MINUTES), name="remind")
@_noted
def remind(event: CloudWatchEvent) -> dict[str, Any]:  # noqa: ARG001  each run looks up what is due
    """Send reminders of certificates and CAs that expire."""
    from chalicelib.expiry import reminders

    return dict(reminders.run(runtime(), seconds=SCHEDULE_SECONDS))


@app.schedule(Rate(1, unit=Rate.MINUTES), name="monitor")
@_noted
def monitor(event: CloudWatchEvent) -> dict[str, Any]:  # noqa: ARG001  each run checks everything
    """Check CRLs and OCSP from outside, for the alarms; published CRLs that are damaged become due."""
    from functools import partial

    from chalicelib.crl import repair
    from chalicelib.monitor import crl_watch, looks, ocsp_watch, rounds

    rt = runtime()
    # A slow CRL server must not delay the OCSP checks, and vice versa.
    seconds = rounds.seconds_of(rt)
    watches = [partial(watch, rt, seconds=seconds) for watch in (crl_watch.watch_crls, ocsp_watch.watch_ocsp)]
    crls, responders = rounds.together(watches, threads=2)
    problems = sum(bool(check.problem) for check in (*crls, *responders))
    damaged = repair.repair(rt, {check.ca_arn for check in crls if check.problem})
    looks.record(rt, (*crls, *responders))
    return {"crls": len(crls), "responders": len(responders), "problems": problems, "damaged": len(damaged)}
