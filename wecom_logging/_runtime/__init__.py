"""What the interpreter and the process around a handler are, whoever has changed them."""
