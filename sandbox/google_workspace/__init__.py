"""Stand-in for Google Workspace: Reports API and Drive."""
