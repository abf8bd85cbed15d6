"""What comes into the store from outside: validated row by row, with a reason for every row left out."""

from app.ingest.folder import import_folder

__all__ = ["import_folder"]
