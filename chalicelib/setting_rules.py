"""The rules of settings: what each value has to look like, and which values do not go together."""

from __future__ import annotations

import re
from dataclasses import fields
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

Settings = Any  # those of `config`, which imports this module

_LEAST_PASSPHRASE, _LEAST_DIFFERENT = 8, 5
_PASSPHRASES = ("key_passphrase", "backup_passphrase", "reminder_secret")
_ADDRESSES = ("public_url", "ocsp_url")
_MOST_RESOLVERS = 3
_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"{_OCTET}(\.{_OCTET}){{3}}"
_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST_NAME = rf"({_LABEL}\.)*(?!0x)(?![0-9]+$){_LABEL}"  # as a certificate may have it (RFC 1034 section 3.5)
_MOST_NAME = 253
_RULES = (
    ("quotas", r"none|aws|[0-9]{1,9},[0-9]{1,9}", "none, aws, or two numbers with a comma between them"),
    ("account_id", r"[0-9]{12}", "12 digits"),
    ("region", r"[a-z]{2,4}(-[a-z]+)+-[0-9]+", "the name of a region such as us-east-1"),
    ("hosts", r"\*|([A-Za-z0-9_.-]{1,253}(,[A-Za-z0-9_.-]{1,253})*)?", "host names with commas between them, or *"),
    ("reminders", r"none|[1-9][0-9]{0,2}(,[1-9][0-9]{0,2}){0,9}", "up to ten numbers of days from 1 to 999, or none"),
    (
        "reminder_webhook",
        r"(https://[!-~]{1,1000}|http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?(/[!-~]{0,1000})?)?",
        "an https URL, or an http URL of this machine",
    ),
    (
        "reminder_topic",
        r"(arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256})?",
        "the ARN of a topic of Amazon SNS",
    ),
    ("test_access_key_id", r"([A-Z0-9]{16,128})?", "16 to 128 upper-case letters and digits"),
    ("test_secret_access_key", r"([!-~]{8,128})?", "8 to 128 characters of ASCII without spaces"),
    ("clock_url", r"(https://[!-~]{1,500})?", "an https URL"),
    ("port", r"0|[1-9][0-9]{0,4}", "a port from 1 to 65535, or 0 for any free one"),
    ("acme_http_port", r"[1-9][0-9]{0,4}", "a port from 1 to 65535"),
    ("acme_tls_port", r"[1-9][0-9]{0,4}", "a port from 1 to 65535"),
    ("host", _IPV4, "an IPv4 address"),
    ("tls_port", r"(0|[1-9][0-9]{0,4})?", "a port from 1 to 65535, or 0 for any free one"),
    ("tls_host", rf"({_IPV4})?", "an IPv4 address"),
    ("workers", r"([1-9]|[1-5][0-9]|6[0-4])?", "a number from 1 to 64"),
    ("name", r"[a-z][a-z0-9]{2,19}", "3 to 20 lower-case letters and digits, beginning with a letter"),
    ("table", r"([a-zA-Z0-9_.-]{3,255})?", "3 to 255 letters, digits, '_', '.' or '-'"),
    ("crl_host", r"([a-z0-9-]{1,63}\.){1,10}[a-z0-9-]{2,63}|", "a host name in lower case"),
    ("idempotency_seconds", r"[1-9][0-9]{0,7}", "a number of seconds from 1 to 99999999"),
    ("ocsp_signatures", r"[0-9]{1,6}", "a number from 10 to 100000"),
    ("principal_rate", r"[0-9]{1,6}", "a number of requests from 0 to 999999"),
    ("storm_guard", r"[0-9]{1,6}", "a number of certificates from 0 to 999999"),
    ("acme_pending_orders", r"[0-9]{1,6}", "a number of orders from 1 to 100000"),
    ("acme_failed_validations", r"[0-9]{1,6}", "a number of validations from 1 to 100000"),
    ("pending_seconds", r"[0-9]{1,4}", "a number of seconds"),
    ("audit_report_seconds", r"[0-9]{1,8}", "a number of seconds from 0 to 99999999"),
    ("audit_file_megabytes", r"[0-9]{1,4}", "a number from 1 to 1000"),
    ("audit_files", r"[0-9]{1,5}", "a number from 2 to 10000"),
    ("log_file_megabytes", r"[0-9]{1,4}", "a number from 1 to 1000"),
    ("log_files", r"[0-9]{1,4}", "a number from 2 to 1000"),
    ("backup_hours", r"[0-9]{1,4}", "a number of hours from 1 to 8760"),
    ("backups_kept", r"[0-9]{1,4}", "a number of backups from 1 to 1000"),
    ("audit_days", r"[0-9]{1,4}", "a number from 1 to 9999"),
)
_RANGES = (
    ("port", 0, 65535),
    ("acme_pending_orders", 1, 100_000),
    ("acme_failed_validations", 1, 100_000),
    ("acme_http_port", 1, 65535),
    ("acme_tls_port", 1, 65535),
    ("tls_port", 0, 65535),
    ("pending_seconds", 30, 900),
    ("ocsp_signatures", 10, 100_000),
    ("audit_file_megabytes", 1, 1000),
    ("audit_files", 2, 10_000),
    ("log_file_megabytes", 1, 1000),
    ("log_files", 2, 1000),
    ("audit_days", 1, 9999),
    ("backup_hours", 1, 8760),
    ("backups_kept", 1, 1000),
)


def broken(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield each setting that breaks its rule, and the rule, as what follows "must be"."""
    # Defaults keep their rules, and each expression takes a tenth of a millisecond or more to compile at each start.
    defaults = {entry.name: entry.default for entry in fields(settings)}
    for name, pattern, rule in _RULES:
        value = getattr(settings, name)
        if value != defaults[name] and re.fullmatch(pattern, value, re.ASCII) is None:
            yield name, rule
    for name, least, most in _RANGES:
        if not least <= int(getattr(settings, name) or least) <= most:
            yield name, f"from {least} to {most}"
    yield from _broken_addresses(settings)


def _broken_addresses(settings: Settings) -> Iterator[tuple[str, str]]:
    for name in _ADDRESSES:
        if not _is_address(getattr(settings, name) or settings.base_url):
            yield name, "an http or https address without query"
    if not all(map(_is_server, settings.acme_resolvers)) or len(settings.acme_resolvers) > _MOST_RESOLVERS:
        yield "acme_resolver", "up to three DNS servers as HOST:PORT with commas between them"
    if settings.acme_source_address and not _is_ip_address(settings.acme_source_address):
        yield "acme_source_address", "an IP address"
    if settings.tls_names and not all(map(_is_name, settings.tls_names.split(","))):
        yield "tls_names", "host names and IP addresses with commas between them"


def _is_name(text: str) -> bool:
    """Return whether a text is an IP address, or a host name that nobody reads as one: its end is no number."""
    if re.fullmatch(_HOST_NAME, text, re.ASCII):
        return len(text) <= _MOST_NAME
    return "%" not in text and _is_ip_address(text)


def _is_server(text: str) -> bool:
    """Return whether a text is a host and a port, such as `10.0.0.53:53`, `[fd00::53]:53` or `dns.example:53`."""
    host, _, port = text.rpartition(":")
    is_ipv6 = host[:1] == "[" and host[-1:] == "]" and _is_ip_address(host[1:-1])
    is_port = re.fullmatch("[1-9][0-9]{0,4}", port, re.ASCII) is not None and int(port) < 1 << 16
    return is_port and (is_ipv6 or re.fullmatch("[A-Za-z0-9_.-]{1,253}", host, re.ASCII) is not None)


def _is_ip_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_address(text: str) -> bool:
    parts = urlsplit(text)
    plain = parts.scheme in {"http", "https"} and parts.hostname and not parts.query and not parts.fragment
    return bool(plain) and text.isascii() and not any(character.isspace() for character in text)


def contradictions(settings: Settings) -> Iterator[str]:
    """Yield a sentence for each passphrase that is weak, and for values that do not go together."""
    for name in _PASSPHRASES:
        text = getattr(settings, name)
        if text and (len(text) < _LEAST_PASSPHRASE or len(set(text)) < _LEAST_DIFFERENT):
            yield (
                f"{settings.variable_of(name)} must have at least {_LEAST_PASSPHRASE} characters, "
                f"{_LEAST_DIFFERENT} of them different."
            )
    wrong = (
        (
            settings.backups and not (settings.backup_passphrase or settings.backup_kms_key),
            "SIGNET_BACKUPS is set, but not SIGNET_BACKUP_PASSPHRASE, which encrypts the backups.",
        ),
        (
            settings.reminder_webhook and not settings.reminder_secret,
            "SIGNET_REMINDER_WEBHOOK is set, but not SIGNET_REMINDER_SECRET, which signs reminders.",
        ),
        (
            bool(settings.test_access_key_id) != bool(settings.test_secret_access_key),
            "SIGNET_TEST_ACCESS_KEY_ID and SIGNET_TEST_SECRET_ACCESS_KEY go together: set both.",
        ),
        (
            not settings.host.startswith("127.") and settings.plain_http != "yes",
            f"SIGNET_HOST is '{settings.host}', by http alone: set SIGNET_TLS_HOST, or SIGNET_ALLOW_PLAIN_HTTP=yes.",
        ),
        (
            settings.tls_port not in {"", "0"}
            and (settings.tls_port, settings.tls_address) == (settings.port, settings.host),
            f"SIGNET_TLS_PORT and SIGNET_PORT are both {settings.port}: https needs a port of its own.",
        ),
        (
            settings.callers == "iam" and settings.state == "sqlite",
            "SIGNET_CALLERS is 'iam', but only API Gateway can say who IAM's callers are.",
        ),
        (
            settings.regions == "every" and not settings.is_local,
            "SIGNET_REGIONS is 'every', but state, keys, buckets or events are in AWS, in one region.",
        ),
    )
    yield from (sentence for is_wrong, sentence in wrong if is_wrong)
