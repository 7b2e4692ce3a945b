"""Deploy Signet to a running LocalStack: state by CloudFormation, functions and API by Chalice, and an access key.

LOCALSTACK_PORT is LocalStack's port (4566), DEPLOY_WORK the folder in which Chalice records its deployment.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

PROJECT = Path(__file__).resolve().parent.parent
STAGE, STACK, REGION = "localstack", "signet-state", "us-east-1"
OCSP_FUNCTION, OCSP_ID = "signet-localstack-ocsp", "signet-ocsp"
DEPLOYED = ("app.py", "chalicelib", "requirements.txt", ".chalice")
NOT_DEPLOYED = shutil.ignore_patterns("__pycache__", "deployed", "deployments", "images", "venv")


def main() -> None:
    """Deploy everything, or the changes since the last deployment."""
    port = os.environ.get("LOCALSTACK_PORT", "4566")
    work = Path(os.environ.get("DEPLOY_WORK") or PROJECT / "build" / f"localstack-{port}" / "project")
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
    }
    _deploy_state()
    for name in DEPLOYED:
        _copy(PROJECT / name, work / name)
    stage = _configure(work / ".chalice" / "config.json", port)
    subprocess.run([Path(sys.executable).with_name("chalice"), "deploy", "--stage", STAGE], cwd=work, check=True)
    _create_ocsp_url()
    _store_access_key(stage["environment_variables"])


def _create_ocsp_url() -> None:
    """Create OCSP's function URL with a known id; on AWS infrastructure/operations.yaml creates the URL."""
    functions = boto3.client("lambda")
    try:
        functions.get_function_url_config(FunctionName=OCSP_FUNCTION)
    except functions.exceptions.ResourceNotFoundException:
        arn = functions.get_function(FunctionName=OCSP_FUNCTION)["Configuration"]["FunctionArn"]
        functions.tag_resource(Resource=arn, Tags={"_custom_id_": OCSP_ID})
        functions.create_function_url_config(FunctionName=OCSP_FUNCTION, AuthType="NONE")


def _deploy_state() -> None:
    cloudformation = boto3.client("cloudformation")
    template = {
        "StackName": STACK,
        "TemplateBody": (PROJECT / "infrastructure" / "state.yaml").read_text(),
    }
    try:
        cloudformation.create_stack(**template)
    except cloudformation.exceptions.AlreadyExistsException:
        try:
            cloudformation.update_stack(**template)
        except ClientError as error:
            if "No updates" not in str(error):
                raise
            return
        done = "stack_update_complete"
    else:
        done = "stack_create_complete"
    cloudformation.get_waiter(done).wait(StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 120})


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True, ignore=NOT_DEPLOYED)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _configure(path: Path, port: str) -> dict[str, Any]:
    """Set CRL and OCSP URLs that point to this LocalStack; return the stage's configuration."""
    config = json.loads(path.read_text())
    stage: dict[str, Any] = config["stages"][STAGE]
    stage["environment_variables"] |= {
        "SIGNET_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "SIGNET_OCSP_URL": f"http://{OCSP_ID}.lambda-url.{REGION}.localhost.localstack.cloud:{port}",
    }
    path.write_text(json.dumps(config, indent=2))
    return stage


def _store_access_key(environment: dict[str, str]) -> None:
    """Accept LocalStack's usual credentials, on LocalStack only."""
    sys.path.insert(0, str(PROJECT))
    from chalicelib.access import access_keys
    from chalicelib.config import Settings
    from chalicelib.runtime import from_settings

    rt = from_settings(Settings.from_env({**environment, "AWS_REGION": REGION}))
    access_keys.adopt_access_key(rt, access_keys.Credential("test", "test"), "LocalStack's usual credentials")


if __name__ == "__main__":
    main()
