"""What the plug-ins for Django ask of its models: their fields, and which of these are unique.

Nothing here connects to a database: the models tell, as they do for migrations.
"""

import difflib
from typing import Any

from django.apps import apps
from django.core.exceptions import AppRegistryNotReady, FieldDoesNotExist
from django.db import models

from httpmr.errors import RecipeError


def model(named: Any) -> type[models.Model]:
    """Return the model of a class, or of a str as "shop.Invoice"; RecipeError if there is none."""
    if isinstance(named, str):
        try:
            found: type[models.Model] = apps.get_model(named)
            return found
        except (LookupError, ValueError) as error:
            raise RecipeError(
                f"no model {named!r} ({error}): name one of an installed app, as 'shop.Invoice'"
            ) from None
        except AppRegistryNotReady:
            raise RecipeError(
                f"Django is not set up, and has no {named!r} yet: set DJANGO_SETTINGS_MODULE, "
                "which httpmr's commands look at, or call django.setup()"
            ) from None
    meta = getattr(named, "_meta", None)
    if isinstance(named, type) and issubclass(named, models.Model) and meta and not meta.abstract:
        return named
    raise RecipeError(f"a model is a class of yours, or as 'shop.Invoice', not {named!r:.80}")


def field(model: type[models.Model], name: str) -> models.Field:
    """Return the field of a name, "pk" too; RecipeError unless it is a column of the model."""
    meta = model._meta
    try:
        found = meta.pk if name == "pk" else meta.get_field(name)
    except FieldDoesNotExist:
        found = None
    if not getattr(found, "concrete", False):
        known = [one.name for one in meta.concrete_fields]
        near = " or ".join(difflib.get_close_matches(name, known, n=3) or known)
        raise RecipeError(f"{meta.label} has no column {name!r}: did you mean {near}?")
    return found


def unique(model: type[models.Model]) -> set[frozenset[str]]:
    """Return the sets of fields, by attname, that the model says are unique together."""
    meta = model._meta
    found = [[one.name for one in getattr(meta, "pk_fields", [meta.pk])], *meta.unique_together]
    found += [[one.name] for one in meta.concrete_fields if one.unique]
    found += [one.fields for one in meta.total_unique_constraints if one.deferrable is None]
    return {frozenset(meta.get_field(name).attname for name in names) for names in found}


def needs_value(field: models.Field) -> bool:
    """Tell whether a row cannot be inserted without a value for this field."""
    automatic = isinstance(field, models.AutoField) or getattr(field, "generated", False)
    dated = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
    default = field.has_default() or field.db_default is not models.NOT_PROVIDED
    return not (field.null or automatic or dated or default or field.get_default() is not None)


def differs(field: models.Field) -> bool:
    """Tell whether a field that is not given has another value in each row, or NULL."""
    return isinstance(field, models.AutoField) or callable(field.default) or field.null
