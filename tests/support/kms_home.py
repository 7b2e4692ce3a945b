"""A laptop home whose CA keys are in moto's KMS, and keys that owners bring to it."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
from botocore.awsrequest import AWSResponse
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.kms.models import kms_backends

from chalicelib.keystore.kms import KmsKeyStore
from tests.support.client import Raw
from tests.support.ports import Port

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime

REGION = "us-east-1"
KEY_TAG = "signet:kms-key"


def with_kms(rt: Runtime) -> Runtime:
    """The runtime with CA keys, but not its secrets, in KMS; needs the fixture `aws`."""
    keys = KmsKeyStore(REGION, secrets_key="", pause=lambda _: None)
    keys._client.meta.events.register("before-send.kms.Sign", signed)
    return replace(rt, keys=Port(keys, seal=rt.keys.seal, unseal=rt.keys.unseal))


def signed(request: Any, **_: Any) -> Any:
    """A signature by the key that moto has: it takes no digests itself."""
    asked = json.loads(request.body)
    key: Any = kms_backends[DEFAULT_ACCOUNT_ID][REGION].describe_key(asked["KeyId"]).private_key
    digest = base64.b64decode(asked["Message"])
    signature = key.private_key.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256())))
    answer: Any = {"Content-Type": "application/x-amz-json-1.1"}
    body = json.dumps({"Signature": base64.b64encode(signature).decode()}).encode()
    return AWSResponse(request.url, 200, answer, Raw(body))


def kms_client() -> Any:
    return boto3.session.Session().client("kms", region_name=REGION)


def owners_key(account_id: str, **more: Any) -> dict[str, Any]:
    """The metadata of a new key that belongs to an account of Signet; `more` are parameters of CreateKey."""
    tags = {"signet": "ca-key", "signet:account": account_id} | more.pop("tags", {})
    listed = [{"TagKey": name, "TagValue": value} for name, value in tags.items() if value is not None]
    made = kms_client().create_key(**{"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY", "Tags": listed} | more)
    metadata: dict[str, Any] = made["KeyMetadata"]
    return metadata


def key_of(ca_arn: str) -> str:
    """The id of a CA's key in KMS."""
    alias = f"alias/signet/{ca_arn.rsplit('/', 1)[1]}"
    return str(kms_client().describe_key(KeyId=alias)["KeyMetadata"]["KeyId"])
