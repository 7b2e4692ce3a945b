"""ASN.1: strict DER, PEM, object identifiers and times."""
