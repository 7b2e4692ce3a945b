"""Signet: a private certificate authority that speaks the AWS Private CA API.

`app.py` has the routes, `operations` decides, `pki` computes, adapters store and sign; see docs/architecture.md.
"""

__version__ = "0.1.0"
