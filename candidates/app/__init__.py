"""The review app: a local web page on which people judge candidates, with the keyboard first."""
