"""Probes that hold any endpoint of AWS Private CA to what AWS documents; docs/conformance.md has the results.

    pytest --pyargs signet_ca.conformance --endpoint-url http://127.0.0.1:8000

The probes send signed HTTP requests and know nothing of Signet. A probe is a test with the mark `about`, which names
the operation and the source of the expected answer.
"""
