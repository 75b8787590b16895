"""Charts in the metadata of materialisations and of checks."""
