"""ACME (RFC 8555) in front of the CAs."""
