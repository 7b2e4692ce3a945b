"""Linting before signing: a certificate signed with a throw-away key is read again and held against rules.

Nothing here knows how certificates are planned or what the table of templates says: what both get wrong is seen here.
"""
