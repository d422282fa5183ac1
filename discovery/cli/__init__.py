"""The ``discover`` command, one module per verb; start at ``main``."""
