"""Properties to learn, each one small declarative record, and what it takes to learn and score them."""
