"""Predict, filter, rank: the screen, streamed."""
