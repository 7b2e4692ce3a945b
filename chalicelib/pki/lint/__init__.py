"""Linting before signing: a certificate with a throw-away signature is read again and held against rules.

Nothing here knows how certificates are planned or what the table of templates says: what both get wrong is seen here.
"""
