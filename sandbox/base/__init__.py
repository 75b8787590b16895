"""What the stand-ins of all providers share: clock, credentials, workload columns, people, files and answers."""
