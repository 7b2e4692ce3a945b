"""ACME (RFC 8555): certificates for whoever proves control of names."""
