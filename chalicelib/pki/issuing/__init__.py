"""Issuing: templates, passthrough, validity, and the plan of a certificate."""
