"""Where messages go: an application or a group robot."""
