"""What an operator knows of users and networks: two files, hostile until every row has been read."""

from __future__ import annotations

import csv
import hashlib
import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

__all__ = [
    "Address",
    "Listed",
    "ListedUser",
    "Networks",
    "OperatorFileError",
    "Row",
    "printable_text",
    "read_networks",
    "read_risk_list",
    "read_rows",
]

_MOST_ROWS = 1_000_000
_BATCH = 10_000
_SHORTEST = {4: 8, 6: 16}
_SITE = {4: 24, 6: 48}
"""Prefix by which two addresses count as one network: what a home or an office usually has."""
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class OperatorFileError(ValueError):
    """An operator's file can't be used; says which file and row, what is wrong and what to do."""


class Row(BaseModel):
    """A row of an operator's file: its columns are the fields, those without a default have to be there."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, str_strip_whitespace=True)

    @classmethod
    def names(cls) -> list[str]:
        """Columns, in order."""
        return list(cls.model_fields)

    @classmethod
    def required(cls) -> list[str]:
        """Columns that have to be there."""
        return [name for name, field in cls.model_fields.items() if field.is_required()]


def printable_text(value: object) -> object:
    """Return a value of a cell as it is.

    Raises:
        ValueError: It is a text that can't be printed.
    """
    if isinstance(value, str) and not value.strip().isprintable():
        raise ValueError("it holds characters that can't be printed")
    return value


class ListedUser(Row):
    """A row of the risk list.

    Attributes:
        user: E-mail as the provider tells it, or what stands in an alert's ``user``.
        reason: Why, such as leaver; shown in the alert.
        since: First day on which it counts, UTC; None for always.
        until: Last day on which it counts; None for ever.
    """

    user: str = Field(min_length=1, max_length=320)
    reason: str = Field(min_length=1, max_length=200)
    since: date | None = None
    until: date | None = None

    @field_validator("user", "reason", mode="before")
    @classmethod
    def _printable(cls, value: object) -> object:
        return printable_text(value)

    @field_validator("user")
    @classmethod
    def _lower(cls, value: str) -> str:
        return value.lower()

    @field_validator("since", "until", mode="before")
    @classmethod
    def _day(cls, value: object) -> object:
        if isinstance(value, datetime):
            return value.date()
        if not isinstance(value, str):
            return value
        try:
            return date.fromisoformat(value.strip()) if value.strip() else None
        except ValueError:
            raise ValueError("it is no day; write it as 2026-01-31") from None

    @model_validator(mode="after")
    def _ordered(self) -> ListedUser:
        if self.since and self.until and self.until < self.since:
            raise ValueError(f"until ({self.until}) is before since ({self.since}); swap them or correct one")
        return self


class Listed(Row):
    """A row of the file of networks.

    Attributes:
        network: An address or a network, IPv4 or IPv6.
        kind: What it is.
    """

    network: _Network
    kind: Literal["tor", "hosting"]

    @field_validator("network", mode="before")
    @classmethod
    def _parsed(cls, value: object) -> object:
        if not isinstance(value, str):
            raise ValueError("it is no text; write it as 192.0.2.0/24")
        try:
            network = ipaddress.ip_network(value.strip())
        except ValueError as error:
            raise ValueError(f"{error}; write it as 192.0.2.0/24, 2001:db8::/32 or one address") from None
        if network.prefixlen < _SHORTEST[network.version]:
            raise ValueError(f"it covers too much; /{_SHORTEST[network.version]} is the largest that can be listed")
        if isinstance(network, ipaddress.IPv6Network) and network.network_address.ipv4_mapped:
            raise ValueError("it is IPv4 written as IPv6; write it as 192.0.2.0/24")
        return network


class Address(NamedTuple):
    """What is known of an address.

    Attributes:
        ip: The address as the log tells it.
        network: The network it counts as.
        listed: The smallest network of the file that holds it, of the worst kind.
        kind: tor or hosting; None where no network of the file holds it.
    """

    ip: str
    network: str | None
    listed: str | None
    kind: str | None


class Networks:
    """Networks of the operator's file, looked up by address."""

    def __init__(self, rows: Iterable[Listed] = ()) -> None:
        # One dictionary for each kind and length of prefix: an address is then found in a few look-ups, not in a scan.
        self._by_prefix: dict[str, dict[tuple[int, int], set[int]]] = {
            "tor": defaultdict(set),
            "hosting": defaultdict(set),
        }
        for row in rows:
            key = (row.network.version, row.network.prefixlen)
            self._by_prefix[row.kind][key].add(int(row.network.network_address))

    def __len__(self) -> int:
        return sum(len(found) for kind in self._by_prefix.values() for found in kind.values())

    @property
    def digest(self) -> str:
        """Digest of all of them."""
        kinds = [
            (kind, sorted((key, sorted(found)) for key, found in by.items())) for kind, by in self._by_prefix.items()
        ]
        return hashlib.sha256(repr(kinds).encode()).hexdigest()

    def find(self, ip: str) -> Address:
        """What is known of an address; nothing where it is none."""
        try:
            address = ipaddress.ip_address(ip)
        except ValueError:
            return Address(ip, None, None, None)
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        site = ipaddress.ip_network((address, _SITE[address.version]), strict=False)
        number, bits = int(address), address.max_prefixlen
        for kind, by_prefix in self._by_prefix.items():
            for version, length in sorted(by_prefix, reverse=True):
                if version != address.version:
                    continue
                start = number >> (bits - length) << (bits - length)
                if start in by_prefix[version, length]:
                    listed = ipaddress.ip_network((type(address)(start), length))
                    return Address(ip, str(site), str(listed), kind)
        return Address(ip, str(site), None, None)


def read_risk_list(path: Path) -> list[ListedUser]:
    """Users whom the operator has reason to watch, from CSV or Parquet with the columns of :class:`ListedUser`.

    Raises:
        OperatorFileError: The file or a row of it can't be used.
    """
    return list(read_rows(path, ListedUser))


def read_networks(path: Path) -> Networks:
    """Networks from CSV or Parquet with the columns of :class:`Listed`.

    Raises:
        OperatorFileError: The file or a row of it can't be used.
    """
    return Networks(read_rows(path, Listed))


RowType = TypeVar("RowType", bound=Row)


def read_rows(path: Path, model: type[RowType]) -> Iterator[RowType]:
    """Rows of a CSV file, or of a Parquet file (``.parquet``), each checked as it is read.

    Raises:
        OperatorFileError: The file or a row of it can't be used.
    """
    rows = _parquet(path, model) if path.suffix.lower() == ".parquet" else _csv(path, model)
    try:
        for count, (place, values) in enumerate(rows, 1):
            if count > _MOST_ROWS:
                raise OperatorFileError(f"{path} has more than {_MOST_ROWS:,} rows. Leave out what is not needed.")
            try:
                # An empty cell is a value that is not there.
                yield model.model_validate({name: value for name, value in values.items() if value not in (None, "")})
            except ValidationError as error:
                raise OperatorFileError(f"{path}, {place}: {_said(error)}. Correct or remove that row.") from error
    except (OSError, pa.ArrowException) as error:
        raise OperatorFileError(
            f"{path} can't be read: {error}. Name a CSV file, or a Parquet file that ends in .parquet."
        ) from error


def _said(error: ValidationError) -> str:
    first = error.errors()[0]
    where = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "missing":
        return f"{where} is empty"
    shown = repr(first["input"])[:80] if where else ""
    return f"{where} {shown}: {first['msg'].removeprefix('Value error, ')}".strip(" :")


def _columns(path: Path, names: list[str], model: type[Row]) -> None:
    missing = [name for name in model.required() if name not in names]
    unknown = [name for name in names if name not in model.names()]
    if missing or unknown or len(set(names)) < len(names):
        raise OperatorFileError(
            f"{path} has the columns {', '.join(map(repr, names))[:300] or 'none'}. It needs "
            f"{' and '.join(model.required())}, may have {', '.join(model.names())}, and nothing else, each once."
        )


def _csv(path: Path, model: type[Row]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            names = [name.strip().lower() for name in next(reader, [])]
            _columns(path, names, model)
            for cells in reader:
                if not cells:
                    continue
                place = f"line {reader.line_num}"
                if len(cells) != len(names):
                    raise OperatorFileError(
                        f"{path}, {place}: {len(cells)} values for {len(names)} columns. Put a value with a comma in "
                        "double quotes, and leave none out."
                    )
                yield place, {name: cell.strip() for name, cell in zip(names, cells, strict=True)}
    except UnicodeDecodeError as error:
        raise OperatorFileError(f"{path} is not UTF-8 text ({error.reason}). Save it as CSV in UTF-8.") from error
    except csv.Error as error:
        raise OperatorFileError(f"{path}, line {reader.line_num}: {error}. Save it as CSV again.") from error


def _parquet(path: Path, model: type[Row]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    with pq.ParquetFile(path) as file:
        _columns(path, list(file.schema_arrow.names), model)
        count = 0
        for batch in file.iter_batches(batch_size=_BATCH):
            for values in batch.to_pylist():
                count += 1
                yield f"row {count}", values
