"""What a screen found and what people decided: records, store, report.

``candidates.load(run)`` gives a run as a pandas table.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from candidates.table import load, record

__all__ = ["load", "record"]


def __getattr__(name: str) -> Any:
    """Import what notebooks want when they want it: pandas is slow to start."""
    if name in __all__:
        from candidates import table

        return getattr(table, name)
    raise AttributeError(f"module 'candidates' has no attribute {name!r}")
