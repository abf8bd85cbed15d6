"""Gradient-boosted trees with a ranking loss: learned by LightGBM, kept and evaluated as an ONNX graph.

LambdaMART (Burges, 2010) as LightGBM implements it. Serving reads the graph with onnxruntime, which it has loaded
anyway: no library of the training and no code is in the artefact, and 350 rows take under a millisecond.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.ports import Progress

_ROUNDS = 150
_ROUNDS_TOLD = 10  # between two signs of life

# Chosen on rolled origins of the validation slice (docs/decisions/007-learned-ensemble.md).
_SETTINGS: Mapping[str, Any] = {
    "objective": "lambdarank",
    "lambdarank_truncation_level": 20,
    "num_leaves": 15,
    "learning_rate": 0.1,
    "min_data_in_leaf": 200,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "max_bin": 63,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}


def fit_forest(
    rows: NDArray[np.float32],
    relevant: NDArray[np.bool_],
    groups: NDArray[np.int64],
    *,
    seed: int,
    threads: int,
    progress: Progress,
) -> bytes:
    """The graph of the trees that order each group best; the same bytes for the same input, seed and threads.

    Args:    rows: (n, n_features), finite; relevant: (n,); groups: sizes of consecutive groups, sum n.
    """
    import lightgbm  # here: the serving process never trains

    def told(environment: lightgbm.callback.CallbackEnv) -> None:
        if environment.iteration % _ROUNDS_TOLD == 0:
            progress("ensemble: trees", environment.iteration, _ROUNDS)

    settings = {**_SETTINGS, "seed": seed, "num_threads": threads}
    data = lightgbm.Dataset(rows, relevant.astype(np.float32), group=groups, params=settings)
    booster = lightgbm.train(settings, data, _ROUNDS, callbacks=[told])
    return _graph(booster.dump_model()["tree_info"], rows.shape[1])


class Forest:
    """Trees that can be asked. Safe to use from many threads."""

    def __init__(self, graph: bytes) -> None:
        """Opens a graph of `fit_forest`. Raises ValueError for anything else."""
        import onnxruntime  # here: a shop without an ensemble does without it
        from onnxruntime.capi import onnxruntime_pybind11_state as errors

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self.graph = graph
        try:
            self._session = onnxruntime.InferenceSession(
                graph, sess_options=options, providers=["CPUExecutionProvider"]
            )
        except (errors.Fail, errors.InvalidArgument, errors.InvalidGraph, errors.InvalidProtobuf) as error:
            raise ValueError(f"not a graph of trees: {error}") from error

    @property
    def n_features(self) -> int:
        """Columns of the matrices that it was learned from."""
        return int(self._session.get_inputs()[0].shape[1])

    def scores(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """One score per row, comparable within one shopper's candidates; shape (n,)."""
        if len(rows) == 0:
            return np.zeros(0, dtype=np.float32)
        found: NDArray[np.float32] = self._session.run(["score"], {"rows": rows})[0][:, 0]
        return found


def _graph(trees: list[dict[str, Any]], n_features: int) -> bytes:
    from onnx import TensorProto, helper

    nodes: dict[str, list[Any]] = {
        name: []
        for name in ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids")
    }  # fmt: skip
    leaves: dict[str, list[Any]] = {name: [] for name in ("treeids", "nodeids", "ids", "weights")}
    for number, tree in enumerate(trees):
        for at, node, true, false in _flat(tree["tree_structure"]):
            leaf = true < 0
            row = (number, at, 0, 0.0, "LEAF", 0, 0)
            if not leaf:
                threshold = _not_above(node["threshold"])
                row = (number, at, node["split_feature"], threshold, "BRANCH_LEQ", true, false)
            for column, value in zip(nodes.values(), row, strict=True):
                column.append(value)
            if leaf:
                for column, value in zip(leaves.values(), (number, at, 0, float(node["leaf_value"])), strict=True):
                    column.append(value)
    ensemble = helper.make_node(
        "TreeEnsembleRegressor",
        ["rows"],
        ["score"],
        domain="ai.onnx.ml",
        n_targets=1,
        **{f"nodes_{name}": values for name, values in nodes.items()},
        **{f"target_{name}": values for name, values in leaves.items()},
    )
    graph = helper.make_graph(
        [ensemble],
        "forest",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None, n_features])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [None, 1])],
    )
    opsets = [helper.make_opsetid("ai.onnx.ml", 3), helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="shelfwise")
    serialised: bytes = model.SerializeToString(deterministic=True)
    return serialised


def _flat(root: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any], int, int]]:
    """(number, node, number of the child where the test holds, of the other one), -1 for leaves; the root is 0."""
    waiting, numbered = [(0, root)], 0
    while waiting:
        at, node = waiting.pop()
        if "left_child" not in node:
            yield at, node, -1, -1
            continue
        left, right = numbered + 1, numbered + 2
        numbered += 2
        yield at, node, left, right
        waiting += [(left, node["left_child"]), (right, node["right_child"])]


def _not_above(threshold: float) -> float:
    """The largest float32 that is not above: a float32 lies under both or above both."""
    limit = float(np.finfo(np.float32).max)
    rounded = np.float32(min(max(threshold, -limit), limit))
    if float(rounded) > threshold:
        rounded = np.nextafter(rounded, np.float32(-np.inf))
    return float(rounded)
