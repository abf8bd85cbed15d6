"""The HTTP API: one router per resource. The only package that knows status codes, headers and JSON shapes."""
