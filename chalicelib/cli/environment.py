"""`signet env` and `signet profile`: configuration of the AWS CLI and SDKs."""

from __future__ import annotations

import configparser
import json
import re
import shlex
from typing import TYPE_CHECKING

import click

from chalicelib import config, files, runtime
from chalicelib.access import access_keys
from chalicelib.cli.recorded import recorded
from chalicelib.printable import printable

if TYPE_CHECKING:
    from pathlib import Path

    from chalicelib.config import Settings

PROFILE = "signet"
_ADMINISTRATOR = """This access key is the administrator's: it may do everything. For one that may only issue:
  signet principal create NAME --preset issuer --ca ARN --template EndEntityCertificate/V1
  signet credentials create --principal NAME --expires 90d"""

_HTTPS = "By https: {tls_endpoint}, for clients that trust what `signet trust root` prints."


def endpoint(settings: Settings) -> str:
    """Return the URL of the API on a laptop."""
    return f"http://{settings.reached_at}:{settings.port}"


_region = click.option("--region", help="One of AWS's regions; default: AWS_REGION.")


def _served(settings: Settings, region: str | None) -> str:
    """The region that a command names, or the home's own; raises `BadParameter` if the home does not serve it."""
    if region is not None and region not in settings.regions_served:
        raise click.BadParameter(f"This home has no region '{printable(region)}'.", param_hint="--region")
    return region or settings.region


# What an AWS client would take in the place of the access key: the token of a session, or another profile.
_IN_THE_WAY = ("AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE")


@click.command()
@click.option("--shell", type=click.Choice(["sh", "fish", "powershell", "github"]), default="sh", show_default=True)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="The variables as a JSON object, null for those to unset; tls_endpoint, if there is one.",
)
@_region
@recorded("RevealRootAccessKey")
def env(*, shell: str, as_json: bool, region: str | None) -> None:
    """Print settings for AWS clients: eval "$(signet env)".

    \b
    fish:           signet env --shell fish | source
    PowerShell:     signet env --shell powershell | Out-String | Invoke-Expression
    GitHub Actions: signet env --shell github >> "$GITHUB_ENV"

    Variables that would take the place of the access key are unset, such as AWS_SESSION_TOKEN and AWS_PROFILE.
    """  # noqa: D301  click's mark for lines that stay as they are
    rt = runtime.from_env()
    root = access_keys.ensure_root_key(rt)
    exports = {
        "AWS_ENDPOINT_URL_ACM_PCA": endpoint(rt.settings),
        "AWS_ACCESS_KEY_ID": root.access_key_id,
        "AWS_SECRET_ACCESS_KEY": root.secret,
        **dict.fromkeys(("AWS_REGION", "AWS_DEFAULT_REGION"), _served(rt.settings, region)),
    }
    https = {"tls_endpoint": rt.settings.tls_endpoint} if rt.settings.tls_port else {}
    if as_json:
        click.echo(json.dumps(exports | dict.fromkeys(_IN_THE_WAY) | https))
    else:
        click.echo(_SHELLS[shell](exports))
    click.echo(_ADMINISTRATOR, err=True)
    if https:
        click.echo(_HTTPS.format(**https), err=True)


def _sh(exports: dict[str, str]) -> str:
    """One line, which is the same if somebody leaves the quotes of "$(signet env)" away."""
    assigned = " ".join(f"{name}={shlex.quote(value)}" for name, value in exports.items())
    return f"unset {' '.join(_IN_THE_WAY)}; export {assigned}"


def _fish(exports: dict[str, str]) -> str:
    unset = [f"set --erase --global {name}" for name in _IN_THE_WAY]
    return "\n".join([*unset, *(f"set --global --export {name} '{value}'" for name, value in exports.items())])


def _powershell(exports: dict[str, str]) -> str:
    unset = [f"Remove-Item Env:{name} -ErrorAction Ignore" for name in _IN_THE_WAY]
    return "\n".join([*unset, *(f"$Env:{name} = '{value}'" for name, value in exports.items())])


def _github(exports: dict[str, str]) -> str:
    """Lines for $GITHUB_ENV, which has no way to unset; an empty token is none to AWS's clients."""
    return "\n".join(f"{name}={value}" for name, value in ({"AWS_SESSION_TOKEN": ""} | exports).items())


_SHELLS = {"sh": _sh, "fish": _fish, "powershell": _powershell, "github": _github}


@click.command()
@_region
@recorded("RevealRootAccessKey")
def profile(*, region: str | None) -> None:
    """Add the profile "signet" to the AWS configuration files.

    Nothing else in these files changes. AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE are respected.
    """
    rt = runtime.from_env()
    root = access_keys.ensure_root_key(rt)
    config_file, credentials_file = config.aws_files()
    sections = {
        config_file: {
            f"profile {PROFILE}": f"region = {_served(rt.settings, region)}\nservices = {PROFILE}\n",
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
