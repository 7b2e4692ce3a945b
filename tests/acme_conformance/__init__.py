"""Cases that hold any ACME server to RFC 8555, 8737, 8738 and 9773, and to the draft of profiles.

    pytest tests/acme_conformance --acme-directory https://127.0.0.1:14000/dir --acme-ca-file ca.pem

The suite knows nothing of the server: it sends its own JWS objects, because a library would refuse to send the wrong
ones, and answers challenges by its own servers. docs/conformance-acme.md has the results.
"""
