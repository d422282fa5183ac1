"""One module per file format; each yields records and refusals, and knows nothing of batches or ids."""
