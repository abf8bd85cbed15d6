"""A shop's export as files: Parquet, CSV or JSON Lines, one file per kind, in one folder."""

from app.adapters.shop_files.folder import ExportFolder, open_folder

__all__ = ["ExportFolder", "open_folder"]
