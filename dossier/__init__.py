"""The page of each alert: what it says, and how it is said in HTML and in the terminal.

What an analyst asks is answered by ``detection.dossier``; here the answers become sentences, tables and a picture.
Nothing in here judges anything; what is read of the lake is read by ``evidence``, and ``binder`` writes the pages.
"""
