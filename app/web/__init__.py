"""Widgets and the demo storefront: templates, styles, scripts, and the code that draws and phrases what they show."""
