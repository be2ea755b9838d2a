"""What a process does around us: fork, exit, echoes, and what we say on stderr."""
