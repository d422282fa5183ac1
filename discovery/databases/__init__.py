"""Named databases of crystals: catalogue, builders, remote providers."""
