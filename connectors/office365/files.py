"""Sizes of files in SharePoint and OneDrive, requested from Microsoft Graph.

For a document library with many uploads, the pages of all its changes are read (delta). The remaining files are
requested twenty at a time (batch). Each counts on its own, so a batch saves round trips, not quota. For earlier
versions see :mod:`connectors.office365.past_versions`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import islice
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import msgspec
import requests

from connectors.core.errors import AccessError, AnswerError, RefusedError, UnavailableError
from connectors.core.http import Api, Refusal, error_body
from connectors.core.lenient import each, size_in, text_in, time_in
from connectors.core.lookups import Unreadable, grouped, in_parallel, is_overtaken
from connectors.core.retries import ATTEMPTS, LONGEST_WAIT, backoff, seconds_in
from connectors.core.time_ranges import stamp
from connectors.core.types import FileQuestion, FileSize
from connectors.office365.past_versions import Present, in_bin, versions, versions_url

__all__ = ["GraphSizes", "read_refusal"]

PATH = "/v1.0/$batch"
BATCH = 20
SELECT = "id,size,lastModifiedDateTime,cTag,parentReference"
DELTA_FROM = 10
"""Smallest number of files of one library for which listing its changes, two requests or more, is worthwhile."""
PAGE = 1000
MARGIN = timedelta(minutes=5)
_CURSORS = ("token", "$skiptoken", "$deltatoken")
_FUNCTION = re.compile(r"\(token='([^']+)'\)$")
_GROUP = 500
"""Number of files of small libraries that are looked up together: few, so that a stop loses little."""
_REMEDY = "Give the application the permission Sites.Read.All and an administrator's consent."
_CHANGED = "Report it if it lasts: the provider changed its API."
logger = logging.getLogger(__name__)


class _Parent(msgspec.Struct):
    drive: str = msgspec.field(default="", name="driveId")


class _Item(msgspec.Struct):
    id: object = ""
    size: object = None
    modified: object = msgspec.field(default=None, name="lastModifiedDateTime")
    tag: object = msgspec.field(default="", name="cTag")
    parent: _Parent = msgspec.field(default_factory=_Parent, name="parentReference")

    def present_of(self, file_id: str) -> Present:
        answer = FileSize(file_id, "found", size_in(self.size), text_in(self.tag), time_in(self.modified))
        return Present(answer, self.parent.drive, text_in(self.id))


class _Answer(msgspec.Struct):
    id: object
    status: int
    headers: object = None
    body: msgspec.Raw = msgspec.Raw(b"{}")


class _Answers(msgspec.Struct):
    responses: list[msgspec.Raw]


class _Drive(msgspec.Struct):
    id: str


class _Ids(msgspec.Struct):
    item: str = msgspec.field(default="", name="listItemUniqueId")


class _Changed(_Item):
    ids: _Ids = msgspec.field(default_factory=_Ids, name="sharepointIds")
    deleted: object = None


class _Changes(msgspec.Struct):
    value: list[msgspec.Raw]
    next_page: object = msgspec.field(default="", name="@odata.nextLink")


class GraphSizes:
    """Look-ups of file sizes in Microsoft Graph.

    Args:
        api: Graph's API.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._unreadable = Unreadable()

    def look_up(self, questions: Sequence[FileQuestion]) -> Iterator[FileSize]:
        """Yield one answer per file, none for a question without site or list.

        Raises:
            ConnectorError: Graph can't be used, or throttles without end.
        """
        askable = [question for question in questions if question.site_id and question.list_id]
        if len(askable) < len(questions):
            missing = len(questions) - len(askable)
            logger.warning("office365: %d files are not looked up: their events name no site and list", missing)
        libraries = grouped(askable, lambda q: (q.site_id, q.list_id))
        groups: list[dict[tuple[str, str], FileQuestion]] = []
        small: dict[tuple[str, str], FileQuestion] = {}
        for library in libraries:
            if len(library) >= DELTA_FROM:
                groups.append(library)
                continue
            if not small or len(small) >= _GROUP:
                small = {}
                groups.append(small)
            small |= library
        return in_parallel(groups, self._group)

    def _group(self, asked: dict[tuple[str, str], FileQuestion]) -> Iterator[FileSize]:
        """Look up the files of one library, or of several small ones."""
        left, gone = {question.file_id: question for question in asked.values()}, list[FileQuestion]()
        if len({(question.site_id, question.list_id) for question in left.values()}) == 1 and len(left) >= DELTA_FROM:
            changed = [(left.pop(found.answer.file_id), found) for found in self._changed(left)]
            yield from self._with_past(changed, gone)
        waiting = iter(left.values())
        while batch := list(islice(waiting, BATCH)):
            answers = self._ask({str(number): _url(question) for number, question in enumerate(batch)})
            yield from self._with_past(
                ((batch[int(n)], self._present_of(batch[int(n)], answer)) for n, answer in answers), gone
            )
        # A bin is long, so it is searched once for all of them.
        yield from in_bin(self._api, gone)

    def _with_past(self, met: Iterable[tuple[FileQuestion, Present]], gone: list[FileQuestion]) -> Iterator[FileSize]:
        """Yield the answers, with versions of files saved since; append files that are not found to ``gone``."""
        overtaken = []
        for question, present in met:
            if present.answer.state == "gone":
                gone.append(question)
            elif present.drive and present.item and is_overtaken(question, present.answer):
                overtaken.append((question, present))
            else:
                yield present.answer
        for start in range(0, len(overtaken), BATCH):
            batch = overtaken[start : start + BATCH]
            urls = {str(number): versions_url(present) for number, (_, present) in enumerate(batch)}
            for key, answer in self._ask(urls):
                body = answer.body if answer is not None and answer.status == 200 else None
                yield from versions(batch[int(key)][1].answer, body)

    def _changed(self, left: Mapping[str, FileQuestion]) -> list[Present]:
        """List what changed in a library since the first event, and return the wanted files among it.

        Ends when all were found, or when single requests are cheaper than the next page. Returns none if the library
        can't be listed.
        """
        first = next(iter(left.values()))
        site, library = (quote(part, safe="") for part in (first.site_id, first.list_id))
        since = min(question.since for question in left.values()) - MARGIN
        parameters: dict[str, str | int] = {
            "$select": f"{SELECT},deleted,sharepointIds",
            "$top": PAGE,
            # SharePoint accepts a time instead of a token.
            "token": stamp(since),
        }
        found: dict[str, Present] = {}
        asked = {file_id.lower(): file_id for file_id in left}
        try:
            drive = self._api.get(f"/v1.0/sites/{site}/lists/{library}/drive", _Drive, {"$select": "id"})
            path = f"/v1.0/drives/{quote(drive.id, safe='!')}/root/delta"
            for _ in range(len(left)):
                answer = self._api.get(path, _Changes, parameters)
                for item in each(answer.value, _Changed):
                    # An item may come more than once; the last one counts. A deleted item has only its id.
                    file_id = asked.get(item.ids.item.lower())
                    if file_id and item.deleted is None:
                        found[file_id] = item.present_of(file_id)._replace(drive=drive.id)
                    elif file_id:
                        found[file_id] = Present(FileSize(file_id, "gone"))
                mark = _page_cursor(answer.next_page)
                if len(found) == len(left) or not mark or mark.items() <= parameters.items():
                    break
                parameters = {"$select": parameters["$select"], "$top": PAGE, **mark}
        except AnswerError as error:
            # Each file is requested alone.
            logger.warning("office365: the changes of a library can't be read: %s", error)
        except RefusedError as error:
            if isinstance(error, AccessError):
                # Reported file by file, since the application may have access to other libraries.
                logger.warning("office365: the changes of a library can't be read: %s", error)
            elif error.status not in (400, 404, 410):
                raise
        return list(found.values())

    def _ask(self, urls: Mapping[str, str]) -> Iterator[tuple[str, _Answer | None]]:
        """Send a batch until each request has an answer: each is counted, and throttled, on its own.

        Yields:
            Key and answer of each; None if it can't be read.
        """
        asked = dict(urls)
        for attempt in range(1, ATTEMPTS + 1):
            steps = [{"id": key, "method": "GET", "url": url} for key, url in asked.items()]
            # The request itself waits for the first.
            if len(steps) > 1:
                self._api.client.limiter.wait(len(steps) - 1)
            try:
                answers = self._api.post(PATH, _Answers, {"requests": steps}).responses
            except AnswerError as error:
                yield from self._halves(asked, error)
                return
            wait, throttled = 0.0, set[str]()
            for answer in each(answers, _Answer):
                key = text_in(answer.id)
                if key not in asked:
                    continue
                if answer.status == 429 or answer.status >= 500:
                    wait = max(wait, _retry_after(answer))
                    throttled.add(key)
                    continue
                del asked[key]
                yield key, answer
            if attempt > 1:
                for key in asked.keys() - throttled:
                    del asked[key]
                    self._bear("a file of the batch has no answer that can be read")
                    yield key, None
            if not asked:
                return
            if attempt == ATTEMPTS or wait > LONGEST_WAIT:
                break
            if throttled:
                pause = wait or backoff(attempt)
                logger.warning("office365: Graph throttles %d files of a batch; retry in %.1f s", len(throttled), pause)
                self._api.client.limiter.pause(pause)
                self._api.client.limiter.rest(pause)
        cause = f"{len(asked)} files of a batch were throttled or failed to the last attempt"
        raise UnavailableError("office365", f"POST {PATH}", cause, "Run again later.")

    def _halves(self, asked: Mapping[str, str], error: AnswerError) -> Iterator[tuple[str, _Answer | None]]:
        """Request the halves of a batch whose answer can't be read: one file alone may be the cause."""
        keys = list(asked)
        if len(keys) == 1:
            self._bear(error.cause)
            yield keys[0], None
            return
        for part in (keys[: len(keys) // 2], keys[len(keys) // 2 :]):
            yield from self._ask({key: asked[key] for key in part})

    def _bear(self, cause: str) -> None:
        """Count an answer that can't be read."""
        self._unreadable.bear(self._api.error(f"POST {PATH}", cause, _CHANGED))

    def _present_of(self, question: FileQuestion, answer: _Answer | None) -> Present:
        if answer is None:
            return Present(FileSize(question.file_id, "failed"))
        if answer.status == 200:
            item = next(each([answer.body], _Item), None)
            if item is not None:
                self._unreadable.read()
                return item.present_of(question.file_id)
            self._bear("the answer about a file of the batch does not have the documented shape")
            return Present(FileSize(question.file_id, "failed"))
        # One event with an invalid id must not leave all other files without sizes.
        states = {404: "gone", 410: "gone", 401: "denied", 403: "denied"}
        return Present(FileSize(question.file_id, states.get(answer.status, "failed")))


def _page_cursor(link: object) -> dict[str, str]:
    """Return the page cursor of a link as parameters: the link may name any host, and a token must not go there."""
    try:
        url = urlsplit(text_in(link))
    except ValueError:
        return {}
    if function := _FUNCTION.search(unquote(url.path)):
        return {"token": function[1]}
    return {name: value for name, value in parse_qsl(url.query) if name.lower() in _CURSORS}


def _url(question: FileQuestion) -> str:
    site, library, item = (quote(part, safe="") for part in (question.site_id, question.list_id, question.file_id))
    return f"/sites/{site}/lists/{library}/items/{item}/driveItem?$select={SELECT}"


def _retry_after(answer: _Answer) -> float:
    headers = answer.headers if isinstance(answer.headers, dict) else {}
    seconds = next((value for name, value in headers.items() if str(name).lower() == "retry-after"), "")
    return seconds_in(seconds) or 0.0


def read_refusal(response: requests.Response) -> Refusal:
    """Parse an error answer of Graph."""
    error = error_body(response).get("error")
    if not isinstance(error, dict):
        return Refusal(message=response.reason or "")
    remedy = _REMEDY if response.status_code in (401, 403) else ""
    return Refusal(text_in(error.get("code")), text_in(error.get("message")), remedy=remedy)
