"""Stand-in for Dropbox Business: team log and files."""
