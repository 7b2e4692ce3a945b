"""Certificate revocation lists: their configuration, distribution points, publication and verification."""
