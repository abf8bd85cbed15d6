"""The endpoint that others are measured against: FastAPI, uvicorn as the service uses it, and bytes made before.

python -m evals.load.bare_endpoint BODY_FILE PORT
"""

from __future__ import annotations

import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from starlette.responses import Response


def app_for(body: bytes) -> FastAPI:
    """An application with one path, which takes no parameter and computes nothing."""
    app = FastAPI()

    @app.get("/api/recommendations")
    async def same() -> Response:
        return Response(body, media_type="application/json")

    return app


def main() -> None:
    """Serves until it is ended."""
    body = Path(sys.argv[1]).read_bytes()
    uvicorn.run(app_for(body), host="127.0.0.1", port=int(sys.argv[2]), access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
