"""The options of a handler: names, defaults, checks, environment; and the parts made of them."""
