"""CRLs, from the configuration of a CA to the published objects.

`revocation_configuration` has the rules of the setting. `distribution_points` tells which URLs certificates name and
which ones new certificates get. `publication` is the only path that publishes: it reads and puts the `objects` in
buckets, and lets `folding` turn new revocations into segments. `freshness` is the one rule by which a CRL counts as
fresh or late, and `verification` compares published CRLs with the records of certificates.

Source: RFC 5280 sections 4.2.1.13 and 5; AWS Private CA User Guide, "Planning a certificate revocation list (CRL)".
"""
