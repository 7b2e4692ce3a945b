"""`signet issue`: key, CSR, certificate, chain and PKCS #12 with one command. Only its files hold the key."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from chalicelib import arn as arns
from chalicelib import runtime
from chalicelib.access import access_keys
from chalicelib.api.client import Client
from chalicelib.ca import find, state
from chalicelib.cli import accounts, authorities, issued_files, new_keys
from chalicelib.cli.recorded import recorded
from chalicelib.identities import ADMINISTRATOR
from chalicelib.operations import certificates, issuing_presets
from chalicelib.pki.asn1 import oids
from chalicelib.pki.issuing.templates import TEMPLATES
from chalicelib.pki.x509 import summary
from chalicelib.printable import printable
from chalicelib.runtime import Caller

if TYPE_CHECKING:
    from chalicelib.identities import IssuingPreset
    from chalicelib.pki.issuing.templates import Template
    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Runtime
    from chalicelib.shapes import GetCertificateResponse

_DAYS, _SHORT_LIVED_DAYS = 90, 7
_NAMELESS = (
    "warning: the certificate has no subject alternative name, so TLS clients accept it for no host. "
    "Name the host: `signet issue www.example.com`, or `--san www.example.com`."
)


@click.command()
@click.argument("name")
@click.option("--san", "others", multiple=True, metavar="NAME", help="Another host, IP address, email address or URI.")
@authorities.option
@click.option("--template", help=f"A certificate template; default: {certificates.DEFAULT_TEMPLATE}.")
@click.option("--preset", "preset_name", metavar="NAME", help="An issuing preset, instead of a template.")
@click.option("--days", type=click.IntRange(1, 99999), help="Validity; default: 90, or 7 for a short-lived CA.")
@click.option("--key-algorithm", type=click.Choice(list(new_keys.KEYS)), default="EC_prime256v1", show_default=True)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path(), help="Directory; default: .")
@click.option("--p12", is_flag=True, help="Also write PKCS #12; prompts for its password.")
@click.option("--p12-password-file", type=click.File(), help="The password is its first line; - is standard input.")
@click.option("--force", is_flag=True, help="Replace files of the same names.")
@accounts.option
@recorded("IssueWithNewKey", "name", "others", "ca_name", "template", "preset_name")
def issue(  # noqa: PLR0917  click gives one argument for each option
    name: str,
    others: tuple[str, ...],
    ca_name: str | None,
    template: str | None,
    preset_name: str | None,
    days: int | None,
    key_algorithm: str,
    out: Path,
    p12: bool,  # noqa: FBT001
    p12_password_file: IO[str] | None,
    force: bool,  # noqa: FBT001
    account_id: str | None,
) -> None:
    """Make a key and a certificate for NAME: a host, an IP address, an email address, a URI, or any other name.

    The files are NAME-key.pem, NAME-csr.pem, NAME.pem, NAME-chain.pem (the CAs above), NAME-fullchain.pem (both, for
    servers) and, with --p12, NAME.p12. Nobody else can read those with the key.
    """
    rt = runtime.from_env()
    caller = _administrator(rt, accounts.account_of(rt, account_id))
    preset = _preset(rt, caller.account_id, preset_name, template)
    template = preset.template if preset else template or certificates.DEFAULT_TEMPLATE
    is_server = oids.SERVER_AUTH in _template(template).extended_key_usage
    ca = authorities.chosen(rt, caller.account_id, ca_name)
    password = _password(p12_password_file) if p12 or p12_password_file else ""
    alternatives = new_keys.alternative_names(name, others, is_server=is_server)
    key = new_keys.KEYS[key_algorithm]()
    csr = new_keys.csr(key, name, alternatives)
    stem = summary.file_stem(name)
    endings = ("-key.pem", "-csr.pem", ".pem", "-chain.pem", "-fullchain.pem", *((".p12",) if password else ()))
    with issued_files.staged(out, [stem + ending for ending in endings], replace=force) as files:
        files.add(f"{stem}-key.pem", new_keys.private_pem(key), secret=True)
        files.add(f"{stem}-csr.pem", csr)
        template_arn = arns.TemplateArn(arns.parse_ca_arn(ca.arn).partition, template.removesuffix("/V1"))
        named = issuing_presets.arn_of(find.at(rt, ca.arn), preset) if preset else str(template_arn)
        client = Client(rt, caller)
        arn = _issued(client, ca, csr, named, days or (preset.days if preset else _days(ca)))
        with issued_files.complaining_of(arn):
            answer = client.call("GetCertificate", CertificateAuthorityArn=ca.arn, CertificateArn=arn)
            for ending, content in _public(answer).items():
                files.add(stem + ending, content)
            if password:
                secret = new_keys.p12(key, answer["Certificate"], answer.get("CertificateChain", ""), name, password)
                files.add(f"{stem}.p12", secret, secret=True)
            paths = files.publish()
    click.echo("\n  ".join((f"{printable(state.name_of(ca))} issued {arn}:", *map(str, paths))))
    if is_server and not alternatives:
        click.echo(_NAMELESS, err=True)


def _template(text: str) -> Template:
    """The template with a name, which may include its version."""
    template = TEMPLATES.get(text.removesuffix("/V1"))
    if template is None:
        raise click.BadParameter(f"There is no template '{printable(text)}'.", param_hint="--template")
    return template


def _preset(rt: Runtime, account_id: str, name: str | None, template: str | None) -> IssuingPreset | None:
    """The issuing preset with a name; None without a name."""
    if name is None:
        return None
    if template is not None:
        raise click.UsageError("Give --template or --preset, not both: a preset has its template.")
    preset = issuing_presets.named(rt, account_id, name)
    if preset is None:
        raise click.BadParameter(f"There is no issuing preset '{printable(name)}'.", param_hint="--preset")
    return preset


def _administrator(rt: Runtime, account_id: str) -> Caller:
    """The administrator of an account, by the root access key of this home."""
    access_key_id = access_keys.ensure_root_key(rt).access_key_id
    return Caller(account_id=account_id, access_key_id=access_key_id, principal=ADMINISTRATOR)


def _password(file: IO[str] | None) -> str:
    """The password of the PKCS #12 file: from a file, or typed twice; others could read arguments and variables."""
    if file is None and not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask for the password: use --p12-password-file.")
    if file is None:
        return str(click.prompt("Password of the PKCS #12 file", hide_input=True, confirmation_prompt=True))
    password = file.readline().rstrip("\r\n")
    if not password:
        raise click.UsageError("The first line of the password file is empty.")
    return password


def _days(ca: CertificateAuthority) -> int:
    return _SHORT_LIVED_DAYS if ca.usage_mode == "SHORT_LIVED_CERTIFICATE" else _DAYS


def _issued(client: Client, ca: CertificateAuthority, csr: bytes, template_arn: str, days: int) -> str:
    """Issue a certificate by the API; returns its ARN.

    Raises:
        ApiError: the API refuses it.
    """
    request = {
        "CertificateAuthorityArn": ca.arn,
        "Csr": csr,
        "SigningAlgorithm": ca.configuration["SigningAlgorithm"],
        "TemplateArn": template_arn,
        "Validity": {"Type": "DAYS", "Value": days},
        "IdempotencyToken": secrets.token_hex(18),
    }
    return client.call("IssueCertificate", **request)["CertificateArn"]


def _public(answer: GetCertificateResponse) -> dict[str, bytes]:
    """The files that anybody may read, by the suffixes of their names."""
    certificate, chain = answer["Certificate"] + "\n", answer.get("CertificateChain", "")
    chain = chain and chain + "\n"
    texts = {".pem": certificate, "-chain.pem": chain, "-fullchain.pem": certificate + chain}
    return {ending: text.encode() for ending, text in texts.items()}
