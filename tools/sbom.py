"""Write what is in the package for AWS: a CycloneDX SBOM of the zip file, and the SHA-256 of each file.

`make package` runs this after tools/package.py. It writes build/package/sbom.cdx.json and build/package/SHA256SUMS. The
same package gives the same bytes: there is no time in them, and the serial number is derived from the components.

Source: CycloneDX 1.6, ECMA-424; purl-spec, types pypi and npm.
"""

from __future__ import annotations

import email.parser
import hashlib
import json
import re
import sys
import tomllib
import uuid
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from chalicelib import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cyclonedx.model.license import License

PROJECT = Path(__file__).resolve().parent.parent
PACKAGE, TEMPLATE, SBOM, SUMS = "deployment.zip", "sam.json", "sbom.cdx.json", "SHA256SUMS"
_VENDORED = "chalicelib/console/static/vendor/"
_ROW = re.compile(r"\| `([^`]+)` \| `([^`]+)`, [^|]* \| ([^ |]+) \| ([^,|]+),")
_NAMESPACE = uuid.UUID("8f1a4b57-7f0c-5f0e-9b9e-6f5b7f0a3c11")


def main(target: Path = PROJECT / "build" / "package") -> None:
    """Describe a package that was built."""
    (target / SBOM).write_text(sbom(target / PACKAGE))
    lines = [f"{_sha256((target / name).read_bytes())}  {name}\n" for name in (PACKAGE, SBOM, TEMPLATE)]
    (target / SUMS).write_text("".join(lines))
    print(f"{SBOM}: {len(json.loads((target / SBOM).read_text())['components'])} components; {SUMS}")


def sbom(package: Path) -> str:
    """Describe the distributions and the vendored files in a zip file, as CycloneDX JSON."""
    with zipfile.ZipFile(package) as archive:
        components = [*_distributions(archive), *_runtime(archive), *_vendored(archive)]
    components.sort(key=lambda component: str(component.purl))
    _check_locked(components)
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    application = Component(
        type=ComponentType.APPLICATION,
        name=project["name"],
        version=__version__,
        bom_ref=project["name"],
        licenses=[_license(project["license"])],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=_sha256(package.read_bytes()))],
    )
    serial = uuid.uuid5(_NAMESPACE, "\n".join(str(component.purl) for component in components))
    bom = Bom(metadata=BomMetaData(component=application), components=components, serial_number=serial)
    bom.register_dependency(application, components)
    document = json.loads(JsonV1Dot6(bom).output_as_string())
    del document["metadata"]["timestamp"]
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def _check_locked(components: Iterable[Component]) -> None:
    lock = (PROJECT / "requirements" / "laptop.txt").read_text()
    for component in components:
        if "pkg:pypi" in str(component.purl) and f"\n{component.name}=={component.version} " not in f"\n{lock}":
            sys.exit(
                f"The package holds {component.name} {component.version}, which requirements/laptop.txt does not pin."
            )


def _distributions(archive: zipfile.ZipFile) -> Iterator[Component]:
    """The Python distributions, by their metadata."""
    for name in archive.namelist():
        if re.fullmatch(r"[^/]+\.dist-info/METADATA", name):
            about = email.parser.BytesParser().parsebytes(archive.read(name), headersonly=True)
            kind, version = about["Name"], about["Version"]
            license_text = about["License-Expression"] or about["License"] or _classified(about.get_all("Classifier"))
            yield _component(
                PackageURL("pypi", name=re.sub(r"[-_.]+", "-", kind).lower(), version=version), license_text
            )


def _runtime(archive: zipfile.ZipFile) -> Iterator[Component]:
    """Chalice's runtime, which Chalice puts into the package without metadata."""
    if "chalice/app.py" in archive.namelist():
        lock = (PROJECT / "requirements" / "laptop.txt").read_text()
        (version,) = re.findall(r"^chalice==([^ ]+) ", lock, re.MULTILINE)
        yield _component(PackageURL("pypi", name="chalice", version=version), "Apache-2.0")


def _classified(classifiers: Iterable[str] | None) -> str:
    licenses = [line.rpartition(" :: ")[2] for line in classifiers or () if line.startswith("License ::")]
    return licenses[0] if licenses else ""


def _vendored(archive: zipfile.ZipFile) -> Iterator[Component]:
    """The files of others that the console serves, by the table beside them."""
    rows = _ROW.findall((PROJECT / _VENDORED / "README.md").read_text())
    for file, name, version, license_text in rows:
        group, _, base = name.rpartition("/")
        purl = PackageURL("npm", namespace=group or None, name=base, version=version)
        yield _component(purl, license_text, [_sha256(archive.read(_VENDORED + file))])


def _component(purl: PackageURL, license_text: str, sha256: Iterable[str] = ()) -> Component:
    return Component(
        name=purl.name,
        group=purl.namespace,
        version=purl.version,
        purl=purl,
        bom_ref=str(purl),
        licenses=[_license(license_text)] if license_text else [],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=content) for content in sha256],
    )


def _license(text: str) -> License:
    return LicenseFactory().make_from_string(text)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
