"""What a job is started with: the fields of a dataclass, read from a form, flags or JSON.

    >>> @dataclasses.dataclass
    ... class Month:
    ...     '''since: the first day'''
    ...     since: date
    ...     carrier: Literal["UA", "AA"] = "UA"
    >>> Parameters(Month).read({"since": "2013-01-01"})
    {'since': datetime.date(2013, 1, 1), 'carrier': 'UA'}
    >>> Parameters(Month).read({"since": "soon", "carrier": "XX"})
    Traceback (most recent call last):
    httpmr.errors.ParameterError: since: a date as 2013-01-31, not 'soon'; carrier: UA, AA, not 'XX'

One place for all ways in: texts and JSON values are read alike. It is not known here what a recipe
does with them.
"""

import dataclasses
import re
import types
import typing
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any, Literal, NoReturn

from httpmr.errors import ParameterError, RecipeError

LONGEST = 10_000
"""Characters that a text may have at most."""

MASK = "•••"
_TRUE, _FALSE = ("on", "true", "yes", "1"), ("", "off", "false", "no", "0")


def _whole(given: Any) -> int:
    if isinstance(given, float) and given.is_integer():
        return int(given)
    return int(given) if isinstance(given, (int, str)) else _refuse()


def _number(given: Any) -> float:
    found = float(given) if isinstance(given, (int, float, str)) else _refuse()
    return found if abs(found) < float("inf") else _refuse()


def _decimal(given: Any) -> Decimal:
    found = Decimal(str(given)) if isinstance(given, (int, float, str, Decimal)) else _refuse()
    return found if found.is_finite() else _refuse()


def _text(given: Any) -> str:
    return given if isinstance(given, str) and len(given) <= LONGEST else _refuse()


def _yes(given: Any) -> bool:
    said = given.lower() if isinstance(given, str) else given
    return said is True or said in _TRUE or (_refuse() if said not in (False, *_FALSE) else False)


def _day(given: Any) -> date:
    return given if type(given) is date else date.fromisoformat(given)


def _moment(given: Any) -> datetime:
    return given if type(given) is datetime else datetime.fromisoformat(given)


def _refuse() -> NoReturn:
    raise ValueError


@dataclasses.dataclass(frozen=True)
class _Kind:
    """How a type is read, the kind of its input in a form, and what is said of a wrong one."""

    read: Callable[[Any], Any]
    input: str
    said: str


_KINDS: dict[type, _Kind] = {
    str: _Kind(_text, "text", f"a text of at most {LONGEST:,} characters"),
    int: _Kind(_whole, "number", "a whole number"),
    float: _Kind(_number, "number", "a number"),
    Decimal: _Kind(_decimal, "number", "a number"),
    bool: _Kind(_yes, "checkbox", "true or false"),
    date: _Kind(_day, "date", "a date as 2013-01-31"),
    datetime: _Kind(_moment, "datetime-local", "a time as 2013-01-31T12:30"),
}


@dataclasses.dataclass(frozen=True)
class Field:
    """One parameter, as a form, a help text and an error need to know it.

    `input` is the type of an HTML input, or "choice" (of `choices`) or "textarea".
    """

    name: str
    kind: _Kind
    required: bool
    optional: bool  # may be None
    help: str
    secret: bool
    choices: tuple[str, ...]
    input: str
    factory: Callable[[], Any]

    @property
    def default(self) -> Any:
        """What it is where nothing is given."""
        return self.factory()

    def read(self, given: Any) -> Any:
        """Return the value; ValueError, saying what is expected, for one that is none."""
        if self.optional and given in (None, ""):
            return None
        if self.required and given == "":
            raise ValueError("is required")
        try:
            if isinstance(given, bool) and self.input != "checkbox":
                _refuse()
            return self.kind.read(given)
        except (ValueError, TypeError, OverflowError, InvalidOperation):
            shown = MASK if self.secret else f"{given!r:.60}"
            raise ValueError(f"{self.kind.said}, not {shown}") from None

    def text(self, value: Any) -> str:
        """Return a value as a form shows it; a secret is shown nowhere."""
        if value is None or self.secret:
            return ""
        return value.isoformat("T", "seconds") if isinstance(value, datetime) else str(value)


class Parameters:
    """The fields of the dataclass `kind`. RecipeError where it is none, or has fields of others.

    A field's type is str, int, float, Decimal, bool, date, datetime, a Literal of texts, an Enum,
    or one of these or None. Its metadata may have "help", "secret": True and "textarea": True;
    help may also stand in the docstring, as `name: what it is`.
    """

    def __init__(self, kind: type) -> None:
        if not isinstance(kind, type) or not dataclasses.is_dataclass(kind):
            raise RecipeError(f"params= is a dataclass, not {kind!r:.80}")
        self.kind = kind
        hints = typing.get_type_hints(kind)
        told = dict(re.findall(r"(?m)^\s*(\w+)\s*:\s*(\S.*?)\s*$", kind.__doc__ or ""))
        some = [one for one in dataclasses.fields(kind) if one.init]
        self.fields = tuple(
            _field(kind, one, hints[one.name], told.get(one.name, "")) for one in some
        )
        bare = {one.name: _without_none(hints[one.name])[1] for one in some}
        self._enums = {
            n: it for n, it in bare.items() if isinstance(it, type) and issubclass(it, Enum)
        }

    def read(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the value of each field, of texts or of JSON values; plain data, to be stored.

        Raises ParameterError, with `fields`, {name: what is wrong}, for all that is wrong at once.
        """
        wrong: dict[str, str] = {}
        values: dict[str, Any] = {}
        for field in self.fields:
            try:
                if field.name in given:
                    values[field.name] = field.read(given[field.name])
                elif field.required:
                    raise ValueError("is required")
                else:
                    values[field.name] = field.default
            except ValueError as error:
                wrong[field.name] = str(error)
        names = [field.name for field in self.fields]
        for name in given:
            if name not in names:
                wrong[f"{name:.60}"] = f"no such parameter; there are {', '.join(names)}"
        if wrong:
            told = "; ".join(f"{name}: {what}" for name, what in wrong.items())
            raise ParameterError(told, fields=wrong)
        self.made(values)
        return values

    def sent(self, fields: Mapping[str, str]) -> dict[str, Any]:
        """Return the values of a form, which sends nothing for a box that is not checked."""
        boxes = {field.name: "" for field in self.fields if field.input == "checkbox"}
        return self.read(boxes | dict(fields))

    def made(self, values: Mapping[str, Any]) -> Any:
        """Return the dataclass with these values, as `read` gave them.

        Raises ParameterError where its own check refuses them.
        """
        members = {
            name: kind[values[name]]
            for name, kind in self._enums.items()
            if values.get(name) is not None
        }
        try:
            return self.kind(**{**values, **members})
        except Exception as error:  # whatever it raises, it does not want these
            raise ParameterError(f"{error}" or type(error).__name__, fields={}) from error

    def shown(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values for people to see: secrets masked."""
        secret = {field.name for field in self.fields if field.secret}
        return {name: MASK if name in secret and it else it for name, it in values.items()}


def _field(owner: type, one: dataclasses.Field[Any], hint: Any, told: str) -> Field:
    optional, hint = _without_none(hint)
    choices = _choices(hint)
    kind = _choice(choices) if choices else isinstance(hint, type) and _KINDS.get(hint)
    if not kind:
        raise RecipeError(
            f"params={owner.__name__}: {one.name} is of a type no form gives, {hint!r:.60}; "
            "use str, int, float, Decimal, bool, date, datetime, a Literal of texts or an Enum"
        )
    bare = one.default is one.default_factory is dataclasses.MISSING
    secret = bool(one.metadata.get("secret"))
    area = kind.input == "text" and one.metadata.get("textarea")

    def default() -> Any:
        if bare:
            return False if hint is bool else None
        factory = one.default_factory
        made = one.default if factory is dataclasses.MISSING else factory()
        return made.name if isinstance(made, Enum) else made

    return Field(
        name=one.name,
        kind=kind,
        required=bare and not optional and hint is not bool,
        optional=optional,
        help=str(one.metadata.get("help", told)),
        secret=secret,
        choices=choices,
        input="textarea" if area else "password" if secret else kind.input,
        factory=default,
    )


def _without_none(hint: Any) -> tuple[bool, Any]:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        some = [it for it in typing.get_args(hint) if it is not type(None)]
        if len(some) == 1:
            return True, some[0]
    return False, hint


def _choice(choices: tuple[str, ...]) -> _Kind:
    return _Kind(lambda given: _chosen(given, choices), "choice", ", ".join(choices))


def _chosen(given: Any, choices: tuple[str, ...]) -> str:
    name = given.name if isinstance(given, Enum) else given
    return name if name in choices else _refuse()


def _choices(hint: Any) -> tuple[str, ...]:
    if typing.get_origin(hint) is Literal:
        some = typing.get_args(hint)
        return some if all(isinstance(it, str) for it in some) else ()
    return tuple(hint.__members__) if isinstance(hint, type) and issubclass(hint, Enum) else ()
