"""`signet serve --test`: a server for tests, whose state ends with it, unless SIGNET_DATA keeps it."""

from __future__ import annotations

import json
import logging
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from chalicelib import files, logs
from chalicelib.config import Settings, SettingsError
from chalicelib.local import server
from chalicelib.local.gateway import Gateway

if TYPE_CHECKING:
    from pathlib import Path

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
    logs.configure("WARNING" if settings.log_level == "INFO" else settings.log_level)
    gate = settings.csr_gate or "aws"  # as AWS, unless somebody wants to know what `strict` refuses
    try:
        signet = Signet(replace(settings, port=str(port), audit="changes", csr_gate=gate), seed, directory)
    except BlockingIOError:
        raise SettingsError(f"{settings.data_path} is in use by another server.") from None

    def ready() -> None:
        if ready_file is not None:
            files.write_atomically(ready_file, json.dumps(_described(signet), indent=2).encode())
        click.echo(_banner(signet))

    try:
        application = TestApplication(signet, Gateway(signet_app.app), signet_app.use_runtime)
        server.run(listener, application, TestSchedules(signet), ready)
    finally:
        signet.close()
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


def _banner(signet: Signet) -> str:
    found = _described(signet)
    variables = {
        "AWS_ENDPOINT_URL_ACM_PCA": found["endpoint"],
        "AWS_REGION": found["region"],
        "AWS_ACCESS_KEY_ID": found["accessKeyId"],
        "AWS_SECRET_ACCESS_KEY": found["secretAccessKey"],
    }
    lines = [
        f"Signet serves tests at {found['endpoint']}: any credentials, every region, and nothing stays.",
        "In another shell:",
        f"  export {' '.join(f'{name}={value}' for name, value in variables.items())}",
        "  aws acm-pca list-certificate-authorities",
    ]
    return "\n".join(lines)
