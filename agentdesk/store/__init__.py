"""The local cache and the precious tables: the only package that imports apsw."""
