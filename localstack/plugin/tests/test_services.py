"""The services inside a running LocalStack: functions, tables, and acm-pca where nothing is deployed."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import sys
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from .localstack_run import PROJECT, LocalStack, package

HANDLERS = """
import os, threading, time

def echo(event, context):
    print("echo says", event)
    return {"event": event, "pid": os.getpid(), "name": context.function_name, "set": os.environ.get("SET")}

def sleep(event, context):
    time.sleep(event)

def leave(event, context):
    os._exit(7)

def fail(event, context):
    raise ValueError("wrong")
"""
THREADS = 32
one: LocalStack
other: LocalStack


def setUpModule() -> None:
    """Two LocalStacks side by side."""
    global one, other
    one, other = LocalStack(), LocalStack()
    unittest.addModuleCleanup(_stop_both)
    for instance in (one, other):
        instance.start(PROVIDER_OVERRIDE_ACM_PCA="deployed")
    for instance in (one, other):
        instance.ready()


def _stop_both() -> None:
    for instance in (one, other):
        instance.stop()
        assert not instance.state.exists()
        assert not processes_in(instance.state)


def processes_in(folder: Path) -> list[str]:
    """Return the ids of processes whose working folder is below this one."""
    pids = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if str(link.readlink()).startswith(str(folder)):
                pids.append(link.parent.name)
        except OSError:
            continue
    return pids


def listening_in(folder: Path) -> set[str]:
    """The addresses, in the hex of /proc/net/tcp, at which processes whose working folder is below this one listen."""
    sockets = set()
    for pid in processes_in(folder):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                sockets.add(str(descriptor.readlink()).removeprefix("socket:[").removesuffix("]"))
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *others = line.split()
            if state == "0A" and others[5] in sockets:
                found.add(local.partition(":")[0])
    return found


def at_once(call: Any, arguments: Any) -> list[Any]:
    """What a call gives or raises for each argument, in as many threads, started together."""
    listed = list(arguments)
    barrier = threading.Barrier(len(listed))

    def run(argument: Any) -> Any:
        barrier.wait()
        try:
            return call(argument)
        except ClientError as error:
            return error.response["Error"]["Code"]

    with ThreadPoolExecutor(len(listed)) as pool:
        return list(pool.map(run, listed))


class AddressTest(unittest.TestCase):
    """Whoever reaches LocalStack runs what they like with its owner's permissions."""

    def test_it_listens_on_127_0_0_1_alone(self) -> None:
        for instance in (one, other):
            self.assertEqual(listening_in(instance.state), {"0100007F"})
            with socket.create_connection(("127.0.0.1", instance.port), 5):
                pass
            with self.assertRaises(ConnectionRefusedError), socket.create_connection(("127.0.0.2", instance.port), 5):
                pass


class LambdaTest(unittest.TestCase):
    """Functions in processes."""

    def setUp(self) -> None:
        self.client = one.boto("lambda")

    def function(self, handler: str, timeout: int = 30, runtime: str = "python3.13") -> str:
        name = f"{handler}-{timeout}"
        self.client.create_function(
            FunctionName=name,
            Runtime=runtime,
            Role="arn:aws:iam::000000000000:role/any",
            Handler=f"handlers.{handler}",
            Code={"ZipFile": package(HANDLERS)},
            Timeout=timeout,
            Environment={"Variables": {"SET": "by the owner"}},
        )
        self.addCleanup(self.remove, name)
        waiter = self.client.get_waiter("function_active_v2")
        waiter.wait(FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        return name

    def remove(self, name: str) -> None:
        with suppress(self.client.exceptions.ResourceNotFoundException):
            self.client.delete_function(FunctionName=name)

    def invoke(self, name: str, payload: Any = None) -> tuple[str, Any, str]:
        answer = self.client.invoke(FunctionName=name, Payload=json.dumps(payload), LogType="Tail")
        log = base64.b64decode(answer["LogResult"]).decode()
        return answer.get("FunctionError", ""), json.loads(answer["Payload"].read()), log

    def test_result_environment_and_log(self) -> None:
        error, result, log = self.invoke(self.function("echo"), {"a": 1})
        self.assertEqual((error, result["event"], result["name"]), ("", {"a": 1}, "echo-30"))
        self.assertEqual(result["set"], "by the owner")
        self.assertIn("echo says {'a': 1}\n", log)
        self.assertIn("REPORT RequestId: ", log)

    def test_error_timeout_and_exit_and_the_function_after_them(self) -> None:
        error, result, log = self.invoke(self.function("fail"))
        self.assertEqual((error, result["errorType"], result["errorMessage"]), ("Unhandled", "ValueError", "wrong"))
        self.assertIn("ValueError: wrong", log)
        slow = self.function("sleep", timeout=1)
        error, result, log = self.invoke(slow, 60)
        self.assertEqual((error, result["errorType"]), ("Unhandled", "Sandbox.Timedout"))
        self.assertIn("Task timed out after 1.00 seconds", log)
        self.assertEqual(self.invoke(slow, 0)[:2], ("", None))
        error, result, _ = self.invoke(self.function("leave"))
        self.assertEqual((error, result["errorType"]), ("Unhandled", "Runtime.ExitError"))
        self.assertIn("exit status 7", result["errorMessage"])

    def test_calls_at_one_time_have_processes_of_their_own(self) -> None:
        name = self.function("echo")
        answers = at_once(lambda number: self.invoke(name, number), range(8))
        self.assertEqual(sorted(event["event"] for _, event, _ in answers), list(range(8)))
        pids = {event["pid"] for _, event, _ in answers}
        self.assertGreater(len(pids), 1)
        self.remove(name)
        for _ in range(100):
            if not any(Path(f"/proc/{pid}").exists() for pid in pids):
                break
            time.sleep(0.1)
        self.assertFalse([pid for pid in pids if Path(f"/proc/{pid}").exists()])


class DynamoDbTest(unittest.TestCase):
    """Tables that keep DynamoDB's promises."""

    def setUp(self) -> None:
        self.client = one.boto("dynamodb")
        self.table = self.id().rpartition(".")[2]
        self.client.create_table(
            TableName=self.table,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        )
        self.addCleanup(self.client.delete_table, TableName=self.table)

    def key(self, name: str) -> dict[str, Any]:
        return {"pk": {"S": "one"}, "sk": {"S": name}}

    def put(self, name: str, **more: Any) -> dict[str, Any]:
        return {"Put": {"TableName": self.table, "Item": self.key(name) | {"n": {"N": "0"}}} | more}

    def count(self, name: str) -> dict[str, Any]:
        update = {"UpdateExpression": "ADD n :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}
        return {"Update": {"TableName": self.table, "Key": self.key(name), **update}}

    def items(self, client: Any = None) -> dict[str, int]:
        items = (client or self.client).scan(TableName=self.table, ConsistentRead=True)["Items"]
        return {item["sk"]["S"]: int(item["n"]["N"]) for item in items}

    def test_one_of_32_conditional_puts_wins(self) -> None:
        def put(_: int) -> str:
            self.client.put_item(**self.put("x", ConditionExpression="attribute_not_exists(pk)")["Put"])
            return "won"

        outcomes = at_once(put, range(THREADS))
        self.assertEqual(outcomes.count("won"), 1)
        self.assertEqual(outcomes.count("ConditionalCheckFailedException"), THREADS - 1)

    def test_32_threads_lose_no_update(self) -> None:
        self.client.transact_write_items(TransactItems=[self.put("x"), self.put("y")])

        def work(_: int) -> None:
            for _ in range(5):
                self.client.transact_write_items(TransactItems=[self.count("x"), self.count("y")])
                self.client.update_item(**self.count("x")["Update"])

        self.assertEqual(at_once(work, range(THREADS)), [None] * THREADS)
        self.assertEqual(self.items(), {"x": THREADS * 10, "y": THREADS * 5})

    def test_a_cancelled_transaction_leaves_no_trace(self) -> None:
        self.client.transact_write_items(TransactItems=[self.put("x"), self.put("y")])
        never = self.put("z", ConditionExpression="attribute_exists(pk)")
        gone = {"Delete": {"TableName": self.table, "Key": self.key("y")}}
        with self.assertRaises(self.client.exceptions.TransactionCanceledException) as caught:
            self.client.transact_write_items(TransactItems=[self.count("x"), gone, self.put("new"), never])
        codes = [reason["Code"] for reason in caught.exception.response["CancellationReasons"]]
        self.assertEqual(codes, ["None", "None", "None", "ConditionalCheckFailed"])
        self.assertEqual(self.items(), {"x": 0, "y": 0})

    def test_a_token_counts_once(self) -> None:
        self.client.put_item(**self.put("x")["Put"])
        for _ in range(3):
            self.client.transact_write_items(TransactItems=[self.count("x")], ClientRequestToken="token")
        self.assertEqual(self.items(), {"x": 1})
        with self.assertRaises(ClientError) as caught:
            self.client.transact_write_items(TransactItems=[self.count("y")], ClientRequestToken="token")
        self.assertEqual(caught.exception.response["Error"]["Code"], "IdempotentParameterMismatchException")
        self.client.transact_write_items(TransactItems=[self.count("x")], ClientRequestToken="another")
        self.assertEqual(self.items(), {"x": 2})

    def test_two_localstacks_and_two_regions_share_nothing(self) -> None:
        self.client.put_item(**self.put("x")["Put"])
        for elsewhere in (other.boto("dynamodb"), one.boto("dynamodb", "eu-west-1")):
            with self.assertRaises(elsewhere.exceptions.ResourceNotFoundException):
                self.items(elsewhere)


class AcmPcaTest(unittest.TestCase):
    """acm-pca where no Signet is; where there is one, the project's own tests meet it."""

    def test_says_that_nothing_is_deployed(self) -> None:
        with self.assertRaises(ClientError) as caught:
            one.boto("acm-pca").list_certificate_authorities()
        self.assertEqual(caught.exception.response["Error"]["Code"], "ServiceUnavailable")
        self.assertIn("No Signet is deployed in us-east-1", caught.exception.response["Error"]["Message"])


class StartTest(unittest.TestCase):
    """The command that starts LocalStack."""

    def test_a_port_in_use_is_said(self) -> None:
        command = [sys.executable, PROJECT / "localstack" / "start.py"]
        done = subprocess.run(
            command, env={"LOCALSTACK_PORT": str(one.port)}, capture_output=True, text=True, check=False
        )
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, f"Port {one.port} on 127.0.0.1 is in use. Set LOCALSTACK_PORT.\n")
        self.assertTrue(one.state.exists())
