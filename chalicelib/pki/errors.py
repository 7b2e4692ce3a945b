"""Refusals of the PKI; each message is one sentence that names the rule."""


class PkiError(ValueError):
    """What was given breaks a rule."""


class CsrError(PkiError):
    """A CSR does not parse, does not verify, or breaks a rule for CSRs."""


class CertificateParseError(PkiError):
    """A certificate does not parse, or a field of it is invalid."""


class CertificateMismatchError(PkiError):
    """A certificate is not for this CA, or breaks a condition of its signer."""


class ConstraintError(PkiError):
    """A validity, path length or basic constraint does not hold."""


class ArgumentError(PkiError):
    """Arguments contradict one another, or name something that does not exist."""


class RequestError(PkiError):
    """What is asked for cannot be done at all."""


class SignatureError(PkiError):
    """A signature that was just made does not verify: the key or its holder is broken."""


class DerError(PkiError):
    """Bytes are not strict DER."""
