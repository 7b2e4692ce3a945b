"""PROVIDER_OVERRIDE_ACM_PCA=deployed: requests are sent on to the Signet that Chalice has deployed in the same region.

Headers, body and host are not changed, because the client has signed them.
"""

from __future__ import annotations

from typing import Any

from localstack.aws.api import CommonServiceException
from localstack.aws.connect import connect_to
from localstack.constants import DEFAULT_AWS_ACCOUNT_ID

from localstack import config
from signet_localstack.forward import forward

API_NAME = "signet"  # Chalice names the API after the app


class Deployed:
    """acm-pca, answered by a deployed Signet."""

    service = "acm-pca"

    def answer(self, request: Any, region: str, path: str, _: str) -> Any:
        """Answer a request.

        Raises:
            CommonServiceException: nothing is deployed in the region.
        """
        return forward(request, config.GATEWAY_LISTEN[0].port, _path(region) + path)


def _path(region: str) -> str:
    """Return the path of the deployed API."""
    gateway = connect_to(aws_access_key_id=DEFAULT_AWS_ACCOUNT_ID, region_name=region).apigateway
    for api in gateway.get_rest_apis(limit=500)["items"]:
        stages = gateway.get_stages(restApiId=api["id"])["item"] if api["name"] == API_NAME else []
        if stages:
            return f"/_aws/execute-api/{api['id']}/{stages[0]['stageName']}/"
    raise CommonServiceException(
        "ServiceUnavailable", f"No Signet is deployed in {region}: run chalice deploy --stage localstack.", 503
    )
