#!/usr/bin/env python3
"""Writes the CycloneDX bill of materials of the service's binaries.

It is made from the dependency list inside the binaries, so it names what was linked and nothing
else; checksums come from Cargo.lock and licences from the crates' own manifests. Nothing of the
time or the machine is in it: the same binaries have the same bill.
"""

import argparse
import hashlib
import json
import sys
import tomllib
import uuid
from pathlib import Path

from audit_info import Elf, NotElf

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://cyclonedx.org/schema/bom-1.6.schema.json")


def purl(package: dict) -> str:
    return f"pkg:cargo/{package['name']}@{package['version']}"


def licence(name: str, version: str, vendor: Path | None) -> list[dict]:
    """The licence that the crate's manifest in a folder of vendored crates states."""
    if vendor is None:
        return []
    for manifest in vendor.glob(f"*/{name}-{version}/Cargo.toml"):
        stated = tomllib.loads(manifest.read_text())["package"].get("license")
        # Cargo's old spelling of OR; CycloneDX wants SPDX.
        return [{"expression": stated.replace("/", " OR ")}] if stated else []
    raise SystemExit(f"sbom: {vendor} has no {name} {version}")


def merged(lists: dict[str, list[dict]]) -> dict[str, dict]:
    """What any of the binaries has, by purl. A crate or an edge may be there on one platform alone.

    >>> ring, cc = {"name": "ring", "version": "1"}, {"name": "cc", "version": "2", "kind": "build"}
    >>> libc = {"name": "libc", "version": "3"}
    >>> intel = [ring | {"dependencies": [1]}, cc]
    >>> arm = [libc, ring | {"dependencies": [0]}, cc | {"kind": "runtime"}]
    >>> for part in merged({"linux/amd64": intel, "linux/arm64": arm}).values():
    ...     print(part["name"], sorted(part["needs"]), sorted(part["platforms"]), part["is_linked"])
    cc [] ['linux/amd64', 'linux/arm64'] True
    libc [] ['linux/arm64'] True
    ring ['pkg:cargo/cc@2', 'pkg:cargo/libc@3'] ['linux/amd64', 'linux/arm64'] True
    """
    parts: dict[str, dict] = {}
    for platform, packages in lists.items():
        for package in packages:
            new = {"needs": set(), "platforms": set(), "is_linked": False}
            part = parts.setdefault(purl(package), package | new)
            part["needs"] |= {purl(packages[number]) for number in package.get("dependencies", [])}
            part["platforms"].add(platform)
            part["is_linked"] |= package.get("kind") != "build"
    return dict(sorted(parts.items()))


def component(package: dict, platforms: set, checksums: dict, vendor: Path | None) -> dict:
    name, version = package["name"], package["version"]
    found = {
        "type": "library",
        "bom-ref": purl(package),
        "name": name,
        "version": version,
        # A build dependency runs on the build machine and is not part of the binary.
        "scope": "required" if package["is_linked"] else "excluded",
        "purl": purl(package),
    }
    if checksum := checksums.get((name, version)):
        found["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    # A crate of the same workspace is nowhere vendored.
    is_local = package.get("source") == "local"
    if licences := licence(name, version, None if is_local else vendor):
        found["licenses"] = licences
    if package["platforms"] != platforms:
        found["properties"] = [
            {"name": "platform", "value": platform} for platform in sorted(package["platforms"])
        ]
    return found


def bill(binaries: list[Path], lock: dict, manifest: dict, vendor: Path | None) -> dict:
    lists, files = {}, []
    for path in binaries:
        elf = Elf(path.read_bytes())
        packages = elf.packages()
        if packages is None:
            raise SystemExit(f"sbom: {path} has no embedded dependency list")
        platform = f"linux/{elf.architecture}"
        lists[platform] = packages
        files.append(
            {
                "type": "file",
                "bom-ref": platform,
                "name": f"{path.name} {platform}",
                "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(elf.data).hexdigest()}],
            }
        )
    packages = merged(lists)

    checksums = {(p["name"], p["version"]): p.get("checksum") for p in lock["package"]}
    root = next(package for package in packages.values() if package.get("root"))
    about = manifest["package"]
    content = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": f"{about['metadata']['release']['date']}T00:00:00Z",
            "component": {
                "type": "application",
                "bom-ref": purl(root),
                "name": root["name"],
                "version": root["version"],
                "purl": purl(root),
                "components": files,
            }
            | ({"description": about["description"]} if "description" in about else {})
            | ({"licenses": [{"expression": about["license"]}]} if "license" in about else {}),
        },
        "components": [
            component(package, set(lists), checksums, vendor)
            for package in packages.values()
            if not package.get("root")
        ],
        "dependencies": [
            {"ref": ref, "dependsOn": sorted(package["needs"])} for ref, package in packages.items()
        ],
    }
    serial = uuid.uuid5(NAMESPACE, json.dumps(content, sort_keys=True))
    return content | {"serialNumber": f"urn:uuid:{serial}"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binaries", nargs="+", type=Path, metavar="BINARY")
    parser.add_argument("--lock", type=Path, default=Path("Cargo.lock"))
    parser.add_argument("--manifest", type=Path, default=Path("Cargo.toml"))
    parser.add_argument("--vendor", type=Path, help="folder of vendored crates, for their licences")
    arguments = parser.parse_args()
    try:
        content = bill(
            arguments.binaries,
            tomllib.loads(arguments.lock.read_text()),
            tomllib.loads(arguments.manifest.read_text()),
            arguments.vendor,
        )
    except (OSError, NotElf, tomllib.TOMLDecodeError) as error:
        print(f"sbom: {error}", file=sys.stderr)
        return 1
    json.dump(content, sys.stdout, indent=2, sort_keys=True)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
