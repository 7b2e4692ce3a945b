"""IAM's own identities as callers, as API Gateway names them (SIGNET_CALLERS=iam).

API Gateway has verified the signature and asked IAM. Signet takes the caller from its event, in this mode only, and
never from a header. A user acts as the principal of its name, a session as the role of its name, and Signet's policies
limit both.

Source: Amazon API Gateway Developer Guide, "Input format of a Lambda function for proxy integration" and "Control
access to a REST API with IAM permissions"; IAM User Guide, "IAM identifiers".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chalicelib import errors
from chalicelib.identities import ADMINISTRATOR
from chalicelib.runtime import Caller

if TYPE_CHECKING:
    from chalicelib.api.sigv4 import WireRequest

_NAME = r"[\w+=,.@-]{1,64}"
_USER = re.compile(rf"arn:aws[a-z-]*:iam::([0-9]{{12}}):user/(?:[!-~]*/)?({_NAME})", re.ASCII)
_SESSION = re.compile(rf"arn:aws[a-z-]*:sts::([0-9]{{12}}):(assumed-role/{_NAME}/{_NAME})", re.ASCII)


def caller_of(request: WireRequest) -> Caller:
    """Return the caller that API Gateway names.

    Raises:
        MissingAuthenticationTokenException: it names none: the request did not come through it, or its route does not
            ask IAM.
        AccessDeniedException: the identity is neither a user nor a session of a role, or its name is reserved.
    """
    identity = request.iam_identity
    if identity is None:
        raise errors.MissingAuthenticationTokenException("Missing Authentication Token")
    match = _USER.fullmatch(identity.arn) or _SESSION.fullmatch(identity.arn)
    if match is None or match[1] != identity.account_id:
        raise errors.AccessDeniedException("Only users and sessions of roles can be callers.")
    if match[2] == ADMINISTRATOR:
        raise errors.AccessDeniedException(
            f"An IAM user named {ADMINISTRATOR} cannot be a caller: Signet reserves the name."
        )
    return Caller(
        account_id=identity.account_id,
        access_key_id=identity.access_key_id,
        principal=match[2],
        facts=request.facts,
    )
