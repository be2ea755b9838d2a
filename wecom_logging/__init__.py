"""WeChat Work alerts from the standard logging module."""
