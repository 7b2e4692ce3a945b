"""IAM's own identities as callers, as API Gateway names them (SIGNET_CALLERS=iam).

API Gateway has verified the signature and asked IAM. What it says of the caller counts only in this mode, and only in
an event of API Gateway: no header says it. A user is the principal of its name, a session the role of its name; what
either may do beyond IAM's policies, Signet's policies say.

Source: Amazon API Gateway Developer Guide, "Input format of a Lambda function for proxy integration" and "Control
access to a REST API with IAM permissions"; IAM User Guide, "IAM identifiers".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chalicelib import errors
from chalicelib.records import ADMINISTRATOR
from chalicelib.runtime import Caller

if TYPE_CHECKING:
    from chalicelib.api.sigv4 import WireRequest

_NAME = r"[\w+=,.@-]{1,64}"
_USER = re.compile(rf"arn:aws[a-z-]*:iam::([0-9]{{12}}):user/(?:[!-~]*/)?({_NAME})", re.ASCII)
_SESSION = re.compile(rf"arn:aws[a-z-]*:sts::([0-9]{{12}}):(assumed-role/{_NAME}/{_NAME})", re.ASCII)


def caller_of(request: WireRequest) -> Caller:
    """Return the caller that API Gateway names.

    Raises:
        MissingAuthenticationTokenException: it names none: the request did not come through it, or nothing there asks
            IAM.
        AccessDeniedException: the identity is neither a user nor a session of a role, or has a name that is taken.
    """
    identity = request.iam_identity
    if identity is None:
        raise errors.MissingAuthenticationTokenException("Missing Authentication Token")
    match = _USER.fullmatch(identity.arn) or _SESSION.fullmatch(identity.arn)
    if match is None or match[1] != identity.account_id:
        raise errors.AccessDeniedException("Only users and sessions of roles can be callers, not other identities.")
    if match[2] == ADMINISTRATOR:
        raise errors.AccessDeniedException(
            f"The user {ADMINISTRATOR} has the name of Signet's own administrator, who is nobody of IAM's."
        )
    return Caller(
        account_id=identity.account_id,
        access_key_id=identity.access_key_id,
        principal=match[2],
        facts=request.facts,
    )
