"""The store over a table: each method is one conditional write, one transaction or a query, with either driver."""

from __future__ import annotations

from chalicelib.store.table_acme import Acme
from chalicelib.store.table_audit import Audit
from chalicelib.store.table_authorities import Authorities
from chalicelib.store.table_buckets import BucketOwners
from chalicelib.store.table_certificates import Certificates
from chalicelib.store.table_clock import Clock
from chalicelib.store.table_crls import Crls
from chalicelib.store.table_drafts import Drafts
from chalicelib.store.table_entities import Entities
from chalicelib.store.table_journal import Journal
from chalicelib.store.table_listing import Listing
from chalicelib.store.table_ocsp import Ocsp
from chalicelib.store.table_policies import Policies
from chalicelib.store.table_principals import Principals
from chalicelib.store.table_reachability import Reachabilities
from chalicelib.store.table_reports import AuditReports
from chalicelib.store.table_search import Search
from chalicelib.store.table_segments import Segments
from chalicelib.store.table_sessions import Sessions
from chalicelib.store.table_subjects import Subjects
from chalicelib.store.table_windows import Windows


class TableStore(
    Acme,
    Audit,
    Authorities,
    BucketOwners,
    Certificates,
    Clock,
    Crls,
    Drafts,
    Entities,
    Journal,
    Listing,
    Ocsp,
    Policies,
    Principals,
    Reachabilities,
    AuditReports,
    Search,
    Segments,
    Sessions,
    Subjects,
    Windows,
):
    """All state that Signet records, in one table; `chalicelib.store.Store` documents the methods."""
