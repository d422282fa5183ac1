"""XBERT: a transformer over eight tokens of a crystal, for topological and other properties.

The package stands alone: it imports nothing from ``discovery`` or ``candidates``.
"""

__version__ = "0.1.0"
