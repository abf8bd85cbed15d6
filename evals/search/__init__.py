"""Search quality: what people asked for, what they judged, and how each retriever ranks it."""
