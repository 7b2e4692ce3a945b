"""A home with an ACME directory, an account and its orders; what must hold of them after any fault.

The home is made once and copied for each run. Calls of the table count one by one, not those of the store: a fault may
come between two writes of one method.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from chalicelib.acme import bindings, directories, jws
from chalicelib.acme import reconcile as acme_reconcile
from chalicelib.acme_records import REQUESTED_BY
from chalicelib.crl import publication
from chalicelib.store.table_store import TableStore
from tests.faults.fault_ports import FaultyPort
from tests.faults.invariants import breaches
from tests.faults.world import CALLER, World, copy_home, make_home
from tests.support.acme_calls import AcmeClient, b64, csr, jwk, made_binding, made_directory
from tests.support.acme_steps import certificate_id, issued

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from chalicelib.acme.bindings import Made
    from chalicelib.acme_records import AcmeAccount, AcmeOrder
    from chalicelib.records import Certificate
    from chalicelib.runtime import Runtime
    from tests.support.acme_calls import Got
    from tests.support.challenge_responder import ChallengeResponder

NAME = "web"


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass
class Prepared:
    """What the home of all runs has, and what its clients know.

    Attributes:
        root: the ARN of the first CA, which is compromised; the directory issues from another one.
        spare: a binding that has bound nobody, for one account.
        key, kid: of the account.
        next_key: for new accounts, and changes of the key.
        old: a certificate of the compromised CA.
        ready, replacing, waiting: orders: without a certificate, replacing `old`, and without a valid challenge.
        done: a valid order.
        csr: for "a.example.test".
    """

    home: Path
    root: str
    spare: Made
    key: ec.EllipticCurvePrivateKey
    kid: str
    old: x509.Certificate
    again: str
    ready: Got
    replacing: Got
    waiting: Got
    done: Got
    next_key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    csr: str = field(default_factory=lambda: b64(csr(["a.example.test"])))

    def client(self, rt: Runtime) -> AcmeClient:
        """Return the account's client in a process."""
        return AcmeClient(rt, NAME, key=self.key, kid=self.kid)

    def newcomer(self, rt: Runtime) -> AcmeClient:
        """Return a client without an account in a process."""
        return AcmeClient(rt, NAME, key=self.next_key)


def prepare(home: Path, responder: ChallengeResponder) -> Prepared:
    """Make the home of all runs."""
    names = make_home(home)
    world = validating(World(home), responder)
    rt = world.rt
    directory = made_directory(rt, CALLER.account_id, names["root"], NAME)
    client = AcmeClient(rt, NAME)
    made = made_binding(rt, directory, "a.example.test", "d.example.test", preauthorized=True)
    assert client.register(made).status == 201
    old, again = issued(client, "a.example.test"), issued(client, "a.example.test")
    other = client.order("d.example.test")
    second = names["waiting"]
    world.install(rt, world.root_certificate(rt, second, "second"))
    directories.replace_authority(rt, directory.owner, NAME, second, is_compromised=True)
    # The account has more names by now, and these need a challenge.
    bindings.change(
        rt,
        directories.find(rt, directory.owner, NAME),
        made.binding.name,
        lambda binding: replace(binding, names=("*.example.test",), preauthorized=False),
    )
    waiting = client.order("b.example.test")
    done = client.finalize(other)
    assert (waiting.body["status"], done.body["status"]) == ("pending", "valid")
    return Prepared(
        home=home,
        root=names["root"],
        spare=made_binding(rt, directory),
        key=client.key,
        kid=client.kid,
        old=old,
        again=certificate_id(again),
        ready=client.order("a.example.test"),
        replacing=client.order("a.example.test", replaces=certificate_id(old)),
        waiting=waiting,
        done=done,
    )


def validating(world: World, responder: ChallengeResponder) -> World:
    """Let a world validate challenges at a responder, also after it has started again."""
    start = world.start

    def start_validating() -> None:
        start()
        settings = replace(world.rt.settings, acme_http_port=str(responder.http_port), acme_resolver=responder.resolver)
        world.bare, world.rt = replace(world.bare, settings=settings), replace(world.rt, settings=settings)

    world.start = start_validating  # type: ignore[method-assign]  # of this one
    world.start()
    return world


def copied(prepared: Prepared, target: Path, responder: ChallengeResponder) -> World:
    return validating(copy_home(prepared.home, target), responder)


def faulty(world: World) -> Runtime:
    """The runtime of a world with the planned fault in its ports, its audit record, and each call of its table."""
    rt = world.faulty()
    table = FaultyPort(world.rt.store.table, "store", world.faults)  # type: ignore[attr-defined]  # of SQLite's store
    audit: Any = FaultyPort(rt.audit, "audit", world.faults)
    return replace(rt, store=TableStore(table), audit=audit)


def recover(world: World) -> None:
    """What happens after a crash: a new process, some time, reconciliation and the schedule."""
    world.recover()
    for _ in range(2):
        assert acme_reconcile.reconcile(world.rt)["acme_errors"] == 0
        publication.publish_due_crls(world.rt, seconds=60)
        world.clock.forward(seconds=60)


# what must hold


def acme_breaches(world: World, prepared: Prepared) -> list[str]:
    """Every breach of the invariants, as sentences that begin with the invariant's name."""
    rt = world.rt
    directory = directories.find(rt, CALLER.account_id, NAME)
    accounts = rt.store.list_acme_accounts(directory.directory_id, limit=100)
    found = breaches(world)
    found += [*_certificates(world, accounts), *_bindings(world, accounts)]
    for account in accounts:
        found += [*_keys(rt, account), *_orders(world, prepared, account)]
    return found


def acme_certificates(world: World) -> list[Certificate]:
    """Every certificate that was issued for an ACME account."""
    return [
        each
        for ca in world.authorities()
        for each in world.rt.store.list_certificates(ca.arn)
        if each.status == "ISSUED" and each.requested_by.startswith(REQUESTED_BY)
    ]


def _certificates(world: World, accounts: list[AcmeAccount]) -> Iterator[str]:
    orders = [each for account in accounts for each in world.rt.store.list_acme_orders(account.acme_id, limit=1000)]
    ordered = [each.certificate_arn for each in orders if each.status == "valid"]
    if len(ordered) != len(set(ordered)):
        yield "A2: two orders have one certificate"
    for each in acme_certificates(world):
        if each.requested_by not in {account.requested_by for account in accounts}:
            yield f"A3: {each.arn} was requested by {each.requested_by}, which is no account"
        if each.arn not in ordered:
            yield f"A2: {each.arn} is issued, and no valid order has it"


def _orders(world: World, prepared: Prepared, account: AcmeAccount) -> Iterator[str]:
    store = world.rt.store
    orders = store.list_acme_orders(account.acme_id, limit=1000)
    pending = sum(each.status == "pending" for each in orders)
    if store.count_pending_acme_orders(account.acme_id, most=1000) != pending:
        yield f"A7: {pending} orders are pending, and another number is counted"
    for order in orders:
        if order.status == "processing":
            yield f"A1: {order.order_id} is processing after reconciliation"
        if order.status == "valid" and account.status == "valid":
            yield from _download(world, prepared, account, order)
        present = store.get_acme_authorizations(order.acme_id, order.authorizations)
        if order.status != "invalid" and None in present:
            yield f"A1: {order.order_id} lacks an authorization"


def _download(world: World, prepared: Prepared, account: AcmeAccount, order: AcmeOrder) -> Iterator[str]:
    keys = {jws.thumbprint(jwk(each)): each for each in (prepared.key, prepared.next_key)}
    client = AcmeClient(world.rt, NAME, key=keys[account.thumbprint])
    client.kid = client.url(f"account/{account.acme_id}")
    got = client.post(f"certificate/{order.certificate_arn.rpartition('/')[2]}")
    names = [each.value for each in order.identifiers]
    if got.status != 200:
        yield f"A4: the certificate of {order.order_id} cannot be downloaded: {got.body}"
        return
    leaf = x509.load_pem_x509_certificates(got.raw)[0]
    alternative = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    if alternative.get_values_for_type(x509.DNSName) != names:
        yield f"A4: the certificate of {order.order_id} has other names"


def _bindings(world: World, accounts: list[AcmeAccount]) -> Iterator[str]:
    directory = directories.find(world.rt, CALLER.account_id, NAME)
    for binding in bindings.of_directory(world.rt, directory):
        bound = {each.acme_id for each in accounts if each.binding == binding.name}
        if not bound <= set(binding.accounts):
            yield f"A5: {binding.name} has bound an account that it does not count"
        if len(binding.accounts) > binding.most_accounts:
            yield f"A5: {binding.name} has bound more accounts than it may"


def _keys(rt: Runtime, account: AcmeAccount) -> Iterator[str]:
    holder = rt.store.acme_account_with_key(account.directory_id, account.thumbprint)
    if holder != account:
        yield f"A6: the key of {account.acme_id} leads to another account, or to none"


def everything_expires(world: World) -> Iterator[str]:
    """Let a year pass; then no order is left, and nothing is counted or due."""
    world.clock.forward(days=365)
    recover(world)
    directory = directories.find(world.rt, CALLER.account_id, NAME)
    for account in world.rt.store.list_acme_accounts(directory.directory_id, limit=100):
        if world.rt.store.list_acme_orders(account.acme_id, limit=1):
            yield f"A8: {account.acme_id} still has orders"
        if world.rt.store.count_pending_acme_orders(account.acme_id, most=1):
            yield f"A8: {account.acme_id} still has pending orders"
    due: Any
    for due in ("ACME-ORDER", "ACME-PROCESSING", "ACME-AUTHORIZATION", "ACME-USED"):
        if list(world.rt.store.list_due(due, now=world.clock.now + timedelta(days=730), limit=1)):
            yield f"A8: something of {due} is never removed"
