"""OCSP: `answers` builds and caches signed answers, `responders` renews the delegated responders that sign them.

Source: RFC 6960; RFC 5019.
"""
