"""What `wecom-logging check` looks at, in the order of a message's way.

configuration   which variables are set, and where each comes from
network         name, proxy, TLS, clock
wecom           token, application, trusted address, recipients, robot, a test message
routing         whether the errors of an application find their way to the handler
"""
