"""Alembic's way in: migrations run on the connection that `engine` hands over."""

from alembic import context

import heartlog.store.schema_clinic  # noqa: F401 (fills the metadata)
from heartlog.store.schema import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    transaction_per_migration=False,
)
context.run_migrations()
