"""OCSP: the answers, and the delegated responders that sign them."""
