"""Labels, splits, metrics and the training loop."""
