"""X.509: names, extensions, keys, algorithms, and reading certificates and CSRs."""
