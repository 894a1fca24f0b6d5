"""
Real Apache Kafka and real Redis as child processes, from packages alone (design D7).

`deploy.embedded.stack.EmbeddedStack` is the front door; every failure it raises is a
`deploy.embedded.errors.StackError`.
"""
