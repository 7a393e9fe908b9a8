"""What writes the rows of a Django model: whole slices of them by a statement or two.

Which rows, and what becomes of those that are refused, is for the sink.
"""

from typing import Any, NamedTuple

from django.db import DatabaseError, models, transaction

from httpmr.sql import django

Fields = list[models.Field]
Rows = list[list[Any]]


class Target(NamedTuple):
    """A model, its fields that are a row's key and value, and the mode they are written in."""

    model: type[models.Model]
    key: Fields
    value: Fields
    mode: str

    def write(self, connection: Any, rows: Rows) -> None:
        """Write rows, each the parts of its key and then of its value; an error may leave some."""
        if self.mode == "update":
            self._update(connection, rows)
        else:
            self._create(connection, rows)

    def _create(self, connection: Any, rows: Rows) -> None:
        columns = [field.attname for field in self.key + self.value]
        made = [self.model(**dict(zip(columns, parts, strict=True))) for parts in rows]
        options: dict[str, Any] = {}
        if self.mode == "upsert":
            changed = [one.name for one in self.value + self._dated()]
            options = {"update_conflicts": True, "update_fields": changed}
            if connection.features.supports_update_conflicts_with_target:
                options["unique_fields"] = [one.name for one in self.key]
        self.model._base_manager.using(connection.alias).bulk_create(made, **options)

    def _update(self, connection: Any, rows: Rows) -> None:
        n, dated = len(self.key), self._dated()
        times = [field.pre_save(self.model(), False) for field in dated]
        fields = [*self.value, *dated, *self.key]
        found = [[*parts[n:], *times, *parts[:n]] for parts in rows]
        concrete = self.model._meta.concrete_model
        # A field with a placeholder of its own is more than a parameter in a statement.
        if all(
            one.model._meta.concrete_model is concrete and not hasattr(one, "get_placeholder")
            for one in fields
        ):
            self._update_many(connection, fields, found)
            return
        there, names = self.model._base_manager.using(connection.alias), [f.attname for f in fields]
        for parts in found:
            named = list(zip(names, parts, strict=True))
            there.filter(**dict(named[-n:])).update(**dict(named[:-n]))

    def _update_many(self, connection: Any, fields: Fields, rows: Rows) -> None:
        """Do what `filter(...).update(...)` does, by one statement for all: ten times as fast."""
        same = [f"{connection.ops.quote_name(field.column)} = %s" for field in fields]
        what, where = ", ".join(same[: -len(self.key)]), " AND ".join(same[-len(self.key) :])
        values = [
            [
                field.get_db_prep_save(part, connection)
                for field, part in zip(fields, parts, strict=True)
            ]
            for parts in rows
        ]
        table = connection.ops.quote_name(self.model._meta.db_table)
        with connection.cursor() as cursor:
            cursor.executemany(f"UPDATE {table} SET {what} WHERE {where}", values)

    def _dated(self) -> Fields:
        """Return the fields that have the time of each change."""
        dated = (one for one in self.model._meta.concrete_fields if getattr(one, "auto_now", False))
        return [one for one in dated if one not in self.key + self.value]

    def broken(self, connection: Any) -> DatabaseError | None:
        """Return the error if not even no row can be written: then it is not a row's fault."""
        name, meta = connection.ops.quote_name, self.model._meta
        same = ", ".join(f"{name(one.column)} = {name(one.column)}" for one in self._here())
        probes = [f"UPDATE {name(meta.db_table)} SET {same} WHERE 1 = 0"] if same else []
        if self.mode != "update":
            own = [one for one in meta.concrete_fields if not getattr(one, "generated", False)]
            every = ", ".join(name(one.column) for one in own)
            none = f"SELECT {every} FROM {name(meta.db_table)} WHERE 1 = 0"
            probes.append(f"INSERT INTO {name(meta.db_table)} ({every}) {none}")
        atomic = transaction.atomic(using=connection.alias)
        try:
            with django.translated(connection), atomic, connection.cursor() as cursor:
                for probe in probes[self.mode == "insert" :]:
                    cursor.execute(probe)
        except DatabaseError as error:
            return error
        return None

    def _here(self) -> Fields:
        """Return the fields that are columns of the model's own table, not of one it inherits."""
        concrete = self.model._meta.concrete_model
        return [one for one in self.key + self.value if one.model._meta.concrete_model is concrete]
