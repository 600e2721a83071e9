"""The control groups of this process, in which a container's limits are written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

__all__ = ["groups_of", "lines_of"]


def groups_of(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of this process's control groups and of all groups above them.

    Args:
        root: Where `/proc` and `/sys` are.
        controller: What the limits are of, as version 1 names it, such as `cpu` or `memory`.
    """
    for line in lines_of(root / "proc/self/cgroup"):
        _number, controllers, path = line.split(":", 2)
        if controllers == "":
            mounted = root / "sys/fs/cgroup"
        elif controller in controllers.split(","):
            mounted = root / "sys/fs/cgroup" / controller
        else:
            continue
        group = mounted / path.lstrip("/")
        # Within a container the path is often that of the host, and the group is the mount itself.
        for folder in {group, *group.parents, mounted}:
            if folder.is_relative_to(mounted):
                yield folder


def lines_of(path: Path) -> list[str]:
    """Return the lines of a file; none where it cannot be read."""
    try:
        return path.read_text(encoding="ascii").splitlines()
    except OSError:  # there is none, on this system
        return []
