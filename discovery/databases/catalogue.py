"""Databases by name: the bundled one, the fetched ones, imported ones, remote ones and any path."""

from difflib import get_close_matches

from discovery.databases.facts import built_in_names, database_info
from discovery.databases.info import Database, UnknownDatabase
from discovery.databases.views import MaterialsProjectView
from discovery.settings import Settings, get_settings

LABEL_OF = {"topoA": "label_arsenal", "topoB": "label_tqc", "materiae": "label_materiae", "mp": None}
OPTIMADE = "optimade:"
MP_API = "mp-api"


def names(settings: Settings | None = None) -> list[str]:
    """Return the names that stand in this catalogue: built-in databases, then imported ones."""
    from discovery.databases.imported import imported_names

    return [*built_in_names(), *imported_names(settings or get_settings())]


def get(name: str, settings: Settings | None = None) -> Database:
    """Return a database by its name.

    Args:
        name: a built-in or imported name, ``optimade:URL``, ``mp-api``, or a path (file, folder or glob).
        settings: where data lies; of this process when omitted.

    Raises:
        UnknownDatabase: nothing has this name.
    """
    settings = settings or get_settings()
    if name == "starter":
        from discovery.databases.bundled import StarterDatabase

        return StarterDatabase()
    if name in LABEL_OF:
        return MaterialsProjectView(database_info(name), settings, LABEL_OF[name])

    from discovery.databases.imported import ImportedDatabase, PathDatabase, files_at, imported_names

    if name in imported_names(settings):
        return ImportedDatabase(name, settings)
    if name.startswith(OPTIMADE):
        from discovery.databases.remote import OptimadeDatabase

        return OptimadeDatabase(name.removeprefix(OPTIMADE))
    if name == MP_API:
        from discovery.databases.remote import MaterialsProjectApi

        return MaterialsProjectApi(settings)
    if name and files_at(name):
        return PathDatabase(name, settings)
    raise _unknown(name, settings)


def _unknown(name: str, settings: Settings) -> UnknownDatabase:
    known = names(settings)
    lower = {entry.lower(): entry for entry in known}
    close = get_close_matches(name.lower(), lower, n=1)
    hint = f"Did you mean {lower[close[0]]}? " if close else ""
    return UnknownDatabase(
        f"There is no database and no file {name!r}.",
        f"{hint}Known: {', '.join(known)}; also {OPTIMADE}URL, {MP_API}, or a path to crystal files.\n"
        f"See them with: discover data list",
    )
