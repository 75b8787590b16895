"""Files for other systems: mapping to OCSF and CSV, validation against the schema, and writing what changed.

Belongs here: formats, their files and the records of these. Does not belong here: the asset that writes them every run
(``assets.exports``).
"""
