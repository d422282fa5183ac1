"""Named databases of crystals behind one catalogue: ``discovery.databases.catalogue.get(name)``."""
