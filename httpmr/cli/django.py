"""Django, set up as its own commands do it, so that a TARGET may import models."""

import os

SETTINGS = "DJANGO_SETTINGS_MODULE"


def set_up() -> None:
    """Load the site's settings and models, where the environment names the settings."""
    if not os.environ.get(SETTINGS):
        return
    try:
        import django
    except ModuleNotFoundError:
        return  # of someone else's environment
    django.setup()
