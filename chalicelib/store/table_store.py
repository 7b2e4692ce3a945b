"""The store over a table: each method is one conditional write or one transaction, whichever driver lies beneath."""

from __future__ import annotations

from chalicelib.store.table_authorities import Authorities
from chalicelib.store.table_certificates import Certificates
from chalicelib.store.table_crls import Crls


class TableStore(Authorities, Certificates, Crls):
    """Everything that Signet remembers, in one table; see `chalicelib.store.Store` for what each method promises."""
