"""Console: web pages where analysts read and review cases, and see the health of the sources."""
