"""Output as rows of a Django model, in the store's own database or any other of the site's."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DatabaseError, DataError, IntegrityError, models, router, transaction

from httpmr.errors import OutputError, RecipeError
from httpmr.interfaces import Batch, OrderedStore, Pair, Sink, Slice
from httpmr.sinks.columns import names, rows
from httpmr.sinks.django_rows import Target
from httpmr.sql import django, django_models

MODES = ("upsert", "insert", "update")
AT_ONCE = 500  # rows in one statement

# What a database, a driver and a field raise for a value that they refuse.
_ONES_OWN = (IntegrityError, DataError, ValidationError)
_REFUSALS = (DatabaseError, ValidationError, TypeError, ValueError, ArithmeticError, AttributeError)

Rows = list[tuple[Any, list[Any]]]


class DjangoModel(Sink):
    """Rows of a model: a pair's key goes to the fields `key`, its value to the fields `value`.

    `model` is the class, or its name as "shop.WordCount". One name (`key="word"`) takes the key or
    value whole. Several (`key=("year", "word")`) take its parts: those of a tuple or list by
    position, or of a dict by the fields' names. A foreign key takes the other's key.

    `mode="upsert"` inserts the row, or changes that of the same key, which must be unique;
    `"update"` changes the rows that are there, and passes over keys that have none; `"insert"`
    only adds. All are done as `bulk_create` and `update` do them: fields check and convert, have
    their defaults, and those of `auto_now` the time; `save()` and signals are not called.

    Where the store is in the same database (`store="django:"`), rows are written in the commit of
    their slice, exactly once. Elsewhere upserts and updates may be done again, to the same rows;
    `"insert"` is refused there. If a job gives several pairs of one key, the row is that of the
    last to be committed. `using` names the database; otherwise the site's routers do.
    """

    guarantee = "keyed"

    def __init__(
        self,
        model: "str | type[models.Model]",
        *,
        key: str | Sequence[str],
        value: str | Sequence[str],
        mode: str = "upsert",
        using: str | None = None,
    ) -> None:
        if mode not in MODES:
            raise RecipeError(f"DjangoModel: mode is {' or '.join(map(repr, MODES))}, not {mode!r}")
        self.label = model if isinstance(model, str) else django_models.model(model)._meta.label
        self.key, self.value, self.mode, self.using = key, value, mode, using
        self._key, self._value = (
            names("DjangoModel", "key", key),
            names("DjangoModel", "value", value),
        )
        names("DjangoModel", "key and value", self._key + self._value)
        self._given = model
        if not isinstance(model, str):
            self._check_model()

    @cached_property
    def _model(self) -> type[models.Model]:
        return django_models.model(self._given)

    @cached_property
    def _fields(self) -> list[models.Field]:
        """The fields of the key, then those of the value."""
        return [django_models.field(self._model, name) for name in self._key + self._value]

    @cached_property
    def _target(self) -> Target:
        n = len(self._key)
        return Target(self._model, self._fields[:n], self._fields[n:], self.mode)

    @property
    def _alias(self) -> str:
        return self.using or router.db_for_write(self._model)

    def joins(self, store: OrderedStore) -> bool:
        """Tell whether the model is in the store's own database."""
        return bool(store.database == f"django:{self._alias}")

    def check(self, store: OrderedStore) -> None:
        """Raise OutputError unless the table is there and can take rows in this mode."""
        if self.mode == "insert" and not self.joins(store):
            raise OutputError(
                f"{self!r} would insert rows twice where a slice is done again: use mode="
                f'"upsert", or store="django:{self._alias}"'
            )
        try:
            self._check_model()
        except RecipeError as error:
            raise OutputError(str(error)) from error
        features = django.connection(self._alias).features
        if self.mode == "upsert" and not features.supports_update_conflicts:
            raise OutputError(f'{self!r}: its database has no upsert: use mode="update"')
        with django.writing(self._alias) as connection:
            if (
                self.mode == "upsert"
                and not connection.features.supports_update_conflicts_with_target
            ):
                self._check_no_other(django_models.unique(self._model))
            if (broken := self._target.broken(connection)) is not None:
                raise OutputError(
                    f"{self!r} cannot be written ({django.said(broken)}): migrate the database"
                )

    def check_retry(self, job: str, receipts: Iterable[Any], anew: bool) -> None:
        """Raise OutputError where rows would be inserted twice."""
        if anew and self.mode == "insert":
            raise OutputError(f"{self!r} would insert the job's rows twice: start a new job")

    def join(self, pairs: Sequence[Pair], slice: Slice, batch: Batch) -> None:
        """Write the rows in the slice's commit."""
        if found := rows(self, pairs):
            batch.sql(lambda connection: self._execute(connection, found))

    def write(self, pairs: Sequence[Pair], slice: Slice) -> None:
        """Write the rows in a transaction of their own, before the slice's commit."""
        if found := rows(self, pairs):
            with django.writing(self._alias) as connection:
                self._execute(connection, found)

    # Rows

    def _execute(self, connection: Any, found: Rows) -> None:
        if self.mode == "upsert":
            found = _last_of_each(found, len(self._key))
        for at in range(0, len(found), AT_ONCE):
            self._put(connection, found[at : at + AT_ONCE])

    def _put(self, connection: Any, found: Rows) -> None:
        """Write rows. If they are refused, the halves: it ends at one, or with none refused.

        That is so where the database alone knows that two keys are the same.
        """
        if (error := self._refusal(connection, found)) is None:
            return
        if (
            not isinstance(error, _ONES_OWN)
            and (broken := self._target.broken(connection)) is not None
        ):
            raise OutputError(f"{self!r} cannot be written: {django.said(broken)}") from broken
        if len(found) == 1:
            key = found[0][0]
            said = django.said(error)
            raise OutputError(f"{self.mode} of key {key!r:.80} was refused: {said}", key=key)
        half = len(found) // 2
        self._put(connection, found[:half])
        self._put(connection, found[half:])

    def _refusal(self, connection: Any, found: Rows) -> Exception | None:
        """Write all of the rows and return None, or none of them and return the error."""
        try:
            with django.translated(connection), transaction.atomic(using=connection.alias):
                self._target.write(connection, [parts for _, parts in found])
        except _REFUSALS as error:
            return error
        return None

    # The model

    def _check_model(self) -> None:
        """Raise RecipeError unless the model can take rows in this mode."""
        fields, meta = self._fields, self._model._meta
        for field in fields:
            if getattr(field, "generated", False):
                raise RecipeError(f"{self!r}: the database itself gives {field.name} its value")
        if self.mode == "update":
            return
        if any(
            one._meta.concrete_model is not meta.concrete_model for one in meta.get_parent_list()
        ):
            raise RecipeError(
                f'{self!r}: {meta.label} has rows in several tables: use mode="update", or write '
                "to the models that it inherits from"
            )
        if self.mode == "upsert":
            self._check_unique(django_models.unique(self._model))
        for field in meta.concrete_fields:
            if field not in fields and django_models.needs_value(field):
                raise RecipeError(
                    f"{meta.label} needs a value for its field {field.name!r}, which {self!r} has "
                    'none for: give it a default, or use mode="update" for rows that are there'
                )

    def _check_unique(self, unique: set[frozenset[str]]) -> None:
        label, key = (
            self._model._meta.label,
            {one.attname for one in self._fields[: len(self._key)]},
        )
        if key not in unique:
            listed = "; ".join(sorted(", ".join(sorted(names)) for names in unique))
            raise RecipeError(
                f"{label} is not unique by just {', '.join(self._key)}, which an upsert needs "
                f"(it is by: {listed}): add a UniqueConstraint"
            )

    def _check_no_other(self, unique: set[frozenset[str]]) -> None:
        """Raise OutputError if the row of another key could be met, where no key can be named."""
        ours = {one.attname for one in self._fields}
        key = {one.attname for one in self._fields[: len(self._key)]}
        fields = {one.attname: one for one in self._model._meta.concrete_fields}
        for found in unique:
            own = (one not in ours and django_models.differs(fields[one]) for one in found)
            if not found >= key and not any(own):
                raise OutputError(
                    f"{self._model._meta.label} is also unique by {', '.join(sorted(found))}, and "
                    'an upsert in MySQL would change the row of another key: use mode="update"'
                )

    def __repr__(self) -> str:
        mode = "" if self.mode == "upsert" else f", mode={self.mode!r}"
        using = "" if self.using is None else f", using={self.using!r}"
        return f"DjangoModel({self.label}, key={self.key!r}, value={self.value!r}{mode}{using})"


def _last_of_each(found: Rows, n: int) -> Rows:
    """Return the last row of each key of n parts; one statement must not change a row twice."""
    return list({repr(parts[:n]): (key, parts) for key, parts in found}.values())
