"""The revisions of the SQL schema, and how a database is brought up to the newest.

A change of `storage/tables.py` comes with a new file in `versions/`. A revision that has been released is never edited.
"""
