"""The commands of ``uploadwatch``, a module each; no module but :mod:`orchestration.cli` imports them."""
