"""Drafts: what a principal has entered into forms and not used yet.

They belong to the principal of the access key that signed in, not to a session, so that they survive signing in again.
Each has a random name, which is in the address of its form. No form that takes a secret has a draft.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib.identities import ConsoleDraft
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from chalicelib.identities import ConsoleSession
    from chalicelib.runtime import Runtime

MOST = 8  # of a principal; new ones push out those that were changed longest ago
LIFE = timedelta(hours=24)  # after the last change
_ATTEMPTS = 8


def find(rt: Runtime, session: ConsoleSession, draft_id: str) -> dict[str, Any]:
    """What a form has stored in a draft of the session's principal; {} if there is no such draft."""
    draft = rt.store.get_draft(session.account_id, session.principal, draft_id) if draft_id else None
    return draft.content if draft is not None and rt.now() < draft.expires_at else {}


def change(
    rt: Runtime, session: ConsoleSession, draft_id: str, changed: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    """Change a draft of the session's principal.

    Args:
        rt: the runtime.
        session: of the visitor.
        draft_id: of the draft, which need not exist.
        changed: gets the stored entries, {} for a new draft, and may run several times.

    Raises:
        ConflictError: it is changed by too many others at once.
    """
    account_id, principal = session.account_id, session.principal
    for _ in range(_ATTEMPTS):
        now, current = rt.now(), rt.store.get_draft(account_id, principal, draft_id)
        content = current.content if current is not None and now < current.expires_at else {}
        draft = current or ConsoleDraft(
            account_id=account_id,
            principal=principal,
            draft_id=draft_id,
            content={},
            changed_at=now,
            expires_at=now,
        )
        try:
            rt.store.put_draft(replace(draft, content=changed(content), changed_at=now, expires_at=now + LIFE))
        except ConflictError:
            continue
        if current is None:
            _forget_oldest(rt, account_id, principal)
        return
    raise ConflictError("The draft is being changed.")


def _forget_oldest(rt: Runtime, account_id: str, principal: str) -> None:
    for draft in rt.store.list_drafts(account_id, principal)[:-MOST]:
        rt.store.delete_draft(draft)
