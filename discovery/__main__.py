"""``python -m discovery``: the same as ``discover``, for jobs that know only their Python."""

from discovery.cli.main import main

main()
