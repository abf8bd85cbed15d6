"""The implicit-feedback baseline: item-side models, their blend, training and artefacts.

`training.train` writes a versioned artefact, `artefact.load_current` opens it as a `model.BlendedBaseline`.
Only this package imports `implicit`. Why it is built so: docs/decisions/002-baseline.md.
"""
