"""Where structures come from: the pinned commit archive, or the single CIF files of a mirror."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from discovery.databases.cifs import Cif, Refused, archive_cifs, is_open
from discovery.databases.download import Downloader, NotThereError
from discovery.databases.info import Origin
from discovery.databases.labels import id_order

CONNECTIONS = 8
AT_ONCE = 256


@dataclass
class StructureSource:
    """A place that gives CIF files.

    Attributes:
        place: where that is, in words.
        cifs: the files, to be gone through once.
        wanted: how many there should be; 0 if that is not known.
        missing: ids that the place turned out not to have; filled while ``cifs`` is gone through.
        archive: the downloaded archive, if it is one.
    """

    place: str
    cifs: Iterable[Cif | Refused]
    wanted: int = 0
    missing: list[str] = field(default_factory=list)
    archive: Path | None = None


def find_structures(loader: Downloader, origin: Origin, labelled: Iterable[str]) -> StructureSource:
    """Return the commit archive of ``origin``, or the single files of a mirror that has no archive.

    A mirror directory is asked for the files that it lists and for the labelled ids, a mirror URL, which
    cannot list, for the labelled ids alone.

    Raises:
        DownloadError: the archive could not be had.
        ChecksumError: while the files are gone through: the archive is of another commit.
    """
    try:
        archive = loader.archive(origin)
    except NotThereError:
        if loader.mirror is None:
            raise
    else:
        return StructureSource(
            f"the archive of {origin}", archive_cifs(archive, origin.commit), archive=archive
        )
    wanted = set(labelled)
    if (directory := loader.mirror_directory) is not None:
        wanted |= {path.stem for path in (directory / origin.repository / origin.path).glob("*.cif")}
    ids = sorted((mp_id for mp_id in wanted if is_open(mp_id)), key=id_order)
    source = StructureSource(f"{loader.mirror}/{origin.repository}/{origin.path}", (), len(ids))
    source.cifs = _single_cifs(loader, origin, ids, source.missing)
    return source


def _single_cifs(loader: Downloader, origin: Origin, ids: list[str], missing: list[str]) -> Iterator[Cif]:
    def one(mp_id: str) -> Cif | None:
        try:
            return Cif(mp_id, loader.member(origin, f"{origin.path}{mp_id}.cif").read_bytes())
        except (NotThereError, FileNotFoundError):
            return None

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for start in range(0, len(ids), AT_ONCE):
            some = ids[start : start + AT_ONCE]
            for mp_id, cif in zip(some, pool.map(one, some), strict=True):
                if cif is None:
                    missing.append(mp_id)
                else:
                    yield cif
