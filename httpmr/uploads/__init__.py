"""Files that users sent, kept in the store."""

from httpmr.uploads.places import Upload, replaced
from httpmr.uploads.uploads import Uploaded, Uploads

__all__ = ["Upload", "Uploaded", "Uploads", "replaced"]
