"""Stand-in for Box: event streams and files."""
