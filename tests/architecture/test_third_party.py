"""Each third-party library with quirks lives in one adapter, and heavy imports stay off the serving path."""

import ast
import functools
from pathlib import Path

import pytest

APP = Path(__file__).resolve().parents[2] / "app"

OWNERS = {
    "chromadb": ["adapters/chroma_index.py"],
    "chromadb_rust_bindings": ["adapters/chroma_server.py"],
    "implicit": ["adapters/baseline/"],
    "lightgbm": ["adapters/baseline/"],
    "bm25s": ["adapters/bm25_index.py", "adapters/whole_match.py"],
    "sqlalchemy": ["adapters/sql_store/"],
    "alembic": ["adapters/sql_store/"],
    "sentence_transformers": ["adapters/embedder"],
    "torch": ["adapters/embedder"],
    "threadpoolctl": ["adapters/blas_threads.py", "adapters/baseline/"],
    "onnxruntime": ["adapters/embedder", "adapters/baseline/forest.py"],
    "pyarrow": ["adapters/", "ingest"],
    "fastapi": ["api/", "main.py"],
    "starlette": ["api/", "main.py", "telemetry.py", "server.py"],
    "jwt": ["api/"],
    "sse_starlette": ["api/stream.py"],
    "typer": ["cli", "erase_command.py", "report_commands.py", "search_command.py", "langfuse_commands.py"],
    "rich": [
        "cli",
        "progress_bar.py",
        "chat_console.py",
        "report_table.py",
        "report_commands.py",
        "search_command.py",
        "langfuse_commands.py",
    ],
    "litellm": ["adapters/llm"],
    "instructor": ["adapters/llm"],
    "tenacity": ["adapters/llm"],
    "diskcache": ["adapters/disk_cache.py"],
    "yaml": ["adapters/yaml_lines.py", "adapters/rule_files.py", "prompts.py"],
    "rapidfuzz": ["adapters/rule_files.py", "adapters/spelling.py"],
    "prometheus_client": ["adapters/prometheus.py"],
    "langfuse": ["adapters/langfuse_trace/"],
    "opentelemetry": ["adapters/langfuse_trace/", "adapters/genai_attributes.py"],
}


@functools.cache
def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("library", sorted(OWNERS))
def test_library_appears_only_in_its_adapter(library: str) -> None:
    """A library is imported only by the modules that own it."""
    strays = [
        str(path.relative_to(APP))
        for path in APP.rglob("*.py")
        if library in _imports(path) and not any(str(path.relative_to(APP)).startswith(o) for o in OWNERS[library])
    ]
    assert strays == []


def test_no_module_is_longer_than_400_lines() -> None:
    """A module that outgrows 400 lines holds more than one concept."""
    root = APP.parent
    long = {
        str(path.relative_to(root)): n
        for folder in ("app", "evals", "fixtures")
        for path in (root / folder).rglob("*.py")
        if (n := len(path.read_text().splitlines())) > 400
    }
    assert long == {}


def test_modules_are_named_for_a_concept() -> None:
    """No drawer modules."""
    drawers = {"utils", "util", "helpers", "helper", "common", "misc", "constants", "manager"}
    assert [p.name for p in APP.rglob("*.py") if p.stem in drawers] == []
