"""Settings: the only module that reads the environment.

Each setting is one field with its variable, its default and one line of help; `signet settings` prints them.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chalicelib import data_directory, setting_rules
from chalicelib.regions import PARTITION_OF

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_MOST_BY_CORES = 4  # workers that a home has by default
NAME = "signet"  # of the installation on AWS that has no other


class SettingsError(ValueError):
    """A setting is unknown, malformed or contradicts another one; the text is one sentence for a person."""


def _setting(
    variable: str, default: str, help_text: str, *, choices: tuple[str, ...] = (), secret: bool = False
) -> Any:
    """Define a setting: its environment variable, its default as text, its help, and the values it may have."""
    metadata = {"variable": variable, "default": default, "help": help_text, "choices": choices, "secret": secret}
    return field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings in force. Values are text as in the environment; properties give the typed form."""

    state: str = _setting("SIGNET_STATE", "sqlite", "where state is stored", choices=("sqlite", "dynamodb"))
    buckets: str = _setting(
        "SIGNET_BUCKETS", "directory", "where CRLs and audit reports are stored", choices=("directory", "s3")
    )
    keys: str = _setting("SIGNET_KEYS", "software", "where CA keys are stored", choices=("software", "kms"))
    events: str = _setting("SIGNET_EVENTS", "log", "where AWS Private CA's events go", choices=("log", "eventbridge"))
    data: str = _setting(
        "SIGNET_DATA", "", "data directory on a laptop; default: .signet here or above, else the user's own"
    )
    port: str = _setting("SIGNET_PORT", "8000", "port of `signet serve`; 0: any free one, for tests")
    host: str = _setting(
        "SIGNET_HOST", "127.0.0.1", "IPv4 address of `signet serve`; beyond loopback with SIGNET_ALLOW_PLAIN_HTTP=yes"
    )
    plain_http: str = _setting(
        "SIGNET_ALLOW_PLAIN_HTTP", "no", "whether SIGNET_HOST may be of a network, without TLS", choices=("no", "yes")
    )
    tls_port: str = _setting(
        "SIGNET_TLS_PORT",
        "",
        "port of `signet serve` for https, such as 8443; 0: any free one, for tests; default: none",
    )
    tls_host: str = _setting(
        "SIGNET_TLS_HOST", "", "IPv4 address of SIGNET_TLS_PORT, which may be of a network; default: SIGNET_HOST"
    )
    tls_names: str = _setting(
        "SIGNET_TLS_NAMES",
        "",
        "further host names and IP addresses of the laptop home, with commas between them, for its https certificate",
    )
    workers: str = _setting(
        "SIGNET_WORKERS", "", "processes of `signet serve` that answer, 1 to 64; default: one for each core, at most 4"
    )
    public_url: str = _setting(
        "SIGNET_PUBLIC_URL", "", "base of CRL and OCSP URLs; default: http://127.0.0.1:PORT, or S3's URLs"
    )
    ocsp_url: str = _setting(
        "SIGNET_OCSP_URL",
        "",
        "base of OCSP URLs; default: /ocsp under SIGNET_PUBLIC_URL, or under http://127.0.0.1:PORT",
    )
    crl_host: str = _setting(
        "SIGNET_CRL_HOST",
        "",
        "host name under which clients read the bucket NAME-crl-ACCOUNT-REGION (SIGNET_BUCKETS=s3); default: S3's",
    )
    ocsp_signer: str = _setting(
        "SIGNET_OCSP_SIGNER",
        "ca",
        "signer of OCSP responses: the CA, or a delegated responder with its own key",
        choices=("ca", "delegated"),
    )
    ocsp_signatures: str = _setting(
        "SIGNET_OCSP_SIGNATURES", "500", "OCSP responses that a process signs in a second, 10 to 100000"
    )
    hosts: str = _setting(
        "SIGNET_HOSTS",
        "",
        "further host names of the laptop home's API and console, with commas between them; * for all",
    )
    account_id: str = _setting("SIGNET_ACCOUNT_ID", "000000000000", "account of the root access key, 12 digits")
    region: str = _setting("AWS_REGION", "us-east-1", "region where nothing names another one; else AWS_DEFAULT_REGION")
    regions: str = _setting(
        "SIGNET_REGIONS",
        "",
        "whose CAs this home has: those of every region, or of its own; default: every in the laptop home, else own",
        choices=("", "every", "own"),
    )
    name: str = _setting(
        "SIGNET_NAME", NAME, "name of this installation on AWS, with which the names of its resources begin"
    )
    table: str = _setting(
        "SIGNET_TABLE", "", "name of the DynamoDB table (SIGNET_STATE=dynamodb); default: SIGNET_NAME"
    )
    journal: str = _setting(
        "SIGNET_JOURNAL",
        "",
        "directory of the journal, or its bucket (SIGNET_BUCKETS=s3); default: journal in SIGNET_DATA, or "
        "NAME-journal-ACCOUNT-REGION",
    )
    journal_sync: str = _setting(
        "SIGNET_JOURNAL_SYNC",
        "interval",
        "when a change is in the journal: within its interval, or always before the change is answered",
        choices=("interval", "always"),
    )
    key_passphrase: str = _setting(
        "SIGNET_KEY_PASSPHRASE",
        "",
        "passphrase that encrypts software keys; default: a key file of mode 0600 in SIGNET_DATA",
        secret=True,
    )
    backup_passphrase: str = _setting(
        "SIGNET_BACKUP_PASSPHRASE", "", "passphrase that encrypts the files of `signet backup`", secret=True
    )
    backups: str = _setting(
        "SIGNET_BACKUPS", "", "directory into which `signet serve` makes backups; default: it makes none"
    )
    backup_hours: str = _setting("SIGNET_BACKUP_HOURS", "24", "hours from one of these backups to the next, 1 to 8760")
    backups_kept: str = _setting("SIGNET_BACKUPS_KEPT", "7", "how many of these backups are kept, 1 to 1000")
    backup_kms_key: str = _setting(
        "SIGNET_BACKUP_KMS_KEY", "", "KMS key that encrypts backups in the place of a passphrase; default: none"
    )
    kms_secrets_key: str = _setting(
        "SIGNET_KMS_SECRETS_KEY",
        "",
        "KMS key that encrypts the secrets of access keys (SIGNET_KEYS=kms); default: alias/NAME-secrets",
    )
    idempotency_seconds: str = _setting(
        "SIGNET_IDEMPOTENCY_SECONDS", "300", "lifetime of idempotency tokens, in seconds"
    )
    pending_seconds: str = _setting(
        "SIGNET_PENDING_SECONDS", "120", "seconds until an unfinished issuance or CA creation is abandoned (30 to 900)"
    )
    audit_report_seconds: str = _setting(
        "SIGNET_AUDIT_REPORT_SECONDS", "1800", "minimum seconds between two audit reports of a CA; 1800 on AWS"
    )
    private_networks: str = _setting(
        "SIGNET_PRIVATE_NETWORKS",
        "",
        "whether the monitor fetches from private IP addresses; default: allow with sqlite, else refuse",
        choices=("", "allow", "refuse"),
    )
    acme_pending_orders: str = _setting(
        "SIGNET_ACME_PENDING_ORDERS", "1000", "pending orders that an ACME account may have, 1 to 100000"
    )
    acme_failed_validations: str = _setting(
        "SIGNET_ACME_FAILED_VALIDATIONS",
        "20",
        "failed validations of a name that an ACME account may have in an hour, 1 to 100000",
    )
    acme_http_port: str = _setting(
        "SIGNET_ACME_HTTP_PORT", "80", "port of http-01 challenges; another than 80 is for tests"
    )
    acme_tls_port: str = _setting(
        "SIGNET_ACME_TLS_PORT", "443", "port of tls-alpn-01 challenges; another than 443 is for tests"
    )
    acme_resolver: str = _setting(
        "SIGNET_ACME_RESOLVER",
        "",
        "up to three DNS servers for ACME challenges as HOST:PORT, with commas between them; default: the system's",
    )
    acme_source_address: str = _setting(
        "SIGNET_ACME_SOURCE_ADDRESS", "", "IP address of this machine from which challenges are validated"
    )
    acme_private_networks: str = _setting(
        "SIGNET_ACME_PRIVATE_NETWORKS",
        "",
        "whether challenges may lead to private IP addresses; default: allow with sqlite, else refuse",
        choices=("", "allow", "refuse"),
    )
    shares: str = _setting(
        "SIGNET_SHARES",
        "listed",
        "whether lists show CAs of other accounts at once, or once `signet share accept` names their owner",
        choices=("listed", "accepted"),
    )
    callers: str = _setting(
        "SIGNET_CALLERS",
        "signet",
        "whose access keys sign requests: Signet's, or IAM's, which API Gateway verifies (SIGNET_STATE=dynamodb)",
        choices=("signet", "iam"),
    )
    csr_gate: str = _setting(
        "SIGNET_CSR_GATE",
        "",
        "what CSRs may hold: what careful clients accept, or all that AWS copies; default: strict, for tests aws",
        choices=("", "strict", "aws"),
    )
    rates: str = _setting(
        "SIGNET_RATES",
        "none",
        "request rate limits: none, or those of AWS Private CA",
        choices=("none", "aws"),
    )
    quotas: str = _setting(
        "SIGNET_QUOTAS",
        "none",
        "how many CAs an account has and certificates a CA issues: none, aws, or two numbers with a comma between them",
    )
    principal_rate: str = _setting(
        "SIGNET_PRINCIPAL_RATE", "0", "requests that a principal may send in a minute; 0: no limit"
    )
    storm_guard: str = _setting(
        "SIGNET_STORM_GUARD", "0", "how often a minute a template of a CA issues one CSR; 0: no limit"
    )
    audit: str = _setting(
        "SIGNET_AUDIT",
        "all",
        "calls in the audit record: all, or changes and denied calls only",
        choices=("all", "changes"),
    )
    audit_file_megabytes: str = _setting(
        "SIGNET_AUDIT_FILE_MEGABYTES", "16", "size at which a file of the audit record is full, 1 to 1000"
    )
    audit_files: str = _setting("SIGNET_AUDIT_FILES", "64", "files of the audit record that are kept, 2 to 10000")
    audit_days: str = _setting(
        "SIGNET_AUDIT_DAYS", "400", "days that the audit record is kept with SIGNET_STATE=dynamodb, 1 to 9999"
    )
    reminders: str = _setting(
        "SIGNET_REMINDERS",
        "30,14,7,1",
        "days before the expiry of certificates and CAs at which reminders are sent, separated by commas, or none",
    )
    reminder_webhook: str = _setting(
        "SIGNET_REMINDER_WEBHOOK", "", "URL to which reminders are posted, https unless on this machine", secret=True
    )
    reminder_secret: str = _setting(
        "SIGNET_REMINDER_SECRET", "", "secret that signs the messages to SIGNET_REMINDER_WEBHOOK", secret=True
    )
    reminder_topic: str = _setting(
        "SIGNET_REMINDER_TOPIC", "", "ARN of the Amazon SNS topic on which reminders are published; default: none"
    )
    log: str = _setting(
        "SIGNET_LOG",
        "files",
        "where `signet serve` logs: files in SIGNET_DATA with warnings on standard error too, or all on standard error",
        choices=("files", "stderr"),
    )
    log_file_megabytes: str = _setting(
        "SIGNET_LOG_FILE_MEGABYTES", "16", "size at which a file of the log is full, 1 to 1000"
    )
    log_files: str = _setting("SIGNET_LOG_FILES", "4", "files of the log that are kept, 2 to 1000")
    test_access_key_id: str = _setting(
        "SIGNET_TEST_ACCESS_KEY_ID",
        "",
        "access key id of `signet serve --test`, which is verified; default: any is good",
    )
    test_secret_access_key: str = _setting(
        "SIGNET_TEST_SECRET_ACCESS_KEY", "", "secret of SIGNET_TEST_ACCESS_KEY_ID", secret=True
    )
    clock_url: str = _setting(
        "SIGNET_CLOCK_URL", "", "https URL with whose Date header `signet doctor` compares the clock; default: none"
    )
    log_level: str = _setting(
        "SIGNET_LOG_LEVEL", "INFO", "lowest level that is logged", choices=("DEBUG", "INFO", "WARNING", "ERROR")
    )

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
