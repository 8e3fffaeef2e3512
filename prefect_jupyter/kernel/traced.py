"""What a trace says of names and files, as versions, and the other way round.

It must not look anything up or bind anything.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..core.rebuilder import FileStamp, Output, Trace
from .versions import Version


def output_of(version: Version, group: int | None) -> Output:
    return Output(
        fingerprint=version.fingerprint or "",
        group=group,
        definition=version.definition,
        in_place=version.in_place,
        shared=version.origin is not None,
        reach=tuple(sorted(version.reach)),
        sources=tuple(sorted(version.sources)),
        handle=version.handle,
        summary=version.summary,
    )


def versions_of(trace: Trace, cell: str) -> dict[str, Version]:
    """The versions that `cell` makes when it is answered by `trace`."""
    groups: dict[int, frozenset[str]] = {}
    for name, output in trace.outputs.items():
        if output.group is not None:
            groups[output.group] = groups.get(output.group, frozenset()) | {name}
    versions = {
        name: Version(
            name=name,
            cell=cell,
            fingerprint=output.fingerprint,
            reference=trace.groups[output.group] if output.group is not None else None,
            group=groups.get(output.group, frozenset()) if output.group is not None else frozenset(),
            reach=frozenset(output.reach),
            sources=frozenset(output.sources),
            handle=output.handle,
            definition=output.definition,
            in_place=output.in_place,
            summary=output.summary,
        )
        for name, output in trace.outputs.items()
    }
    for name in trace.deletes:
        versions[name] = Version(name=name, cell=cell, fingerprint="absent", is_absent=True)
    return versions


def written_files(cell: str, files: Mapping[str, FileStamp]) -> dict[str, Version]:
    """Files are versioned like names: what stands in one is what the nearest cell above wrote."""
    return {
        f"file:{path}": Version(name=f"file:{path}", cell=cell, fingerprint=known.digest)
        for path, known in files.items()
    }


def references(trace: Trace) -> tuple[str, ...]:
    """The values that the store must have to answer a task with `trace`."""
    return (*trace.groups, *trace.ambient_out.values(), *trace.blobs.values())


def is_lost(output: Output) -> bool:
    return output.group is None and not output.definition
