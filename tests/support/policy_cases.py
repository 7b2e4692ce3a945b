"""Generated pairs of policies and a request for the tests of policy evaluation; the same seed gives the same cases."""

from __future__ import annotations

import json
import random
from typing import Any, NamedTuple

OWN, OTHER, THIRD = "111122223333", "444455556666", "777788889999"
CA_IDS = ("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222")
CAS = tuple(
    f"arn:aws:acm-pca:us-east-1:{account}:certificate-authority/{ca_id}" for account in (OWN, OTHER) for ca_id in CA_IDS
)
TEMPLATES = tuple(
    f"arn:aws:acm-pca:::template/{name}/V1" for name in ("EndEntityCertificate", "SubordinateCACertificate_PathLen0")
)
ACTIONS = ("IssueCertificate", "GetCertificate", "DescribeCertificateAuthority", "RevokeCertificate", "ListTags")
WITHOUT_RESOURCE = ("CreateCertificateAuthority", "ListCertificateAuthorities")
PRINCIPALS = (f"arn:aws:iam::{OWN}:user/alice", f"arn:aws:iam::{OWN}:user/bob")


class Case(NamedTuple):
    """A request of alice's, her policies and the resource's; `context` is what AWS calls the request context."""

    identity: list[Any]
    resource_policy: Any
    action: str
    resource: str
    context: dict[str, Any]

    @property
    def text(self) -> str:
        return json.dumps(self, sort_keys=True)


def several(source: random.Random, values: Any, most: int = 3) -> Any:
    """One value, alone or in a list, or some."""
    found = [source.choice(values) for _ in range(source.randint(1, most))]
    return found[0] if len(found) == 1 and source.random() < 0.7 else found


ACTION_PATTERNS = (
    *(f"acm-pca:{name}" for name in (*ACTIONS, *WITHOUT_RESOURCE)),
    "acm-pca:*", "*", "acm-pca:Get*", "acm-pca:List*", "acm-pca:?ssueCertificate", "ACM-PCA:issuecertificate",
    "acm-pca:*Certificate", "acm-pca:*Certificate*", "s3:GetObject", "acm-pca:I*e*C*",
)  # fmt: skip
RESOURCE_PATTERNS = (
    *CAS, "*", f"arn:aws:acm-pca:us-east-1:{OWN}:certificate-authority/*", "arn:aws:acm-pca:*:*:certificate-authority/*",
    f"arn:aws:acm-pca:us-east-1:{OWN}:certificate-authority/1*", f"arn:aws:acm-pca:us-east-*:{OTHER}:certificate-authority/2*",
    "arn:aws:acm-pca:eu-west-1:*:certificate-authority/*", "arn:aws:acm-pca:*:*:certificate-authority/????????-1111-*",
)  # fmt: skip
_STRINGS = ("Equals", "NotEquals", "EqualsIgnoreCase", "NotEqualsIgnoreCase", "Like", "NotLike")
_COMPARISONS = ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
_TAGS = ("prod", "PROD", "dev", "pr*", "?ev", "*", "x")
_ACCOUNTS = (OWN, OTHER, "1111*", "*")
# The keys of each kind of operator, with values that policies compare them with.
CONDITIONS: tuple[tuple[tuple[str, ...], dict[str, tuple[Any, ...]]], ...] = (
    (
        tuple(f"String{name}" for name in _STRINGS),
        {
            "acm-pca:TemplateArn": (*TEMPLATES, "arn:aws:acm-pca:::template/EndEntity*", "*"),
            "aws:PrincipalAccount": _ACCOUNTS,
            "aws:RequestTag/Stage": _TAGS,
            "aws:ResourceTag/stage": _TAGS,
            "AWS:resourcetag/Stage": _TAGS,
        },
    ),
    (
        tuple(f"Arn{name}" for name in ("Equals", "NotEquals", "Like", "NotLike")),
        {
            "aws:PrincipalArn": (*PRINCIPALS, f"arn:aws:iam::{OWN}:user/*", "arn:aws:iam::*:user/a*", f"arn:aws:iam::{OTHER}:*"),
            "acm-pca:TemplateArn": (*TEMPLATES, "arn:aws:acm-pca:::template/*Certificate*/V?"),
        },
    ),
    (
        tuple(f"Date{name}" for name in _COMPARISONS),
        {"aws:CurrentTime": ("2027-06-01T00:00:00Z", "2027-01-01T12:00:00Z", "2026-12-31T23:59:59Z", "2027-01-02")},
    ),
    (tuple(f"Numeric{name}" for name in _COMPARISONS), {"aws:EpochTime": ("1798804800", "1798804801", "17", 1900000000)}),
    (("Bool",), {"aws:SecureTransport": ("true", "false", True, False)}),
    (
        ("IpAddress", "NotIpAddress"),
        {"aws:SourceIp": ("203.0.113.0/24", "198.51.100.7", "128.0.0.0/1", "2001:db8::/32", "203.0.113.77/32")},
    ),
)  # fmt: skip
_OF_SEVERAL = ("StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase")
_TAG_KEYS = ("Stage", "Team", "S*", "Owner", "?eam")
_NULLS = ("acm-pca:TemplateArn", "aws:ResourceTag/Stage", "aws:RequestTag/Stage", "aws:TagKeys", "aws:PrincipalArn")


def condition(source: random.Random) -> tuple[str, str, Any]:
    """An operator, a key and values that IAM knows."""
    kind = source.random()
    if kind < 0.1:
        return "Null", source.choice(_NULLS), source.choice(("true", "false"))
    if kind < 0.3:
        qualifier, name = source.choice(("ForAllValues", "ForAnyValue")), source.choice(_OF_SEVERAL)
        return f"{qualifier}:{name}", "aws:TagKeys", several(source, _TAG_KEYS)
    operators, keys = source.choice(CONDITIONS)
    key = source.choice(sorted(keys))
    return source.choice(operators) + source.choice(("", "", "IfExists")), key, several(source, keys[key])


def statement(source: random.Random, *, not_allowed: bool = True) -> dict[str, Any]:
    """A statement of an identity policy."""
    made: dict[str, Any] = {"Effect": source.choice(("Allow", "Allow", "Allow", "Deny"))}
    for name, patterns, usual in (("Action", ACTION_PATTERNS, "acm-pca:*"), ("Resource", RESOURCE_PATTERNS, "*")):
        negated = not_allowed and source.random() < 0.12
        found = usual if source.random() < 0.3 and not negated else several(source, patterns)
        made[f"Not{name}" if negated else name] = found
    conditions: dict[str, Any] = {}
    for _ in range(source.choice((0, 0, 1, 1, 1, 2, 3))):
        operator, key, values = condition(source)
        conditions.setdefault(operator, {})[key] = values
    return made | ({"Condition": conditions} if conditions else {})


def identity_policy(source: random.Random) -> dict[str, Any]:
    made = [statement(source) for _ in range(source.randint(1, 4))]
    return {"Version": "2012-10-17", "Statement": made if len(made) > 1 or source.random() < 0.8 else made[0]}


ALLOWED_PRINCIPALS = (
    "*", {"AWS": OWN}, {"AWS": f"arn:aws:iam::{OWN}:root"}, {"AWS": PRINCIPALS[0]}, {"AWS": PRINCIPALS[1]}, {"AWS": OTHER},
    {"AWS": [THIRD, PRINCIPALS[0]]}, {"AWS": [OWN, THIRD]}, {"AWS": "*"},
)  # fmt: skip
DENIED_PRINCIPALS = ("*", {"AWS": OWN}, {"AWS": OTHER}, {"AWS": [THIRD, OWN]}, {"AWS": THIRD})


def resource_policy(source: random.Random, resource: str) -> dict[str, Any]:
    made = []
    for _ in range(source.randint(1, 3)):
        each = statement(source, not_allowed=False)
        each["Resource"] = resource
        each["Action"] = several(source, tuple(f"acm-pca:{name}" for name in ACTIONS))
        each["Principal"] = source.choice(ALLOWED_PRINCIPALS if each["Effect"] == "Allow" else DENIED_PRINCIPALS)
        made.append(each)
    return {"Version": "2012-10-17", "Statement": made}


def context(source: random.Random, action: str) -> dict[str, Any]:
    """What is known of a request: always who, when and from where; often tags."""
    made: dict[str, Any] = {
        "aws:PrincipalArn": PRINCIPALS[0],
        "aws:PrincipalAccount": OWN,
        "aws:SourceIp": source.choice(("203.0.113.77", "198.51.100.7")),
        "aws:SecureTransport": source.choice(("true", "false")),
        "aws:CurrentTime": "2027-01-01T12:00:00Z",
        "aws:EpochTime": "1798804800",
    }
    if action == "acm-pca:IssueCertificate":
        made["acm-pca:TemplateArn"] = source.choice(TEMPLATES)
    if source.random() < 0.5:
        made["aws:ResourceTag/Stage"] = source.choice(("prod", "dev"))
    if source.random() < 0.4:
        made["aws:RequestTag/Stage"] = source.choice(("prod", "PROD", "dev"))
    if source.random() < 0.6:
        made["aws:TagKeys"] = source.sample(("Stage", "Team", "Owner"), source.randint(1, 3))
    return made


def case(source: random.Random) -> Case:
    if source.random() < 0.15:
        action, resource = source.choice(WITHOUT_RESOURCE), "*"
    else:
        action, resource = source.choice(ACTIONS), source.choice(CAS)
    found = f"acm-pca:{action}"
    identity = [identity_policy(source) for _ in range(source.choice((0, 1, 1, 1, 2)))]
    granted = resource_policy(source, resource) if resource != "*" and source.random() < 0.6 else None
    return Case(identity, granted, found, resource, context(source, found))


def cases(seed: int, count: int) -> list[Case]:
    source = random.Random(seed)
    return [case(source) for _ in range(count)]


# What generated policies and requests may have in the place of what IAM knows.
ODD_OPERATORS = (
    "StringMatches",
    "stringequals",
    "ForAllValues:Null",
    "NullIfExists",
    "ForSome:StringEquals",
    "BinaryEquals",
)
ODD_KEYS = ("aws:userid", "aws:MultiFactorAuthPresent", "s3:prefix", "aws:RequestTag", "acm-pca:Template")
ODD_VALUES = (
    "${aws:username}",
    "${*}",
    "x${",
    "no date",
    "2027",
    "300.1.1.1",
    "10.0.0.0/255.0.0.0",
    "yes",
    "1e3",
    "",
    "::ffff:0:0/96",
)


def odd_case(source: random.Random) -> Case:
    """A case in which something may be strange."""
    found = case(source)
    statements = [each for policy in found.identity for each in _listed(policy["Statement"])]
    for each in [*statements, *(found.resource_policy or {"Statement": []})["Statement"]]:
        if source.random() < 0.35:
            _make_odd(source, each)
    for name in source.sample(sorted(found.context), source.choice((0, 0, 1, 2))):
        if source.random() < 0.5:
            del found.context[name]
        else:
            found.context[name] = source.choice(
                (None, ["one", "two"], "odd", "::1", "::ffff:203.0.113.77", "2001:db8::7")
            )
    return found


def _make_odd(source: random.Random, each: dict[str, Any]) -> None:
    conditions = each.setdefault("Condition", {})
    operator = source.choice((*ODD_OPERATORS, *(name for names, _ in CONDITIONS for name in names)))
    key = source.choice((*ODD_KEYS, *(key for _, keys in CONDITIONS for key in keys), "aws:TagKeys"))
    conditions.setdefault(operator, {})[key] = several(source, (*ODD_VALUES, *_TAGS))
    if "Principal" not in each and "Resource" in each and source.random() < 0.3:
        each["Resource"] = source.choice(
            (
                f"{CAS[0]}${{aws:username}}",
                "arn:aws:*:*:*:certificate-authority/*",
                "arn:aws:acm-pca:*:*:*/2*",
                "arn:aws:acm-pca:*:*:*",
                f"arn:aws:acm-pca:us-east-1:{OWN}:certificate-authority[1]*",
            )
        )
    if "Principal" in each and source.random() < 0.4:
        each["Principal"] = source.choice(
            (
                {"AWS": PRINCIPALS[1]},
                {"Service": "acm.amazonaws.com"},
                {"AWS": f"arn:aws:sts::{OTHER}:assumed-role/a/b"},
            )
        )


def odd_cases(seed: int, count: int) -> list[Case]:
    source = random.Random(seed)
    return [odd_case(source) for _ in range(count)]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
