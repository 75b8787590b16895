"""Hook of the site's build: a link whose text is a page's file name gets the page's title, which a reader knows."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

__all__ = ["on_page_markdown"]

_LINK = re.compile(r"\[[\w/-]+\.md\]\(([\w/.-]+\.md)((?:#[\w-]+)?)\)")
_TITLE = re.compile(r"^# (.+)$", re.MULTILINE)


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """Return the page's Markdown with titles as texts of such links."""
    place = posixpath.dirname(page.file.src_uri)

    def titled(link: re.Match[str]) -> str:
        target = files.get_file_from_path(posixpath.normpath(posixpath.join(place, link[1])))
        title = _TITLE.search(Path(target.abs_src_path).read_text(encoding="utf-8")) if target else None
        return f"[{title[1]}]({link[1]}{link[2]})" if title else link[0]

    return _LINK.sub(titled, markdown)
