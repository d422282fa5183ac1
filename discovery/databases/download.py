"""Pinned files from their public origin or from a mirror: resumed, retried and checked."""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from discovery.databases.info import DatabaseError, Origin, file_sha256
from discovery.settings import Settings

RAW = "https://raw.githubusercontent.com"
ARCHIVES = "https://codeload.github.com"
TIMEOUT = httpx.Timeout(60.0, connect=20.0)
WITHOUT_NETWORK = (
    "Run the same command again: it goes on where it stopped.\n"
    "Without a way to the internet, set DISCOVER_MIRROR to a copy laid out as OWNER/REPO/PATH\n"
    "or screen the bundled crystals: --db starter"
)

Report = Callable[[str, int, int | None], None]
"""Called with the name of a file, the bytes that are here and the bytes that are expected, if known."""


class DownloadError(DatabaseError):
    """A file could not be had."""


class NotThereError(DownloadError):
    """The origin or mirror does not have the file."""


class ChecksumError(DownloadError):
    """A file arrived and is not the pinned one."""


class _TransientError(Exception):
    """An answer that may be different in a moment; ``wait`` is how long (s) the server asked for."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


@dataclass
class Downloader:
    """Brings pinned files into the cache directory, or finds them in a mirror directory.

    Args:
        settings: cache directory and mirror.
        report: told about progress.
        attempts: how often a download is tried before giving up.
        pause: seconds before the second attempt; doubled for each further one.
    """

    settings: Settings
    report: Report = lambda name, done, total: None
    attempts: int = 5
    pause: float = 0.5
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=TIMEOUT, follow_redirects=True))

    def __enter__(self) -> "Downloader":
        return self

    def __exit__(self, *exception: object) -> None:
        self.client.close()

    @property
    def mirror(self) -> str | None:
        """The mirror without a trailing slash."""
        return self.settings.mirror.rstrip("/") if self.settings.mirror else None

    @property
    def mirror_directory(self) -> Path | None:
        """The mirror, where it is a directory."""
        if self.mirror is None or self.mirror.startswith(("http://", "https://")):
            return None
        return Path(self.mirror.removeprefix("file://")).expanduser()

    def file(self, origin: Origin) -> Path:
        """Return the path of a pinned file with the right sha256, downloading what is missing of it.

        Raises:
            NotThereError: neither here nor there.
            ChecksumError: the bytes are not those that were pinned.
            DownloadError: the connection failed again and again.
        """
        expected = self._expected(origin)
        if (directory := self.mirror_directory) is not None:
            path = directory / origin.repository / origin.path
            if not path.is_file():
                raise NotThereError(f"The mirror {directory} has no {origin.repository}/{origin.path}.", MEND)
            _check(path, expected, f"{path}", self._hash_source(origin))
            return path
        url = (
            f"{self.mirror}/{origin.repository}/{quote(origin.path)}"
            if self.mirror
            else f"{RAW}/{origin.repository}/{origin.commit}/{quote(origin.path)}"
        )
        return self.url(url, self._cached(origin, origin.path), expected, self._hash_source(origin))

    def archive(self, origin: Origin) -> Path:
        """Return the path of the commit archive (.tar.gz), whose content is yet to be checked."""
        name = f"archive/{origin.commit}.tar.gz"
        if (directory := self.mirror_directory) is not None:
            path = directory / origin.repository / name
            if not path.is_file():
                raise NotThereError(f"The mirror {directory} has no {origin.repository}/{name}.", MEND)
            return path
        url = (
            f"{self.mirror}/{origin.repository}/{name}"
            if self.mirror
            else f"{ARCHIVES}/{origin.repository}/tar.gz/{origin.commit}"
        )
        return self.url(url, self._cached(origin, name))

    def member(self, origin: Origin, path: str) -> Path:
        """Return the path of one file of a pinned folder, from a mirror."""
        if (directory := self.mirror_directory) is not None:
            return directory / origin.repository / path
        return self.url(f"{self.mirror}/{origin.repository}/{quote(path)}", self._cached(origin, path))

    def url(self, url: str, target: Path, sha256: str | None = None, hash_source: str = "") -> Path:
        """Download a URL to ``target``, going on from ``target.part`` if there is one.

        Without a sha256, a target that is there already is taken as it is.
        """
        if target.is_file():
            if sha256 is None or file_sha256(target) == sha256:
                return target
            target.unlink()
        part = target.with_name(f"{target.name}.part")
        part.parent.mkdir(parents=True, exist_ok=True)
        resumed = part.exists()
        self._transfer(url, part)
        try:
            _check(part, sha256, url, hash_source)
        except ChecksumError:
            part.unlink()
            if not resumed:
                raise
            self._transfer(url, part)  # what was left from an earlier run may have been of another file
            try:
                _check(part, sha256, url, hash_source)
            except ChecksumError:
                part.unlink()
                raise
        part.replace(target)
        return target

    def _transfer(self, url: str, part: Path) -> None:
        reason = ""
        for attempt in range(self.attempts):
            try:
                self._attempt(url, part)
                return
            except _TransientError as error:
                reason, wait = str(error), error.wait
            except httpx.TransportError as error:
                reason, wait = f"{type(error).__name__}: {error}", 0.0
            if attempt + 1 < self.attempts:
                time.sleep(max(wait, self.pause * 2**attempt))
        raise DownloadError(
            f"{url} could not be downloaded in {self.attempts} attempts ({reason}).", WITHOUT_NETWORK
        )

    def _attempt(self, url: str, part: Path) -> None:
        here = part.stat().st_size if part.exists() else 0
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={here}-"} if here else {})
        with self.client.stream("GET", url, headers=headers) as answer:
            if answer.status_code == 416:  # the part is as long as the file, or longer
                if _total(answer) != here:
                    part.unlink()
                    raise _TransientError("the part that was here did not fit")
                return
            if answer.status_code in (404, 410):
                raise NotThereError(f"{url} does not exist ({answer.status_code}).", MEND)
            if answer.status_code in (408, 429) or answer.status_code >= 500:
                raise _TransientError(f"HTTP {answer.status_code}", _retry_after(answer))
            if answer.status_code not in (200, 206):
                raise DownloadError(f"{url} was refused (HTTP {answer.status_code}).", WITHOUT_NETWORK)
            continues = answer.status_code == 206 and answer.headers.get("Content-Range", "").startswith(
                f"bytes {here}-"
            )
            if answer.status_code == 206 and not continues:
                part.unlink(missing_ok=True)
                raise _TransientError("the server sent another range than was asked for")
            here = here if continues else 0
            length = answer.headers.get("Content-Length", "")
            total = here + int(length) if length.isdigit() else None
            name = part.name.removesuffix(".part")
            with part.open("ab" if continues else "wb") as handle:
                self.report(name, here, total)
                for block in answer.iter_raw():  # as it arrives, so that nothing is lost when it breaks off
                    handle.write(block)
                    here += len(block)
                    self.report(name, here, total)
            if total is not None and here != total:
                raise _TransientError(f"{here:,} of {total:,} bytes arrived")

    @cached_property
    def _manifest(self) -> dict[tuple[str, str, str], str]:
        """Hashes that the mirror states for its own copies; empty without a mirror or a manifest."""
        if self.mirror is None:
            return {}
        try:
            if (directory := self.mirror_directory) is not None:
                if not directory.is_dir():
                    raise DownloadError(f"The mirror {directory} does not exist.", "Correct DISCOVER_MIRROR.")
                entries: Any = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
            else:
                target = self.settings.cache_dir / "downloads" / "manifest.json"
                for stale in (target, target.with_name("manifest.json.part")):
                    stale.unlink(missing_ok=True)
                entries = json.loads(
                    self.url(f"{self.mirror}/manifest.json", target).read_text(encoding="utf-8")
                )
            return {(e["repository"], e["commit"], e["path"]): e["mirror_sha256"] for e in entries}
        except (FileNotFoundError, NotThereError):
            return {}
        except (ValueError, KeyError, TypeError) as error:
            raise DownloadError(
                f"The manifest.json of {self.mirror} cannot be read: {error!r}.", MEND
            ) from error

    def _expected(self, origin: Origin) -> str | None:
        return self._manifest.get((origin.repository, origin.commit, origin.path), origin.sha256)

    def _hash_source(self, origin: Origin) -> str:
        own = (origin.repository, origin.commit, origin.path) in self._manifest
        return "the mirror's manifest.json" if own else f"the pinned {origin}"

    def _cached(self, origin: Origin, path: str) -> Path:
        place = "origin" if self.mirror is None else hashlib.sha256(self.mirror.encode()).hexdigest()[:8]
        return self.settings.cache_dir / "downloads" / place / origin.repository / origin.commit / path


MEND = "Check the mirror that DISCOVER_MIRROR names, or unset it to use the public origin."


def _check(path: Path, sha256: str | None, place: str, hash_source: str) -> None:
    if sha256 is None:
        return
    found = file_sha256(path)
    if found != sha256:
        raise ChecksumError(
            f"{place} is not the file that was pinned: its sha256 is {found[:16]}…, "
            f"{hash_source} has {sha256[:16]}….",
            "Try again later, or use a complete mirror (DISCOVER_MIRROR) with its manifest.json.",
        )


def _total(answer: httpx.Response) -> int | None:
    total = answer.headers.get("Content-Range", "").rpartition("/")[2]
    return int(total) if total.isdigit() else None


def _retry_after(answer: httpx.Response) -> float:
    wait = answer.headers.get("Retry-After", "")
    return min(float(wait), 60.0) if wait.isdigit() else 0.0
