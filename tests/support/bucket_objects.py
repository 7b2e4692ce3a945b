"""The CRL of a CA as an object in a bucket."""

from __future__ import annotations

CA_ARN = "arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/00000000-0000-0000-0000-000000000001"
KEY = "crl/00000000-0000-0000-0000-000000000001.crl"
CRL = {"content_type": "application/pkix-crl", "cache_control": "public, max-age=60"}
