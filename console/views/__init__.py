"""Views of the console, a module a page, each with its ``routes``."""
