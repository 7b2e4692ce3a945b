"""`signet serve --test`: a server for tests, whose state ends with it, unless SIGNET_DATA keeps it."""

from __future__ import annotations

import json
import logging
import os
import sys
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from chalicelib import files, logs
from chalicelib.config import Settings, SettingsError
from chalicelib.local import server
from chalicelib.local.gateway import Gateway

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping
    from pathlib import Path

    from chalicelib.local.tls_front import Front
    from chalicelib.testing.signet import Signet

# They say where a home keeps what it has.
_OF_A_HOME = ("SIGNET_STATE", "SIGNET_KEYS", "SIGNET_JOURNAL", "SIGNET_BACKUPS")
# They put it into an AWS, which has to be one for tests.
_OF_AWS = ("SIGNET_BUCKETS", "SIGNET_EVENTS")


def serve(ready_file: Path | None, seed: int | None) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        ready_file: gets address and credentials as JSON, once connections are accepted.
        seed: makes serial numbers, ids and CA keys; None: they are random.

    Raises:
        SettingsError: a setting names a home, or AWS itself.
        ServeError: the port is in use.
    """
    import app as signet_app
    from chalicelib.testing import kept
    from chalicelib.testing.server import TestApplication, TestSchedules
    from chalicelib.testing.signet import Signet

    settings = Settings.from_env()
    chosen = settings.chosen()
    if named := [name for name in _OF_A_HOME if name in chosen]:
        raise SettingsError(f"{named[0]} names a home, and `signet serve --test` uses none: unset it.")
    if (named := [name for name in _OF_AWS if name in chosen]) and not os.environ.get("AWS_ENDPOINT_URL"):  # noqa: TID251  botocore's
        raise SettingsError(f"{named[0]} needs AWS_ENDPOINT_URL, the address of an AWS for tests such as LocalStack.")
    directory = kept.checked(settings.data_path) if "SIGNET_DATA" in chosen else None
    listener = server.listening(settings.host, int(settings.port))
    port = listener.getsockname()[1]
    outer = _tls_listening(settings) if settings.tls_port else None
    settings = replace(settings, tls_port=str(outer.getsockname()[1]) if outer else "")
    logs.configure("WARNING" if settings.log_level == "INFO" else settings.log_level)
    gate = settings.csr_gate or "aws"  # as AWS, unless somebody wants to know what `strict` refuses
    try:
        signet = Signet(replace(settings, port=str(port), audit="changes", csr_gate=gate), seed, directory)
    except BlockingIOError:
        raise SettingsError(f"{settings.data_path} is in use by another server.") from None

    with ExitStack() as opened:
        opened.callback(signet.close)
        front = _front(signet, outer, opened) if outer else None
        described = _described(signet) | (_tls(settings, front) if front else {})

        def ready() -> None:
            if ready_file is not None:
                files.write_atomically(ready_file, json.dumps(described, indent=2).encode())
            click.echo(_banner(described))

        application = TestApplication(signet, Gateway(signet_app.app), signet_app.use_runtime)
        server.run(listener, application, TestSchedules(signet), ready, front)
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)  # see `server.run`


def _described(signet: Signet) -> dict[str, str]:
    credentials = signet.credentials()
    return {
        "endpoint": signet.endpoint,
        "control": f"{signet.endpoint}/_signet/",
        "region": signet.settings.region,
        "accountId": signet.account_id,
        "accessKeyId": credentials["aws_access_key_id"],
        "secretAccessKey": credentials["aws_secret_access_key"],
    }


def _tls_listening(settings: Settings) -> socket.socket:
    return server.listening(settings.tls_address, int(settings.tls_port), "SIGNET_TLS_PORT")


def _front(signet: Signet, outer: socket.socket, opened: ExitStack) -> Front:
    """The TLS listener, with a home apart: no test sees its CA, and no reset takes it away."""
    from chalicelib.testing.faults import Faults
    from chalicelib.testing.regions import Regions

    apart = Regions(replace(signet.settings, buckets="directory", events="log"), signet.clock, Faults())
    opened.callback(apart.close)
    return server.front_of(apart.home(signet.settings.region), outer)


def _tls(settings: Settings, front: Front) -> dict[str, str]:
    return {"tls_endpoint": settings.tls_endpoint, "tls_root": front.root}


def _banner(found: Mapping[str, str]) -> str:
    variables = {
        "AWS_ENDPOINT_URL_ACM_PCA": found["endpoint"],
        "AWS_REGION": found["region"],
        "AWS_ACCESS_KEY_ID": found["accessKeyId"],
        "AWS_SECRET_ACCESS_KEY": found["secretAccessKey"],
    }
    lines = [
        f"Signet serves tests at {found['endpoint']}: any credentials, every region, and nothing stays.",
        *([f"By https at {found['tls_endpoint']}, under a root of its own."] if "tls_endpoint" in found else []),
        "In another shell:",
        f"  export {' '.join(f'{name}={value}' for name, value in variables.items())}",
        "  aws acm-pca list-certificate-authorities",
    ]
    return "\n".join(lines)
