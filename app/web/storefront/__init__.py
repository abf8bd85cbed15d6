"""The demo storefront's looks: templates, style sheet, script, and what they are filled with."""
