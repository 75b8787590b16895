"""The page of each alert: what an analyst asks of it, answered in HTML and in the terminal.

Belongs here: the queries' faces, the sections with their sentences and tables, the picture, and the page builder.
Does not belong here: judging anything (``detection``), and the asset that has pages made (``assets.dossiers``).
"""
