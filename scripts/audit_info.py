#!/usr/bin/env python3
"""Reads the dependency list that cargo-auditable embeds in a Linux binary.

Also tells what the image's check asks of a binary. Needs nothing but Python, so that it works
where `rust-audit-info` is not installed.
"""

import argparse
import json
import struct
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

SECTION = ".dep-v0"
MACHINES = {62: "amd64", 183: "arm64"}
PT_DYNAMIC, PT_INTERP, DT_NEEDED = 2, 3, 1


class NotElf(ValueError):
    """The file is not a 64-bit little-endian ELF binary."""


@dataclass(frozen=True)
class Elf:
    """A 64-bit little-endian ELF file."""

    data: bytes

    def __post_init__(self) -> None:
        if self.data[:6] != b"\x7fELF\x02\x01" or len(self.data) < 64:
            raise NotElf("not a 64-bit little-endian ELF file")

    @property
    def architecture(self) -> str:
        (machine,) = struct.unpack_from("<H", self.data, 18)
        return MACHINES.get(machine, f"ELF machine {machine}")

    @property
    def is_pie(self) -> bool:
        """Whether the kernel may place it anywhere (ET_DYN)."""
        return struct.unpack_from("<H", self.data, 16) == (3,)

    @property
    def needs(self) -> list[str]:
        """What it asks of the system it runs on; nothing if it is static."""
        (table,) = struct.unpack_from("<Q", self.data, 32)
        size, count = struct.unpack_from("<HH", self.data, 54)
        found = []
        for entry in range(table, table + size * count, size):
            kind, _flags, offset, _va, _pa, length = struct.unpack_from("<IIQQQQ", self.data, entry)
            body = self.data[offset : offset + length]
            if kind == PT_INTERP:
                found.append("the interpreter " + body.rstrip(b"\0").decode(errors="replace"))
            if kind == PT_DYNAMIC:
                tags = [tag for tag, _value in struct.iter_unpack("<QQ", body)]
                found += ["a shared library"] * tags.count(DT_NEEDED)
        return found

    def section(self, name: str) -> bytes | None:
        (table,) = struct.unpack_from("<Q", self.data, 40)
        size, count, names = struct.unpack_from("<HHH", self.data, 58)
        headers = [
            struct.unpack_from("<IIQQQQ", self.data, table + size * number)
            for number in range(count)
        ]
        if names >= count:
            return None
        strings = headers[names][4]
        for header in headers:
            start = strings + header[0]
            if self.data[start : self.data.index(b"\0", start)].decode() == name:
                return self.data[header[4] : header[4] + header[5]]
        return None

    def packages(self) -> list[dict] | None:
        """The embedded list of packages, if there is one."""
        packed = self.section(SECTION)
        return json.loads(zlib.decompress(packed))["packages"] if packed else None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", type=Path)
    path = parser.parse_args().binary
    try:
        packages = Elf(path.read_bytes()).packages()
    except (OSError, NotElf) as error:
        print(f"audit_info: {path}: {error}", file=sys.stderr)
        return 1
    except (struct.error, zlib.error, ValueError, KeyError) as error:
        print(f"audit_info: {path} is damaged: {error}", file=sys.stderr)
        return 1
    if packages is None:
        print(f"audit_info: {path} has no embedded dependency list", file=sys.stderr)
        return 1
    json.dump({"packages": packages}, sys.stdout, indent=2)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
