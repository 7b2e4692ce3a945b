"""Settings: the only module that reads the environment.

`setting_fields` lists them, `setting_rules` says what their values must be, and `signet settings` prints them.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib import data_directory, setting_rules
from chalicelib.frozen import dataclass
from chalicelib.regions import PARTITION_OF
from chalicelib.setting_fields import NAME, SettingFields

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_MOST_BY_CORES = 4  # workers that a home has by default


class SettingsError(ValueError):
    """A setting is unknown, malformed or contradicts another one; the text is one sentence for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(SettingFields):
    """The settings in force; properties give the typed form."""

    @property
    def base_url(self) -> str:
        """Base of the URLs in certificates, without a final slash."""
        return (self.public_url or f"http://{self.reached_at}:{self.port}").rstrip("/")

    @property
    def reached_at(self) -> str:
        """The address at which programs of this machine reach the server."""
        return "127.0.0.1" if self.host == "0.0.0.0" else self.host  # noqa: S104  compared, not bound

    @property
    def tls_address(self) -> str:
        """The address of the TLS listener."""
        return self.tls_host or self.host

    @property
    def tls_reached_at(self) -> str:
        """The address at which programs of this machine reach the TLS listener."""
        return "127.0.0.1" if self.tls_address == "0.0.0.0" else self.tls_address  # noqa: S104  compared, not bound

    @property
    def tls_endpoint(self) -> str:
        """The URL of the TLS listener for programs of this machine; empty if there is none."""
        return f"https://{self.tls_reached_at}:{self.tls_port}" if self.tls_port else ""

    @property
    def ocsp_base_url(self) -> str:
        """Base of OCSP URLs, without a final slash; empty if no setting determines it."""
        if not self.ocsp_url and (self.public_url or self.state == "sqlite"):
            return f"{self.base_url}/ocsp"
        return self.ocsp_url.rstrip("/")

    @property
    def regions_served(self) -> Collection[str]:
        """The regions that requests may be signed for."""
        if (self.regions or ("every" if self.is_local else "own")) == "own":
            return (self.region,)
        return PARTITION_OF if self.region in PARTITION_OF else (*PARTITION_OF, self.region)

    @property
    def is_local(self) -> bool:
        """True if nothing of this home is a service of AWS, each of which has one region."""
        chosen = (self.state, self.buckets, self.keys, self.events)
        return chosen == ("sqlite", "directory", "software", "log")

    @property
    def reaches_private_networks(self) -> bool:
        """True if the monitor may follow host names of CA configurations to private IP addresses."""
        return (self.private_networks or ("allow" if self.state == "sqlite" else "refuse")) == "allow"

    @property
    def validates_private_networks(self) -> bool:
        """True if ACME challenges may lead to private IP addresses."""
        return (self.acme_private_networks or ("allow" if self.state == "sqlite" else "refuse")) == "allow"

    @property
    def acme_resolvers(self) -> tuple[str, ...]:
        """The DNS servers that the setting names."""
        return tuple(each for each in self.acme_resolver.split(",") if each)

    @property
    def gate(self) -> str:
        """The gate that CSRs must pass: `strict` or `aws`."""
        return self.csr_gate or "strict"

    @property
    def reminder_days(self) -> tuple[int, ...]:
        """The thresholds of reminders, in days; none if there are no reminders."""
        return () if self.reminders == "none" else tuple(int(number) for number in self.reminders.split(","))

    @property
    def host_names(self) -> list[str]:
        """The host names that the setting adds."""
        return [name for name in self.hosts.split(",") if name]

    @property
    def tls_host_names(self) -> list[str]:
        """The host names and IP addresses that the TLS listener's setting adds."""
        return [name for name in self.tls_names.split(",") if name]

    @property
    def is_on_disk(self) -> bool:
        """True if anything is stored in the data directory."""
        return bool({self.state, self.keys, self.buckets} & {"sqlite", "software", "directory"})

    @property
    def worker_count(self) -> int:
        """How many processes of the laptop home's server answer."""
        return int(self.workers) if self.workers else min(_MOST_BY_CORES, _cores())

    @property
    def data_path(self) -> Path:
        """The data directory."""
        return Path(self.data)

    @property
    def journal_path(self) -> Path:
        """The directory of the journal, with SIGNET_BUCKETS=directory."""
        return Path(self.journal) if self.journal else self.data_path / "journal"

    @property
    def has_journal_apart(self) -> bool:
        """False if a copy of the data directory has the journal, too: then it knows no more than the database."""
        return self.buckets == "s3" or not self.journal_path.resolve().is_relative_to(self.data_path.resolve())

    @property
    def journal_bucket(self) -> str:
        """The bucket of the journal, with SIGNET_BUCKETS=s3."""
        return self.journal or f"{self.name}-journal-{self.account_id}-{self.region}"

    @property
    def crl_bucket(self) -> str:
        """The bucket for CRLs that the stack on AWS has."""
        return f"{self.name}-crl-{self.account_id}-{self.region}"

    @property
    def table_name(self) -> str:
        """The DynamoDB table."""
        return self.table or self.name

    @property
    def secrets_key(self) -> str:
        """The KMS key that encrypts small secrets."""
        return self.kms_secrets_key or f"alias/{self.name}-secrets"

    @property
    def metrics_namespace(self) -> str:
        """The namespace of metrics in CloudWatch: other installations of an AWS account have others."""
        return "Signet" if self.name == NAME else f"Signet/{self.name}"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read and check the settings.

        Raises:
            SettingsError: a variable that begins with SIGNET_ is unknown, or a value is invalid.
        """
        source = os.environ if environ is None else environ  # noqa: TID251  the one reader
        known = {str(entry.metadata["variable"]): entry.name for entry in fields(cls)}
        unknown = sorted(name for name in source if name.startswith("SIGNET_") and name not in known)
        if unknown:
            raise SettingsError(f"{unknown[0]} is not a setting of Signet; `signet settings` lists them.")
        values = {name: source[variable] for variable, name in known.items() if source.get(variable)}
        if region := source.get("AWS_DEFAULT_REGION"):  # older clients know this name alone
            values.setdefault("region", region)
        settings = cls(**values)
        settings.check()
        return settings if settings.data else replace(settings, data=_found_home(source))

    def check(self) -> None:
        """Raise `SettingsError` for the first invalid value."""
        for entry in fields(self):
            value, choices = getattr(self, entry.name), entry.metadata["choices"]
            if choices and value not in choices:
                raise SettingsError(_refusal(entry.name, value, f"one of: {', '.join(filter(None, choices))}"))
        for name, rule in setting_rules.broken(self):
            raise SettingsError(_refusal(name, getattr(self, name), rule))
        for sentence in setting_rules.contradictions(self):
            raise SettingsError(sentence)

    @classmethod
    def variable_of(cls, name: str) -> str:
        """Return the environment variable of a setting."""
        return next(str(entry.metadata["variable"]) for entry in fields(cls) if entry.name == name)

    def chosen(self) -> dict[str, str]:
        """The settings that differ from what they are by default, by their variables; secrets are left out."""
        default = type(self)(data=_found_home(os.environ))  # noqa: TID251  the one reader
        public = {str(entry.metadata["variable"]): entry.name for entry in fields(self) if not entry.metadata["secret"]}
        return {
            variable: getattr(self, name)
            for variable, name in public.items()
            if getattr(self, name) != getattr(default, name)
        }


def _found_home(environ: Mapping[str, str]) -> str:
    """The data directory that nobody named: a home here or above, else the user's own, which need not exist."""
    with suppress(FileNotFoundError):  # the working directory was removed
        if found := data_directory.above(Path.cwd()):
            return str(found)
    try:
        return str(data_directory.of_user(environ, sys.platform))
    except RuntimeError:  # nobody has told this process where its user's files are
        return data_directory.NAME


def _cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _refusal(name: str, value: str, rule: str) -> str:
    is_secret = next(bool(entry.metadata["secret"]) for entry in fields(Settings) if entry.name == name)
    shown = "not valid" if is_secret else f"'{value}'"
    return f"{Settings.variable_of(name)} is {shown}, but must be {rule}."


def aws_files() -> tuple[Path, Path]:
    """Return the paths of the user's AWS configuration and credentials files, which need not exist."""
    home = Path.home() / ".aws"
    return (
        Path(os.environ.get("AWS_CONFIG_FILE") or home / "config").expanduser(),  # noqa: TID251  the one reader
        Path(os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or home / "credentials").expanduser(),  # noqa: TID251  the one reader
    )
