"""The PKI, pure: the same arguments give the same bytes to be signed, with no clock, no environment and no AWS."""
