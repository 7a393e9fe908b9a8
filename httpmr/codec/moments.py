"""What the codec makes of times and time zones, and back. How they become bytes is not known."""

from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from httpmr.errors import Unstorable, UserCodeError


def clock(value: time | datetime) -> list[Any]:
    return [value.replace(tzinfo=None).isoformat(), value.fold, value.tzinfo]


def unclock(cls: Any, content: list[Any]) -> Any:
    text, fold, zone = content
    return cls.fromisoformat(text).replace(fold=fold, tzinfo=zone)


def offset(zone: Any) -> list[Any]:
    apart, *name = zone.__getinitargs__()
    return [[apart.days, apart.seconds, apart.microseconds], *name]


def zone_key(zone: ZoneInfo) -> str:
    if zone.key is None:
        raise Unstorable("a ZoneInfo that has no key cannot be stored: use ZoneInfo(name)")
    return zone.key


def zone(key: str) -> ZoneInfo:
    try:
        return ZoneInfo(key)
    except ZoneInfoNotFoundError as error:
        message = f"the time zone {key!r} of a stored value is unknown here: pip install tzdata"
        raise UserCodeError(message) from error
