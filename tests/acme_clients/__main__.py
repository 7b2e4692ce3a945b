"""`python -m tests.acme_clients`: install the ACME clients that Debian has, and pebble."""

from __future__ import annotations

from tests.support import debian

# What shows that a package is there, and the package.
PACKAGES = {
    "/usr/bin/certbot": "certbot",
    "lego": "lego",
    "dehydrated": "dehydrated",
    "uacme": "uacme",
    "acme-tiny": "acme-tiny",
    "apache2": "apache2",  # with mod_md
    "/usr/bin/caddy": "caddy",
    "pebble": "pebble",
    "curl": "curl",
    "jq": "jq",
    "socat": "socat",
}

if __name__ == "__main__":
    debian.install(PACKAGES)
