"""What Alembic runs for every command: the revisions, on the connection that it was handed."""

from alembic import context
from sqlalchemy import Connection

from storage.chain_tables import MintRecord

_connection: Connection = context.config.attributes["connection"]
# All tables share one metadata, and this file of tables imports the other.
context.configure(connection=_connection, target_metadata=MintRecord.metadata)
# The caller began the transaction and ends it.
context.run_migrations()
