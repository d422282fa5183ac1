"""The last job of a Flow that jobflow-remote runs: everything it found, as one record to collect."""

from pathlib import Path
from typing import Any

from jobflow import job


@job(blobs=["bands", "wilson", "surfaces", "files"])
def record(request: dict[str, Any], verdict: dict[str, Any]) -> dict[str, Any]:
    """Return the `candidates.verification.Verification` of a directory as JSON.

    Bands, pictures and input files go to the additional store ``blobs``.

    Args:
        request: the `Request` as JSON.
        verdict: output of the last step, which this waits for.
    """
    from discovery.verification.collect import collect
    from discovery.verification.results import REQUEST, Request, write_text

    asked = Request.model_validate(request)
    directory = Path(asked.directory)
    if not (directory / REQUEST).exists():  # the worker's file system is not that of the one who submitted
        write_text(directory / REQUEST, asked.model_dump_json(indent=2) + "\n")
    return collect(directory).model_dump(mode="json")
