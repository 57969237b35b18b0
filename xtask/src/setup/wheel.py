"""Reads Python wheels for `cargo xtask setup tch`; needs only the standard library.

    wheel.py requires WHEEL PREFIX...       prints the pinned requirements whose name starts with a prefix, one a line
    wheel.py extract WHEEL TARGET RULE...   a rule is MEMBER=DESTINATION; MEMBER may end in `/` (a whole folder)

An `extract` rule that matches nothing is an error: the wheel is not the one that was expected.
"""

import os
import re
import shutil
import sys
import zipfile


def requires(wheel, prefixes):
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        for line in archive.read(name).decode().splitlines():
            match = re.match(r"Requires-Dist: ([A-Za-z0-9_.-]+)\s*(==[A-Za-z0-9.+]+)", line)
            if match and match.group(1).startswith(tuple(prefixes)):
                print(match.group(1) + match.group(2))


def extract(wheel, target, rules):
    rules = [rule.split("=", 1) for rule in rules]
    used = set()
    with zipfile.ZipFile(wheel) as archive:
        for info in archive.infolist():
            for member, destination in rules:
                if member.endswith("/"):
                    if not info.filename.startswith(member) or info.is_dir():
                        continue
                    path = os.path.join(target, destination, info.filename[len(member):])
                elif re.fullmatch(member, info.filename):
                    path = os.path.join(target, destination)
                else:
                    continue
                if ".." in info.filename.split("/"):
                    sys.exit("the wheel has a member outside its folder: " + info.filename)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with archive.open(info) as source, open(path, "wb") as sink:
                    shutil.copyfileobj(source, sink, 1 << 20)
                used.add(member)
    missing = [member for member, _ in rules if member not in used]
    if missing:
        sys.exit("the wheel lacks " + ", ".join(missing))


if __name__ == "__main__":
    command, wheel, rest = sys.argv[1], sys.argv[2], sys.argv[3:]
    if command == "requires":
        requires(wheel, rest)
    else:
        extract(wheel, rest[0], rest[1:])
