"""Knows on what kind of file system a path lies, and which kinds are not of this machine alone; only looks."""

from __future__ import annotations

import os
from pathlib import Path

NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "glusterfs", "lustre", "gpfs", "ocfs2"}
)
"""On the network."""
SHARED = frozenset(
    {"9p", "virtiofs", "vboxsf", "prl_fs", "drvfs", "fuse.sshfs", "fuse.vmhgfs-fuse", "fuse.grpcfuse"}
)
"""Shared with another system, such as the host of a virtual machine."""
_MOUNTS = Path("/proc/self/mountinfo")


def mounted_as(path: Path, mounts: Path = _MOUNTS) -> str:
    """Return the kind of the file system that a path lies on, empty where the system does not tell."""
    try:
        lines = mounts.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return ""
    real, found = os.path.realpath(path), ("", "")
    for line in lines:
        left, _, right = line.partition(" - ")
        fields = left.split(" ")
        place = fields[4].replace("\\040", " ") if len(fields) > 4 else ""  # noqa: PLR2004 - see proc(5)
        inside = place in {"/", real} or real.startswith(f"{place}/")
        if place and inside and len(place) >= len(found[0]):
            found = (place, right.split(" ")[0])
    return found[1]
