"""Rules for the names of buckets and objects, checked before a path or request is built from them.

Source: Amazon S3 User Guide, "General purpose bucket naming rules".
"""

from __future__ import annotations

import re

from chalicelib.buckets import NoSuchNameError

_BUCKET = re.compile(r"(?=.{3,63}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*", re.ASCII)
_ADDRESS = re.compile(r"[0-9]+(?:\.[0-9]+){3}", re.ASCII)
_SEGMENT = r"[-A-Za-z0-9;:@&=$,_!~*()'][-A-Za-z0-9;:@&=$,_.!~*()']*"
_KEY = re.compile(rf"(?=.{{1,512}}$){_SEGMENT}(?:/{_SEGMENT})*", re.ASCII)


def own_prefix(name: str) -> str:
    """Return how names of CRL buckets begin that an installation's role on AWS may create.

    The bucket of its stack has an account id after `NAME-crl-`.
    """
    return f"{name}-crl-own-"


def check_bucket_name(bucket: str) -> None:
    """Raise `NoSuchNameError` unless the name is valid for S3."""
    if _BUCKET.fullmatch(bucket) is None or _ADDRESS.fullmatch(bucket):
        raise NoSuchNameError(
            f"'{bucket}' is not a bucket name: 3 to 63 lower-case letters, digits, hyphens and single dots, "
            "beginning and ending with a letter or digit, and not an IP address.",
            misconfigured=True,
        )


def check_key(key: str) -> None:
    """Raise `NoSuchNameError` unless the key consists of plain segments."""
    if _KEY.fullmatch(key) is None:
        raise NoSuchNameError(f"'{key}' is not an object key that Signet uses.")
