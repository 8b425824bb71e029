"""What Alembic runs for every command: the revisions, on the connection that it was handed."""

from alembic import context
from sqlalchemy import Connection

from storage.tables import Record

_connection: Connection = context.config.attributes["connection"]
context.configure(connection=_connection, target_metadata=Record.metadata)
# The caller began the transaction and ends it.
context.run_migrations()
