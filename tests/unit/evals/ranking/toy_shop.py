"""A small shop whose shoppers keep to one of two halves of the catalogue."""

import json
from pathlib import Path

import numpy as np

DAY_S = 86_400.0
START = 1_600_041_600.0  # midnight UTC
DAYS = 100
CUT = START + 80 * DAY_S


def write_shop(folder: Path, shoppers: int = 60, products: int = 40, seed: int = 3) -> Path:
    """CSV and JSON lines as a shop would export them: products, one price history, purchases and views."""
    generator = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "products.jsonl").open("w") as file:
        for i in range(products):
            row = {
                "productId": f"p{i}",
                "name": f"{'Red lamp' if i % 2 else 'Blue chair'} number {i}",
                "category": f"Home > {'Lamps' if i % 2 else 'Chairs'}",
                "price": "20.00",
                "cost": f"{5 + i % 10}.00",
                "stock": 5,
            }
            file.write(json.dumps(row) + "\n")
    (folder / "price_history.csv").write_text(
        f"product_id,price,valid_from\np0,10.00,{START}\np0,20.00,{CUT + DAY_S}\n"
    )
    lines = ["user_id,product_id,event,quantity,unit_price,timestamp,order_id"]
    for day in range(DAYS):
        for _ in range(12):
            user = int(generator.integers(0, shoppers))
            # The last two products appear only after the cut: at the cut the shop did not have them.
            on_sale = products if START + day * DAY_S >= CUT else products - 2
            same_half = [p for p in range(on_sale) if p % 2 == user % 2]
            product = same_half[int(len(same_half) * generator.random() ** 2)]
            kind = "purchase" if generator.random() < 0.7 else "view"
            at = START + day * DAY_S + float(generator.integers(0, 80_000))
            lines.append(f"u{user},p{product},{kind},1,9.50,{at},o{day}-{user}")
    (folder / "events.csv").write_text("\n".join(lines) + "\n")
    return folder
