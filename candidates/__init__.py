"""What a screen found and what people decided: records, store, report."""
