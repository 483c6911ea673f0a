"""The database: connections, tables and migration."""
