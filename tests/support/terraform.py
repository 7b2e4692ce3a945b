"""A working directory of Terraform and the AWS provider, both unmodified."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.builders import csr
from tests.support.home import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.home import Home

REGISTRY = "registry.terraform.io"
OTHER_ACCOUNT = "222222222222"
END_DATE = "2027-06-30T12:00:00Z"
# Arguments that no operation returns; the provider's acceptance tests leave them out, too.
_NOT_READ = {
    "api_passthrough",
    "certificate_signing_request",
    "permanent_deletion_time_in_days",
    "signing_algorithm",
    "template_arn",
    "timeouts",
    "validity",
}


def provider_mirror() -> Path | None:
    """A folder of providers: one that TF_PROVIDER_MIRROR names, or one of the usual places."""
    named = os.environ.get("TF_PROVIDER_MIRROR")
    usual = [Path.home() / ".terraform.d/plugins", Path("/usr/local/share/terraform/plugins"), *Path("/opt").glob("*")]
    places = [Path(named)] if named else usual
    return next((each for each in places if (each / REGISTRY / "hashicorp/aws").is_dir()), None)


class Terraform:
    """A working directory of Terraform against a home."""

    def __init__(self, work: Path, home: Home, s3: str, *sources: str, **variables: Any) -> None:
        if shutil.which("terraform") is None:
            pytest.skip("there is no terraform on the PATH")
        for source in sources:
            shutil.copy(ROOT / "tests/e2e/terraform" / source, work)
        mirror = provider_mirror()
        provider = f'filesystem_mirror {{\n path = "{mirror}"\n }}' if mirror else "direct {}"
        (work / "cli.tfrc").write_text(f"provider_installation {{\n {provider}\n}}\ndisable_checkpoint = true\n")
        variables |= {
            "acm_pca_url": home.exports()["AWS_ENDPOINT_URL_ACM_PCA"],
            "s3_url": s3,
            "csr_pem": csr().decode(),
            "other_account": OTHER_ACCOUNT,
            "end_date": END_DATE,
        }
        (work / "terraform.tfvars.json").write_text(json.dumps(variables))
        self.work, self.has_mirror = work, mirror is not None
        self.environment = home.environment | home.exports() | {"TF_CLI_CONFIG_FILE": str(work / "cli.tfrc")}

    def init(self) -> None:
        """Install the provider; the test is skipped where there is none."""
        try:
            self.run("init")
        except AssertionError:
            if self.has_mirror:
                raise
            pytest.skip("terraform can reach neither a provider mirror nor the registry")

    @contextmanager
    def served(self) -> Iterator[None]:
        """Let one process of the provider serve all commands inside, where its configuration is the same for them.

        A command starts the provider several times otherwise, and each start takes seconds of processor time.

        Source: HashiCorp, "Debugging Providers", Terraform CLI debugging.
        """
        (program,) = (self.work / ".terraform/providers" / REGISTRY / "hashicorp/aws").glob(
            "*/*/terraform-provider-aws*"
        )
        environment = self.environment
        with subprocess.Popen([program, "-debug"], env=environment, stdout=subprocess.PIPE, text=True) as provider:
            assert provider.stdout is not None
            found = (re.search(r"TF_REATTACH_PROVIDERS='(.*)'", line) for line in provider.stdout)
            reattach = next(match[1] for match in found if match)
            self.environment = environment | {"TF_REATTACH_PROVIDERS": reattach}
            try:
                yield
            finally:
                self.environment = environment
                provider.send_signal(signal.SIGINT)  # as a person does, so that it removes its socket

    def run(self, *words: str, code: int = 0) -> str:
        found = subprocess.run(
            ["terraform", *words],
            cwd=self.work,
            env=self.environment | {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0"},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert found.returncode == code, found.stdout + found.stderr
        return found.stdout

    def apply(self, **variables: Any) -> str:
        """Apply, and check that nothing is left to do."""
        words = [word for name, value in variables.items() for word in ("-var", f"{name}={json.dumps(value)}")]
        found = self.run("apply", "-auto-approve", *words)
        assert "No changes" in self.run("plan", "-detailed-exitcode", *words)
        return found

    def resources(self) -> dict[str, dict[str, Any]]:
        """The attributes of each resource, by its address."""
        module = json.loads(self.run("show", "-json"))["values"]["root_module"]
        return {each["address"]: each["values"] for each in module["resources"]}

    def imported(self, *addresses: str) -> None:
        """Import resources, and check that all of what the provider can read is as it was."""
        before = self.resources()
        self.run("state", "rm", *addresses)
        for address in addresses:
            self.run("import", address, before[address]["id"])
        after = self.resources()
        for address in addresses:
            for name in before[address].keys() - _NOT_READ:
                assert (after[address][name] or None) == (before[address][name] or None), (address, name)

    def outputs(self) -> dict[str, Any]:
        return {name: each["value"] for name, each in json.loads(self.run("output", "-json")).items()}
