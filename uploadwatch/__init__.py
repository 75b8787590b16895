"""Python interface: the cases, alerts and tables of a home as data frames."""
