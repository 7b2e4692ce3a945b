"""The status service as relying parties see it: CRLs and OCSP responders, fetched and asked from outside."""
