"""Commands and configuration of ACME clients: one table for the console and the document.

`docs/acme-clients.md` has the same texts, in which DIRECTORY, KID and HMAC_KEY stand for the three values; a test
compares them. Sources: the manuals of certbot, lego, acme.sh, Caddy, Traefik, cert-manager, mod_md and nginx-acme.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_OPTIONAL = re.compile(r"%(eab|root)\{(.*?)\}%", re.DOTALL)
_VALUES = re.compile(r"\$?\b(DIRECTORY|KID|HMAC_KEY)\b")
_PLAIN = re.compile(r"[A-Za-z0-9:/._\[\]-]*", re.ASCII)  # needs no quotes in any syntax of the table


class Client(NamedTuple):
    """What a client needs to get a certificate for `www.example.test`.

    Attributes:
        title: the client's name.
        note: one or two sentences beside the text.
        text: commands or configuration; `%eab{…}%` is for an external account binding, `%root{…}%` for a root that the
            client does not trust yet.
    """

    title: str
    note: str
    text: str


CLIENTS = (
    Client(
        "certbot",
        "certbot renew needs REQUESTS_CA_BUNDLE, too.",
        r"""%root{export REQUESTS_CA_BUNDLE=$PWD/signet-root.pem
}%certbot certonly --standalone --domain www.example.test --non-interactive --agree-tos \
  --register-unsafely-without-email --server "$DIRECTORY"%eab{ --eab-kid "$KID" --eab-hmac-key "$HMAC_KEY"}%
""",
    ),
    Client(
        "lego",
        "Its http-01 server needs port 80.",
        r"""%root{export LEGO_CA_CERTIFICATES=$PWD/signet-root.pem
}%lego --server "$DIRECTORY"%eab{ --eab --kid "$KID" --hmac "$HMAC_KEY"}% --accept-tos --email ops@example.test \
  --http --domains www.example.test run
""",
    ),
    Client(
        "acme.sh",
        "The first command makes the account, the second one gets the certificate.",
        r"""acme.sh --register-account --server "$DIRECTORY"%root{ --ca-bundle "$PWD/signet-root.pem"}%%eab{ \
  --eab-kid "$KID" --eab-hmac-key "$HMAC_KEY"}%
acme.sh --issue --standalone --domain www.example.test --server "$DIRECTORY"%root{ --ca-bundle "$PWD/signet-root.pem"}%
""",
    ),
    Client(
        "Caddy",
        "In the Caddyfile.",
        """{
    acme_ca DIRECTORY
%root{    acme_ca_root signet-root.pem
}%%eab{    acme_eab {
        key_id KID
        mac_key HMAC_KEY
    }
}%    email ops@example.test
}

www.example.test {
    respond "Hello"
}
""",
    ),
    Client(
        "Traefik",
        "In the static configuration. Routers then name the resolver: tls: {certResolver: signet}.",
        """entryPoints:
  web: {address: ":80"}
  websecure: {address: ":443"}
certificatesResolvers:
  signet:
    acme:
      caServer: DIRECTORY
%root{      caCertificates: [signet-root.pem]
}%%eab{      eab: {kid: "KID", hmacEncoded: "HMAC_KEY"}
}%      email: ops@example.test
      storage: acme.json
      httpChallenge: {entryPoint: web}
""",
    ),
    Client(
        "cert-manager",
        "A ClusterIssuer, and the Secret with the MAC key. caBundle is what base64 -w0 signet-root.pem prints.",
        """apiVersion: cert-manager.io/v1
kind: ClusterIssuer
metadata: {name: signet}
spec:
  acme:
    server: DIRECTORY
%root{    caBundle: ROOT_IN_BASE64
}%%eab{    externalAccountBinding:
      keyID: "KID"
      keySecretRef: {name: signet-eab, key: hmac_key}
}%    privateKeySecretRef: {name: signet-account}
    solvers:
      - http01: {ingress: {ingressClassName: nginx}}
%eab{---
apiVersion: v1
kind: Secret
metadata: {name: signet-eab, namespace: cert-manager}
stringData: {hmac_key: "HMAC_KEY"}
}%""",
    ),
    Client(
        "Apache's mod_md",
        "Apache takes a new certificate into use at the next graceful restart.",
        """MDomain www.example.test
MDCertificateAuthority DIRECTORY
%root{MDCACertificateFile /etc/ssl/signet-root.pem
}%%eab{MDExternalAccountBinding KID HMAC_KEY
}%MDContactEmail ops@example.test
MDCertificateAgreement accepted

<VirtualHost *:443>
  ServerName www.example.test
  SSLEngine on
</VirtualHost>
""",
    ),
    Client(
        "nginx's acme module",
        "In the http block. The module needs a resolver, and a server on port 80 for http-01.",
        """resolver 192.0.2.53;

acme_issuer signet {
    uri                     DIRECTORY;
%root{    ssl_trusted_certificate /etc/ssl/signet-root.pem;
}%%eab{    external_account_key    KID data:HMAC_KEY;
}%    accept_terms_of_service;
}

server {
    listen 443 ssl;
    server_name www.example.test;
    acme_certificate      signet;
    ssl_certificate       $acme_certificate;
    ssl_certificate_key   $acme_certificate_key;
    ssl_certificate_cache max=2;
}

server {
    listen 80;
}
""",
    ),
)


def template(client: Client, *, with_binding: bool = True, with_root: bool = True) -> str:
    """Return a client's text, in which DIRECTORY, KID and HMAC_KEY stand for values; `$` before them in shells."""
    wanted = {"eab": with_binding, "root": with_root}
    return _OPTIONAL.sub(lambda found: found[2] if wanted[found[1]] else "", client.text)


def filled_in(text: str, directory: str, kid: str = "", hmac_key: str = "") -> str:
    """Put values into a text of `template`; an empty one leaves its name.

    Raises:
        ValueError: a value has characters that need quotes.
    """
    values = {"DIRECTORY": directory, "KID": kid, "HMAC_KEY": hmac_key}
    if not all(_PLAIN.fullmatch(value) for value in values.values()):
        raise ValueError("The URL, the key identifier or the MAC key has characters that need quotes.")
    return _VALUES.sub(lambda found: values[found[1]] or found[0], text)
