"""`signet env` and `signet profile`: configuration of the AWS CLI and SDKs."""

from __future__ import annotations

import configparser
import re
import shlex
from typing import TYPE_CHECKING

import click

from chalicelib import config, files, runtime
from chalicelib.access import access_keys
from chalicelib.cli.recorded import recorded
from chalicelib.local import server

if TYPE_CHECKING:
    from pathlib import Path

    from chalicelib.config import Settings

PROFILE = "signet"
_ADMINISTRATOR = """This access key is the administrator's: it may do everything. For one that may only issue:
  signet principal create NAME --preset issuer --ca ARN --template EndEntityCertificate/V1
  signet credentials create --principal NAME --expires 90d"""


def endpoint(settings: Settings) -> str:
    """Return the URL of the API on a laptop."""
    return f"http://{server.ADDRESS}:{settings.port}"


@click.command()
@recorded("RevealRootAccessKey")
def env() -> None:
    """Print exports for AWS clients: eval "$(signet env)"."""
    rt = runtime.from_env()
    root = access_keys.ensure_root_key(rt)
    exports = {
        "AWS_ENDPOINT_URL_ACM_PCA": endpoint(rt.settings),
        "AWS_ACCESS_KEY_ID": root.access_key_id,
        "AWS_SECRET_ACCESS_KEY": root.secret,
        "AWS_REGION": rt.settings.region,
        "AWS_DEFAULT_REGION": rt.settings.region,
    }
    click.echo("export " + " ".join(f"{name}={shlex.quote(value)}" for name, value in exports.items()))
    click.echo(_ADMINISTRATOR, err=True)


@click.command()
@recorded("RevealRootAccessKey")
def profile() -> None:
    """Add the profile "signet" to the AWS configuration files.

    Nothing else in these files changes. AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE are respected.
    """
    rt = runtime.from_env()
    root = access_keys.ensure_root_key(rt)
    config_file, credentials_file = config.aws_files()
    sections = {
        config_file: {
            f"profile {PROFILE}": f"region = {rt.settings.region}\nservices = {PROFILE}\n",
            f"services {PROFILE}": "".join(
                f"{service} =\n  endpoint_url = {endpoint(rt.settings)}\n" for service in ("acm_pca", "sts")
            ),
        },
        credentials_file: {
            PROFILE: f"aws_access_key_id = {root.access_key_id}\naws_secret_access_key = {root.secret}\n",
        },
    }
    for path, bodies in sections.items():
        _rewrite(path, bodies)
        click.echo(f"Wrote {', '.join(f'[{name}]' for name in bodies)} to {path}.")
    click.echo(f"Try: aws --profile {PROFILE} acm-pca list-certificate-authorities")


def _rewrite(path: Path, sections: dict[str, str]) -> None:
    """Replace or append these sections; all other lines stay unchanged."""
    path = path.resolve()  # a symbolic link remains a link
    text = path.read_text() if path.exists() else ""
    for name, body in sections.items():
        header = re.compile(rf"^\[\s*{re.escape(name)}\s*\][^\n]*\n(?:(?!\s*\[)[^\n]*(?:\n|\Z))*", re.MULTILINE)
        section = f"[{name}]\n{body}"
        if header.search(text):
            text = header.sub(lambda _, section=section: section + "\n", text, count=1)  # type: ignore[misc]  # bound now
        else:
            text += ("" if not text or text.endswith("\n\n") else "\n" if text.endswith("\n") else "\n\n") + section
    _check(text, path)
    files.make_directory(path.parent)
    files.write_atomically(path, text.encode())


def _check(text: str, path: Path) -> None:
    try:
        configparser.RawConfigParser(strict=False).read_string(text)
    except configparser.Error as error:
        raise click.ClickException(f"{path} is not an AWS configuration file: {error.message}") from error
