"""Files for other systems: mapping to OCSF and CSV, validation against the schema, and writing what changed.

Belongs here: formats, their state and their files. Does not belong here: the asset that writes them every run
(``assets.exports``).
"""
