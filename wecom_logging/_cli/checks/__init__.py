"""What `wecom-logging check` looks at, in the order of a message's way.

configuration   which variables are set, and where each comes from
network         name, proxy, TLS, clock
wecom           token, application, trusted address, recipients, robot, a test message
program         loading an application's own configuration, as its server would
store           where counts are kept, and who has made an app quiet there
handler         one handler: destination, and what its messages begin with
obstacles       what stands between a logger and a handler
routing         whether the errors of an application find their way to the handler
"""
