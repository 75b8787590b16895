"""Sizes of files in SharePoint and OneDrive, asked of Microsoft Graph twenty at a time."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from urllib.parse import quote

import msgspec
import requests

from connectors.base import FileQuestion, FileSize
from connectors.errors import UnavailableError
from connectors.http import Api, Refusal, error_body
from connectors.retries import ATTEMPTS, LONGEST_WAIT, backoff

__all__ = ["GraphSizes", "read_refusal"]

PATH = "/v1.0/$batch"
BATCH = 20
SELECT = "id,size,lastModifiedDateTime,cTag"
_REMEDY = "Give the application the permission Sites.Read.All and an administrator's consent."
logger = logging.getLogger(__name__)


class _Item(msgspec.Struct):
    size: int | None = None
    modified: datetime | None = msgspec.field(default=None, name="lastModifiedDateTime")
    tag: str = msgspec.field(default="", name="cTag")


class _Answer(msgspec.Struct):
    id: str
    status: int
    headers: dict[str, str] = {}
    body: msgspec.Raw = msgspec.Raw(b"{}")


class _Answers(msgspec.Struct):
    responses: list[_Answer]


class GraphSizes:
    """Looks sizes up.

    Args:
        api: Graph's API.
    """

    def __init__(self, api: Api) -> None:
        self._api = api

    def look_up(self, questions: Sequence[FileQuestion]) -> Iterator[FileSize]:
        """One answer per file. A question without site or list, or with an id that Graph refuses, gets none.

        Raises:
            ConnectorError: Graph can't be used, or throttles without end.
        """
        askable = {question.file_id: question for question in questions if question.site_id and question.list_id}
        without = len({question.file_id for question in questions}) - len(askable)
        if without:
            logger.warning("office365: %d files are not looked up: their events name no site and list", without)
        waiting = iter(askable.values())
        while batch := list(islice(waiting, BATCH)):
            yield from self._batch({str(number): question for number, question in enumerate(batch)})

    def _batch(self, asked: dict[str, FileQuestion]) -> Iterator[FileSize]:
        """Asks until every file has an answer: each is counted, and throttled, on its own."""
        for attempt in range(1, ATTEMPTS + 1):
            steps = [{"id": key, "method": "GET", "url": _url(question)} for key, question in asked.items()]
            told = 0.0
            for answer in self._api.post(PATH, _Answers, {"requests": steps}).responses:
                question = asked.get(answer.id)
                if question is None:
                    continue
                if answer.status == 429 or answer.status >= 500:
                    told = max(told, _retry_after(answer))
                    continue
                del asked[answer.id]
                if size := self._told(question, answer):
                    yield size
            if not asked:
                return
            if attempt == ATTEMPTS or told > LONGEST_WAIT:
                break
            pause = told or backoff(attempt)
            logger.warning("office365: Graph throttles %d files of a batch, again in %.1f s", len(asked), pause)
            time.sleep(pause)
        cause = f"{len(asked)} files of a batch were throttled or failed to the last attempt"
        raise UnavailableError("office365", f"POST {PATH}", cause, "Run again later.")

    def _told(self, question: FileQuestion, answer: _Answer) -> FileSize | None:
        if answer.status == 200:
            try:
                item = msgspec.json.decode(answer.body, type=_Item)
            except msgspec.DecodeError as error:
                cause = f"a file of the batch is told of in another shape: {error}"
                raise self._api.error(f"POST {PATH}", cause, "Report it: the provider changed its API.") from None
            return FileSize(question.file_id, "found", item.size, item.tag, item.modified)
        if answer.status in (404, 410):
            return FileSize(question.file_id, "gone")
        if answer.status in (401, 403):
            return FileSize(question.file_id, "denied")
        # One event with an odd id must not cost all other files their sizes.
        logger.warning("office365: Graph does not take file %r: HTTP %d", question.file_id, answer.status)
        return None


def _url(question: FileQuestion) -> str:
    site, library, item = (quote(part, safe="") for part in (question.site_id, question.list_id, question.file_id))
    return f"/sites/{site}/lists/{library}/items/{item}/driveItem?$select={SELECT}"


def _retry_after(answer: _Answer) -> float:
    told = next((value for name, value in answer.headers.items() if name.lower() == "retry-after"), "")
    return float(told) if told.isdecimal() else 0.0


def read_refusal(response: requests.Response) -> Refusal:
    """Reads an error answer of Graph."""
    told = error_body(response).get("error")
    if not isinstance(told, dict):
        return Refusal(message=response.reason or "")
    remedy = _REMEDY if response.status_code in (401, 403) else ""
    return Refusal(str(told.get("code", "")), str(told.get("message", "")), remedy=remedy)
