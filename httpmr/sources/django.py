"""The objects of a Django queryset, in the order of a unique key."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import FieldError, ObjectDoesNotExist
from django.db import DatabaseError, models

from httpmr.errors import InputError, RecipeError
from httpmr.sources.walk import Walk
from httpmr.sql import django, django_models

FIRST_PAGE, PAGE = 64, 256
"""Objects read at once: few at first, for a slice may end soon."""

PAGE_BYTES = 4 * 1024 * 1024
"""What a page may weigh, about."""

DEEPEST = 4  # as an object's related ones are looked at, to weigh it

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


class DjangoQuerySet(Walk):
    """The objects of a queryset: (key, object), or with `values`, (key, dict of these fields).

    `records` is a model, also by its name, "shop.Invoice"; a manager; a queryset; or a function
    without arguments that returns one of these, and is called for each slice. Filters, managers,
    annotations, `select_related`, `prefetch_related`, `only` and `using` are kept. The key is "pk",
    or a field that is unique by itself; it must not be NULL.

    Objects are read in pages by key, each a query of its own, and no transaction is held between
    them: an object that changes while the job runs is seen as it is when it is reached.
    """

    def __init__(
        self,
        records: "str | type[models.Model] | models.Manager | models.QuerySet | Callable[[], Any]",
        *,
        key: str = "pk",
        values: Sequence[str] | None = None,
    ) -> None:
        if not isinstance(key, str) or not key:
            raise RecipeError(f"DjangoQuerySet: key is the name of a unique field, not {key!r:.80}")
        if values is not None and (
            isinstance(values, str)
            or not isinstance(values, Sequence)
            or not all(isinstance(name, str) for name in values)
            or not values
        ):
            raise RecipeError(
                f'DjangoQuerySet: values are names of fields, as ("id", "name"), not {values!r:.80}'
            )
        self.records = records
        self.key = key
        self.values = None if values is None else tuple(values)
        self.where = ""  # what of the queryset tells that the code has changed
        self._limit = FIRST_PAGE
        if _is_one(records) or not (isinstance(records, str) or callable(records)):
            asked = self._asked()  # what cannot be paged is told now; no connection yet
            self.where = _ADDRESS.sub("", str(asked.query.where)) if asked.query.where else ""

    def read(self, after: Any, until: Any) -> Iterator[tuple[Any, Any]]:
        # A quick slice, which read a range to its end, goes on as it was; a slow one begins anew.
        limit, self._limit = self._limit, FIRST_PAGE
        while True:
            with self._asking() as asked:
                rows = self._page(asked, after, until, limit)
            keys = [key for key, _ in rows]
            self._check(keys, after)
            yield from rows[:limit]
            if len(rows) <= limit:
                self._limit = limit
                return
            after = keys[limit - 1]
            weight = max(_weight(row, DEEPEST) for _, row in rows[:: max(1, limit // 8)])
            limit = max(1, min(2 * limit, PAGE, PAGE_BYTES // weight))

    def _page(
        self, asked: models.QuerySet, after: Any, until: Any, limit: int
    ) -> list[tuple[Any, Any]]:
        """Return the first records of a range, and one more, by whose key it is seen to be such."""
        asked = self._between(asked, after, until, "lte").order_by(self.key)
        if self.values is None:
            name = "pk" if self.key == "pk" else asked.model._meta.get_field(self.key).attname
            return [(getattr(one, name), one) for one in asked[: limit + 1]]
        extra = self.key not in self.values
        rows = asked.values(*self.values, *([self.key] if extra else []))[: limit + 1]
        take = dict.pop if extra else dict.__getitem__
        return [(take(row, self.key), row) for row in rows]

    def last(self) -> Any:
        """Return the greatest key of the table, filtered or not: a bound that is found at once.

        Raises InputError if an object has no key: the database would never find it again.
        """
        with self._asking() as asked:
            if self._nullable(asked) and asked.filter(**{f"{self.key}__isnull": True}).exists():
                raise self._null()
            backwards = self._filled(_whole(asked)).order_by(f"-{self.key}")
            return next(iter(backwards.values_list(self.key, flat=True)[:1]), None)

    def _nth(self, after: Any, until: Any, n: int) -> Any:
        with self._asking() as asked:
            table = self._between(self._filled(_whole(asked)), after, until, "lt")
            keys = table.order_by(self.key).values_list(self.key, flat=True)[n - 1 : n]
            return next(iter(keys), None)

    def _any(self, after: Any, until: Any) -> bool:
        with self._asking() as asked:
            wanted = self._between(asked, after, until, "lte")
            return not asked.query.where or wanted.exists()

    def _between(self, asked: models.QuerySet, after: Any, until: Any, below: str) -> Any:
        if after is not None:
            asked = asked.filter(**{f"{self.key}__gt": after})
        return asked if until is None else asked.filter(**{f"{self.key}__{below}": until})

    def _filled(self, table: models.QuerySet) -> models.QuerySet:
        nullable = self._nullable(table)
        return table.filter(**{f"{self.key}__isnull": False}) if nullable else table

    def _nullable(self, asked: models.QuerySet) -> bool:
        return self.key != "pk" and asked.model._meta.get_field(self.key).null

    # What is asked for

    @contextmanager
    def _asking(self) -> Iterator[models.QuerySet]:
        """Yield the queryset; what is wrong with it, or with the database, is an InputError."""
        try:
            asked = self._asked()
            asked = asked.using(asked.db)  # a router may name another replica each time
            with django.translated(django.connection(asked.db)):
                yield asked
        except RecipeError as error:
            raise InputError(str(error)) from error
        except (DatabaseError, FieldError, ObjectDoesNotExist, ValueError, TypeError) as error:
            message = f"{self!r} cannot be read ({django.said(error)})"
            raise InputError(f"{message}: migrate the database, or mend the query") from error

    def _asked(self) -> models.QuerySet:
        """Return the queryset, not evaluated; RecipeError if it cannot be read in pages."""
        found = self.records
        if not isinstance(found, str) and not _is_one(found) and callable(found):
            found = found()
        if isinstance(found, models.Manager):
            found = found.all()
        if not isinstance(found, models.QuerySet):
            found = django_models.model(found)._default_manager.all()
        names = self._names(found.model)
        if wrong := _unfit(found, names):
            raise RecipeError(f"{self!r} cannot be read in pages: {wrong}")
        return found.all()

    def _names(self, model: type[models.Model]) -> set[str]:
        """Return all names of the key; RecipeError unless it is one."""
        if self.key == "pk" and not model._meta.pk.concrete:
            return {"pk"}  # of several columns, which Django compares as one
        field, unique = django_models.field(model, self.key), django_models.unique(model)
        if frozenset([field.attname]) not in unique:
            single = sorted(next(iter(names)) for names in unique if len(names) == 1)
            raise RecipeError(
                f"{model._meta.label}.{self.key} is not unique, as a key must be: leave key= out, "
                f"for the primary key, or take one of {', '.join(single)}"
            )
        return {field.name, field.attname, *(["pk"] if field.primary_key else [])}

    # What may go wrong

    def _check(self, keys: list[Any], after: Any) -> None:
        known = [] if after is None else [after]
        if None in keys:
            raise self._null()
        if len({*known, *keys}) == len(known) + len(keys):
            return
        twice = next(key for n, key in enumerate(keys) if key in known or key in keys[:n])
        why = f"key {twice!r:.80} of {self!r} comes twice"
        if twice in known:
            why = f"key {twice!r:.80} of {self!r} is after itself, as rounded numbers are"
            raise InputError(f"{why}: name another unique field as key=", key=twice)
        raise InputError(
            f"{why}: where filters join several rows to one, add .distinct()", key=twice
        )

    def _null(self) -> InputError:
        return InputError(
            f"a row of {self!r} has NULL in its key: fill it in, leave it out by "
            f".filter({self.key}__isnull=False), or use another key"
        )

    def __repr__(self) -> str:
        found = self.records
        name = found if isinstance(found, str) else getattr(found, "__qualname__", None)
        model = getattr(found, "model", found)
        label = model._meta.label if hasattr(model, "_meta") else name or type(found).__name__
        where = f", where={self.where:.200}" if self.where else ""
        values = f", values={list(self.values)!r}" if self.values else ""
        return f"DjangoQuerySet({label}{where}, key={self.key!r}{values})"


def _is_one(found: Any) -> bool:
    """Tell whether it is something that objects can be asked of; a class can also be called."""
    model = isinstance(found, type) and issubclass(found, models.Model)
    return model or isinstance(found, (models.Manager, models.QuerySet))


def _whole(asked: models.QuerySet) -> models.QuerySet:
    """Return all objects of the table, whatever managers hide."""
    return models.QuerySet(model=asked.model, using=asked.db)


def _unfit(asked: models.QuerySet, names: set[str]) -> str:
    """Say why a queryset cannot be read in pages, and what could; "" if it can."""
    query = asked.query
    parts = [query.where, *query.annotations.values()]
    reasons = {
        "a slice of it changes from page to page; filter it instead": query.is_sliced,
        "a union, intersection or difference cannot be filtered; use Q objects": query.combinator,
        "it has an order of its own; records come in the order of the key, so leave order_by out": (
            not {*query.order_by} <= names or query.extra_order_by or not query.standard_ordering
        ),
        "distinct() of some fields needs their order; use distinct(), or a job that groups": (
            query.distinct_fields
        ),
        'values() makes other rows of it; say values=("a", "b") of the source instead': (
            asked._fields is not None
        ),
        "a window function would see one page alone; let the job do its work": (
            any(getattr(part, "contains_over_clause", False) for part in parts)
        ),
        "select_for_update() needs a transaction, and there is none between pages; leave it out": (
            query.select_for_update
        ),
    }
    return next((reason for reason, so in reasons.items() if so), "")


def _weight(value: Any, depth: int) -> int:
    """Return about how many bytes of text and data a value holds, with what was read beside it."""
    if isinstance(value, (str, bytes, memoryview)):
        return 1 + len(value)
    if depth == 0:
        return 1
    inner: Any = ()
    if isinstance(value, models.Model):
        inner = [*vars(value).values(), *value._state.fields_cache.values()]
    elif isinstance(value, models.QuerySet):
        inner = value._result_cache or ()
    elif isinstance(value, dict):
        inner = [*value, *value.values()]
    elif isinstance(value, (list, tuple)):
        inner = value
    return 1 + sum(_weight(part, depth - 1) for part in inner)
