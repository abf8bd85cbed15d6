"""A shop's products and behaviour as files: Parquet, CSV or JSON Lines in a folder, or a feed in one file."""

from app.adapters.shop_files.folder import ExportFolder, open_folder
from app.adapters.shop_files.single import open_path

__all__ = ["ExportFolder", "open_folder", "open_path"]
