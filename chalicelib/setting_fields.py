"""The table of settings: one field each, with its variable, its default and one line of help."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from chalicelib.frozen import dataclass

NAME = "signet"  # of the installation on AWS that has no other


def _setting(
    variable: str, default: str, help_text: str, *, choices: tuple[str, ...] = (), secret: bool = False
) -> Any:
    """Define a setting: its environment variable, its default as text, its help, and the values it may have."""
    metadata = {"variable": variable, "default": default, "help": help_text, "choices": choices, "secret": secret}
    return field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingFields:
    """Every setting. Values are text as in the environment."""

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
    acme_http_port: str = _setting("SIGNET_ACME_HTTP_PORT", "80", "port of http-01 challenges; any other is for tests")
    acme_tls_port: str = _setting(
        "SIGNET_ACME_TLS_PORT", "443", "port of tls-alpn-01 challenges; any other is for tests"
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
