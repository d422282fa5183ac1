"""The workflow that the ``discover`` command runs: databases, screening, reports."""
