"""A path to import: a folder of an export, or one file in whatever format its name and columns say."""

from __future__ import annotations

from pathlib import Path

from app.adapters.shop_files.comma_separated import CsvFile
from app.adapters.shop_files.folder import ExportFolder, open_folder, reader_of
from app.adapters.shop_files.merchant_text import MerchantText, is_merchant
from app.adapters.shop_files.merchant_xml import MerchantXml
from app.adapters.shop_files.shopify_csv import ShopifyCsv
from app.domain.errors import ImportRejected
from app.domain.imports import FILE_KINDS, FileKind
from app.import_ports import ShopFile
from app.ingest.shopify import is_shopify

_TAB_SEPARATED = (".tsv", ".txt")


def open_path(path: Path, now: float) -> ExportFolder:
    """What lies at a path, not yet read beyond a header line.

    A file is products unless its name begins with another kind (`events.jsonl`). A CSV is told by its columns:
    Shopify's export, a Google Merchant feed, or the service's own.

    Args:   now: epoch seconds at which a feed's sales are looked at.
    Raises: ImportRejected: nothing is there, or it has no format that is read.
    """
    if path.is_dir():
        return open_folder(path)
    if not path.is_file():
        raise ImportRejected(f"{path} does not exist; give a folder of an export, or one file.")
    return ExportFolder([_opened(path, now)], ())


def _opened(path: Path, now: float) -> ShopFile:
    name = path.name.lower()
    plain = name.removesuffix(".gz")
    if plain.endswith(".xml"):
        return MerchantXml(path, now)
    if plain.endswith(_TAB_SEPARATED):
        source = CsvFile(path, "products", delimiter="\t")
        headers = source.header()
        if not is_merchant(headers):
            raise ImportRejected(
                f"{path.name} is no Google Merchant feed: it needs the columns id, title and link or availability, and "
                f"has {', '.join(headers)[:200]}."
            )
        return MerchantText(source, now)
    named: list[FileKind] = [kind for kind in FILE_KINDS if name.split(".", 1)[0] == kind]
    kind: FileKind = named[0] if named else "products"
    reader = reader_of(name)
    if reader is None:
        raise ImportRejected(f"{path.name} has no format that is read: .xml .tsv .csv .jsonl (also .gz) or .parquet.")
    if reader is CsvFile and kind == "products":
        source = CsvFile(path, kind)
        headers = source.header()
        if is_shopify(headers):
            return ShopifyCsv(source)
        if is_merchant(headers):
            return MerchantText(source, now)
    return reader(path, kind)
