"""Jobs that nobody watches: told when they fail, and once when they work again."""
